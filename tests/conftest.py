"""What all tests share."""

import inspect
import logging
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from random import Random
from types import SimpleNamespace
from typing import Any

import aioresponses.core
import attrs
import pytest
from aiohttp import ClientResponse
from hypothesis import settings

from claro_async import ClaroClient, Network
from claro_async.emulator import Emulator
from claro_async.transport.events import Event
from tests.clocks import ManualClock

# One profile everywhere: Hypothesis would choose fixed examples, and no deadline, in CI alone. A
# failing example is printed with what reproduces it; nothing is kept between runs.
settings.register_profile("claro-async", deadline=None, print_blob=True, database=None)
settings.load_profile("claro-async")


def pytest_configure() -> None:
    """Have the programs that tests start obey Ctrl-C, also where the tests run in the background.

    A shell starts what it puts there with that signal ignored, and programs inherit this.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test whose name is another one in another process: nobody could run it again."""
    for item in items:
        if " at 0x" in item.nodeid:
            raise pytest.UsageError(f"the id of a parameter holds an address: {item.nodeid}")


class AnsweredResponse(ClientResponse):
    """A `ClientResponse` that can be made without the writer of a request that was never sent.

    From aiohttp 3.14 on `ClientResponse` requires `stream_writer`, of which it reads the number of
    bytes sent; aioresponses 0.7.9 does not pass one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*args, **kwargs)


def aioresponses_passes_stream_writer() -> bool:
    """Tell whether the installed aioresponses gives aiohttp the argument by itself."""
    source = inspect.getsource(aioresponses.core.RequestMatch._build_response)
    return "stream_writer" in source


@pytest.fixture(autouse=True)
def _aioresponses_for_current_aiohttp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `aioresponses` make replies that the installed aiohttp accepts."""
    monkeypatch.setattr(aioresponses.core, "ClientResponse", AnsweredResponse)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Undo what a test, or the code that it shows, set up for the package's logger or all."""
    loggers = (logging.getLogger("claro_async"), logging.getLogger())
    before = [(each, each.level, each.propagate, list(each.handlers)) for each in loggers]
    yield
    for logger, level, propagate, handlers in before:
        logger.setLevel(level)
        logger.propagate = propagate
        logger.handlers[:] = handlers


@pytest.fixture
def clock() -> ManualClock:
    """Time that tests move, and that jumps while there are clients of `connect`."""
    return ManualClock()


@pytest.fixture
async def emulator(clock: ManualClock) -> AsyncIterator[Emulator]:
    """An emulator in this event loop, on the manual clock, that holds nothing."""
    async with Emulator(clock=clock.time, sample_world=False) as running:
        yield running


@pytest.fixture
def events() -> list[Event]:
    """What the clients made by `connect` report."""
    return []


@pytest.fixture
def lane() -> bool:
    """Whether the clients of `connect` may use the lane; `tests.wire.ways` has both."""
    return True


@pytest.fixture
async def connect(
    clock: ManualClock,
    events: list[Event],
    lane: bool,  # noqa: FBT001 - a fixture
) -> AsyncIterator[Callable[..., ClaroClient]]:
    """Makes clients of any base URL; time jumps whenever there is nothing else to do."""
    clients: list[ClaroClient] = []

    def make(base_url: str, api_key: str = "emulator-key", **options: Any) -> ClaroClient:
        random = Random(0)  # noqa: S311 - repeatable, not secret
        defaults = {"clock": clock, "random": random, "network": Network(lane=lane)}
        options = {**defaults, "on_event": events.append, **options}
        if not lane:
            options["network"] = attrs.evolve(options["network"], lane=False)
        clients.append(ClaroClient(api_key, base_url, **options))
        return clients[-1]

    with clock.automatic():
        yield make
        for client in clients:
            await client.aclose()
    assert clock.pending == [], "a timer was left behind"

"""A clock, an emulator and a client of it."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import ClaroClient
from claro_async.emulator import Emulator
from tests.clocks import ManualClock
from tests.wire.operations import fill

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from claro_async.transport.events import Event


@pytest.fixture
def clock() -> ManualClock:
    """Time that tests move."""
    return ManualClock()


@pytest.fixture
async def emulator(clock: ManualClock) -> AsyncIterator[Emulator]:
    """An emulator in this event loop, on the manual clock, with one of each thing."""
    async with Emulator(clock=clock.time, sample_world=False) as running:
        fill(running)
        yield running


@pytest.fixture
def events() -> list[Event]:
    """What the clients made by `connect` tell."""
    return []


@pytest.fixture
async def connect(
    clock: ManualClock, events: list[Event]
) -> AsyncIterator[Callable[..., ClaroClient]]:
    """Makes clients of any base URL; time jumps whenever there is nothing else to do."""
    clients: list[ClaroClient] = []

    def make(base_url: str, api_key: str = "emulator-key", **options: Any) -> ClaroClient:
        random = Random(0)  # noqa: S311 - repeatable, not secret
        options = {"clock": clock, "random": random, "on_event": events.append, **options}
        clients.append(ClaroClient(api_key, base_url, **options))
        return clients[-1]

    with clock.automatic():
        yield make
        for client in clients:
            await client.aclose()
    assert clock.pending == [], "a timer was left behind"


@pytest.fixture
def client(emulator: Emulator, connect: Callable[..., ClaroClient]) -> ClaroClient:
    """A client of the emulator with the default settings."""
    return connect(emulator.base_url)

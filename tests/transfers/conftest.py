"""A clock, an emulator and a client of it, and a dataset to upload to."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import ClaroClient, Timeout
from claro_async.emulator import Emulator
from tests.clocks import ManualClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from claro_async.transport.events import Event


@pytest.fixture
def clock() -> ManualClock:
    """Time that tests move."""
    return ManualClock()


@pytest.fixture
async def emulator(clock: ManualClock) -> AsyncIterator[Emulator]:
    """An emulator in this event loop, on the manual clock, that holds nothing."""
    async with Emulator(clock=clock.time, sample_world=False) as running:
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

    def make(base_url: str, **options: Any) -> ClaroClient:
        random = Random(0)  # noqa: S311 - repeatable, not secret
        given = {"clock": clock, "random": random, "on_event": events.append, **options}
        clients.append(ClaroClient("emulator-key", base_url, **given))
        return clients[-1]

    with clock.automatic():
        yield make
        for client in clients:
            await client.aclose()


@pytest.fixture
def client(emulator: Emulator, connect: Callable[..., ClaroClient]) -> ClaroClient:
    """A client of the emulator that does not wait long for a byte."""
    return connect(emulator.base_url, timeout=Timeout(idle=0.3))

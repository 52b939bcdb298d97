"""An emulator with a dataset of plain values, and a client whose time jumps."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import ClaroClient
from claro_async.emulator import Emulator
from tests.clocks import ManualClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from claro_async import Dataset


@pytest.fixture
def clock() -> ManualClock:
    """Time that jumps while a client is open."""
    return ManualClock()


@pytest.fixture
async def emulator(clock: ManualClock) -> AsyncIterator[Emulator]:
    """An emulator in this event loop, on the manual clock, without datasets."""
    async with Emulator(clock=clock.time, sample_world=False) as running:
        yield running


@pytest.fixture
async def connect(
    clock: ManualClock, emulator: Emulator
) -> AsyncIterator[Callable[..., ClaroClient]]:
    """Makes clients of the emulator; time jumps whenever there is nothing else to do."""
    clients: list[ClaroClient] = []

    def make(**options: Any) -> ClaroClient:
        random = Random(0)  # noqa: S311 - repeatable, not secret
        options = {"clock": clock, "random": random, **options}
        clients.append(ClaroClient(emulator.api_key, emulator.base_url, **options))
        return clients[-1]

    with clock.automatic():
        yield make
        for client in clients:
            await client.aclose()
    assert clock.pending == [], "a timer was left behind"


@pytest.fixture
def client(connect: Callable[..., ClaroClient]) -> ClaroClient:
    """A client with the default settings."""
    return connect()


@pytest.fixture
def make_dataset(emulator: Emulator, client: ClaroClient) -> Callable[..., Dataset]:
    """Makes a dataset of so many rows with the columns ``name`` (text) and ``size`` (number)."""

    def make(rows: int) -> Dataset:
        values = [[f"name {row}", row] for row in range(rows)]
        return client.dataset(emulator.add_dataset("table", ["name", "size"], values))

    return make

"""Clients of an emulator with a dataset of plain values."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async import ClaroClient, Dataset
    from claro_async.emulator import Emulator


@pytest.fixture
def connect(connect: Callable[..., ClaroClient], emulator: Emulator) -> Callable[..., ClaroClient]:
    """Makes clients of the emulator; time jumps whenever there is nothing else to do."""
    return partial(connect, emulator.base_url, emulator.api_key)


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

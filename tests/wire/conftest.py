"""An emulator with one of each thing, and a client of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.wire.operations import fill

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async import ClaroClient
    from claro_async.emulator import Emulator


@pytest.fixture
def emulator(emulator: Emulator) -> Emulator:
    """The emulator, with one of each thing."""
    fill(emulator)
    return emulator


@pytest.fixture
def client(emulator: Emulator, connect: Callable[..., ClaroClient]) -> ClaroClient:
    """A client of the emulator with the default settings."""
    return connect(emulator.base_url)

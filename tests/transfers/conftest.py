"""A client that does not wait long for a byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from claro_async import Timeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async import ClaroClient
    from claro_async.emulator import Emulator


@pytest.fixture
def client(emulator: Emulator, connect: Callable[..., ClaroClient]) -> ClaroClient:
    """A client of the emulator that does not wait long for a byte."""
    return connect(emulator.base_url, timeout=Timeout(idle=0.3))

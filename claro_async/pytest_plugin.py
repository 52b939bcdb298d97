"""Fixtures for users' own tests, found by pytest through the entry point ``claro_async``.

Nothing but pytest is imported when the plugin loads: it loads in every run of pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claro_async.emulator import Emulator


@pytest.fixture
def claro_emulator() -> Iterator[Emulator]:
    """A running emulator with the sample world, in a thread of its own.

    The fixture is synchronous, so it works with plain tests and with any async plugin. Its state
    is in memory and new for each test.
    """
    from claro_async.emulator import Emulator  # noqa: PLC0415 - brings aiohttp in

    with Emulator() as emulator:
        yield emulator

"""A clock that jumps, since nothing here is real but the files, Redis and the processes."""

from __future__ import annotations

import pytest

from tests.clocks import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    """Time that tests move."""
    return ManualClock()

"""Tests of what holds whichever way a request goes: import `lane` to have them run over both."""

from __future__ import annotations

import pytest


@pytest.fixture(params=[True, False], ids=["lane", "ordinary"])
def lane(request: pytest.FixtureRequest) -> bool:
    """Whether the clients of `connect` may use the lane."""
    used: bool = request.param
    return used

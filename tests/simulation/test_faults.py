"""The judge is judged: a library that is broken in one place is found out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.simulation.faults import faults
from tests.simulation.scenario import draw
from tests.simulation.world import simulate

if TYPE_CHECKING:
    from tests.simulation.faults import Fault

SEEDS = range(1000, 1500)
QUICK = {
    "intent after send",
    "doubt forgotten on resume",
    "superseded not written down",
    "drained edits not counted",
    "column names of a narrowed page",
    "cells changed since set back",
}
"""Those that are looked for in each run of the tests."""


def find(fault: Fault) -> int | None:
    """The first seed in which a planted fault shows, or None."""
    for seed in SEEDS:
        if draw(seed).family == fault.family and simulate(seed).violations:
            return seed
    return None


@pytest.mark.parametrize("fault", [each for each in faults() if each.name in QUICK], ids=str)
def test_a_fault_is_found(fault: Fault) -> None:
    """Within 500 seeds the judge sees a fault of the kinds that are seen soonest."""
    with fault.planted():
        assert find(fault) is not None


@pytest.mark.parametrize("fault", faults(), ids=str)
def test_a_fault_can_be_planted(fault: Fault) -> None:
    """What a fault replaces is there, and is there again afterwards."""
    before = getattr(fault.target, fault.attribute)
    with fault.planted():
        assert getattr(fault.target, fault.attribute) != before
    assert getattr(fault.target, fault.attribute) == before


@pytest.mark.slow
@pytest.mark.parametrize("fault", [each for each in faults() if each.name not in QUICK], ids=str)
def test_every_fault_is_found(fault: Fault) -> None:
    """Within 500 seeds the judge sees a fault of each other kind."""
    with fault.planted():
        assert find(fault) is not None


def test_without_a_fault_nothing_is_found() -> None:
    """The judge says nothing of the seeds by which the faults of the quick share are found."""
    assert {seed for seed in range(1000, 1060) if simulate(seed).violations} == set()

"""A crowd of members under one quota."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from claro_async.transport.quota import crowd, fair_share
from tests.simulation.scale import COURSES, Course, Fleet

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scale.md"
QUICK = {"steady", "100 of them are killed"}
SMALLER = 0.1


@pytest.fixture(autouse=True)
def _smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of everything: of the members, the quota, and the reports that Redis takes."""
    for module in (crowd, fair_share):
        monkeypatch.setattr(module, "FEW", int(SMALLER * crowd.FEW))
    monkeypatch.setattr(crowd, "_RETURNS_A_SECOND", SMALLER * crowd._RETURNS_A_SECOND)


def hold(course: Course) -> None:
    """Hold a course to what the page says of all of them."""
    found = Fleet(course.scaled(SMALLER)).measure()
    is_near = course.distance < 0.001
    assert found.overshoot <= (0 if is_near else 1)  # learning how the reset is rounded
    assert found.calls <= (0.1 if is_near else 0.4)
    assert found.used >= (0.85 if course.modest else 0.95)
    if is_near:
        assert found.unfair <= 0.3


@pytest.mark.parametrize("course", [c for c in COURSES if c.name in QUICK], ids=lambda c: c.name)
def test_a_crowd_shares_a_quota(course: Course) -> None:
    """Nothing beyond the limit, nearly all of it used, even shares, few calls of Redis."""
    hold(course)


@pytest.mark.slow
@pytest.mark.parametrize(
    "course", [c for c in COURSES if c.name not in QUICK], ids=lambda c: c.name
)
def test_a_crowd_shares_a_quota_whatever_happens(course: Course) -> None:
    """The same where members join or have little to do, clocks are wrong, or Redis is far away."""
    hold(course)


def test_the_table_has_every_course() -> None:
    """The page shows each course that is simulated, and no other."""
    rows = re.findall(r"^\| ([^|]+?) \| +[\d.]+% \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert rows == [course.name for course in COURSES]

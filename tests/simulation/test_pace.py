"""How much of what is possible a bulk update reaches; the figures stand in docs/guarantees.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.simulation.latency import LoadDependent
from tests.simulation.pace import COURSES, Course, measure

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guarantees.md"
QUICK = {"lognormal, median 1.5 s, sigma 0.5", "429 to more than 8 at once, while quota is left"}


def hold(course: Course) -> None:
    """Hold a course to the least share: 97% without overload, 90% with it."""
    is_overload = isinstance(course.latency, LoadDependent) or course.at_once is not None
    pace = measure(course)
    assert pace.applied == course.edits
    assert pace.share >= (0.90 if is_overload else 0.97)


@pytest.mark.parametrize("course", [c for c in COURSES if c.name in QUICK], ids=lambda c: c.name)
def test_the_possible_rate_is_reached(course: Course) -> None:
    """Noise in the latency costs no rate, and a limit of requests at once is found."""
    hold(course)


@pytest.mark.slow
@pytest.mark.parametrize(
    "course", [c for c in COURSES if c.name not in QUICK], ids=lambda c: c.name
)
def test_the_possible_rate_is_reached_by_any_server(course: Course) -> None:
    """The rate is what the server, the quota and `max_concurrency` allow, for each latency."""
    hold(course)


def test_the_table_has_every_course() -> None:
    """The page of the guarantees shows each course that is measured, and no other."""
    rows = re.findall(r"^\| ([^|]+?) \| +[\d.]+ \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert rows == [course.name for course in COURSES]

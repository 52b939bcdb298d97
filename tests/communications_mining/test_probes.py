"""Where time is cut into ranges, without a network: how it is probed, and where ranges meet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from claro_async.communications_mining.selection import Selection
from claro_async.communications_mining.time_ranges import cut, find_bounds

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2020, 1, 1, tzinfo=UTC)
MOST_PROBES = 11


class Probes:
    """Answers probes for the first comment from a list of hours; counts them.

    Attributes:
        asked: Where each probe began.
    """

    def __init__(self, hours: list[float], rounds: Callable[[datetime], datetime]) -> None:
        self._times = [START + timedelta(hours=each) for each in hours]
        self._rounds = rounds
        self.asked: list[datetime | None] = []

    async def __call__(self, selection: Selection) -> datetime | None:
        """The time of the first comment."""
        self.asked.append(selection.from_)
        start = None if selection.from_ is None else self._rounds(selection.from_)
        later = (time for time in self._times if start is None or time >= start)
        return next(later, None)


def exactly(moment: datetime) -> datetime:
    """What a server that honours every moment makes of one."""
    return moment


def daily(moment: datetime) -> datetime:
    """What a server that counts days makes of a moment."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def hours(bounds: tuple[datetime, ...]) -> list[float]:
    """Bounds as hours, rounded."""
    return [round((bound - START) / timedelta(hours=1), 2) for bound in bounds]


async def bounds_of(probes: Probes, ranges: int, to: float | None) -> list[float]:
    """Where the ranges meet, as hours after the start."""
    selection = Selection(to=None if to is None else START + timedelta(hours=to))
    found = await find_bounds(probes, selection, ranges, START + timedelta(hours=1000))
    return hours(found)


@pytest.mark.parametrize(
    ("comments", "ranges", "to", "bounds", "probes"),
    [
        ([0, 100], 2, 100, [50], 2),
        ([0, 100], 4, 100, [25, 50, 75], 2),
        ([20, 100], 2, 100, [60], 2),
        ([0, 100], 2, None, [50], 6),
        ([0], 2, 100, [3.13], 6),
        ([0, 93.75], 2, 100, [50], 2),
        ([0, 93.7], 2, 100, [50], 3),
        ([0, 468.75], 2, None, [264], 6),
        ([], 2, 100, [], 1),
        ([100], 2, 100, [], 1),
        ([200], 2, 100, [], 1),
    ],
)
async def test_ranges_are_of_like_length(
    comments: list[float], ranges: int, to: float | None, bounds: list[float], probes: int
) -> None:
    """They lie between the first comment and about the last one, found in a few probes."""
    asked = Probes(comments, exactly)
    found = await bounds_of(asked, ranges, to)
    assert len(found) == len(bounds)
    assert all(abs(one - other) <= 12 for one, other in zip(found, bounds, strict=True)), found
    assert len(asked.asked) == probes
    assert asked.asked[0] is None


async def test_the_time_that_is_left_is_halved() -> None:
    """The first probe is an eighth of a range before the end, each further one in the middle."""
    asked = Probes([0, 500], exactly)
    await bounds_of(asked, 2, None)
    assert hours(tuple(each for each in asked.asked if each is not None)) == [
        937.5,
        468.75,
        718.75,
        609.38,
        554.69,
    ]


@pytest.mark.parametrize("ranges", [2, 5, 64])
@pytest.mark.parametrize("rounds", [exactly, daily, lambda _: START])
async def test_probes_are_bounded(ranges: int, rounds: Callable[[datetime], datetime]) -> None:
    """Whatever the server makes of ``from``, eleven probes are the most, and ranges are found."""
    for comments in ([0.0, 1.0], [0.0, 30.0, 999.0], [*map(float, range(0, 1000, 10))]):
        probes = Probes(comments, rounds)
        assert len(await bounds_of(probes, ranges, None)) in {ranges - 1, 0}
        assert 2 <= len(probes.asked) <= MOST_PROBES


async def test_a_step_that_time_stops() -> None:
    """Where each probe finds a comment just behind it, the search ends all the same."""
    probes = Probes([0.0, *(999 + number / 1000 for number in range(999))], exactly)
    assert len(await bounds_of(probes, 64, None)) == 63
    assert len(probes.asked) <= MOST_PROBES


async def test_a_short_time_is_not_probed_further() -> None:
    """Less than a minute a range is not cut, and costs a single probe."""
    minutes = 4 / 60
    probes = Probes([0], exactly)
    assert await bounds_of(probes, 5, minutes) == []
    assert len(probes.asked) == 1
    assert len(cut(START, START + timedelta(minutes=4), 4)) == 3
    assert cut(START, START + timedelta(minutes=4, seconds=-1), 4) == ()


def test_where_windows_meet() -> None:
    """Windows are as long as each other and never meet on a whole second, where imports pile up."""
    start, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 5, tzinfo=UTC)
    bounds = cut(start, end, 4)
    assert [bound.day for bound in bounds] == [2, 3, 4]
    assert all(bound.microsecond == 499_999 for bound in bounds)
    assert cut(start, start + timedelta(seconds=100), 4) == ()
    assert cut(end, start, 4) == ()

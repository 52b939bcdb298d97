"""Where to cut time, so that time ranges read side by side are of like length.

Communications Mining API v1, "Datasets", section "Export a dataset": ``from`` and ``to`` include
their own moments, and an export begins with the earliest comment.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import attrs

from claro_async.communications_mining.comments import comments_of, decode_page

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from claro_async.communications_mining.reading import Fetch
    from claro_async.communications_mining.selection import Selection
    from claro_async.wire.converter import ModelConverter

_MAX_PROBED_PAGES = 4
_SHORTEST_SECONDS = 60.0
_STEPS_A_RANGE = 8


class FirstTimes:
    """Asks for the times of first comments, which say where to cut.

    Args:
        fetch: Gets a page.
        converter: Makes comments.
    """

    def __init__(self, fetch: Fetch, converter: ModelConverter) -> None:
        self._fetch = fetch
        self._converter = converter

    async def find_bounds(self, selection: Selection, now: float) -> tuple[datetime, ...]:
        """Where the time ranges of a selection meet.

        Args:
            selection: The filters, and how many ranges.
            now: The time in epoch seconds.
        """
        end = datetime.fromtimestamp(now, UTC)
        return await find_bounds(self._first_time, selection, selection.windows, end)

    async def _first_time(self, selection: Selection) -> datetime | None:
        """The time of the first comment that is selected, by which comments are in order."""
        (request,) = attrs.evolve(selection, limit=1).requests(())
        for _ in range(_MAX_PROBED_PAGES):
            page = decode_page(await self._fetch(request))
            comments = comments_of(page, self._converter)
            if comments:
                return comments[0].sorting_time(selection.order_by)
            if not page.continuation:
                return None
            request = attrs.evolve(request, continuation=page.continuation)
        return None


async def find_bounds(
    first_time: Callable[[Selection], Awaitable[datetime | None]],
    selection: Selection,
    ranges: int,
    now: datetime,
) -> tuple[datetime, ...]:
    """Where time ranges of equal length meet, between the first comment and about the last one.

    The last comment is found by halving, to an eighth of a range, which takes 11 probes for 64
    ranges. It takes no more, whatever the server answers: each answer halves the time that is left,
    and a comment earlier than asked (of a server that honours ``from`` by the second or by the day
    only, or not at all) ends the search.

    Args:
        first_time: Asks for the time of the first comment of a selection.
        selection: The filters.
        ranges: How many ranges.
        now: The end where the filters name none; later comments belong to the last range.
    """
    start = await first_time(selection)
    end = selection.to or now
    if start is None or not _can_be_cut(start, end, ranges):
        return ()
    step = (end - start) / (_STEPS_A_RANGE * ranges)
    known, probe = start, end - step  # a dataset in use has comments up to its end
    while end - known > step:
        found = await first_time(attrs.evolve(selection, from_=probe))
        if found is None:
            end = probe
        elif found < probe:
            break
        else:
            known = found
        probe = known + (end - known) / 2
    return cut(start.astimezone(UTC), end, ranges)


def cut(start: datetime, end: datetime, ranges: int) -> tuple[datetime, ...]:
    """Where so many time ranges of equal length meet; none where the time is too short for them.

    Both ranges include the moment where they meet. It is never a whole second, where the comments
    of an import may pile up.
    """
    if not _can_be_cut(start, end, ranges):
        return ()
    step = (end - start) / ranges
    return tuple((start + step * at).replace(microsecond=499_999) for at in range(1, ranges))


def _can_be_cut(start: datetime, end: datetime, ranges: int) -> bool:
    return (end - start).total_seconds() >= _SHORTEST_SECONDS * ranges

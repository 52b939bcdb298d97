"""Where to cut time, so that windows read side by side are of like size.

Communications Mining API v1, "Datasets", section "Export a dataset": ``from`` and ``to`` include
their own moments, and an export begins with the earliest comment.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from claro_async.communications_mining.selection import Selection

_SHORTEST_SECONDS = 60.0
_LOOKS_A_WINDOW = 8


async def find_bounds(
    first_time: Callable[[Selection], Awaitable[datetime | None]],
    selection: Selection,
    windows: int,
    now: datetime,
) -> tuple[datetime, ...]:
    """Where windows of equal length meet, between the first comment and about the last one.

    Args:
        first_time: Asks for the time of the first comment of a selection.
        selection: The filters.
        windows: How many windows.
        now: The end where the filters name none; later comments belong to the last window.
    """
    start = await first_time(selection)
    end = selection.to or now
    if start is None or start >= end:
        return ()
    step = (end - start) / (_LOOKS_A_WINDOW * windows)
    known, look = start, end - step  # a dataset in use has comments up to its end
    while end - known > step:
        found = await first_time(attrs.evolve(selection, from_=look))
        if found is None:
            end = look
        else:
            known = found
        look = known + (end - known) / 2
    return cut(start.astimezone(UTC), end, windows)


def cut(start: datetime, end: datetime, windows: int) -> tuple[datetime, ...]:
    """Where so many windows of equal length meet; none where the time is too short for them.

    Both windows include the moment where they meet. It is never a whole second, where the comments
    of an import may pile up.
    """
    step = (end - start) / windows
    if step.total_seconds() < _SHORTEST_SECONDS:
        return ()
    return tuple((start + step * at).replace(microsecond=499_999) for at in range(1, windows))

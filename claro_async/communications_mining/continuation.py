"""Where an export stands, and how that is written down to go on from there later.

The server's own ``continuation`` names a page. What is written down here also says which filters it
belongs to, and which comments of the page were given already, so that going on neither loses nor
repeats one.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import attrs
import msgspec

from claro_async._checks import check_text
from claro_async.communications_mining.known_uids import RecentUids
from claro_async.communications_mining.models import CommentOrder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from claro_async._generated.communications_mining_api.models import ExportRequest
    from claro_async.communications_mining.selection import Selection

C = TypeVar("C")

_PREFIX = "claro-export-1."
_SHORTEST_TAIL = 256
_LONGEST_TAIL = 2048
_DAMAGED = "continuation is damaged: pass it exactly as it was given"


@attrs.frozen
class Place:
    """A page: which run of pages it is in, and the server's token for it (None for the first)."""

    run: int = 0
    token: str | None = None


class TokenCheck:
    """Notices a server that leads in a circle, whatever its length, in constant memory.

    Brent's way: one token is kept and compared with all that follow, and it is replaced after 1,
    2, 4, 8, … steps.
    """

    def __init__(self, first: str | None) -> None:
        self._kept = first
        self._steps = 0
        self._next = 1

    def repeats(self, token: str) -> bool:
        """Whether the token is known to have come before."""
        if token == self._kept:
            return True
        self._steps += 1
        if self._steps == self._next:
            self._kept, self._steps, self._next = token, 0, 2 * self._next
        return False


class _Filters(msgspec.Struct, rename={"from_": "from"}):
    order_by: str | None
    from_: str | None
    to: str | None
    source_ids: list[str] | None
    comment_uids: str | None


class _State(msgspec.Struct, kw_only=True):
    dataset: str
    selection: _Filters
    run: int
    token: str | None
    bounds: list[datetime] | None
    recent: bytes
    given: int = 0
    since: datetime | None = None
    last: datetime | None = None
    at_last: int = 0
    ordered: bool = True


@attrs.define(kw_only=True)
class Position:
    """What an export has given so far.

    Attributes:
        dataset: ``project/name``.
        selection: The filters.
        place: The page that is read, or the next; None after the last.
        bounds: Where the time ranges meet; None while that is not decided.
        recent: The latest comments that were given.
        given: How many comments of the page were given.
        since: Where the present run of pages was begun again; None where it was not.
        last: The time of the latest comment of the pages before, by the order of the export.
        at_last: How many comments in a row have that time.
        ordered: Whether the present run of pages has kept to the order so far.
    """

    dataset: str
    selection: Selection
    place: Place | None = attrs.Factory(Place)
    bounds: tuple[datetime, ...] | None = None
    recent: RecentUids = attrs.Factory(RecentUids)
    given: int = 0
    since: datetime | None = None
    last: datetime | None = None
    at_last: int = 0
    ordered: bool = True

    def requests(self) -> list[ExportRequest]:
        """The first request of each run of pages."""
        requests = self.selection.requests(self.bounds or ())
        if self.since is not None and self.place is not None:
            run = self.place.run
            requests[run] = attrs.evolve(requests[run], from_=self.since)
        return requests

    def move(
        self,
        following: Place | None,
        comments: Sequence[C],
        time_of: Callable[[C], datetime | None],
    ) -> None:
        """Go on to the next page.

        Args:
            following: The next page.
            comments: The comments of the page that was given, in their order.
            time_of: The time of a comment by which they are sorted; None where it has none.
        """
        if comments:
            self._note_times(comments, time_of)
        if following is None or self.place is None or following.run != self.place.run:
            self.since, self.last, self.at_last, self.ordered = None, None, 0, True
        self.place, self.given = following, 0

    def _note_times(self, comments: Sequence[C], time_of: Callable[[C], datetime | None]) -> None:
        latest, row = None, 0
        for comment in reversed(comments):
            time = time_of(comment)
            if latest is None:
                latest = time
            elif time is not None and time != latest:
                break
            row += 1
        if self.last is not None:
            times = (time_of(comments[0]), latest)
            self.ordered &= all(time is None or time >= self.last for time in times)
        goes_on = row == len(comments) and latest in {None, self.last}
        self.at_last = row + (self.at_last if goes_on else 0)
        self.last = latest or self.last

    def begin_run_again(self, *, knows_all: bool) -> bool:
        """Begin the present run of pages again, behind what it gave, without the server's token.

        Args:
            knows_all: Whether all comments that were given are known, not only the latest.

        Returns:
            Whether that can be done with no comment lost and none twice.
        """
        if self.place is None or self.place.token is None:
            return False
        if not knows_all and self.at_last + self.given > len(self.recent):
            return False
        if self.selection.comment_uids is None:
            if self.last is None or not self.ordered:
                return False
            start = self.requests()[self.place.run].from_
            self.since = self.last if start is None else max(start, self.last)
        self.place = Place(self.place.run, None)
        return True

    def write(self) -> str | None:
        """The position as text; None at the end."""
        if self.place is None:
            return None
        count = min(max(_SHORTEST_TAIL, self.at_last + self.given), _LONGEST_TAIL)
        state = _State(
            dataset=self.dataset,
            selection=msgspec.convert(self.selection.to_json(), _Filters),
            run=self.place.run,
            token=self.place.token,
            bounds=None if self.bounds is None else list(self.bounds),
            recent=self.recent.tail(count),
            given=self.given,
            since=self.since,
            last=self.last,
            at_last=self.at_last,
            ordered=self.ordered,
        )
        return _PREFIX + base64.urlsafe_b64encode(msgspec.json.encode(state)).decode()


def read_position(text: str, dataset: str, selection: Selection) -> Position:
    """The position that a text stands for: one of :meth:`Position.write`, or the server's own.

    Filters that are not given again are taken from the text.

    Raises:
        ValueError: Not such a text, or one of another dataset or with other filters.
    """
    check_text("continuation", text)
    if not text:
        raise ValueError("continuation is empty: pass it exactly as it was given, or None")
    if not text.startswith(_PREFIX):
        if selection.windows > 1 or selection.comment_uids is not None:
            raise ValueError(
                "continuation is the server's own token, of a single run of pages: it goes with"
                " neither windows nor comment_uids"
            )
        return Position(
            dataset=dataset, selection=selection, place=Place(run=0, token=text), bounds=()
        )
    try:
        state = msgspec.json.decode(base64.urlsafe_b64decode(text[len(_PREFIX) :]), type=_State)
    except (ValueError, msgspec.MsgspecError):
        raise ValueError(_DAMAGED) from None
    if state.dataset != dataset:
        raise ValueError(f"continuation belongs to {state.dataset!r}, not to {dataset!r}")
    merged = _merge(selection, state.selection)
    bounds = None if state.bounds is None else tuple(state.bounds)
    if not 0 <= state.run < len(merged.requests(bounds or ())):
        raise ValueError(_DAMAGED)
    return Position(
        dataset=dataset,
        selection=merged,
        place=Place(state.run, state.token),
        bounds=bounds,
        recent=RecentUids(state.recent),
        given=state.given,
        since=state.since,
        last=state.last,
        at_last=state.at_last,
        ordered=state.ordered,
    )


def _merge(given: Selection, kept: _Filters) -> Selection:
    before = msgspec.to_builtins(kept)
    for name, value in given.to_json().items():
        if value is not None and value != before[name]:
            raise ValueError(f"continuation belongs to an export with another {name}")
    if kept.comment_uids is not None and given.comment_uids is None:
        raise ValueError("continuation belongs to an export by comment_uids: pass the same again")
    return attrs.evolve(
        given,
        order_by=None if kept.order_by is None else CommentOrder(kept.order_by),
        from_=None if kept.from_ is None else datetime.fromisoformat(kept.from_),
        to=None if kept.to is None else datetime.fromisoformat(kept.to),
        source_ids=kept.source_ids,
    )

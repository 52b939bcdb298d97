"""Where an export stands, and how that is written down to go on from there later.

The server's own ``continuation`` names a page. What is written down here also says which filters it
belongs to, and which comments of the page were given already, so that going on neither loses nor
repeats one.
"""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from datetime import datetime
from typing import Any

import attrs
import msgspec

from claro_async.communications_mining.models import CommentOrder
from claro_async.communications_mining.selection import Selection

_PREFIX = "claro-export-1."
_DIGEST = 12
_TAIL = 256
_REMEMBERED = 1 << 14


@attrs.frozen
class Place:
    """A page: which run of pages it is in, and the server's token for it (None for the first)."""

    run: int = 0
    token: str | None = None


class RecentUids:
    """Tells whether a uid was among the latest 16,384, in memory that does not grow.

    A server repeats comments across the seam of two pages, or a page as a whole, not after hours.
    """

    def __init__(self, digests: bytes = b"") -> None:
        known = [digests[at : at + _DIGEST] for at in range(0, len(digests), _DIGEST)]
        self._order = deque(known, _REMEMBERED)
        self._known = set(known)

    def add(self, uid: str) -> bool:
        """Remember a uid; False if it was known."""
        digest = hashlib.blake2b(uid.encode(), digest_size=_DIGEST).digest()
        if digest in self._known:
            return False
        if len(self._order) == _REMEMBERED:
            self._known.discard(self._order[0])
        self._order.append(digest)
        self._known.add(digest)
        return True

    def tail(self) -> bytes:
        """Digests of the latest uids, of a whole page at least."""
        return b"".join(list(self._order)[-_TAIL:])


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


class _State(msgspec.Struct):
    dataset: str
    selection: dict[str, Any]
    run: int
    token: str | None
    bounds: list[datetime] | None
    recent: bytes


@attrs.define
class Position:
    """What an export has given so far.

    Attributes:
        dataset: ``project/name``.
        selection: The filters.
        place: The page at hand, or the next; None after the last.
        bounds: Where the time windows meet; None while that is not settled.
        recent: The comments that were given.
    """

    dataset: str
    selection: Selection
    place: Place | None = attrs.Factory(Place)
    bounds: tuple[datetime, ...] | None = None
    recent: RecentUids = attrs.Factory(RecentUids)

    def write(self) -> str | None:
        """The position as text; None at the end."""
        if self.place is None:
            return None
        state = _State(
            self.dataset,
            self.selection.to_json(),
            self.place.run,
            self.place.token,
            None if self.bounds is None else list(self.bounds),
            self.recent.tail(),
        )
        return _PREFIX + base64.urlsafe_b64encode(msgspec.json.encode(state)).decode()


def is_servers_own(text: str) -> bool:
    """Whether a continuation is a token of the server's, not one of :meth:`Position.write`."""
    return not text.startswith(_PREFIX)


def read_position(text: str, dataset: str, selection: Selection) -> Position:
    """The position that a text stands for: one of :meth:`Position.write`, or the server's own.

    Filters that are not given again are taken from the text.

    Raises:
        ValueError: Not such a text, or one of another dataset or with other filters.
    """
    if not text:
        raise ValueError("continuation is empty: pass it exactly as it was given, or None")
    if is_servers_own(text):
        return Position(dataset, selection, Place(0, text), ())
    try:
        state = msgspec.json.decode(base64.urlsafe_b64decode(text[len(_PREFIX) :]), type=_State)
    except (ValueError, msgspec.MsgspecError):
        raise ValueError("continuation is damaged: pass it exactly as it was given") from None
    if state.dataset != dataset:
        raise ValueError(f"continuation belongs to {state.dataset!r}, not to {dataset!r}")
    bounds = None if state.bounds is None else tuple(state.bounds)
    return Position(
        dataset,
        _merge(selection, state.selection),
        Place(state.run, state.token),
        bounds,
        RecentUids(state.recent),
    )


def _merge(given: Selection, kept: dict[str, Any]) -> Selection:
    for name, value in given.to_json().items():
        if value is not None and value != kept[name]:
            raise ValueError(f"continuation belongs to an export with another {name}")
    if kept["comment_uids"] is not None and given.comment_uids is None:
        raise ValueError("continuation belongs to an export by comment_uids: pass the same again")
    sources = kept["source_ids"]
    return Selection(
        None if kept["order_by"] is None else CommentOrder(kept["order_by"]),
        None if kept["from"] is None else datetime.fromisoformat(kept["from"]),
        None if kept["to"] is None else datetime.fromisoformat(kept["to"]),
        None if sources is None else tuple(sources),
        given.comment_uids,
        given.page_size,
    )

"""The newest requests with what they sent and got, and what else happened beside them, in order.

The ledger keeps each request for ever, but neither its body nor its reply; a person who wants to
see what went wrong needs both. So the newest are kept whole, within limits of number and bytes.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from claro_async.emulator.ratelimit import all_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from claro_async.emulator.calls import Reply
    from claro_async.emulator.ledger import RequestRecord

ENTRIES_KEPT: Final = 5_000
"""How many are kept at the least, unless they are large; at the most some more than twice
as many are."""
BODY_BYTES_KEPT: Final = 16 * 1024
"""How much of a request's and of a reply's body is kept."""
_BYTES_KEPT: Final = 16 * 1024 * 1024


class Kept(NamedTuple):
    """One request as it was decided.

    Attributes:
        record: Its entry in the ledger.
        body: The first bytes of its body.
        headers: The headers of its reply, but for those of the rate limit.
        shared: Those that the rate limit adds to it and to others, if it does.
        remaining: The one that the rate limit adds to it alone.
        reply: The first bytes of the reply's body.
        reply_size: All bytes of the reply's body.
        seconds: Real time from its arrival until it was decided.
    """

    record: RequestRecord
    body: bytes
    headers: Mapping[str, str]
    shared: Mapping[str, str] | None
    remaining: str
    reply: bytes
    reply_size: int
    seconds: float

    @property
    def reply_headers(self) -> Mapping[str, str]:
        """The headers of its reply; empty when none was sent."""
        rate_limit = None if self.shared is None else (self.shared, self.remaining)
        return all_headers(self.headers, rate_limit)


class Notice(NamedTuple):
    """Something else that happened: an edit by hand, a dataset that was added."""

    name: str
    data: dict[str, Any]


Entry: TypeAlias = Kept | Notice
_FIELDS: Final = len(Kept._fields)
_PLACES_KEPT: Final = ENTRIES_KEPT * _FIELDS
_NO_HEADERS: Final[Mapping[str, str]] = {}
_NO_RATE_LIMIT: Final = (None, "")
_TOGETHER: Final = 64


class Recent:
    """The newest entries, each with a number in the order in which they came, from 0.

    They are kept in two lists, field after field. When the newer one is full, the older one goes as
    a whole: so an entry costs no more than its places in a list, and is no further object to the
    garbage collector.

    While nobody looks, requests are put there some at a time: what is done over and over at once
    takes a third of what it takes amid all else that is done for a request.

    Attributes:
        on_add: Called after each entry, while somebody looks on.
    """

    def __init__(self) -> None:
        self._statuses: defaultdict[int | None, int] = defaultdict(int)
        self.on_add: Callable[[], None] | None = None
        self._older: list[Any] = []
        self._newer: list[Any] = []
        self._bytes = 0
        self._dropped = 0
        self._new: list[tuple[RequestRecord, bytes, Reply | None, float]] = []

    def add(self, record: RequestRecord, body: bytes, reply: Reply | None, seconds: float) -> None:
        """Keep a request; every one comes by here, whether somebody looks or not."""
        new = self._new
        new.append((record, body, reply, seconds))
        is_large = reply is not None and len(reply.body) > BODY_BYTES_KEPT
        if is_large or len(new) == _TOGETHER or self.on_add is not None:
            self._put_away()
            if self.on_add is not None:
                self.on_add()

    def _put_away(self) -> None:
        """Give new requests their places."""
        new, self._new = self._new, []
        places, statuses, size_kept = self._newer, self._statuses, 0
        for record, body, reply, seconds in new:
            headers, (shared, remaining), data, size = _NO_HEADERS, _NO_RATE_LIMIT, b"", 0
            if reply is not None:
                headers, data = reply.headers, reply.body[:BODY_BYTES_KEPT]
                shared, remaining = reply.rate_limit or _NO_RATE_LIMIT
                size = len(reply.body) if reply.file is None else reply.file.length
            statuses[record.status] += 1
            size_kept += len(body) + len(data)
            places += (record, body, headers, shared, remaining, data, size, seconds)
        self._bytes += size_kept
        self._turn_if_full()

    def notice(self, name: str, **data: Any) -> None:
        """Keep something else that happened."""
        self._put_away()
        self._newer += (Notice(name, data), *[None] * (_FIELDS - 1))
        self._turn_if_full()
        if self.on_add is not None:
            self.on_add()

    def _turn_if_full(self) -> None:
        if len(self._newer) >= _PLACES_KEPT or self._bytes >= _BYTES_KEPT:
            self._turn_over()

    def _turn_over(self) -> None:
        self._dropped += len(self._older) // _FIELDS
        self._older, self._newer, self._bytes = self._newer, [], 0

    @property
    def statuses(self) -> Mapping[int | None, int]:
        """How many requests were answered with each status; None is no reply."""
        self._put_away()
        return self._statuses

    @property
    def added(self) -> int:
        """How many entries ever came: the number that the next one gets."""
        self._put_away()
        return self._dropped + (len(self._older) + len(self._newer)) // _FIELDS

    def clear(self) -> None:
        """Forget all entries and counts; the numbers go on from where they were."""
        self._put_away()
        self._turn_over()
        self._turn_over()
        self._statuses.clear()

    @property
    def oldest(self) -> int:
        """The number of the oldest entry that is kept."""
        self._put_away()
        return self._dropped

    def since(self, number: int) -> list[Entry]:
        """Read the entries from a number on, oldest first."""
        count = self.added - max(number, self._dropped)
        newest = [entry for _, entry in zip(range(count), self._newest_first(), strict=False)]
        return newest[::-1]

    def newest_first(self) -> Iterator[Kept]:
        """Read the requests."""
        return (entry for entry in self._newest_first() if isinstance(entry, Kept))

    def _newest_first(self) -> Iterator[Entry]:
        self._put_away()
        for entries in (self._newer, self._older):
            for place in range(len(entries) - _FIELDS, -1, -_FIELDS):
                first = entries[place]
                is_notice = isinstance(first, Notice)
                yield first if is_notice else Kept._make(entries[place : place + _FIELDS])

    def find(self, index: int) -> Kept | None:
        """Find a request by its index in the ledger; None where it is kept no more."""
        return next((kept for kept in self.newest_first() if kept.record.index == index), None)

"""The newest requests with what they sent and got, and what else happened beside them, in order.

The ledger keeps each request for ever, but neither its body nor its reply; a person who wants to
see what went wrong needs both. So the newest are kept whole, within limits of number and bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from claro_async.emulator.calls import Reply
    from claro_async.emulator.ledger import RequestRecord

ENTRIES_KEPT: Final = 5_000
"""How many are kept at the least, unless they are large; at the most twice as many are."""
BODY_BYTES_KEPT: Final = 16 * 1024
"""How much of a request's and of a reply's body is kept."""
_BYTES_KEPT: Final = 16 * 1024 * 1024  # of those that are not small
_SMALL: Final = 1024  # bytes of a request's and a reply's body together


class Kept(NamedTuple):
    """One request as it was decided.

    Attributes:
        record: Its entry in the ledger.
        body: The first bytes of its body.
        reply_headers: The headers of its reply; empty when none was sent.
        reply: The first bytes of the reply's body.
        reply_size: All bytes of the reply's body.
        seconds: Real time from its arrival until it was decided.
    """

    record: RequestRecord
    body: bytes
    reply_headers: Mapping[str, str]
    reply: bytes
    reply_size: int
    seconds: float


class Notice(NamedTuple):
    """Something else that happened: an edit by hand, a dataset that was added."""

    name: str
    data: dict[str, Any]


Entry: TypeAlias = Kept | Notice
_FIELDS: Final = 4  # of each entry, as `add` gets them
_PLACES_KEPT: Final = ENTRIES_KEPT * _FIELDS


class Recent:
    """The newest entries, each with a number in the order in which they came, from 0.

    They are kept in two lists, field after field. When the newer one is full, the older one goes as
    a whole. Nothing is made of a request until somebody looks at it: every step costs three times
    what it does alone, amid all else that is done for a request.

    Attributes:
        on_add: Called after each entry, while somebody looks on.
    """

    def __init__(self) -> None:
        self.on_add: Callable[[], None] | None = None
        self._older: list[Any] = []
        self._newer: list[Any] = []
        self._bytes = 0
        self._dropped = 0

    def add(
        self,
        entry: RequestRecord | Notice,
        body: bytes = b"",
        reply: Reply | None = None,
        seconds: float = 0.0,
    ) -> None:
        """Keep an entry; every request comes by here, whether somebody looks or not."""
        if len(body) + (0 if reply is None else len(reply.body)) > _SMALL:
            reply = self._shortened(body, reply)
        newer = self._newer
        newer += (entry, body, reply, seconds)
        if len(newer) >= _PLACES_KEPT or self._bytes >= _BYTES_KEPT:
            self._turn_over()
        if self.on_add is not None:
            self.on_add()

    def _shortened(self, body: bytes, reply: Reply | None) -> Reply | None:
        """Count what is kept of a request that is not small; returns what is kept of its reply."""
        self._bytes += len(body)
        if reply is None:
            return None
        left_out = max(0, len(reply.body) - BODY_BYTES_KEPT)
        self._bytes += len(reply.body) - left_out
        if not left_out:
            return reply
        return replace(reply, body=reply.body[:BODY_BYTES_KEPT], left_out=left_out)

    def notice(self, name: str, **data: Any) -> None:
        """Keep something else that happened."""
        self.add(Notice(name, data))

    def _turn_over(self) -> None:
        self._dropped += len(self._older) // _FIELDS
        self._older, self._newer, self._bytes = self._newer, [], 0

    @property
    def added(self) -> int:
        """How many entries ever came: the number that the next one gets."""
        return self._dropped + (len(self._older) + len(self._newer)) // _FIELDS

    def clear(self) -> None:
        """Forget all entries; the numbers go on from where they were."""
        self._turn_over()
        self._turn_over()

    @property
    def oldest(self) -> int:
        """The number of the oldest entry that is kept."""
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
        for entries in (self._newer, self._older):
            for place in range(len(entries) - _FIELDS, -1, -_FIELDS):
                first, body, reply, seconds = entries[place : place + _FIELDS]
                if isinstance(first, Notice):
                    yield first
                elif reply is None:
                    yield Kept(first, body, {}, b"", 0, seconds)
                else:
                    headers = reply.all_headers
                    yield Kept(first, body, headers, reply.body, reply.length, seconds)

    def find(self, index: int) -> Kept | None:
        """Find a request by its index in the ledger; None where it is kept no more."""
        return next((kept for kept in self.newest_first() if kept.record.index == index), None)

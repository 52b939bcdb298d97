"""The newest requests with what they sent and got, and what else happened beside them, in order.

The ledger keeps each request for ever, but neither its body nor its reply; a person who wants to
see what went wrong needs both. So the newest are kept whole, within limits of number and bytes.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from claro_async.emulator.ledger import RequestRecord

ENTRIES_KEPT: Final = 5_000
BODY_BYTES_KEPT: Final = 16 * 1024
"""How much of a request's and of a reply's body is kept."""
_BYTES_KEPT: Final = 32 * 1024 * 1024


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


class Recent:
    """The newest entries, each with a number in the order in which they came, from 0.

    Attributes:
        added: How many entries ever came: the number that the next one gets.
        statuses: How many requests were answered with each status; None is no reply.
        on_add: Called after each entry, while somebody looks on.
    """

    def __init__(self) -> None:
        self.added: int = 0
        self.statuses: dict[int | None, int] = {}
        self.on_add: Callable[[], None] | None = None
        self._entries: deque[Entry] = deque()
        self._bytes = 0

    def add(self, kept: Kept) -> None:
        """Keep a request, and let go of the oldest beyond the limits."""
        status = kept.record.status
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self._bytes += len(kept.body) + len(kept.reply)
        self._append(kept)

    def notice(self, name: str, **data: Any) -> None:
        """Keep something else that happened."""
        self._append(Notice(name, data))

    def _append(self, entry: Entry) -> None:
        entries = self._entries
        entries.append(entry)
        self.added += 1
        while len(entries) > ENTRIES_KEPT or self._bytes > _BYTES_KEPT:
            oldest = entries.popleft()
            if isinstance(oldest, Kept):
                self._bytes -= len(oldest.body) + len(oldest.reply)
        if self.on_add is not None:
            self.on_add()

    def clear(self) -> None:
        """Forget all entries and counts; the numbers go on from where they were."""
        self._entries.clear()
        self.statuses = {}
        self._bytes = 0

    @property
    def oldest(self) -> int:
        """The number of the oldest entry that is kept."""
        return self.added - len(self._entries)

    def since(self, number: int) -> list[Entry]:
        """Read the entries from a number on, oldest first."""
        count = min(self.added - number, len(self._entries))
        newest = [entry for entry, _ in zip(reversed(self._entries), range(count), strict=False)]
        return newest[::-1]

    def newest_first(self) -> Iterator[Kept]:
        """Read the requests."""
        return (entry for entry in reversed(self._entries) if isinstance(entry, Kept))

    def find(self, index: int) -> Kept | None:
        """Find a request by its index in the ledger; None where it is kept no more."""
        return next((kept for kept in self.newest_first() if kept.record.index == index), None)

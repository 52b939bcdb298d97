"""Which comments an export has given already, so that none comes twice.

The latest ones are known in memory. That is enough for one run of pages, where a server repeats a
comment across the seam of two pages, or a page as a whole, but not after hours. Where more can come
again (time ranges that share a moment, an export that is taken up again), all are kept on disk.
"""

from __future__ import annotations

import hashlib
import sqlite3
import weakref
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from claro_async.storage.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DIGEST = 12
"""Bytes of a digest: two of 10^9 uids have the same one with a probability of 10^-11."""

MAX_RECENT = 1 << 14


def digest_of(uid: str) -> bytes:
    """What stands for a uid where it is written down."""
    return hashlib.blake2b(uid.encode(), digest_size=DIGEST).digest()


class RecentUids:
    """The latest uids, at most 16,384, in memory that does not grow.

    Those that come from saved text are known by their digests alone.
    """

    def __init__(self, digests: bytes = b"") -> None:
        known = [digests[at : at + DIGEST] for at in range(0, len(digests), DIGEST)]
        self._order: deque[str | bytes] = deque(known, MAX_RECENT)
        self._known = set(self._order)
        self._has_digests = bool(known)

    def __contains__(self, uid: str) -> bool:
        return uid in self._known or (self._has_digests and digest_of(uid) in self._known)

    def __len__(self) -> int:
        return len(self._order)

    def add(self, uid: str) -> None:
        """Remember a uid that is not known."""
        if len(self._order) == MAX_RECENT:
            self._known.discard(self._order[0])
        self._order.append(uid)
        self._known.add(uid)

    def tail(self, count: int) -> bytes:
        """Digests of the latest uids, at most so many."""
        latest = islice(self._order, max(0, len(self._order) - count), None)
        return b"".join(each if isinstance(each, bytes) else digest_of(each) for each in latest)


class StoredUids:
    """Any number of uids, in a temporary file that goes away with this object.

    An instance is used by one task at a time. Its methods leave the work to a thread.
    """

    def __init__(self) -> None:
        # an empty name is SQLite's own temporary file, which nobody else can open; what is in it
        # after a crash does not matter, and without safeguards it is four times as fast
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._connection.close)
        for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -8000"):
            self._connection.execute(f"PRAGMA {setting}")
        self._connection.execute(
            "CREATE TABLE known (uid TEXT PRIMARY KEY, call INTEGER) WITHOUT ROWID"
        )
        self._calls = 0

    async def add(self, uids: Sequence[str], forget: Sequence[str] = ()) -> set[str]:
        """Remember uids; returns those that were known.

        Args:
            uids: The uids.
            forget: Uids to forget before.
        """
        return await in_thread(self._add, uids, forget)

    def insert(self, uids: Iterable[str]) -> int:
        """Remember uids; returns how many were not known. Blocks."""
        self._calls += 1
        before = self._connection.total_changes
        self._connection.execute("BEGIN")
        self._connection.executemany(
            "INSERT OR IGNORE INTO known VALUES (?, ?)", ((uid, self._calls) for uid in uids)
        )
        self._connection.execute("COMMIT")
        return self._connection.total_changes - before

    def _add(self, uids: Sequence[str], forget: Sequence[str]) -> set[str]:
        for uid in forget:
            self._connection.execute("DELETE FROM known WHERE uid = ?", (uid,))
        if self.insert(uids) == len(uids):
            return set()
        return {uid for uid in uids if self._is_older(uid)}

    def _is_older(self, uid: str) -> bool:
        query = "SELECT call FROM known WHERE uid = ?"
        (call,) = self._connection.execute(query, (uid,)).fetchone()
        return bool(call < self._calls)

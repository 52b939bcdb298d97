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
    from collections.abc import Iterable, Iterator, Sequence

DIGEST = 12
"""Bytes of a digest: two of 10^9 uids have the same one with a probability of 10^-11."""

MAX_RECENT = 1 << 14
_PARAMETERS = 500  # SQLite takes 999 in its oldest versions


def digest_of(uid: str) -> bytes:
    """What stands for a uid."""
    return hashlib.blake2b(uid.encode("utf-8", "surrogatepass"), digest_size=DIGEST).digest()


class RecentUids:
    """Digests of the latest uids, at most 16,384, in memory that does not grow."""

    def __init__(self, digests: bytes = b"") -> None:
        known = [digests[at : at + DIGEST] for at in range(0, len(digests), DIGEST)]
        self._order = deque(known, MAX_RECENT)
        self._known = set(self._order)

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._known

    def __len__(self) -> int:
        return len(self._order)

    def add(self, digest: bytes) -> None:
        """Remember a uid; one that is known stays where it is."""
        if digest in self._known:
            return
        if len(self._order) == MAX_RECENT:
            self._known.discard(self._order[0])
        self._order.append(digest)
        self._known.add(digest)

    def add_all(self, uids: Iterable[str]) -> int:
        """Remember uids; returns how many of them were not known."""
        new = {digest for uid in uids if (digest := digest_of(uid)) not in self._known}
        for digest in new:
            self.add(digest)
        return len(new)

    def tail(self, count: int) -> bytes:
        """The latest digests, at most so many."""
        return b"".join(islice(self._order, max(0, len(self._order) - count), None))


class StoredUids:
    """Digests of any number of uids, in a temporary file that goes away with this object.

    An instance is used by one task at a time. Its methods leave the work to a thread.
    """

    def __init__(self) -> None:
        # an empty name is SQLite's own temporary file, which nobody else can open
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._connection.close)
        self._connection.execute("CREATE TABLE uid (digest BLOB PRIMARY KEY) WITHOUT ROWID")

    async def known(self, digests: Sequence[bytes]) -> set[bytes]:
        """Those that were added before."""
        return await in_thread(self._select, digests)

    async def add(self, digests: Iterable[bytes]) -> None:
        """Remember uids, whether they are known or not."""
        await in_thread(self.insert, digests)

    def insert(self, digests: Iterable[bytes]) -> None:
        """As :meth:`add`, for whoever is in a thread."""
        with self._connection:
            self._connection.execute("BEGIN")
            self._connection.executemany(
                "INSERT OR IGNORE INTO uid VALUES (?)", ((digest,) for digest in digests)
            )

    def _select(self, digests: Sequence[bytes]) -> set[bytes]:
        return {digest for part in _parts(digests) for digest in self._select_part(part)}

    def _select_part(self, digests: Sequence[bytes]) -> Iterator[bytes]:
        marks = ",".join("?" * len(digests))
        query = f"SELECT digest FROM uid WHERE digest IN ({marks})"  # noqa: S608 - marks only
        return (digest for (digest,) in self._connection.execute(query, digests))


def _parts(digests: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (digests[at : at + _PARAMETERS] for at in range(0, len(digests), _PARAMETERS))

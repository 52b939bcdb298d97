"""A shared record in memory, for tests of several clients in one event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import msgspec

from claro_async.errors import ConnectionFailedError
from claro_async.transport.quota.fair_share import SharedQuota

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class MemoryStore:
    """Keeps the record as the real ones do: as bytes.

    Attributes:
        failures: How many of the next updates fail before anything was changed.
        lost_answers: How many of the next updates are stored, and fail then.
        updates: Updates that were stored.
        closed: How often it was closed.
    """

    def __init__(self) -> None:
        self._content = b""
        self.failures = 0
        self.lost_answers = 0
        self.updates = 0
        self.closed = 0

    @property
    def record(self) -> SharedQuota:
        """The record as it is now."""
        if not self._content:
            return SharedQuota()
        return msgspec.json.decode(self._content, type=SharedQuota)

    async def update(self, change: Callable[[SharedQuota], T]) -> T:
        """Load the record, change it and store it."""
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise ConnectionFailedError("the store is away")
        record = self.record
        result = change(record)
        self._content = msgspec.json.encode(record)
        self.updates += 1
        if self.lost_answers:
            self.lost_answers -= 1
            raise ConnectionFailedError("the answer was lost")
        return result

    async def close(self) -> None:
        """Count."""
        self.closed += 1

"""A shared record in memory that can be away, or forget what it holds."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from claro_async.errors import ConnectionFailedError
from claro_async.transport.quota.fair_share import Answer, Report, SharedQuota
from claro_async.transport.quota.record import MemberView, Record
from claro_async.transport.quota.stores.memory import MemoryQuotaStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async.quota_store import Change, QuotaStore
    from tests.clocks import ManualClock

NAME = "0" * 64


class FaultyStore(MemoryQuotaStore):
    """Keeps records by a manual clock, and fails when a test wants it to.

    Args:
        clock: Its time.

    Attributes:
        clock: The manual clock.
        ahead: Seconds by which its clock is ahead of the manual one.
        is_away: Whether all updates fail for now.
        failures: How many of the next updates fail before anything was changed.
        lost_answers: How many of the next updates are stored, and fail then.
        updates: Updates that were stored.
        closed: How often it was closed.
    """

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(lambda: clock.monotonic() + self.ahead)
        self.clock = clock
        self.ahead = 0.0
        self.is_away = False
        self.failures = 0
        self.lost_answers = 0
        self.updates = 0
        self.closed = 0

    @property
    def shared(self) -> SharedQuota:
        """What the record holds now."""
        content = self._records.get(NAME)
        return SharedQuota() if content is None else Record.decode(content).shared

    async def update(self, name: str, change: Change, *, run: str = "") -> None:
        """Load the record, change it and store it."""
        await asyncio.sleep(0)
        if self.failures or self.is_away:
            self.failures = max(0, self.failures - 1)
            raise ConnectionFailedError("the store is away")
        await super().update(name, change, run=run)
        self.updates += 1
        if self.lost_answers:
            self.lost_answers -= 1
            raise ConnectionFailedError("the answer was lost")

    def flush(self) -> None:
        """Forget everything."""
        self._records.clear()

    def copy(self) -> dict[str, bytes]:
        """What it holds now, as a replica would have it."""
        return dict(self._records)

    def fall_back(self, replica: dict[str, bytes]) -> None:
        """Hold what a replica held."""
        self._records = dict(replica)

    async def close(self) -> None:
        """Count."""
        self.closed += 1


async def send_report(
    store: QuotaStore, report: Report, monotonic: Callable[[], float] = time.monotonic
) -> Answer:
    """Report as a client would that nobody knows; the answer."""
    view = MemberView(monotonic)
    answers: list[Answer] = []

    def take(shared: SharedQuota, now: float) -> None:
        answers.append(shared.take(report, now))

    def change(content: bytes | None, store_time: float) -> bytes:
        return view.change(content, store_time, take)

    await store.update(NAME, change)
    return answers[-1]

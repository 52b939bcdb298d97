"""A simulated Redis: what all processes of a run share, a network away, and sometimes not there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from claro_async.errors import ConnectionFailedError, RunClosedError

if TYPE_CHECKING:
    from claro_async.quota_store import Change

_LATENCY = 0.001  # seconds for a way
_KEPT = 20  # earlier records, one of which a replica that lags may hold


class SimulatedRedis:
    """The record of one key, as bytes, with a clock of its own.

    Attributes:
        closed_runs: Names of records, and the runs of theirs that were closed.

    Args:
        loop: The world's loop.
        outages: When it cannot be reached, from and to.
        losses: When it loses the record, or falls back to an older one.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        outages: tuple[tuple[float, float], ...] = (),
        losses: tuple[float, ...] = (),
    ) -> None:
        self._loop = loop
        self._outages = outages
        self._losses = list(losses)
        self._contents: list[bytes] = []
        self.closed_runs: set[tuple[str, str]] = set()

    @property
    def time(self) -> float:
        """Its clock: like none of the others."""
        return 1_000_000.0 + self._loop.time()

    @property
    def content(self) -> bytes | None:
        """The record; None where there is none."""
        while self._losses and self._losses[0] <= self._loop.time():
            lost = self._losses.pop(0)
            self._contents = [] if int(lost) % 2 else self._contents[: len(self._contents) // 2]
        return self._contents[-1] if self._contents else None

    def store(self, content: bytes) -> None:
        """Keep a record."""
        self._contents = [*self._contents[-_KEPT:], content]

    async def travel(self) -> None:
        """One way of a request or reply.

        Raises:
            ConnectionFailedError: It cannot be reached.
        """
        await asyncio.sleep(_LATENCY)
        now = self._loop.time()
        if any(start <= now < end for start, end in self._outages):
            raise ConnectionFailedError("redis.simulated: no route to host")


class SimulatedStore:
    """The store of one process."""

    def __init__(self, redis: SimulatedRedis) -> None:
        self._redis = redis

    async def update(self, name: str, change: Change, *, run: str = "") -> None:
        """As :class:`claro_async.QuotaStore` says."""
        redis = self._redis
        await redis.travel()
        if (name, run) in redis.closed_runs:
            raise RunClosedError(run)
        redis.store(change(redis.content, redis.time))
        await redis.travel()

    async def close_run(self, name: str, run: str) -> None:
        """As :class:`claro_async.QuotaStore` says."""
        await self._redis.travel()
        self._redis.closed_runs.add((name, run))

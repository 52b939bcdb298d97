"""A simulated Redis: what all processes of a run share, a network away, and sometimes not there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from claro_async.errors import ConnectionFailedError, RunClosedError

if TYPE_CHECKING:
    from claro_async.quota_store import Change


class SimulatedRedis:
    """The record of one key, as bytes.

    Args:
        loop: The world's loop.
        outages: When it cannot be had, from and to.
        latency: Seconds for a way.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        outages: tuple[tuple[float, float], ...] = (),
        latency: float = 0.001,
    ) -> None:
        self._loop = loop
        self._outages = outages
        self._latency = latency
        self.content = b""
        self.closed_runs: set[tuple[str, str]] = set()

    def time(self) -> float:
        """Redis's own clock."""
        return self._loop.time()

    def check(self) -> None:
        """Raise while it cannot be had."""
        now = self._loop.time()
        if any(start <= now < end for start, end in self._outages):
            raise ConnectionFailedError("the quota in Redis cannot be reached: simulated outage")

    async def travel(self) -> None:
        """One way of a request or reply."""
        await asyncio.sleep(self._latency)
        self.check()


class SimulatedStore:
    """The store of one process."""

    def __init__(self, redis: SimulatedRedis) -> None:
        self._redis = redis

    async def update(self, name: str, change: Change, *, run: str = "") -> None:
        redis = self._redis
        await redis.travel()
        if (name, run) in redis.closed_runs:
            raise RunClosedError(run)
        redis.content = change(redis.content or None, redis.time())
        await redis.travel()

    async def close_run(self, name: str, run: str) -> None:
        await self._redis.travel()
        self._redis.closed_runs.add((name, run))

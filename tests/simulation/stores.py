"""A simulated Redis: what all processes of a run share, a network away, and sometimes not there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from claro_async.errors import ConnectionFailedError
from claro_async.transport.quota.fair_share import SharedQuota

if TYPE_CHECKING:
    from collections.abc import Callable


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

    def check(self) -> None:
        """Raise while it cannot be had."""
        now = self._loop.time()
        if any(start <= now < end for start, end in self._outages):
            raise ConnectionFailedError("the quota in Redis cannot be had: simulated outage")

    async def travel(self) -> None:
        """One way of a request or reply."""
        await asyncio.sleep(self._latency)
        self.check()


class SimulatedStore:
    """The store of one process."""

    def __init__(self, redis: SimulatedRedis) -> None:
        self._redis = redis

    async def update(self, change: Callable[[SharedQuota], Any]) -> Any:
        await self._redis.travel()
        content = self._redis.content
        shared = msgspec.json.decode(content, type=SharedQuota) if content else SharedQuota()
        result = change(shared)
        self._redis.content = msgspec.json.encode(shared)
        await self._redis.travel()
        return result

    async def close(self) -> None:
        """There is nothing to close."""

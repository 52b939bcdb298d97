"""A simulated Redis at the level of its scripts: the real store runs on it, and its calls count."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

from claro_async._secret import Secret
from claro_async.transport.quota.stores.redis import RedisQuotaStore

if TYPE_CHECKING:
    from random import Random


class ScriptedRedis:
    """Records, with a clock and a network of its own.

    Args:
        loop: The world's loop.
        random: Draws how long a way takes.
        distance: Seconds that a way takes on average.

    Attributes:
        calls: Calls that it answered.
        bytes_moved: Bytes of records in those, both ways.
        each_second: Calls in each second.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, random: Random, distance: float) -> None:
        self.loop = loop
        self._random = random
        self._distance = distance
        self._records: dict[str, bytes] = {}
        self.calls = 0
        self.bytes_moved = 0
        self.each_second: dict[int, int] = {}

    async def travel(self) -> None:
        """One way of a call or its answer."""
        await asyncio.sleep(self._distance * self._random.uniform(0.5, 1.5))

    def run_script(self, key: str, digest: str, after: bytes) -> list[Any]:
        """What the script of the store does, in one step."""
        now = self.loop.time()
        self.calls += 1
        self.each_second[int(now)] = self.each_second.get(int(now), 0) + 1
        found = self._records.get(key, b"")
        self.bytes_moved += len(after)
        if after and digest_of(found) == digest:
            self._records[key] = after
            return [1]
        self.bytes_moved += len(found)
        return [0, found, int(1e6 + now), int(now % 1 * 1e6)]


class ScriptedStore(RedisQuotaStore):
    """The real store, with a simulated Redis at the other end.

    Args:
        redis: That Redis.
        random: Draws how long the store waits where others were faster.
        thinking: Seconds that a change of the record takes its client.
    """

    def __init__(self, redis: ScriptedRedis, random: Random, thinking: float) -> None:
        super().__init__(Secret("redis://simulated/0"), random.random)
        self._simulated = redis
        self._thinking = thinking

    async def _call(self, keys: list[str], digest: str, after: bytes) -> list[Any]:
        if after:
            await asyncio.sleep(self._thinking)
        await self._simulated.travel()
        answer = self._simulated.run_script(keys[0], digest, after)
        await self._simulated.travel()
        return answer


def digest_of(record: bytes) -> str:
    """What the script compares."""
    return hashlib.sha1(record, usedforsecurity=False).hexdigest() if record else ""

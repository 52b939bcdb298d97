"""Reports of many members to a quota in Redis, each as a client makes it, without any request."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from benchmarks.harness import Job
from claro_async._secret import Secret
from claro_async.transport.quota.fair_share import Report, SharedQuota
from claro_async.transport.quota.record import MemberView
from claro_async.transport.quota.stores.redis import RedisQuotaStore

NAME = "0" * 64


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Open a store; the work is a number of reports, by members that take turns."""
    store = RedisQuotaStore(Secret(job.base_url))
    members = [secrets.token_hex(8) for _ in range(int(job.arguments["members"]))]
    pause = float(job.arguments["pause"])
    view = MemberView(time.monotonic)

    async def report(member: str, number: int) -> None:
        def take(shared: SharedQuota, now: float) -> None:
            shared.take(Report(member=member, number=number, held=20, want=4, ahead=50), now)

        def change(content: bytes | None, store_time: float) -> bytes:
            return view.change(content, store_time, take)

        await store.update(NAME, change)
        view.confirm()

    async def work(count: int) -> int:
        for number in range(count):
            if pause:
                await asyncio.sleep(pause)
            await report(members[number % len(members)], number + 1)
        return count

    yield work
    await store.close()

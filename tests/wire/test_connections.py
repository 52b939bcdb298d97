"""Who gets a connection where there are fewer of them than requests."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.watching import until
from tests.wire.operations import session_of
from tests.wire.raw_server import RawServer, answering, reply
from tests.wire.traces import install
from tests.wire.ways import lane  # noqa: F401 - both of them

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async import ClaroClient

QUOTA = {"X_RateLimit_Limit": "999", "X_RateLimit_Remaining": "999", "X_RateLimit_Reset": "60"}
EACH = 50


@pytest.mark.parametrize("connections", [1, 2])
async def test_who_waits_is_next(connections: int, connect: Callable[..., ClaroClient]) -> None:
    """Callers that send one request after the other do not keep the rest waiting to their end."""
    async with RawServer(answering(reply(**QUOTA))) as server:
        client = connect(server.base_url, max_connections=connections)
        await client.request("GET", "/first")

        async def send(number: int) -> None:
            for _ in range(EACH):
                await client.request("GET", f"/{number}")

        await asyncio.gather(*map(send, range(4)))
        order = [request.target[-1] for request in server.requests[1:]]
    assert len(order) == 4 * EACH
    turns = [order[at : at + 4] for at in range(0, len(order), 4)]
    assert all(set(turn) == set("0123") for turn in turns[1:-1])
    assert server.connections == connections


async def test_a_trace_hears_of_the_wait(
    connect: Callable[..., ClaroClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a trace is installed, it is told when a wait for a connection begins and ends."""
    told: list[str] = []

    async def begin(*_: Any) -> None:
        told.append("begin")

    async def end(*_: Any) -> None:
        told.append("end")

    trace = aiohttp.TraceConfig()
    trace.on_connection_queued_start.append(begin)
    trace.on_connection_queued_end.append(end)
    install(trace, monkeypatch)
    async with RawServer(answering(reply(**QUOTA))) as server:
        client = connect(server.base_url, max_connections=1)
        await client.request("GET", "/first")
        await asyncio.gather(client.request("GET", "/1"), client.request("GET", "/2"))
    assert told == ["begin", "end"]


async def test_nothing_is_promised_when_all_is_over(connect: Callable[..., ClaroClient]) -> None:
    """Cancelled at any moment, those who wait leave the pool as it was."""
    async with RawServer(answering(reply(**QUOTA))) as server:
        client = connect(server.base_url, max_connections=1)
        await client.request("GET", "/first")
        for turns in range(12):
            tasks = [asyncio.ensure_future(client.request("GET", f"/{each}")) for each in range(6)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        pool: Any = session_of(client)._session.connector
        await until(lambda: not pool._acquired)
        assert (pool._promised, pool._is_next, dict(pool._waiters)) == (0, False, {})

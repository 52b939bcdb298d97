"""Which kept connections are taken from a pool, and what becomes of them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest
from yarl import URL

from claro_async.transport.connections import Pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp.client_proto import ResponseHandler
    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.connector import Connection

    from claro_async.transport.connections import KeptConnection


@asynccontextmanager
async def kept(**options: float) -> AsyncIterator[tuple[Pool, ConnectionKey, Connection]]:
    """A pool, the key of a server, and a connection to it, which is not given back yet."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        is_over.set()

    is_over = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        pool = Pool(5.0, **options)
        async with aiohttp.ClientSession(connector=pool) as session:
            url = URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            request = aiohttp.ClientRequest("GET", url, loop=loop, session=session)
            connection = await pool.connect(request, [], aiohttp.ClientTimeout())
            yield pool, request.connection_key, connection
            connection.close()
        await is_over.wait()


def take(
    pool: Pool, key: ConnectionKey
) -> tuple[KeptConnection, ResponseHandler, asyncio.BaseTransport]:
    """A kept connection, its protocol and its transport."""
    taken = pool.take(key)
    assert taken is not None
    protocol = taken.protocol
    assert protocol is not None
    assert protocol.transport is not None
    return taken, protocol, protocol.transport


@pytest.mark.parametrize("options", [{}, {"limit_per_host": 1}])
async def test_a_kept_connection_is_taken(options: dict[str, int]) -> None:
    """It is the one that was given back, it is nobody else's meanwhile, and can be kept again."""
    async with kept(**options) as (pool, key, connection):
        protocol = connection.protocol
        assert pool.take(key) is None
        connection.release()
        for _ in range(2):
            taken = pool.take(key)
            assert taken is not None
            assert taken.protocol is protocol
            assert pool.take(key) is None
            assert pool._acquired == {protocol}
            taken.release()
            taken.close()  # it is given back already
            assert pool._acquired == set()
            assert not pool._acquired_per_host


async def test_a_taken_connection_is_closed() -> None:
    """What was given up is not taken again."""
    async with kept() as (pool, key, connection):
        connection.release()
        taken, _, transport = take(pool, key)
        taken.close()
        assert transport.is_closing()
        assert pool.take(key) is None


async def test_what_breaks_while_it_is_taken_is_not_kept() -> None:
    """A connection that must be closed is closed as it is given back, and leaves its place."""
    async with kept() as (pool, key, connection):
        connection.release()
        taken, protocol, transport = take(pool, key)
        protocol.force_close()
        taken.release()
        assert transport.is_closing()
        assert (pool.take(key), pool._acquired) == (None, set())


async def test_what_is_not_to_be_used_any_more_is_left() -> None:
    """A connection that was kept for too long, or on which something came, is left to aiohttp."""
    async with kept(keepalive_timeout=0.0) as (pool, key, connection):
        connection.release()
        assert pool.take(key) is None
    async with kept() as (pool, key, connection):
        protocol = connection.protocol
        assert protocol is not None
        connection.release()
        protocol.data_received(b"HTTP/1.1 200 OK\r\n")
        assert pool.take(key) is None

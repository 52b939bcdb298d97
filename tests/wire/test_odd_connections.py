"""What a server must not do with a connection, and what comes of it, whichever way is taken."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler
from aiohttp.streams import StreamReader

from claro_async import APIStatusError, ConnectionFailedError, RetryPolicy
from claro_async.transport.contents import ContentReader
from tests.watching import until
from tests.wire.operations import session_of
from tests.wire.raw_server import RawRequest, RawServer, reply
from tests.wire.ways import lane  # noqa: F401 - both of them

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async import ClaroClient

ONCE = RetryPolicy(max_attempts=1)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BROKEN = {
    "no size": (CHUNKED + b"2\r\n[]\r\n", b"zz\r\n"),
    "no size after a chunk": (CHUNKED + b"2\r\n[", b"]\r\nzz\r\n"),
    "no trailer": (CHUNKED + b"2\r\n[]\r\n", b"0\r\nno trailer\r\n\r\n"),
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_body_that_breaks_the_rules_on_its_way(
    broken: str, connect: Callable[..., ClaroClient]
) -> None:
    """Where the rest of a body is no HTTP, the attempt ends; nobody waits for what cannot come."""
    first, rest = BROKEN[broken]

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        for _turn in range(5):
            await asyncio.sleep(0)
        writer.write(rest)

    async with RawServer(answer) as server:
        async with asyncio.timeout(10):
            with pytest.raises(ConnectionFailedError, match="breaks the rules of HTTP"):
                await connect(server.base_url, retry=ONCE).request("GET", "/x")


async def test_a_body_whose_connection_is_gone_is_a_failed_attempt() -> None:
    """Where nothing can come any more, and aiohttp says so in its own way, the attempt fails."""
    loop = asyncio.get_running_loop()
    content = StreamReader(ResponseHandler(loop), 1, loop=loop)
    with pytest.raises(aiohttp.ClientConnectionError, match="Connection closed"):
        await ContentReader(9, 9).read(content, 200, {}, None)


@pytest.mark.parametrize("unasked", [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[2]", b"?"])
async def test_what_a_server_says_unasked_is_no_reply(
    unasked: bytes, connect: Callable[..., ClaroClient]
) -> None:
    """A reply that comes before its request is not taken for the reply to the next one."""
    writers = []

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"[1]"))
        writers.append(writer)

    async with RawServer(answer) as server:
        client = connect(server.base_url, retry=ONCE)
        await client.request("GET", "/x")
        (kept,) = session_of(client)._session.connector._conns.values()  # type: ignore[union-attr]
        writers[0].write(unasked)
        await until(lambda: kept[0][0].should_close)
        assert await client.request("GET", "/x") == [1]
        assert [request.connection for request in server.requests] == [1, 2]


@pytest.mark.parametrize("passed", [False, True], ids=["due", "passed"])
async def test_a_blank_line_after_a_reply_starts_no_time_limit(
    connect: Callable[..., ClaroClient],
    *,
    passed: bool,
) -> None:
    """What comes between two replies does not shorten the time that the second one has."""
    writers = []
    content = reply(b"[1]")

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(content[:-1])  # a body in two pieces has a limit between them
        for _turn in range(5):
            await asyncio.sleep(0)
        writer.write(content[-1:])
        writers.append(writer)

    async with RawServer(answer) as server:
        client = connect(server.base_url, retry=ONCE)
        await client.request("GET", "/x")
        (kept,) = session_of(client)._session.connector._conns.values()  # type: ignore[union-attr]
        protocol = kept[0][0]
        writers[0].write(b"\r\n")
        await until(lambda: protocol._read_timeout_handle is not None)
        if passed:
            protocol._on_read_timeout()
        assert await client.request("GET", "/x") == [1]
        assert [request.connection for request in server.requests] == [1, 2]


async def test_a_switch_of_protocols_leaves_no_connection(
    connect: Callable[..., ClaroClient],
) -> None:
    """A 101 that nobody asked for is a rejection, and its connection is not left to the collector.

    In debug mode aiohttp warns of one that is.
    """

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")

    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    try:
        async with RawServer(answer) as server:
            with pytest.raises(APIStatusError) as caught:
                await connect(server.base_url, retry=ONCE).request("GET", "/x")
    finally:
        loop.set_debug(False)
    assert caught.value.status == 101

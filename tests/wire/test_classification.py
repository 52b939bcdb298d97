"""What is certain not to have been sent, and what is not."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from claro_async import ConnectionFailedError, OutcomeUnknownError, RetryPolicy, Timeout
from claro_async.transport.events import AttemptFailed
from tests.watching import of_kind
from tests.wire.operations import send, session_of
from tests.wire.raw_server import RawRequest, RawServer, reply
from tests.wire.ways import lane  # noqa: F401 - both of them

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async import ClaroClient
    from claro_async.emulator import Emulator
    from claro_async.transport.events import Event

ONCE = RetryPolicy(max_attempts=1)


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def fails_unsent(
    client: ClaroClient, events: list[Event], operation: str = "updateColumnTaskType"
) -> ConnectionFailedError:
    """Send something that changes data; its failure must be of the harmless kind."""
    with pytest.raises(ConnectionFailedError, match="nothing was changed") as caught:
        await send(client, operation)
    assert [event.sent for event in of_kind(events, AttemptFailed)] == [False]
    return caught.value


async def test_a_refused_connection(
    connect: Callable[..., ClaroClient], events: list[Event]
) -> None:
    """Where nothing listens, nothing was sent."""
    await fails_unsent(connect(f"http://127.0.0.1:{free_port()}/api/v2", retry=ONCE), events)


async def test_a_name_that_does_not_resolve(
    connect: Callable[..., ClaroClient], events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host without an address is a request that was not sent."""

    async def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", fail)
    await fails_unsent(connect("https://claro.invalid/api/v2", retry=ONCE), events)


async def test_a_server_that_does_not_speak_tls(
    connect: Callable[..., ClaroClient], events: list[Event]
) -> None:
    """A handshake that fails is a request that was not sent."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await fails_unsent(connect(f"https://127.0.0.1:{port}/api/v2", retry=ONCE), events)


async def test_a_handshake_that_is_cut_off(
    connect: Callable[..., ClaroClient], events: list[Event]
) -> None:
    """A server that hangs up in the handshake got no request."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await fails_unsent(connect(f"https://127.0.0.1:{port}/api/v2", retry=ONCE), events)


async def test_a_handshake_that_takes_too_long(
    connect: Callable[..., ClaroClient], events: list[Event]
) -> None:
    """A connection that does not come about in time is a request that was not sent."""
    done = asyncio.Event()

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = connect(
            f"https://127.0.0.1:{port}/api/v2", retry=ONCE, timeout=Timeout(connect=0.05)
        )
        error = await fails_unsent(client, events)
        done.set()
    assert type(error).__name__ == "RequestTimeoutError"


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="bodies are written at once there")
@pytest.mark.parametrize("lane", [False])  # by the lane they are written at once everywhere
async def test_a_kept_connection_found_closed_before_the_first_byte(
    connect: Callable[..., ClaroClient], events: list[Event]
) -> None:
    """A kept connection that closes just before the write is a request that was not sent."""

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b'{"columnId": "c"}'))

    async with RawServer(answer) as server:
        client = connect(server.base_url, retry=ONCE)
        await client.request("GET", "/x")
        connector = session_of(client)._session.connector
        ((protocol, _),) = next(iter(connector._conns.values()))  # type: ignore[union-attr]
        assert protocol.transport is not None
        asyncio.get_running_loop().call_soon(protocol.transport.close)
        await fails_unsent(client, events, "updateCell")
        assert len(server.requests) == 1


async def test_a_kept_connection_is_not_trusted_with_what_must_not_be_repeated(
    connect: Callable[..., ClaroClient],
) -> None:
    """An upload or a task-type change goes on a new connection, never on one that may be stale."""

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"{}"))

    async with RawServer(answer) as server:
        client = connect(server.base_url)
        for method in ("GET", "PATCH", "POST", "PUT", "GET"):
            await client.request(method, "/x", json=None, idempotent=method == "PATCH" or None)
        assert [request.connection for request in server.requests] == [1, 1, 2, 3, 1]


@pytest.mark.parametrize("kind", ["reset", "disconnect", "truncate"])
async def test_a_connection_that_ends_after_the_request_is_doubtful(
    kind: str, emulator: Emulator, connect: Callable[..., ClaroClient], events: list[Event]
) -> None:
    """Once a byte was written, the request may have been applied."""
    emulator.faults.add("updateColumnTaskType", kind)
    with pytest.raises(OutcomeUnknownError):
        await send(connect(emulator.base_url), "updateColumnTaskType")
    assert [event.sent for event in of_kind(events, AttemptFailed)] == [True]


async def test_something_that_is_not_http(
    connect: Callable[..., ClaroClient], events: list[Event]
) -> None:
    """A reply that is not HTTP leaves the outcome unknown and says what came."""

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 smtp.example ready\r\n\r\n")
        writer.close()

    async with RawServer(answer) as server:
        with pytest.raises(OutcomeUnknownError):
            await send(connect(server.base_url, retry=ONCE), "updateColumnTaskType")
    assert [event.sent for event in of_kind(events, AttemptFailed)] == [True]

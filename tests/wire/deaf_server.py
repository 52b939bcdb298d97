"""A server that reads nothing of a request until it is told to, over buffers that are soon full."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from claro_async.transport.aiohttp_session import AiohttpSession

_BUFFER = 2048  # bytes, which the system makes a few thousand of


class DeafServer:
    """Listens on loopback and takes connections.

    Args:
        early: What it sends on each connection at once.
    """

    def __init__(self, early: bytes = b"") -> None:
        self._early = early
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener = socket.socket()
        self.connections: list[socket.socket] = []

    async def __aenter__(self) -> Self:
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self._listener.setblocking(False)
        self._accepting = asyncio.ensure_future(self._accept())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._accepting.cancel()
        for each in (self._listener, *self.connections):
            each.close()

    @property
    def base_url(self) -> str:
        """As the API's root."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/api/v2"

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self._listener)
            self.connections.append(connection)
            await loop.sock_sendall(connection, self._early)

    async def read(self) -> bytes:
        """All that still comes on the first connection."""
        loop = asyncio.get_running_loop()
        pieces = []
        while piece := await loop.sock_recv(self.connections[0], 1 << 16):
            pieces.append(piece)
        return b"".join(pieces)


def narrow(session: AiohttpSession) -> None:
    """Give the connections of a session a buffer that is soon full, too."""
    for each in (session._session, session._unkept):
        connector = each.connector
        assert connector is not None
        _narrow_connector(connector)


def _narrow_connector(connector: object) -> None:
    original = connector._create_connection  # type: ignore[attr-defined]

    async def create(*args: object) -> object:
        protocol = await original(*args)
        sock = protocol.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        return protocol

    connector._create_connection = create  # type: ignore[attr-defined]

"""A real proxy for CONNECT over sockets, which notes whatever it could read."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import TYPE_CHECKING

from tests.loopback import LoopbackServer

if TYPE_CHECKING:
    from ssl import SSLContext


class ConnectProxy(LoopbackServer):
    """Listens on loopback and tunnels; every name leads to this machine.

    Args:
        credentials: User name and password that it wants, if any.
        silent: Whether it never answers.
        tls: Its certificate, where it is spoken to by TLS itself.

    Attributes:
        targets: What was asked for, in order, refused or not.
        seen: Every byte that came from clients.
        asked: Set once it was asked for anything.
    """

    def __init__(
        self, credentials: str = "", *, silent: bool = False, tls: SSLContext | None = None
    ) -> None:
        super().__init__(tls=tls)
        self._wanted = f"Basic {b64encode(credentials.encode()).decode()}" if credentials else None
        self._silent = silent
        self.targets: list[str] = []
        self.seen = b""
        self.asked = asyncio.Event()

    @property
    def address(self) -> str:
        """``127.0.0.1:port``."""
        return f"127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Tunnel to where the head says."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.seen += head
        first, *lines = head.decode().split("\r\n")
        method, target, _ = first.split(" ")
        assert method == "CONNECT"
        self.targets.append(target)
        self.asked.set()
        fields = dict(line.lower().split(": ", 1) for line in lines if line)
        if self._silent:
            await asyncio.Event().wait()
        if self._wanted and fields.get("proxy-authorization") != self._wanted.lower():
            writer.write(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        port = int(target.rpartition(":")[2])
        there = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        try:
            await asyncio.gather(self._pass_on(reader, there[1]), _copy(there[0], writer))
        finally:
            there[1].close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(1 << 16):
            self.seen += piece
            writer.write(piece)
            await writer.drain()
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(1 << 16):
        writer.write(piece)
        await writer.drain()
    writer.close()

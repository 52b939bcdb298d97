"""A server that does to its connections exactly what a test tells it to, byte for byte."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from multidict import CIMultiDict

from tests.loopback import LoopbackServer

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable
    from ssl import SSLContext

_LINGER_ZERO = struct.pack("ii", 1, 0)


class RawRequest(NamedTuple):
    """A request as it arrived; the body is what came of it."""

    method: str
    target: str
    headers: CIMultiDict[str]
    body: bytes
    connection: int


Answer: TypeAlias = "Callable[[RawRequest, asyncio.StreamWriter], Awaitable[None]]"


class RawServer(LoopbackServer):
    """Listens on loopback, reads requests, and lets `answer` do the rest.

    Args:
        answer: Called for each whole request; may write, close, abort or do nothing.
        read_bodies: Whether to read a body before answering.
        close: Whether to close a connection after its first answer.
        tls: Its certificate, where it speaks TLS.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        read_bodies: bool = True,
        close: bool = False,
        tls: SSLContext | None = None,
    ) -> None:
        super().__init__(tls)
        self._answer = answer
        self._close = close
        self._read_bodies = read_bodies
        self.requests: list[RawRequest] = []
        self.connections = 0

    @property
    def origin(self) -> str:
        """``http://127.0.0.1:port``, or ``https://localhost:port`` with TLS."""
        return f"http://127.0.0.1:{self.port}" if self._tls is None else self.at("localhost")

    def at(self, host: str) -> str:
        """The origin under another name, with TLS."""
        return f"https://{host}:{self.port}"

    @property
    def base_url(self) -> str:
        """As the API's root."""
        return f"{self.origin}/api/v2"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read requests and answer them, until the other side has no more."""
        self.connections += 1
        number = self.connections
        while request := await self._read(reader, number):
            self.requests.append(request)
            await self._answer(request, writer)
            if self._close:
                break

    async def _read(self, reader: asyncio.StreamReader, number: int) -> RawRequest | None:
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.endswith(b" HTTP/1.1\r\n\r\n") and b" HTTP/1.1\r\n" not in head:
            return None  # what is left of a body that was not read
        first, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
        method, target, _ = first.split(" ")
        headers: CIMultiDict[str] = CIMultiDict()
        for line in filter(None, lines):
            name, _, text = line.partition(": ")
            headers.add(name, text)
        body = await self._read_body(reader, headers) if self._read_bodies else b""
        return RawRequest(method, target, headers, body, number)

    async def _read_body(self, reader: asyncio.StreamReader, headers: CIMultiDict[str]) -> bytes:
        if headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(await reader.readline(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readline()
            return body
        return await reader.readexactly(int(headers.get("Content-Length", "0")))


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a TCP reset."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    writer.transport.abort()


def reply(body: bytes = b"{}", status: int = 200, /, **headers: str) -> bytes:
    """A whole reply; underscores in the names of headers stand for hyphens."""
    fields = {"Content-Length": str(len(body)), "Content-Type": "application/json"}
    fields.update({name.replace("_", "-"): text for name, text in headers.items()})
    head = "".join(f"{name}: {text}\r\n" for name, text in fields.items())
    return f"HTTP/1.1 {status} Reason\r\n{head}\r\n".encode() + body


def always(content: bytes | None) -> Answer:
    """Answer with these bytes and close; None is a reset."""

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        if content is None:
            reset(writer)
        else:
            writer.write(content)
            writer.close()

    return answer


def answering(content: bytes) -> Answer:
    """Answer every request with these bytes."""

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(content)
        await writer.drain()

    return answer

"""A server that does to its connections exactly what a test tells it to, byte for byte."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, NamedTuple, Self, TypeAlias

from multidict import CIMultiDict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from ssl import SSLContext

_TURNS_TO_CLOSE = 10  # of the event loop, also for handshakes that the other side broke off
_LINGER_ZERO = struct.pack("ii", 1, 0)


class RawRequest(NamedTuple):
    """A request as it arrived; the body is what came of it."""

    method: str
    target: str
    headers: CIMultiDict[str]
    body: bytes
    connection: int


Answer: TypeAlias = "Callable[[RawRequest, asyncio.StreamWriter], Awaitable[None]]"


class RawServer:
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
        self._answer = answer
        self._tls = tls
        self._close = close
        self._read_bodies = read_bodies
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None
        self.requests: list[RawRequest] = []
        self.connections = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()  # TLS would wait for the other side to say goodbye
        for _turn in range(_TURNS_TO_CLOSE):
            await asyncio.sleep(0)

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

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

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.append(writer)
        try:
            while request := await self._read(reader, number):
                self.requests.append(request)
                await self._answer(request, writer)
                if self._close:
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

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


def answering(content: bytes) -> Answer:
    """Answer every request with these bytes."""

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(content)
        await writer.drain()

    return answer

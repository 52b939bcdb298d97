"""Reads the bodies of replies to the API's requests: bounded, and given up when they stall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp

from claro_async.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aiohttp.client_proto import ResponseHandler
    from aiohttp.streams import StreamReader

READ_BUFFER = 1 << 22
"""Bytes of a reply that are read ahead: a page of 1,000 rows in few pieces, which was measured at
twice the rows a second."""

_KEPT = 1 << 23  # bytes, of the 1 << 25 that glibc takes at the most


def keep_memory() -> None:
    """Have glibc keep memory that is free, instead of giving it back and asking for it once more.

    That is the memory of the bodies that are under way, and of what the event loop reads into: each
    page of 1,000 rows would cost 200 page faults, a tenth of its CPU. The largest block that was
    freed says how much is kept: twice its size.
    """
    bytes(_KEPT)  # zeros, which take no memory until they are looked at


def limit_idle(protocol: ResponseHandler | None, seconds: float) -> None:
    """From now on give up when no further byte of the reply comes for so long."""
    if protocol is None:
        return  # the whole body is here
    protocol.read_timeout = seconds
    protocol.start_timeout()


def break_off(contents: Iterable[StreamReader]) -> None:
    """Wake whoever reads a body, since aiohttp leaves it waiting when its session is closed."""
    for content in contents:
        content.set_exception(aiohttp.ClientConnectionError("the client was closed"))


class ContentReader:
    """Reads bodies whole.

    Args:
        max_bytes: Of one body, after decompression.
        idle: Seconds for which no byte may come.
    """

    def __init__(self, max_bytes: int, idle: float) -> None:
        self._max_bytes = max_bytes
        self._idle = idle
        self._read_from: set[StreamReader] = set()

    def close(self) -> None:
        """Let whoever reads fail."""
        break_off(self._read_from)

    def take(self, content: StreamReader, status: int) -> bytes:
        """A body that is here to its end.

        Raises:
            DecodeError: It is larger than allowed.
        """
        # to read it would have the connection look for more, which costs as much as all else here
        pieces: Any = getattr(content, "_buffer", ())  # aiohttp's reader of nothing has none
        whole = len(pieces) == 1 and content.exception() is None
        body: bytes = pieces.popleft() if whole else content.read_nowait()
        if len(body) > self._max_bytes:
            raise self._too_large(status)
        return body

    async def read(
        self,
        content: StreamReader,
        status: int,
        headers: Mapping[str, str],
        protocol: ResponseHandler | None,
    ) -> bytes:
        """A body that is still on its way.

        Args:
            content: Where it comes.
            status: The reply's HTTP status.
            headers: The reply's headers.
            protocol: The connection on which it comes.

        Raises:
            DecodeError: It is larger than allowed.
        """
        limit_idle(protocol, self._idle)
        self._read_from.add(content)
        try:
            announced = headers.get("Content-Length")
            if announced is None or "Content-Encoding" in headers:
                return await self._read_pieces(content, status)
            length = int(announced)
            if length > self._max_bytes:
                raise self._too_large(status)
            if not content.is_eof() and content.exception() is None:
                content.set_read_chunk_size(length)  # so that reading never pauses on the way
                await content.wait_eof()
            return content.read_nowait()
        except RuntimeError as error:  # what aiohttp says where the connection is gone already
            raise aiohttp.ClientConnectionError(str(error)) from None
        finally:
            self._read_from.discard(content)

    async def _read_pieces(self, content: StreamReader, status: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        async for piece in content.iter_any():
            pieces.append(piece)
            size += len(piece)
            if size > self._max_bytes:
                raise self._too_large(status)
        return b"".join(pieces)

    def _too_large(self, status: int) -> DecodeError:
        text = f"a reply of more than {self._max_bytes:,} bytes (max_reply_bytes)"
        return DecodeError(text, status=status)

"""Bodies that take a while to send: they are given up when they stall, not when they are slow."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import payload

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter

    from claro_async.transport.bodies import Upload

if sys.platform != "win32":
    import array
    import fcntl
    import termios

SMALL_BODY = 1 << 16  # bytes that go out with the headers, in one write that cannot stall
_FIRST_LOOK = 0.001  # seconds between looks at what is still on its way; doubled up to the last
_LAST_LOOK = 0.1


def make_form(name: str, upload: Upload, idle: float) -> aiohttp.MultipartWriter:
    """A form for one attempt.

    Args:
        name: What the form calls the file.
        upload: The file.
        idle: Seconds for which no byte may move.
    """
    form = aiohttp.MultipartWriter("form-data")
    form.append_payload(_FilePart(name, upload, idle))
    return form


class _Moving(payload.Payload):
    """A body that is sent in pieces.

    A slow line may take as long as it needs: what counts is that what is unsent gets less.
    """

    _idle: float

    async def _send(self, writer: AbstractStreamWriter, piece: bytes) -> None:
        unsent = _unsent(writer) + len(piece)
        step = partial(writer.write, piece)
        while True:
            try:
                async with asyncio.timeout(self._idle):
                    return await step()
            except TimeoutError:
                before, unsent = unsent, _unsent(writer)
                if unsent >= before:
                    raise self._stalled() from None
                step = partial(writer.drain)

    async def _arrive(self, writer: AbstractStreamWriter) -> None:
        """Wait until little is unsent, so that it does not eat the reply's time."""
        loop = asyncio.get_running_loop()
        unsent, moved_at, pause = _unsent(writer), loop.time(), _FIRST_LOOK
        while unsent > SMALL_BODY:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LAST_LOOK)
            before, unsent = unsent, _unsent(writer)
            if unsent < before:
                moved_at = loop.time()
            elif loop.time() - moved_at > self._idle:
                raise self._stalled()

    def _stalled(self) -> TimeoutError:
        return TimeoutError(f"no byte of the request moved for {self._idle:g} seconds")


class LargeBody(_Moving):
    """A large JSON body."""

    _value: bytes

    def __init__(self, content: bytes, idle: float) -> None:
        super().__init__(content, content_type="application/json")
        self._idle = idle
        self._size = len(content)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The body as text."""
        return self._value.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write the body."""
        for at in range(0, len(self._value), SMALL_BODY):
            await self._send(writer, self._value[at : at + SMALL_BODY])
        await self._arrive(writer)


class _FilePart(_Moving):
    """One part of a form, read from its source as it is written."""

    def __init__(self, name: str, upload: Upload, idle: float) -> None:
        super().__init__(upload, content_type=upload.content_type, filename=upload.file_name)
        self.set_content_disposition(
            "form-data", quote_fields=False, name=name, filename=upload.file_name
        )
        self._upload = upload
        self._idle = idle
        self._size = upload.size

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:  # noqa: ARG002
        """Not for files."""
        raise TypeError("a file part has no text")

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write the file."""
        async with aclosing(self._upload.chunks()) as chunks:
            async for chunk in chunks:
                await self._send(writer, chunk)
        await self._arrive(writer)


def _unsent(writer: AbstractStreamWriter) -> int:
    """Bytes that the other side has not confirmed: ours, and the system's where it tells."""
    transport: asyncio.WriteTransport | None = getattr(writer, "transport", None)
    if transport is None or transport.is_closing():
        return 0
    waiting = transport.get_write_buffer_size()
    sock = transport.get_extra_info("socket")
    if sys.platform == "win32" or sock is None:
        return waiting
    queued = array.array("i", [0])
    try:
        fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, queued)
    except OSError:  # not told for this kind of socket
        return waiting
    return waiting + queued[0]

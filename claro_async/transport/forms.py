"""Bodies that take a while to send: they are given up when they stall, not when they are slow."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Self

import aiohttp
from aiohttp import payload

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from aiohttp.abc import AbstractStreamWriter

    from claro_async.wire.requests import FileBody

if sys.platform != "win32":
    import array
    import fcntl
    import termios

SMALL_BODY = 1 << 16  # bytes that go out with the headers, in one write that cannot stall
_FIRST_PAUSE = (
    0.001  # seconds between two checks of what is still on its way; doubled up to the last
)
_LAST_PAUSE = 0.1
_CHECKS = 8  # whether anything moves, within the idle time


def make_form(
    fields: Iterable[tuple[str, str]], files: Iterable[tuple[str, FileBody]], idle: float
) -> aiohttp.MultipartWriter:
    """A form for one attempt.

    Args:
        fields: Plain fields, by name.
        files: Files, by the field's name.
        idle: Seconds for which no byte may move.
    """
    form = aiohttp.MultipartWriter("form-data")
    for name, text in fields:
        part = payload.StringPayload(text)
        part.set_content_disposition("form-data", quote_fields=False, name=name)
        form.append_payload(part)
    for name, file in files:
        form.append_payload(_FilePart(name, file, idle))
    return form


class _Watch:
    """Ends the block it is around when bytes wait to be sent and none moves for the idle time.

    A slow line may take as long as it needs: what counts is that what is unsent gets less. A source
    may be slow, too: where nothing waits to be sent, nothing stalls.
    """

    def __init__(self, writer: AbstractStreamWriter, idle: float) -> None:
        self._writer = writer
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._limit = asyncio.timeout(None)
        self._given = 0
        self._confirmed = -1
        self._moved_at = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        await self._limit.__aenter__()
        self._check()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        try:
            await self._limit.__aexit__(kind, error, traceback)
        except TimeoutError:
            text = f"no byte of the request moved for {self._idle:g} seconds"
            raise TimeoutError(text) from None

    async def write(self, piece: bytes) -> None:
        """Write a piece."""
        self._given += len(piece)
        await self._writer.write(piece)

    async def arrive(self) -> None:
        """Wait until little is unsent, so that it does not eat the time for the reply."""
        pause = _FIRST_PAUSE
        while _unsent(self._writer) > SMALL_BODY:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LAST_PAUSE)

    def _check(self) -> None:
        unsent, now = _unsent(self._writer), self._loop.time()
        if unsent == 0 or self._given - unsent != self._confirmed:
            self._confirmed, self._moved_at = self._given - unsent, now
        if now - self._moved_at >= self._idle:
            self._limit.reschedule(now)
        else:
            self._timer = self._loop.call_later(self._idle / _CHECKS, self._check)


class LargeBody(payload.Payload):
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
        async with _Watch(writer, self._idle) as watched:
            for at in range(0, len(self._value), SMALL_BODY):
                await watched.write(self._value[at : at + SMALL_BODY])
            await watched.arrive()


class _FilePart(payload.Payload):
    """One part of a form, read from its source as it is written."""

    def __init__(self, name: str, upload: FileBody, idle: float) -> None:
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
        async with _Watch(writer, self._idle) as watched:
            async with aclosing(self._upload.chunks()) as chunks:
                async for chunk in chunks:
                    await watched.write(chunk)
            await watched.arrive()


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
    except OSError:  # this kind of socket does not say
        return waiting
    return waiting + queued[0]

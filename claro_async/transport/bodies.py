"""Files on their way up: each attempt gets a body of its own, read anew from the source.

A form that was sent once cannot be sent again (aiohttp raises), and a file read to its end sends 0
bytes with a 200, so a body is never kept from one attempt to the next.
"""

from __future__ import annotations

import asyncio
import io
import mimetypes
import os
from collections.abc import AsyncIterable
from contextlib import aclosing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, TypeAlias, cast, runtime_checkable

from claro_async.errors import TransferError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

UploadSource: TypeAlias = str | Path | bytes | IO[bytes] | AsyncIterable[bytes]
"""A path, bytes, a binary file (read from where it stands, left open) or an async iterable."""

CHUNK_SIZE = 1 << 18
MAX_FILE_SIZE = 100_000_000
"""Bytes; Claro API v2, uploads: 100 MB a file."""

_CONTENT_TYPES = {
    ".pdf": "application/pdf",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".txt": "text/plain",
}


@runtime_checkable
class _FileLike(Protocol):
    """A binary file of another make than the standard library's."""

    def read(self, size: int, /) -> bytes: ...
    def seekable(self) -> bool: ...


class Upload:
    """A file to send: where its bytes come from, and what it is called.

    Attributes:
        file_name: As sent.
        content_type: As sent.
        size: Bytes, or None where only reading tells.
        rewindable: Whether the bytes can be read a second time.
        started: Whether the source was read from.
        failure: Why the latest attempt could not read the source to its end, or None.
    """

    def __init__(
        self,
        source: UploadSource,
        *,
        file_name: str | None = None,
        content_type: str | None = None,
        max_size: int = MAX_FILE_SIZE,
        on_progress: Callable[[int, int | None], None] | None = None,
    ) -> None:
        self._on_progress = on_progress
        self._max_size = max_size
        self._path: Path | None = None
        self._data: bytes | None = None
        self._file: IO[bytes] | None = None
        self._stream: AsyncIterable[bytes] | None = None
        self._start = 0
        self.started = False
        self._reading: AsyncGenerator[bytes, None] | None = None
        self._head = b""
        self.failure: TransferError | None = None
        self.rewindable = True
        self.size: int | None
        self.size, default_name = self._take(source)
        self.file_name = _check_file_name(file_name or default_name)
        self.content_type = content_type or _guess_type(self.file_name)
        if not self.content_type.isprintable() or not self.content_type.isascii():
            raise ValueError("content_type must be printable ASCII, such as application/pdf")
        if self.size is not None:
            self._check_size(self.size)

    def _take(self, source: object) -> tuple[int | None, str | None]:
        """Sort out what kind of source it is; returns the size and name that it brings along."""
        if isinstance(source, bytes | bytearray | memoryview):
            self._data = bytes(source)
            return len(self._data), None
        if isinstance(source, str | Path):
            self._path = Path(source)
            status = self._path.stat()
            if not self._path.is_file():
                raise ValueError(f"{self._path} is not a regular file")
            return status.st_size, self._path.name
        if isinstance(source, AsyncIterable):
            self._stream = source
            self.rewindable = False
            return None, None
        if not isinstance(source, _FileLike) or _is_text(source):
            raise TypeError(
                "a file to upload is a path, bytes, a file opened in binary mode or an async"
                f" iterable of bytes, not {type(source).__name__}"
            )
        self._file = file = cast("IO[bytes]", source)
        size: int | None = None
        self.rewindable = file.seekable()
        if self.rewindable:
            self._start = file.tell()
            size = file.seek(0, os.SEEK_END) - self._start
            file.seek(self._start)
        name = getattr(file, "name", None)
        return size, Path(name).name if isinstance(name, str) else None

    async def prepare(self) -> None:
        """See that a source whose size is not known has any bytes, before anything is sent.

        Raises:
            TransferError: It has none, or cannot be read.
        """
        if self.size is not None or self._reading is not None:
            return
        self._reading = self._read()
        try:
            while not self._head:
                self._head = await anext(self._reading)
        except StopAsyncIteration:
            raise self._unreadable(ValueError("it is empty: there is nothing to upload")) from None
        except Exception as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> TransferError:
        self.failure = TransferError(f"{self.file_name}: the source cannot be read: {error}")
        return self.failure

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The bytes, from the start, for one attempt.

        Raises:
            TransferError: The source cannot be read to its end or again, is empty or larger than
                allowed, or changed its size since. It is kept as :attr:`failure`, too: what
                passes it on wraps it into an error of its own.
        """
        self.failure = None
        try:
            async with aclosing(self._counted()) as chunks:
                async for chunk in chunks:
                    yield chunk
        except Exception as error:
            raise self._unreadable(error) from error

    async def _counted(self) -> AsyncGenerator[bytes, None]:
        if self.started and not self.rewindable:
            raise ValueError("it can be read only once")
        self.started = True
        done = 0
        async with aclosing(self._from_head()) as chunks:
            async for chunk in chunks:
                done += len(chunk)
                if self.size is None:
                    self._check_size(done)
                elif done > self.size:
                    break  # before more goes out than was promised
                yield chunk
                if self._on_progress is not None:
                    self._on_progress(done, self.size)
        if self.size is None:
            self._check_size(done)
        elif done != self.size:
            raise ValueError(f"{self.size} bytes when the upload began, {done} bytes read now")

    async def _from_head(self) -> AsyncGenerator[bytes, None]:
        head, self._head = self._head, b""
        reading, self._reading = self._reading or self._read(), None
        if head:
            yield head
        async with aclosing(reading) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _read(self) -> AsyncGenerator[bytes, None]:
        if self._data is not None:
            view = memoryview(self._data)
            for at in range(0, len(view), CHUNK_SIZE):
                yield bytes(view[at : at + CHUNK_SIZE])
        elif self._stream is not None:
            async for chunk in self._stream:
                if not isinstance(chunk, bytes | bytearray | memoryview):
                    raise TypeError(f"it gives {type(chunk).__name__}, not bytes")
                yield bytes(chunk)
        else:
            async with aclosing(self._read_file()) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def _read_file(self) -> AsyncGenerator[bytes, None]:
        # reading from a disk can block for long, so it is left to a thread
        file: IO[bytes]
        if self._path is not None:
            # not in a thread: cancelled in between, nobody would close it
            file = self._path.open("rb")
        else:
            file = cast("IO[bytes]", self._file)
            if self.rewindable:
                await asyncio.to_thread(file.seek, self._start)
        try:
            while chunk := await asyncio.to_thread(file.read, CHUNK_SIZE):
                yield chunk
        finally:
            if self._path is not None:
                file.close()

    def _check_size(self, size: int) -> None:
        if size == 0:
            raise ValueError(f"{self.file_name} is empty: there is nothing to upload")
        if size > self._max_size:
            raise ValueError(
                f"{self.file_name} has {size:,} bytes or more; the API takes {self._max_size:,}"
                " a file: split it"
            )


def _guess_type(name: str) -> str:
    """What a name says of the content; the kinds that the API takes do not depend on the system."""
    known = _CONTENT_TYPES.get(Path(name).suffix.lower())
    return known or mimetypes.guess_type(name)[0] or "application/octet-stream"


def _is_text(file: object) -> bool:
    return isinstance(file, io.TextIOBase)


def _check_file_name(name: str | None) -> str:
    if not name:
        raise ValueError("filename is needed: the source has no name of its own")
    if any(character in name for character in "\r\n\0"):
        raise ValueError(f"filename {name!r} holds a line break or NUL")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"filename {name!r} cannot be written in UTF-8") from None
    return name

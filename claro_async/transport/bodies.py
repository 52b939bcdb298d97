"""Files on their way up: each attempt gets a body of its own, read anew from the source.

A form that was sent once cannot be sent again (aiohttp raises), and a file read to its end sends 0
bytes with a 200, so a body is never kept from one attempt to the next.
"""

from __future__ import annotations

import asyncio
import io
import mimetypes
import os
import unicodedata
from collections.abc import AsyncIterable
from contextlib import aclosing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, TypeAlias, cast, runtime_checkable

from claro_async._checks import check_text
from claro_async.errors import TransferError
from claro_async.storage.threads import in_thread, in_thread_of_caller, open_in_thread
from claro_async.transfer_options import MAX_FILE_SIZE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

UploadSource: TypeAlias = str | Path | bytes | IO[bytes] | io.RawIOBase | AsyncIterable[bytes]
"""A path, bytes, a binary file (read from where it stands, left open) or an async iterable."""

CHUNK_SIZE = 1 << 18
_RETRY_READ = 0.05  # seconds until a source that has nothing now is asked again

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
        bytes_sent: How many bytes the source had, once an attempt has handed out all of them.
        failure: Why the latest attempt could not hand out all bytes, or None: the source cannot be
            read, or the progress callback raised, whose own error it then is.
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
        self.started: bool = False
        self._reading: AsyncGenerator[bytes, None] | None = None
        self._head = b""
        self.bytes_sent: int | None = None
        self.failure: Exception | None = None
        self.rewindable: bool = True
        self.size: int | None
        self.size, default_name = self._take(source)
        for name, text in (("filename", file_name), ("content_type", content_type)):
            if text is not None:
                check_text(name, text)
        self.file_name: str = _check_file_name(file_name or default_name)
        self.content_type: str = content_type or _guess_type(self.file_name)
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
            size = max(0, file.seek(0, os.SEEK_END) - self._start)
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
        failure = TransferError(f"{self.file_name}: the source cannot be read: {error}")
        self.failure = failure
        return failure

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
        except _CallbackError as error:
            self.failure = error.failure
            raise
        except Exception as error:
            failure = self._unreadable(error)
            failure.__cause__ = error
            # not this very error: whoever passes that one on adds frames to it that hold the key
            raise TransferError(str(failure)) from error

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
                self._report(done)
        if self.size is None:
            self._check_size(done)
        elif done != self.size:
            raise ValueError(f"{self.size} bytes when the upload began, {done} bytes read now")
        self.bytes_sent = done

    def _report(self, done: int) -> None:
        if self._on_progress is None:
            return
        try:
            self._on_progress(done, self.size)
        except Exception as error:  # noqa: BLE001 - the caller's own, which is raised as it is
            raise _CallbackError(error) from None

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
        path = self._path
        if path is not None:
            opened = await open_in_thread(lambda: path.open("rb"), lambda file: file.close())
            try:
                while chunk := await in_thread(opened.read, CHUNK_SIZE):
                    yield chunk
            finally:
                opened.close()
            return
        file = cast("IO[bytes]", self._file)
        if self.rewindable:
            await in_thread_of_caller(file.seek, self._start)
        read = cast("Callable[[int], bytes | None]", file.read)
        while (data := await in_thread_of_caller(read, CHUNK_SIZE)) != b"":
            if data is None:  # a file that does not block has nothing now
                await asyncio.sleep(_RETRY_READ)
            else:
                yield data

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
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise ValueError(f"filename {name!r} holds a control character, which cannot be sent")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"filename {name!r} cannot be written in UTF-8") from None
    return name


class _CallbackError(Exception):
    """The progress callback raised."""

    def __init__(self, failure: Exception) -> None:
        super().__init__("the progress callback raised")
        # from the callback's own frame on: those above it are no concern of the caller's
        trace = failure.__traceback__
        self.failure = failure.with_traceback(trace.tb_next if trace is not None else None)

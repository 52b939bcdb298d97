"""Files read and written in blocks, whatever their make."""

from __future__ import annotations

import inspect
import io
import os
import select
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, cast

from claro_async.errors import TransferError
from claro_async.storage.threads import in_thread, open_in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

BLOCK = 1 << 20  # bytes that are written or read at once, in a thread
_PAUSE = 0.05  # seconds between two tries to write to what takes nothing now
_MAX_EMPTY_WRITES = 20


class Writable(Protocol):
    """A file of any make that takes bytes."""

    def write(self, data: bytes, /) -> Any:
        """Write all or, returning how much, some of it."""


def check_writable(target: object) -> None:
    """Refuse an object that bytes cannot be written to.

    Raises:
        TypeError: It has no ``write``, takes text, or writes asynchronously.
        ValueError: It is closed, or open for reading.
    """
    write = getattr(target, "write", None)
    if not callable(write) or isinstance(target, io.TextIOBase):
        raise TypeError(
            "the target is a path, a folder or a file opened for writing in binary mode, not"
            f" {type(target).__name__}"
        )
    if inspect.iscoroutinefunction(write):
        raise TypeError("the target writes asynchronously: iterate over stream() instead")
    if isinstance(target, io.IOBase) and not target.writable():
        raise ValueError("the target is a file that is not open for writing")


def write_all(file: Writable, data: bytes, stop: threading.Event | None = None) -> None:
    """Write all of it, to a file that may take less at a time, or nothing for a while; blocks.

    Args:
        file: The file. What returns None took all, except a raw file: that one would block.
        data: What to write.
        stop: Ends it, where the file does not take all at once.

    Raises:
        TransferError: It takes nothing, time and again.
        TypeError: It writes asynchronously.
    """
    rest = memoryview(data)
    empty = 0
    while rest and not (stop is not None and stop.is_set()):
        taken = _write(file, bytes(rest) if len(rest) < len(data) else data)
        empty = 0 if taken else empty + 1
        rest = rest[taken or 0 :]
        if taken == 0 and empty >= _MAX_EMPTY_WRITES:
            raise TransferError("the target takes no more bytes: its write returns 0")
        if not taken:
            _wait_until_writable(file)


def _write(file: Writable, data: bytes) -> int | None:
    """How many bytes were taken; None where writing would block."""
    try:
        taken = file.write(data)
    except BlockingIOError as error:
        return error.characters_written or None
    if isinstance(taken, int):
        return min(max(0, taken), len(data))
    if taken is None and isinstance(file, io.RawIOBase):
        return None
    if inspect.isawaitable(taken):
        with suppress(AttributeError):
            taken.close()  # type: ignore[attr-defined]  # of a coroutine
        raise TypeError("the target writes asynchronously: iterate over stream() instead")
    return len(data)  # other makes of files return anything


def _wait_until_writable(file: Writable) -> None:
    """Wait until a file may take bytes, for a moment at the most."""
    if sys.platform != "win32":
        with suppress(AttributeError, OSError, ValueError):
            select.select((), (cast("Any", file).fileno(),), (), _PAUSE)
            return
    threading.Event().wait(_PAUSE)  # it has no descriptor


class StreamFile(io.RawIOBase):
    """A named pipe or a character device, opened to be written through; never waits.

    Args:
        path: The pipe or device.

    Raises:
        OSError: Nobody reads from the pipe, or the device cannot be opened.
    """

    _descriptor = -1  # of what could not be opened, and is closed all the same

    def __init__(self, path: Path) -> None:
        super().__init__()
        flags = os.O_WRONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
        try:
            self._descriptor = os.open(path, flags)
        except OSError as error:
            message = f"it cannot be opened, or nobody reads from it: {error.strerror}"
            raise OSError(error.errno, message, str(path)) from None

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: Any, /) -> int | None:
        """Write some of it; None if nothing can be written now."""
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return None

    def close(self) -> None:
        """Close it."""
        if not self.closed and self._descriptor >= 0:
            os.close(self._descriptor)
        super().close()


async def read_blocks(path: Path) -> AsyncGenerator[bytes, None]:
    """The bytes of a file, read in a thread."""

    def open_file() -> io.FileIO:
        return io.FileIO(path)

    file = await open_in_thread(open_file, io.FileIO.close)
    try:
        while block := await in_thread(file.read, BLOCK):
            yield block
    finally:
        file.close()

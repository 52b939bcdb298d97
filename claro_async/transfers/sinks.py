"""Where the bytes of a transfer go when it is no file that can be renamed into its place."""

from __future__ import annotations

import asyncio
import os
import threading
from functools import partial
from typing import TYPE_CHECKING, Self

from claro_async.storage.blocks import StreamFile, check_writable, write_all
from claro_async.storage.target import TargetKind, find_target
from claro_async.storage.threads import begin_in_thread, finish, in_thread, leave, open_in_thread

if TYPE_CHECKING:
    from claro_async.storage.blocks import Writable
    from claro_async.storage.target import Target


def check_target(target: object) -> None:
    """Refuse what is no target, without asking the file system.

    Raises:
        TypeError: Neither a path nor a file that takes bytes.
        ValueError: A file that is closed, or open for reading.
    """
    if not isinstance(target, str | os.PathLike):
        check_writable(target)


async def open_target(target: str | os.PathLike[str] | Writable) -> Target | Sink:
    """See what a target is, before anything is sent; a pipe or device is opened.

    Raises:
        OSError: It cannot be written: see :func:`~claro_async.storage.target.find_target`.
        ValueError: An empty path.
    """
    if not isinstance(target, str | os.PathLike):
        return Sink(target)
    found = await in_thread(find_target, target)
    if found.kind is not TargetKind.STREAM:
        return found
    file = await open_in_thread(partial(StreamFile, found.path), StreamFile.close)
    return Sink(file, owned=True)


class Sink:
    """A file object, pipe or device that bytes are written to as they come.

    Args:
        file: The file.
        owned: Whether it is closed in the end.

    Attributes:
        size: Bytes written.
    """

    def __init__(self, file: Writable, *, owned: bool = False) -> None:
        self._file = file
        self._owned = owned
        self._stop = threading.Event()
        self.size: int = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._owned and isinstance(self._file, StreamFile):
            await in_thread(self._file.close)

    async def write(self, block: bytes) -> None:
        """Write a block, in a thread.

        Raises:
            OSError: As of the file.
            TransferError: The file takes nothing.
        """
        work = begin_in_thread(partial(write_all, self._file, block, self._stop))
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError:
            self._stop.set()
            await (finish(work) if self._owned else leave(work))
            raise
        work.result()
        self.size += len(block)

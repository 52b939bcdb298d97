"""Files that grow: bytes are gathered in blocks, and one thread at a time writes them."""

from __future__ import annotations

import os
from functools import partial
from typing import IO, TYPE_CHECKING, Self, TypeVar

from claro_async.storage.blocks import BLOCK, write_all
from claro_async.storage.threads import begin_in_thread, finish, in_thread, open_in_thread

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from pathlib import Path

R = TypeVar("R")

NOT_THROUGH_LINKS = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


class GrowingFile:
    """What is common to all files that grow; the descendants open and close `_file`.

    Once something could not be written, every later flush, sync or commit raises the same error
    until the file is rewound: what was to be written is gone, though an ``fsync`` would succeed.

    Attributes:
        size: Bytes written.
    """

    def __init__(self) -> None:
        self.size: int = 0
        self._file: IO[bytes]
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._working: asyncio.Future[None] | None = None
        self._failure: BaseException | None = None

    async def write(self, piece: bytes) -> None:
        """Add bytes; they go to the disk in larger blocks, while the next ones come in."""
        self._pieces.append(piece)
        self._waiting += len(piece)
        if self._waiting >= BLOCK:
            await self._begin_to_flush()

    async def flush(self) -> None:
        """Write what was added."""
        await self._begin_to_flush()
        await self._rest()

    async def rewind(self) -> None:
        """Throw away what was added so far, and the error that was raised meanwhile."""
        self._pieces, self._waiting, self._failure = [], 0, None
        await self._work(lambda file: file.seek(file.truncate(0)))

    async def run(self, write: Callable[[IO[bytes]], R]) -> R:
        """Let `write` add to the file, in a thread; returns what that returns.

        Where it is cancelled, that is when the thread has ended.
        """
        await self._begin_to_flush()
        return await self._work(write)

    async def sync(self) -> None:
        """See that all that was added is on the disk."""
        await self.run(lambda file: os.fsync(file.fileno()))

    async def _begin_to_flush(self) -> None:
        await self._rest()
        pieces, self._pieces, self._waiting = self._pieces, [], 0
        if pieces:
            self._begin(lambda file: write_all(file, b"".join(pieces)))

    async def _work(self, act: Callable[[IO[bytes]], R]) -> R:
        await self._rest()
        results: list[R] = []
        self._begin(lambda file: results.append(act(file)))
        await self._rest()
        return results[0]

    def _begin(self, act: Callable[[IO[bytes]], object]) -> None:
        self._working = begin_in_thread(partial(self._act, act))

    def _act(self, act: Callable[[IO[bytes]], object]) -> None:
        act(self._file)
        if not self._file.closed:
            self.size = self._file.tell()

    async def _rest(self) -> None:
        """Wait for the thread, of which there is one at a time."""
        if self._working is not None:
            if (cancelled := await finish(self._working)) is not None:
                raise cancelled
            self._failure, self._working = self._working.exception(), None
        if self._failure is not None:
            raise self._failure

    async def _close(self, close: Callable[[], object]) -> None:
        """Close what is open, when the thread has ended, even if cancelled meanwhile."""
        if self._working is not None:
            await finish(self._working)
        await in_thread(close)


class ScratchFile(GrowingFile):
    """A file of one's own that something larger is made of; closed on leaving, but not removed.

    Args:
        make: Makes the empty file, and sees to its removal.
    """

    def __init__(self, make: Callable[[], Path]) -> None:
        super().__init__()
        self._make = make
        self.path: Path

    async def __aenter__(self) -> Self:
        self.path, self._file = await open_in_thread(self._open, lambda made: made[1].close())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close(self._file.close)

    def _open(self) -> tuple[Path, IO[bytes]]:
        path = self._make()
        return path, open_again(path)


def open_again(path: Path) -> IO[bytes]:
    """Open a file that exists for reading and writing, unless it is a symbolic link."""
    return os.fdopen(os.open(path, os.O_RDWR | NOT_THROUGH_LINKS), "r+b", buffering=0)

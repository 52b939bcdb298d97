"""Files that are either whole and at their place, or not there.

What is being made grows in ``<target>.part`` beside the target. When it is complete and on the
disk, it is renamed, which replaces an older file at the target in one step.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol, Self

from claro_async.errors import TransferError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

if sys.platform != "win32":
    import fcntl

BLOCK = 1 << 20  # bytes that are written or read at once, in a thread


class Writable(Protocol):
    """A file of any make that takes bytes."""

    def write(self, data: bytes, /) -> Any:
        """Write all or, returning how much, some of it."""


class PartFile:
    """A file in the making; an async context manager that leaves nothing behind unless committed.

    Attributes:
        target: Where it will be.
        path: Where it grows.
        size: Bytes written.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(target.name + ".part")
        self.size = 0
        self._file: IO[bytes]
        self._scratch: set[Path] = set()
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._working: asyncio.Future[None] | None = None
        self._committed = False

    async def __aenter__(self) -> Self:
        self._file = await asyncio.to_thread(_open_alone, self.path)
        return self

    async def __aexit__(self, *_: object) -> None:
        # goes on to its end even if this task is cancelled once more
        await asyncio.shield(asyncio.ensure_future(self._end()))

    async def write(self, piece: bytes) -> None:
        """Add bytes; they go to the disk in larger blocks, while the next ones come in."""
        self._pieces.append(piece)
        self._waiting += len(piece)
        if self._waiting >= BLOCK:
            await self._flush()

    async def rewind(self) -> None:
        """Throw away what was added so far."""
        self._pieces, self._waiting = [], 0
        await self._work(lambda file: file.seek(file.truncate(0)))

    async def run(self, write: Callable[[IO[bytes]], object]) -> None:
        """Let `write` add to the file, in a thread."""
        await self._flush()
        await self._work(write)

    def scratch(self, name: str) -> Path:
        """A path beside the target for a file of one's own, which is removed in the end."""
        path = self.path.with_name(f"{self.path.name}.{name}")
        self._scratch.add(path)
        return path

    async def adopt(self, made: Path) -> None:
        """Take a scratch file for the content."""
        await self._work(lambda _: self._adopt(made))

    async def commit(self, *, durable: bool = True) -> int:
        """Bring the file to its place; returns its size in bytes.

        Args:
            durable: Whether all of it must be on the disk before and the rename after.
        """
        await self._flush()
        await self._rest()
        if durable:
            await self._work(lambda file: os.fsync(file.fileno()))
        self.path.replace(self.target)
        self._committed = True
        if durable:
            await asyncio.to_thread(_sync_folder, self.target.parent)
        return self.size

    async def _flush(self) -> None:
        """Begin to write what was added."""
        await self._rest()
        pieces, self._pieces, self._waiting = self._pieces, [], 0
        if pieces:
            self._begin(lambda file: write_all(file, b"".join(pieces)))

    async def _work(self, act: Callable[[IO[bytes]], object]) -> None:
        await self._rest()
        self._begin(act)
        await self._rest()

    def _begin(self, act: Callable[[IO[bytes]], object]) -> None:
        self._working = asyncio.get_running_loop().run_in_executor(None, self._act, act)

    def _act(self, act: Callable[[IO[bytes]], object]) -> None:
        act(self._file)
        self.size = self._file.tell()

    async def _rest(self) -> None:
        """Wait for the thread, of which there is one at a time."""
        if self._working is not None:
            await asyncio.wait({self._working})  # unlike await, leaves it alone when cancelled
            working, self._working = self._working, None
            working.result()

    def _adopt(self, made: Path) -> None:
        file = made.open("r+b", buffering=0)
        file.seek(0, os.SEEK_END)
        _lock(file)
        made.replace(self.path)
        self._file.close()
        self._file = file

    async def _end(self) -> None:
        if self._working is not None:
            await asyncio.wait({self._working})
            self._working.exception()  # whoever waited for it has it already
        await asyncio.to_thread(self._clean_up)

    def _clean_up(self) -> None:
        for path in self._scratch if self._committed else {self.path, *self._scratch}:
            with suppress(OSError):
                path.unlink()
        self._file.close()


def _open_alone(path: Path) -> IO[bytes]:
    """Open a part file that nobody else writes; what a dead process left in it is dropped."""
    while True:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)  # the last on Windows only
        file = os.fdopen(os.open(path, flags, 0o666), "r+b", buffering=0)
        if not _lock(file):
            file.close()
            raise TransferError(f"{path} is being written by another download or export")
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                file.truncate(0)
                return file
        file.close()  # it was renamed or removed before the lock was ours


def _lock(file: IO[bytes]) -> bool:
    if sys.platform == "win32":
        return True  # there, two processes with one target are not kept apart
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    """Bring a rename to the disk, where the system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_all(file: Writable, data: bytes) -> None:
    """Write all of it: an unbuffered file may take less at a time."""
    taken = file.write(data)
    while isinstance(taken, int) and taken < len(data):  # other makes of files return anything
        data = data[taken:]
        taken = file.write(data)


async def read_blocks(path: Path) -> AsyncGenerator[bytes, None]:
    """The bytes of a file, read in a thread."""
    file = await asyncio.to_thread(path.open, "rb", buffering=0)
    try:
        while block := await asyncio.to_thread(file.read, BLOCK):
            yield block
    finally:
        file.close()


def check_target(target: object) -> None:
    """Refuse a target that cannot be written to.

    Raises:
        FileNotFoundError: Its folder is not there.
        TypeError: Neither a path nor a file to write to.
    """
    if isinstance(target, str | os.PathLike):
        folder = Path(target) if is_folder(target) else Path(target).parent
        if not folder.is_dir():
            raise FileNotFoundError(f"the folder {folder} is not there: make it first")
    elif not callable(getattr(target, "write", None)):
        raise TypeError(
            "the target is a path, a folder or a file opened for writing in binary mode, not"
            f" {type(target).__name__}"
        )


def is_folder(target: str | os.PathLike[str]) -> bool:
    """Whether a target names a folder: one that is there, or by a slash at its end."""
    return str(target).endswith(("/", os.sep)) or Path(target).is_dir()


def path_in(target: str | os.PathLike[str], name: str) -> Path:
    """The file that a target stands for; a folder's file gets the name."""
    return Path(target) / name if is_folder(target) else Path(target)

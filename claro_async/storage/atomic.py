"""Files that are either whole and at their place, or not there.

What is being made grows in a file with a name of its own beside the target. When it is complete and
on the disk, it is renamed, which replaces an older file at the target in one step.
"""

from __future__ import annotations

import os
import secrets
import stat
import sys
from contextlib import suppress
from functools import partial
from typing import IO, TYPE_CHECKING, Self

import attrs

from claro_async.errors import TransferError
from claro_async.storage.blocks import write_all
from claro_async.storage.growing import NOT_THROUGH_LINKS, GrowingFile, ScratchFile, open_again
from claro_async.storage.locks import FileLock, InUseError, prefix_beside
from claro_async.storage.target import Target, TargetKind, find_target
from claro_async.storage.threads import open_in_thread

if TYPE_CHECKING:
    from pathlib import Path


@attrs.frozen(kw_only=True)
class _Opened:
    """What was opened to make the file."""

    target: Target
    lock: FileLock
    path: Path
    file: IO[bytes]


class AtomicFile(GrowingFile):
    """A file in the making; an async context manager that leaves nothing behind unless committed.

    One writer a target: a second one, of this process or another, is refused when it enters. A
    symbolic link is followed to its file, as ``open`` does; an existing file keeps its permissions
    and, where that is allowed, its owner. What a killed process left behind goes away with the next
    writer of the same target.

    Args:
        target: Where it will be.
        resumable: Whether the part file stays, unless committed or discarded, so that a later
            one can go on with it.
        part: The :attr:`path` of an earlier, resumable one to go on with.
        size: Bytes of it that count; what follows is cut off.

    Attributes:
        target: Where it will be.
        size: Bytes written.
    """

    def __init__(
        self, target: Path, *, resumable: bool = False, part: Path | None = None, size: int = 0
    ) -> None:
        super().__init__()
        self.target = target
        self._resumable = resumable
        self._resumed = part
        self._resumed_size = size
        self._opened: _Opened
        self._scratch: set[Path] = set()
        self._committed = False

    @property
    def path(self) -> Path:
        """Where it grows; nobody else has a file of that name."""
        return self._opened.path

    async def __aenter__(self) -> Self:
        """Open it.

        Raises:
            TransferError: Somebody else writes the target; or the part to go on with is missing,
                shorter than it has to be, or not a file of its own.
            OSError: As of :func:`~claro_async.storage.target.find_target`.
        """
        make = partial(
            _open, self.target, self._resumed, self._resumed_size, resumable=self._resumable
        )
        undo = partial(_close, keep=self._resumed is not None)
        self._opened = await open_in_thread(make, undo)
        self._file = self._opened.file
        self.size: int = self._resumed_size
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close(self._clean_up)

    def scratch(self) -> ScratchFile:
        """A file of one's own to make this one of; it is removed in the end."""
        return ScratchFile(self.make_scratch)

    def make_scratch(self) -> Path:
        """Make an empty file beside the target, which is removed in the end; blocks."""
        path = _new_name(self._opened.target.real, "part")
        os.close(_create(path, self._opened.target))
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
        await self.run(lambda file: _finish(file, self._opened, durable=durable))
        await self._work(lambda file: self._put_in_place(file, durable=durable))
        return self.size

    def discard(self) -> None:
        """Let a resumable part file go, too, when this ends."""
        self._resumable = False

    def _adopt(self, made: Path) -> None:
        self._file.close()
        made.replace(self._opened.path)
        self._file = open_again(self._opened.path)
        self._file.seek(0, os.SEEK_END)

    def _put_in_place(self, file: IO[bytes], *, durable: bool) -> None:
        _rename(file, self._opened)
        self._committed = True
        if durable:
            _sync_folder(self._opened.target.real.parent)

    def _clean_up(self) -> None:
        for path in self._scratch:
            _remove(path)
        self._file.close()
        _close(self._opened, keep=self._committed or self._resumable)


def write_whole(target: Path, content: bytes, *, mode: int | None = None) -> None:
    """Write a small file as :class:`AtomicFile` does; blocks.

    Args:
        target: Where it will be.
        content: What it holds.
        mode: The permissions that it gets, whatever the file before had.

    Raises:
        TransferError: As of :meth:`AtomicFile.__aenter__`.
        OSError: It cannot be written; what was at the target stays.
    """
    opened = _open(target, None, 0, resumable=False, mode=mode or 0o666)
    is_in_place = False
    try:
        write_all(opened.file, content)
        _finish(opened.file, opened, durable=True)
        if mode is not None:
            opened.path.chmod(mode)
        _rename(opened.file, opened)
        is_in_place = True
        _sync_folder(opened.target.real.parent)
    finally:
        _close(opened, keep=is_in_place)


def _open(
    target: Path, part: Path | None, size: int, *, resumable: bool, mode: int = 0o666
) -> _Opened:
    found = find_target(target)
    if found.kind is not TargetKind.FILE:
        raise TransferError(f"{target} is no file: nothing can be renamed into its place")
    try:
        lock = FileLock.acquire(found.real)
    except InUseError:
        raise TransferError(f"{target} is being written by another download or export") from None
    try:
        if lock.left_behind:
            _remove_left_behind(found.real)
        if part is not None:
            return _Opened(target=found, lock=lock, path=part, file=_take_up(part, size))
        path = _new_name(found.real, "resume" if resumable else "part")
        file = os.fdopen(_create(path, found, mode), "r+b", buffering=0)
        return _Opened(target=found, lock=lock, path=path, file=file)
    except BaseException:
        lock.release()
        raise


def _take_up(part: Path, size: int) -> IO[bytes]:
    """Open what an earlier one left, if it is a file that nobody else has put there."""
    try:
        file = open_again(part)
    except OSError as error:
        raise TransferError(f"{part} cannot be gone on with: {error.strerror}") from None
    try:
        objection = _object_to_part(os.fstat(file.fileno()), size)
        if not objection:
            file.truncate(size)
            file.seek(size)
    except BaseException:
        file.close()
        raise
    if objection:
        file.close()
        raise TransferError(f"{part} cannot be gone on with: {objection}")
    return file


def _object_to_part(found: os.stat_result, size: int) -> str | None:
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        return "it is not a file of its own"
    if found.st_size < size:
        return f"it has {found.st_size:,} of {size:,} bytes"
    return None


def _close(opened: _Opened, *, keep: bool) -> None:
    opened.file.close()
    if not keep:
        _remove(opened.path)
    opened.lock.release()


def _create(path: Path, target: Target, mode: int = 0o666) -> int:
    """Make a file that was not there, private where the target exists; returns its descriptor."""
    mode = mode if target.before is None else 0o600
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | NOT_THROUGH_LINKS, mode)


def _new_name(real: Path, suffix: str) -> Path:
    return real.with_name(f"{prefix_beside(real)}-{secrets.token_hex(8)}.{suffix}")


def _remove_left_behind(real: Path) -> None:
    """Remove what a killed writer of this target left; not what can be gone on with."""
    for path in real.parent.glob(f"{prefix_beside(real)}-*.part"):
        _remove(path)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _finish(file: IO[bytes], opened: _Opened, *, durable: bool) -> None:
    """Give the file its permissions, and bring it to the disk."""
    _keep_permissions(file, opened.path, opened.target.before)
    if durable:
        os.fsync(file.fileno())


def _rename(file: IO[bytes], opened: _Opened) -> None:
    """Bring the file to its place."""
    if sys.platform == "win32":
        file.close()  # what is open cannot be renamed there
    opened.path.replace(opened.target.real)


def _keep_permissions(file: IO[bytes], path: Path, before: os.stat_result | None) -> None:
    """Give the new file the owner and the permissions of the one that it replaces."""
    if before is None:
        return
    mode = stat.S_IMODE(before.st_mode) & 0o777
    if sys.platform == "win32":
        path.chmod(mode)
        return
    found = os.fstat(file.fileno())
    if (found.st_uid, found.st_gid) != (before.st_uid, before.st_gid):
        try:
            os.fchown(file.fileno(), before.st_uid, before.st_gid)
        except OSError:
            mode &= ~0o070 | (mode & 0o007) << 3  # another group gets no more than everybody
    os.fchmod(file.fileno(), mode)


def _sync_folder(folder: Path) -> None:
    """Bring a rename to the disk, where the system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

"""One writer a file: a lock that goes away with its process, however that ends.

The lock is a ``flock`` on a file of its own beside the locked one. SQLite's own locks (POSIX
``fcntl``) are dropped as soon as *any* descriptor of the database is closed in the process; this
one is not.
"""

from __future__ import annotations

import errno
import hashlib
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform != "win32":
    import fcntl

_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
"""A file system without locks: there, two writers are not kept apart."""


class InUseError(Exception):
    """Somebody else has the lock."""


def prefix_beside(path: Path) -> str:
    """How names of our own files beside a file begin; short, whatever the file's name is."""
    return f".claro-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}"


class FileLock:
    """The right to write a file, until :meth:`release`.

    The lock file is removed by :meth:`release`; one that a killed process left is taken over. On
    Windows, and on file systems that have no locks, nothing is locked.

    Attributes:
        left_behind: Whether a lock file was there already, so a process may have been killed.
    """

    def __init__(self, path: Path, descriptor: int, *, left_behind: bool) -> None:
        self._path = path
        self._descriptor = descriptor
        self.left_behind = left_behind

    @classmethod
    def acquire(cls, path: Path) -> Self:
        """Lock a file, which need not exist; its folder must. Symbolic links are not followed.

        Raises:
            InUseError: It is locked, by another process or in this one.
            OSError: The lock file cannot be made.
        """
        place = path.with_name(f"{prefix_beside(path)}.lock")
        while True:
            try:
                descriptor, is_new = _open(place)
            except FileNotFoundError:
                if not path.parent.is_dir():
                    raise
                continue  # it was removed in between
            try:
                _lock(descriptor)
                stands = _is_at(descriptor, place)
            except BaseException:
                os.close(descriptor)
                raise
            if stands:
                return cls(place, descriptor, left_behind=not is_new)
            os.close(descriptor)  # it was removed before the lock was ours

    def release(self) -> None:
        """Give the right up; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        with suppress(OSError):
            self._path.unlink()
        if sys.platform != "win32":
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)  # a forked child may hold a copy
        os.close(descriptor)


def _open(place: Path) -> tuple[int, bool]:
    no_follow = getattr(os, "O_NOFOLLOW", 0)
    try:
        return os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL | no_follow, 0o644), True
    except FileExistsError:
        # another user's can be locked, too: that takes no right to write it
        return os.open(place, os.O_RDONLY | no_follow), False


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InUseError from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def _is_at(descriptor: int, place: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), place.lstat())
    except FileNotFoundError:
        return False

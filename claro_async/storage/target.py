"""What stands at a path that is to be written, decided in one place before anything is sent."""

from __future__ import annotations

import errno
import os
import stat
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from typing import TypeAlias

    PathLike: TypeAlias = str | os.PathLike[str]


class TargetKind(Enum):
    """How a target is written."""

    FILE = "file"
    """Made beside it and renamed into its place."""
    FOLDER = "folder"
    """Gets a file whose name is known later."""
    STREAM = "stream"
    """A named pipe or a character device: written through, never replaced."""


@attrs.frozen(kw_only=True)
class Target:
    """A path that can be written.

    Attributes:
        path: As it was named.
        real: The same with symbolic links followed, as ``open`` does.
        kind: How it is written.
        before: What stands there now; None where nothing does.
    """

    path: Path
    real: Path
    kind: TargetKind
    before: os.stat_result | None = None

    def file(self, name: str) -> Path:
        """The path to write to: a folder's file gets the name."""
        return self.path / name if self.kind is TargetKind.FOLDER else self.path


def find_target(path: PathLike) -> Target:
    """See what stands at a path; blocks, as a file system may.

    Raises:
        FileNotFoundError: Its folder does not exist.
        OSError: Its folder, or the file itself, cannot be written; its name is too long; or it is
            a socket, a disk, or a file that is mounted by itself, none of which can be replaced.
        ValueError: It is empty, or holds NUL.
    """
    text = os.fspath(path)
    if not text:
        raise ValueError("the target is an empty path: name a file or a folder")
    named = Path(text)
    before = _status(named)
    if before is not None and (stat.S_ISFIFO(before.st_mode) or stat.S_ISCHR(before.st_mode)):
        return Target(path=named, real=named, kind=TargetKind.STREAM, before=before)
    real = Path(os.path.realpath(named))
    folder = real if before is not None and stat.S_ISDIR(before.st_mode) else real.parent
    if folder is not real and text.endswith(("/", os.sep)):
        raise FileNotFoundError(errno.ENOENT, "the folder does not exist: make it first", text)
    if not folder.is_dir():
        message = "the folder does not exist: make it first"
        raise FileNotFoundError(errno.ENOENT, message, str(folder))
    if not os.access(folder, os.W_OK | os.X_OK):
        message = "no file can be made in this folder: it, or its file system, is read-only"
        raise PermissionError(errno.EACCES, message, str(folder))
    if folder is real:
        return Target(path=named, real=real, kind=TargetKind.FOLDER, before=before)
    if before is not None:
        _check_replaceable(real, before)
    return Target(path=named, real=real, kind=TargetKind.FILE, before=before)


def _status(named: Path) -> os.stat_result | None:
    """What stands there, links followed; None for nothing."""
    try:
        return named.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise  # as for links that lead to each other
        length = len(os.fsencode(named.name))
        message = f"the name has {length} bytes, more than the file system takes: shorten it"
        raise OSError(error.errno, message, str(named)) from None


def _check_replaceable(real: Path, before: os.stat_result) -> None:
    """Refuse what is no file, what ``open`` could not write, and what a rename cannot replace."""
    if not stat.S_ISREG(before.st_mode):
        message = "neither a file, a folder, a pipe nor a character device: choose another target"
        raise OSError(errno.EINVAL, message, str(real))
    if not os.access(real, os.W_OK):
        raise PermissionError(errno.EACCES, "the file is read-only", str(real))
    if before.st_dev != real.parent.stat().st_dev:
        message = "a file that is mounted by itself cannot be replaced: choose another target"
        raise OSError(errno.EXDEV, message, str(real))

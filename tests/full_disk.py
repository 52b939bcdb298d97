"""A disk that takes no more, by a limit that the system sets to this process's files."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    """Within this block a write beyond so many bytes of a file fails, in part or as a whole."""
    assert sys.platform != "win32", "POSIX has such a limit"
    import resource  # noqa: PLC0415 - not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

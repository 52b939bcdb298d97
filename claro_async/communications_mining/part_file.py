"""What a part file holds, compared with what a checkpoint says of it. Everything here blocks."""

from __future__ import annotations

import hashlib
import os
from typing import IO, TYPE_CHECKING, Any

from claro_async.communications_mining.checkpoint import Content
from claro_async.communications_mining.comments import uid_of
from claro_async.communications_mining.known_uids import StoredUids
from claro_async.storage.blocks import BLOCK

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def blocks_of(file: IO[bytes], size: int) -> Iterator[bytes]:
    """So many bytes of a file, or what there is of them; blocks."""
    while size > 0 and (block := file.read(min(size, BLOCK))):
        size -= len(block)
        yield block


def _digest(blocks: Iterable[bytes]) -> str:
    hasher = hashlib.sha256()
    for block in blocks:
        hasher.update(block)
    return hasher.hexdigest()


def holds(path: Path, content: Content, *, whole: bool) -> bool:
    """Whether a file holds this content: as a whole, or at its beginning."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < content.size or (whole and size != content.size):
                return False
            return not content.size or _digest(blocks_of(file, content.size)) == content.digest
    except FileNotFoundError:
        return False


def content_of(path: Path) -> Content:
    """The size and digest of a file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        return Content(size=size, digest=_digest(blocks_of(file, size)))


def read_again(path: Path, size: int, hasher: Any, stop: threading.Event) -> StoredUids:
    """The comments in a part file, whose bytes go to the hash, too."""
    known = StoredUids()

    def uids() -> Iterator[str]:
        with path.open("rb") as file:
            while file.tell() < size and not stop.is_set():
                line = file.readline()
                hasher.update(line)
                yield uid_of(line)

    known.insert(uids())
    return known

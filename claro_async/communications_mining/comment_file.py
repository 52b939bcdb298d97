"""What an export to a file reports: its progress, and the file that it made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from claro_async._plain import plain_record
from claro_async.progress import Progress, Unit

if TYPE_CHECKING:
    from pathlib import Path


@attrs.frozen(kw_only=True)
class ExportProgress(Progress):
    """How far an export to a file is.

    Attributes:
        unit: ``rows``.
        done: Comments written, those of earlier runs included.
        total: None: the API does not say how many there are.
        seconds: Since the start of this run.
        size: Bytes of JSON lines written, those of earlier runs included.
        pages: Pages read in this run.
    """

    unit: Unit = "rows"
    total: int | None = None
    size: int
    pages: int

    @property
    def comments(self) -> int:
        """As `done`."""
        return self.done


@attrs.frozen(kw_only=True)
class CommentFile:
    """A file of exported comments.

    Attributes:
        path: The file.
        comments: Comments in it, each once.
        size: Bytes.
        resumed: Whether an earlier run had begun it.
        duplicates: Comments that the server gave more than once in this run; the file has them
            once.
    """

    path: Path
    comments: int
    size: int
    resumed: bool
    duplicates: int

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON values, by attribute name."""
        return plain_record(self)

"""Exports to files that are whole or not there, and can be taken up again after any end."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import attrs

from claro_async._checks import to_enum
from claro_async.communications_mining.checkpoint import Checkpoint, Progress
from claro_async.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from claro_async.communications_mining.comments import ExportedComment
    from claro_async.communications_mining.export import ExportStream
    from claro_async.transport.clock import Clock

_LONGEST_UNRECORDED = 1.0
_SHARE_OF_TIME = 10
"""Between two records passes so many times the time that a record takes, at most a second."""


class FileFormat(StrEnum):
    """How comments are written."""

    JSONL = "jsonl"
    PARQUET = "parquet"


@attrs.frozen
class ExportProgress:
    """How far an export to a file is.

    Attributes:
        comments: Comments written, those of earlier runs included.
        size: Bytes of JSON lines written.
        pages: Pages read in this run.
    """

    comments: int
    size: int
    pages: int


@attrs.frozen
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


def as_format(name: str) -> FileFormat:
    """A format by its name; what it needs is looked for at once, not after the export.

    Raises:
        ImportError: The extra that the format needs is missing.
        ValueError: No such format.
    """
    chosen = to_enum("format", name, FileFormat)
    if chosen is FileFormat.PARQUET:
        from claro_async.communications_mining import parquet  # noqa: F401, PLC0415 - an extra
    return chosen


class ExportJob:
    """One call of :meth:`Dataset.export_to`.

    Args:
        path: The file.
        format_: How comments are written.
        stream: Makes the stream from a continuation, or from the beginning.
        checkpoint: Where progress is recorded, or None.
        job: What is exported, for the checkpoint.
        clock: Time.
        on_progress: Called after each page.

    Raises:
        ValueError: The checkpoint is the file itself.
    """

    def __init__(  # noqa: PLR0913 - what the job is made of
        self,
        path: Path,
        format_: FileFormat,
        stream: Callable[[str | None], ExportStream],
        *,
        checkpoint: Path | None,
        job: dict[str, Any],
        clock: Clock,
        on_progress: Callable[[ExportProgress], None] | None,
    ) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        if checkpoint is not None and checkpoint.absolute() in {
            path.absolute(),
            self._part.absolute(),
        }:
            raise ValueError("checkpoint must be another file than the export itself")
        self._format = format_
        self._job = {**job, "format": format_.value, "file": path.name}
        self._checkpoint_path = checkpoint
        self._make_stream = stream
        self._clock = clock
        self._on_progress = on_progress
        self._checkpoint: Checkpoint | None = None

    async def run(self) -> CommentFile:
        """Export, from where the checkpoint says, to the end."""
        if self._checkpoint_path is not None:
            self._checkpoint = Checkpoint(self._checkpoint_path, self._job)
        whole = False
        try:
            start = Progress() if self._checkpoint is None else self._checkpoint.read()
            if self._is_in_place(start):
                end, duplicates = start, 0
            else:
                end, duplicates = await self._write(start)
                await self._put_in_place()
            whole = True
        finally:
            if self._checkpoint is not None:
                self._checkpoint.close(remove=whole)
            elif not whole:
                with suppress(OSError):
                    self._part.unlink()
        size = self._path.stat().st_size
        resumed = start != Progress()
        return CommentFile(self._path, end.comments, size, resumed, duplicates)

    def _is_in_place(self, start: Progress) -> bool:
        """Whether an earlier run ended between putting the file in its place and saying so."""
        return start.whole and not self._part.exists() and self._path.exists()

    async def _write(self, start: Progress) -> tuple[Progress, int]:
        part = PartFile(self._part, start)
        written = recorded = start
        if start.whole:
            part.close()
            return start, 0
        stream = self._make_stream(start.continuation)
        due = self._clock.monotonic()
        pages = 0
        try:
            async for comments in stream.pages():
                part.write(comments)
                pages += 1
                continuation = stream.continuation
                written = Progress(
                    continuation, part.size, part.comments, whole=continuation is None
                )
                if self._on_progress is not None:
                    self._on_progress(ExportProgress(part.comments, part.size, pages))
                began = self._clock.monotonic()
                if self._checkpoint is not None and began >= due and not written.whole:
                    await asyncio.to_thread(part.sync)
                    self._checkpoint.write(written)
                    recorded = written
                    now = self._clock.monotonic()
                    due = now + min(_SHARE_OF_TIME * (now - began), _LONGEST_UNRECORDED)
            # a stream without a page, as of no uids, is whole, too
            written = attrs.evolve(written, continuation=None, whole=True)
        finally:
            if written != recorded:
                part.sync()
                if self._checkpoint is not None:
                    self._checkpoint.write(written)
            part.close()
        return written, stream.duplicates

    async def _put_in_place(self) -> None:
        if self._format is FileFormat.PARQUET:
            from claro_async.communications_mining import parquet  # noqa: PLC0415 - an extra

            table = self._path.with_name(f"{self._path.name}.table")
            try:
                await parquet.convert(self._part, table)
                table.replace(self._path)
            finally:
                table.unlink(missing_ok=True)
            self._part.unlink()
        else:
            self._part.replace(self._path)
        _sync_folder(self._path.parent)


class PartFile:
    """Comments as JSON lines, appended to what counts of an earlier run.

    Attributes:
        size: Bytes.
        comments: Lines.
    """

    def __init__(self, path: Path, start: Progress) -> None:
        if start.size and (not path.exists() or path.stat().st_size < start.size):
            raise JournalError(
                f"{path} is missing or shorter than its checkpoint says: remove the checkpoint to"
                " begin anew"
            )
        self._file = path.open("r+b" if start.size else "wb")
        # what was written after the latest record is read again
        self._file.truncate(start.size)
        self._file.seek(start.size)
        self.size = start.size
        self.comments = start.comments

    def write(self, comments: Iterable[ExportedComment]) -> None:
        """Append comments."""
        for comment in comments:
            line = comment.to_json()
            self._file.write(line)
            self._file.write(b"\n")
            self.size += len(line) + 1
            self.comments += 1

    def sync(self) -> None:
        """See that all that was written is on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _sync_folder(folder: Path) -> None:
    """See that a new name is on the disk, where folders can be opened."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

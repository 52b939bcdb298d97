"""Exports to files that are whole or not there, and can be taken up again after any end."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from contextlib import aclosing, suppress
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import attrs

from claro_async.communications_mining.checkpoint import Checkpoint, Content, Record
from claro_async.communications_mining.comment_file import CommentFile, ExportProgress
from claro_async.communications_mining.part_file import content_of, holds, read_again
from claro_async.errors import JournalError, TransferError
from claro_async.formats import format_of
from claro_async.storage.atomic import AtomicFile
from claro_async.storage.target import TargetKind, find_target
from claro_async.storage.threads import begin_in_thread, finish, in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from claro_async.communications_mining.comments import ExportedComment
    from claro_async.communications_mining.export import ExportStream
    from claro_async.communications_mining.known_uids import StoredUids
    from claro_async.formats import FileFormat
    from claro_async.progress import ProgressCallback
    from claro_async.transport.clock import Clock

    T = TypeVar("T")

_LONGEST_UNRECORDED = 1.0
_SHARE_OF_TIME = 10
"""Between two records passes so many times the time that a record takes, at most a second."""


_FORMATS = ("jsonl", "parquet", "csv")


def choose_format(path: str | os.PathLike[str], name: str | None) -> FileFormat:
    """The format that is asked for, or that the suffix of a path says; without one, JSON lines.

    Raises:
        ImportError: What the format needs is not installed.
        ValueError: No such format, or a suffix that says none.
    """
    if name is None and (not Path(path).suffix or Path(path).is_dir()):
        name = "jsonl"
    return format_of(path, name, _FORMATS)


class MakeStream(Protocol):
    """Makes the stream of comments of an export."""

    def __call__(self, continuation: str | None, known: StoredUids | None) -> ExportStream:
        """Make it.

        Args:
            continuation: Where to go on; None at the beginning.
            known: All comments that were given; None where the latest are enough.
        """


@attrs.frozen(kw_only=True)
class ExportJob:
    """One call of :meth:`Dataset.export_to`.

    Attributes:
        path: The file, or a folder.
        name: Of the file, without suffix, where `path` is a folder.
        format: How comments are written.
        make_stream: Makes the stream.
        checkpoint: Where progress is recorded, or None.
        job: What is exported, for the checkpoint.
        clock: Time.
        on_progress: Called after each page.
    """

    path: str | os.PathLike[str]
    name: str
    format: FileFormat
    make_stream: MakeStream
    checkpoint: Path | None
    job: dict[str, Any]
    clock: Clock
    on_progress: ProgressCallback[ExportProgress] | None

    async def run(self) -> CommentFile:
        """Export, from where the checkpoint says, to the end."""
        path, real = await in_thread(self._find_target)
        if self.checkpoint is None:
            return await _Run(self, path, real, None, Record()).export()
        job = {**self.job, "format": self.format.name, "path": str(real)}
        checkpoint = await Checkpoint.open(self.checkpoint, job)
        run: _Run | None = None
        whole = False
        try:
            run = _Run(self, path, real, checkpoint, await checkpoint.read())
            file = await run.export()
            whole = True
        finally:
            is_unused = run is not None and not run.has_records
            await checkpoint.close(remove=whole or is_unused)
        return file

    def _find_target(self) -> tuple[Path, Path]:
        """The file as it is named, and with symbolic links followed."""
        target = find_target(self.path)
        if target.kind is TargetKind.FOLDER:
            target = find_target(target.file(f"{self.name}.{self.format.name}"))
        if target.kind is not TargetKind.FILE:
            raise TransferError(f"{target.path} is no file, and cannot be made one")
        if self.checkpoint is not None and target.real == Path(os.path.realpath(self.checkpoint)):
            raise ValueError("checkpoint must be another file than the export itself")
        return target.path, target.real


class _Found(Enum):
    """What an earlier run left."""

    NOTHING = "nothing"
    LINES = "lines"
    """A part file with the JSON lines that the checkpoint says."""
    FINAL = "final"
    """A part file that holds what the target is to hold."""
    IN_PLACE = "in place"
    """The target, which holds it already: the run ended before it could say so."""


@attrs.define
class _Lines:
    """JSON lines of comments that grow in a part file.

    Attributes:
        size: Bytes.
        comments: Lines.
    """

    _part: AtomicFile
    _hash: Any
    """None where nobody asks for the digest."""
    size: int
    comments: int

    async def add(self, comments: Sequence[ExportedComment]) -> None:
        """Append comments."""
        if not comments:
            return
        text = b"".join(line for each in comments for line in (each.to_json(), b"\n"))
        await self._part.write(text)
        if self._hash is not None:
            self._hash.update(text)
        self.size += len(text)
        self.comments += len(comments)

    def content(self) -> Content:
        """What was written."""
        return Content(size=self.size, digest="" if self._hash is None else self._hash.hexdigest())

    async def sync(self) -> None:
        """See that all that was written is on the disk."""
        await self._part.sync()


class _Run:
    """One run of an export to a file."""

    def __init__(
        self,
        job: ExportJob,
        path: Path,
        real: Path,
        checkpoint: Checkpoint | None,
        start: Record,
    ) -> None:
        self._job = job
        self._path = path
        self._real = real
        self._checkpoint = checkpoint
        self._start = start
        self._written = start
        self._recorded = start
        self._duplicates = 0
        self._began = job.clock.monotonic()

    @property
    def has_records(self) -> bool:
        """Whether the checkpoint says anything that a later run can build upon."""
        record = self._recorded
        return record.whole or record.continuation is not None or record.lines.size > 0

    async def export(self) -> CommentFile:
        """Export, from where the run before ended, to the end."""
        found, part = await in_thread(self._find)
        if found is _Found.IN_PLACE:
            return await self._result()
        final = self._start.final
        counts = final if found is _Found.FINAL and final is not None else self._start.lines
        resumable = self._checkpoint is not None
        async with AtomicFile(self._real, resumable=resumable, part=part, size=counts.size) as file:
            if found is not _Found.FINAL:
                await self._write(file, found)
                await self._make_final(file)
            await file.commit()
        return await self._result()

    async def _result(self) -> CommentFile:
        size = (await in_thread(self._path.stat)).st_size
        return CommentFile(
            path=self._path,
            comments=self._written.comments,
            size=size,
            resumed=self._start.comments > 0 or self._start.whole,
            duplicates=self._duplicates,
        )

    def _find(self) -> tuple[_Found, Path | None]:
        """What the run before left, and its part file; nothing but what it wrote counts.

        Raises:
            JournalError: The part file is not there, or not what the run before wrote.
        """
        start = self._start
        part = self._real.with_name(start.part) if start.part else None
        exists = part is not None and part.is_file() and not part.is_symlink()
        if start.final is not None:
            if part is not None and exists and holds(part, start.final, whole=True):
                return _Found.FINAL, part
            if not exists and holds(self._real, start.final, whole=True):
                return _Found.IN_PLACE, None
        if part is None or (not exists and not start.lines.size and not start.whole):
            return _Found.NOTHING, None
        if not exists or part.stat().st_size < start.lines.size:
            self._refuse(part, "is missing or shorter than its checkpoint says")
        if not holds(part, start.lines, whole=False):
            self._refuse(part, "does not hold what this export wrote")
        return _Found.LINES, part

    def _refuse(self, part: Path, reason: str) -> NoReturn:
        raise JournalError(
            f"{part} {reason}: remove the checkpoint {self._job.checkpoint} to begin anew"
        )

    async def _write(self, file: AtomicFile, found: _Found) -> None:
        """Write JSON lines until all comments are there."""
        start = self._start
        if start.whole:
            return
        known = hasher = None
        if self._checkpoint is not None:
            hasher = hashlib.sha256()
            if start.part != file.path.name:
                start = self._written = attrs.evolve(start, part=file.path.name)
                await self._record()
        if found is _Found.LINES and start.lines.size:
            known = await _stoppable(
                lambda stop: read_again(file.path, start.lines.size, hasher, stop)
            )
        lines = _Lines(file, hasher, start.lines.size, start.comments)
        stream = self._job.make_stream(start.continuation, known)
        try:
            await self._follow(stream, lines)
        except BaseException:
            with suppress(OSError, JournalError):  # what is not recorded is read again
                await self._record_lines(lines)
            if not self.has_records:
                file.discard()
            raise
        self._duplicates = stream.duplicates

    async def _follow(self, stream: ExportStream, lines: _Lines) -> None:
        clock, pages, due = self._job.clock, 0, self._job.clock.monotonic()
        async with aclosing(stream.pages()) as stream_pages:
            async for comments in stream_pages:
                await lines.add(comments)
                pages += 1
                if self._checkpoint is not None:
                    self._note(stream.continuation, lines)
                self._report(lines, pages)
                began = clock.monotonic()
                if self._checkpoint is not None and began >= due:
                    await self._record_lines(lines)
                    now = clock.monotonic()
                    due = now + min(_SHARE_OF_TIME * (now - began), _LONGEST_UNRECORDED)
        # a stream without a page, as of no uids, is whole, too
        self._note(None, lines)
        await self._record_lines(lines)

    def _note(self, continuation: str | None, lines: _Lines) -> None:
        self._written = attrs.evolve(
            self._written,
            continuation=continuation,
            lines=lines.content(),
            comments=lines.comments,
            whole=continuation is None,
        )

    def _report(self, lines: _Lines, pages: int) -> None:
        if self._job.on_progress is not None:
            progress = ExportProgress(
                done=lines.comments,
                seconds=self._job.clock.monotonic() - self._began,
                size=lines.size,
                pages=pages,
            )
            self._job.on_progress(progress)

    async def _record_lines(self, lines: _Lines) -> None:
        if self._checkpoint is not None and self._written != self._recorded:
            await lines.sync()
            await self._record()

    async def _record(self) -> None:
        if self._checkpoint is not None:
            await self._checkpoint.write(self._written)
            self._recorded = self._written

    async def _make_final(self, file: AtomicFile) -> None:
        """Turn the JSON lines into what the target is to hold."""
        if self._job.format.name == "jsonl":
            self._written = attrs.evolve(self._written, final=self._written.lines)
            await self._record()
            return
        await file.sync()
        table = await in_thread(file.make_scratch)
        await _stoppable(lambda stop: self._convert(file.path, table, stop))
        if self._checkpoint is not None:
            final = await in_thread(content_of, table)
            self._written = attrs.evolve(self._written, final=final)
            await self._record()
        await file.adopt(table)

    def _convert(self, lines: Path, table: Path, stop: threading.Event) -> None:
        if self._job.format.name == "parquet":
            from claro_async.communications_mining.parquet import write  # noqa: PLC0415 - an extra
        else:
            from claro_async.communications_mining.csv_file import write  # noqa: PLC0415 - seldom
        with lines.open("rb") as source, table.open("r+b") as target:
            write(source, target, stop)
            target.flush()
            os.fsync(target.fileno())


async def _stoppable(work: Callable[[threading.Event], T]) -> T:
    """Do work in a thread; on a cancellation, tell it to stop and wait for it."""
    stop = threading.Event()
    future = begin_in_thread(lambda: work(stop))
    try:
        return await asyncio.shield(future)
    finally:
        stop.set()
        await finish(future)

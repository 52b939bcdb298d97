"""Exports that take up from the last complete one: a file of JSON lines that grows.

Beside the file stands ``NAME.last``, which says what the last complete run had written: up to which
time, and which comments of that time. A new run copies the file, adds what came since, and replaces
the file when it is whole; then it writes ``NAME.last``. Killed in between, the next run finds more
in the file than that says, and takes up from where that says.
"""

from __future__ import annotations

import hashlib
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import attrs
import msgspec

from claro_async.communications_mining.comment_file import CommentFile, ExportProgress
from claro_async.communications_mining.part_file import blocks_of
from claro_async.errors import JournalError, TransferError
from claro_async.storage.atomic import AtomicFile
from claro_async.storage.blocks import BLOCK, write_all
from claro_async.storage.target import TargetKind, find_target
from claro_async.storage.threads import in_thread

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

    from claro_async.communications_mining.comments import ExportedComment
    from claro_async.communications_mining.export import ExportStream
    from claro_async.communications_mining.selection import Selection
    from claro_async.progress import ProgressCallback
    from claro_async.transport.clock import Clock

_VERSION = 1


class _Last(msgspec.Struct, kw_only=True):
    """What the last complete run had written.

    Attributes:
        version: Of this record.
        job: What is exported.
        size: Bytes of the file.
        sha256: Of these bytes.
        comments: Lines.
        until: The time of the latest comment; None where none has a time.
        uids: The comments of that time.
    """

    version: int = _VERSION
    job: dict[str, Any]
    size: int = 0
    sha256: str = ""
    comments: int = 0
    until: datetime | None = None
    uids: list[str] = msgspec.field(default_factory=list)


class MakeSelected(Protocol):
    """Makes the stream of the comments that are selected."""

    def __call__(self, selection: Selection) -> ExportStream:
        """Make it."""


@attrs.frozen(kw_only=True)
class IncrementalExport:
    """One call of :meth:`Dataset.export_to` with ``since_last``.

    Attributes:
        path: The file, or a folder.
        name: Of the file, without suffix, where `path` is a folder.
        selection: Which comments.
        make_stream: Makes the stream.
        job: What is exported, to tell one export from another.
        clock: Time.
        on_progress: Called after each page.
    """

    path: Path
    name: str
    selection: Selection
    make_stream: MakeSelected
    job: dict[str, Any]
    clock: Clock
    on_progress: ProgressCallback[ExportProgress] | None

    async def run(self) -> CommentFile:
        """Add to the file what came since the last complete run.

        Raises:
            JournalError: What is noted beside the file is of another export, or of another file.
        """
        path = await in_thread(self._find_target)
        place = path.with_name(f"{path.name}.last")
        async with AtomicFile(path) as part:
            last = await in_thread(_read, place, self.job)
            hasher = await _copy(part, path, place, last)
            stream = self.make_stream(self._since(last))
            now = await self._add(part, stream, last)
            size = await part.commit()
        now.size = size
        now.sha256 = await in_thread(_digest_from, hasher, path, last.size)
        async with AtomicFile(place) as note:
            await note.write(msgspec.json.encode(now))
            await note.commit()
        return CommentFile(
            path=path,
            comments=now.comments,
            size=size,
            resumed=last.size > 0,
            duplicates=stream.duplicates,
        )

    def _find_target(self) -> Path:
        target = find_target(self.path)
        if target.kind is TargetKind.FOLDER:
            target = find_target(target.file(f"{self.name}.jsonl"))
        if target.kind is not TargetKind.FILE:
            raise TransferError(f"{target.path} is no file, and cannot be made one")
        return target.path

    def _since(self, last: _Last) -> Selection:
        if last.until is None:
            return self.selection
        return attrs.evolve(self.selection, from_=last.until)

    async def _add(self, part: AtomicFile, stream: ExportStream, last: _Last) -> _Last:
        """Write the comments that are new; returns the record of all that the file then holds."""
        now = _Last(job=self.job, comments=last.comments, until=last.until, uids=list(last.uids))
        known, began, pages = frozenset(last.uids), self.clock.monotonic(), 0
        written = last.size
        async with aclosing(stream.pages()) as stream_pages:
            async for comments in stream_pages:
                new = [each for each in comments if self._is_new(each, known, last.until)]
                text = b"".join(line for each in new for line in (each.to_json(), b"\n"))
                await part.write(text)
                written += len(text)
                pages += 1
                for each in new:
                    self._note(now, each)
                if self.on_progress is not None:
                    seconds = self.clock.monotonic() - began
                    self.on_progress(
                        ExportProgress(
                            done=now.comments, seconds=seconds, size=written, pages=pages
                        )
                    )
        return now

    def _is_new(
        self, comment: ExportedComment, known: frozenset[str], until: datetime | None
    ) -> bool:
        """Whether the last run did not have it: a server may honour ``from`` by the day only."""
        if comment.uid in known:
            return False
        time = comment.sorting_time(self.selection.order_by)
        return until is None or time is None or time >= until

    def _note(self, now: _Last, comment: ExportedComment) -> None:
        now.comments += 1
        time = comment.sorting_time(self.selection.order_by)
        if time is None:
            return
        if now.until is None or time > now.until:
            now.until, now.uids = time, []
        if time == now.until:
            now.uids.append(comment.uid)


def _read(place: Path, job: dict[str, Any]) -> _Last:
    """What the last complete run noted; nothing where there was none."""
    try:
        content = place.read_bytes()
    except FileNotFoundError:
        return _Last(job=job)
    try:
        last = msgspec.json.decode(content, type=_Last)
    except msgspec.MsgspecError:
        raise JournalError(f"{place} is damaged: remove it to export everything anew") from None
    if last.version > _VERSION:
        raise JournalError(f"{place} was written by a later version of this package")
    if last.job != job:
        raise JournalError(
            f"{place} is of another export: choose another file, or remove it to export everything"
            " anew"
        )
    return last


async def _copy(part: AtomicFile, path: Path, place: Path, last: _Last) -> Any:
    """Copy what the last run wrote; returns the hash of it, to go on with."""

    def copy(target: Any) -> Any:
        hasher = hashlib.sha256()
        if not last.size:
            return hasher
        with path.open("rb", buffering=0) as source:
            for block in blocks_of(source, last.size):
                hasher.update(block)
                write_all(target, block)
        return hasher if hasher.hexdigest() == last.sha256 else None

    try:
        hasher = await part.run(copy)
    except FileNotFoundError:
        hasher = None
    if hasher is None:
        raise JournalError(
            f"{path} is not the file that {place.name} tells of: remove {place} to export"
            " everything anew"
        )
    return hasher


def _digest_from(hasher: Any, path: Path, start: int) -> str:
    """The SHA-256 of a file whose first bytes are hashed already; blocks."""
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while block := file.read(BLOCK):
            hasher.update(block)
    return str(hasher.hexdigest())


def check_since_last(
    format_name: str, selection: Selection, checkpoint: str | PathLike[str] | None
) -> None:
    """Refuse what does not go with ``since_last``.

    Raises:
        ValueError: Another format than JSON lines, a checkpoint, or uids.
    """
    if format_name != "jsonl":
        raise ValueError(
            f"since_last adds to JSON lines: format must be 'jsonl', not {format_name!r}"
        )
    if checkpoint is not None:
        raise ValueError("since_last goes without a checkpoint: a run that breaks off begins again")
    if selection.comment_uids is not None:
        raise ValueError("since_last goes by time, and comment_uids do not: leave one of them out")

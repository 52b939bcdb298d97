"""How far an export to a file is, in a file of its own.

A SQLite file: a record is there whole or not at all, whatever ends the process, and while one
process uses it, no other can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import msgspec

from claro_async.errors import JournalError
from claro_async.storage.sqlite import DatabaseKind, LockedSqlite, Trouble
from claro_async.storage.threads import in_thread, open_in_thread

if TYPE_CHECKING:
    from pathlib import Path


@attrs.frozen(kw_only=True)
class Content:
    """What a file holds: how much, and what of.

    Attributes:
        size: Bytes.
        digest: Of the bytes, as hexadecimal.
    """

    size: int = 0
    digest: str = ""


@attrs.frozen(kw_only=True)
class Record:
    """How far an export is.

    Attributes:
        part: Name of the file beside the target where the comments grow; empty if nothing counts.
        continuation: Where the stream stood; None at its beginning, and when it is whole.
        lines: The bytes of the part that count.
        comments: Comments in them.
        whole: Whether nothing follows.
        final: What the target will hold, once that is made.
    """

    part: str = ""
    continuation: str | None = None
    lines: Content = attrs.Factory(Content)
    comments: int = 0
    whole: bool = False
    final: Content | None = None


class Checkpoint:
    """A checkpoint that is open, and locked for others."""

    def __init__(self, database: LockedSqlite) -> None:
        self._database = database

    @classmethod
    async def open(cls, path: Path, job: dict[str, Any]) -> Checkpoint:
        """Open or begin a checkpoint.

        Args:
            path: The file.
            job: What is exported, where to, and how; a checkpoint of another export is refused.

        Raises:
            JournalError: Damaged, foreign, in use, or of another export.
        """
        database = await open_in_thread(lambda: _open(path, job), LockedSqlite.close)
        return cls(database)

    async def read(self) -> Record:
        """How far the export is."""
        return await in_thread(self._read)

    async def write(self, record: Record) -> None:
        """Record how far the export is; it is on the disk when this returns."""
        await in_thread(self._write, record)

    async def close(self, *, remove: bool = False) -> None:
        """Unlock, and remove the file when it has served."""
        await in_thread(self._database.close, remove=remove)

    def _read(self) -> Record:
        ((part, continuation, size, digest, comments, whole, final_size, final_digest),) = (
            self._database.execute(
                "SELECT part, continuation, size, digest, comments, whole, final_size, final_digest"
                " FROM export"
            )
        )
        return Record(
            part=part,
            continuation=continuation,
            lines=Content(size=size, digest=digest),
            comments=comments,
            whole=bool(whole),
            final=None if final_size is None else Content(size=final_size, digest=final_digest),
        )

    def _write(self, record: Record) -> None:
        final = record.final
        self._database.execute(
            "UPDATE export SET part = ?, continuation = ?, size = ?, digest = ?, comments = ?,"
            " whole = ?, final_size = ?, final_digest = ?",
            (
                record.part,
                record.continuation,
                record.lines.size,
                record.lines.digest,
                record.comments,
                record.whole,
                None if final is None else final.size,
                None if final is None else final.digest,
            ),
        )


_TEXTS = {
    Trouble.FOREIGN: "is not a checkpoint: choose another file",
    Trouble.OTHER_VERSION: "was written by another version of this package: remove it to begin"
    " anew",
    Trouble.DAMAGED: "is damaged: remove it to begin anew",
    Trouble.IN_USE: "is in use by another export",
}


def _error(trouble: Trouble, path: Path, text: str) -> JournalError:
    said = _TEXTS.get(trouble, f"cannot be opened: {text}")
    return JournalError(f"checkpoint {path} {said}")


_KIND = DatabaseKind(
    application_id=0x436D4578,  # "CmEx"
    version=2,
    schema="""
CREATE TABLE export (
  job TEXT NOT NULL, part TEXT NOT NULL DEFAULT '', continuation TEXT,
  size INTEGER NOT NULL DEFAULT 0, digest TEXT NOT NULL DEFAULT '',
  comments INTEGER NOT NULL DEFAULT 0, whole INTEGER NOT NULL DEFAULT 0,
  final_size INTEGER, final_digest TEXT);
""",
    settings=("PRAGMA synchronous = FULL",),
    journal_mode="DELETE",  # one file, and few records
    error=_error,
)


def _open(path: Path, job: dict[str, Any]) -> LockedSqlite:
    database = LockedSqlite.open(path, _KIND, "open or create")
    try:
        rows = database.execute("SELECT job FROM export")
        if rows:
            _check_job(path, msgspec.json.decode(rows[0][0]), job)
        else:
            text = msgspec.json.encode(job).decode()
            database.execute("INSERT INTO export (job) VALUES (?)", (text,))
    except BaseException:
        database.close()
        raise
    return database


def _check_job(path: Path, found: dict[str, Any], job: dict[str, Any]) -> None:
    for name, value in job.items():
        if found.get(name) != value:
            raise JournalError(
                f"checkpoint {path} belongs to another export: {name} is {found.get(name)!r} there,"
                f" and {value!r} here; use another checkpoint, or remove this one to begin anew"
            )

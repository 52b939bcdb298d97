"""How far an export to a file is, in a file of its own.

A SQLite file: a record is there whole or not at all, whatever ends the process, and while one
process uses it, no other can.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, NoReturn

import attrs
import msgspec

from claro_async.errors import JournalError

if TYPE_CHECKING:
    from pathlib import Path

_APPLICATION_ID = 0x436D4578  # "CmEx"
_SCHEMA = f"""
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = DELETE;
PRAGMA synchronous = FULL;
BEGIN IMMEDIATE;
PRAGMA application_id = {_APPLICATION_ID};
CREATE TABLE IF NOT EXISTS export (
  job TEXT NOT NULL, continuation TEXT, size INTEGER NOT NULL, comments INTEGER NOT NULL,
  whole INTEGER NOT NULL);
COMMIT;
"""


@attrs.frozen
class Progress:
    """How far an export is.

    Attributes:
        continuation: Where the stream stood; None at its beginning, and when it is whole.
        size: Bytes of the part file that count.
        comments: Comments in them.
        whole: Whether nothing follows.
    """

    continuation: str | None = None
    size: int = 0
    comments: int = 0
    whole: bool = False


class Checkpoint:
    """A checkpoint that is open, and locked for others.

    Args:
        path: The file.
        job: What is exported, where to, and how, as JSON; a checkpoint of another is refused.

    Raises:
        JournalError: Damaged, foreign, in use, or of another export.
    """

    def __init__(self, path: Path, job: dict[str, Any]) -> None:
        self._path = path
        try:
            self._connection = sqlite3.connect(path, timeout=0, isolation_level=None)
        except sqlite3.Error as error:
            raise JournalError(f"checkpoint {path} cannot be opened: {error}") from None
        try:
            self._open(msgspec.json.encode(job, order="sorted").decode())
        except sqlite3.OperationalError as error:
            self._refuse("is in use by another process" if _is_locked(error) else str(error))
        except sqlite3.DatabaseError:
            self._refuse("is not a checkpoint, or damaged")
        except BaseException:
            self._connection.close()
            raise

    def _open(self, job: str) -> None:
        (found,) = self._connection.execute("PRAGMA application_id").fetchone()
        (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables and found != _APPLICATION_ID:
            raise sqlite3.DatabaseError
        self._connection.executescript(_SCHEMA)
        row = self._connection.execute("SELECT job FROM export").fetchone()
        if row is None:
            self._connection.execute("INSERT INTO export VALUES (?, NULL, 0, 0, 0)", (job,))
        elif row[0] != job:
            self._refuse(f"belongs to another export: {row[0]}")

    def _refuse(self, reason: str) -> NoReturn:
        self._connection.close()
        raise JournalError(f"checkpoint {self._path} {reason}") from None

    def read(self) -> Progress:
        """How far the export is."""
        row = self._connection.execute(
            "SELECT continuation, size, comments, whole FROM export"
        ).fetchone()
        return Progress(row[0], row[1], row[2], bool(row[3]))

    def write(self, progress: Progress) -> None:
        """Record how far the export is; it is on the disk when this returns."""
        self._connection.execute(
            "UPDATE export SET continuation = ?, size = ?, comments = ?, whole = ?",
            (progress.continuation, progress.size, progress.comments, progress.whole),
        )

    def close(self, *, remove: bool = False) -> None:
        """Unlock, and remove the file when it has served."""
        self._connection.close()
        if remove:
            self._path.unlink(missing_ok=True)


def _is_locked(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}

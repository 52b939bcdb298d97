"""The emulator's state: one SQLite database, and a folder for the bytes of files."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import sqlite3
import tempfile
import uuid
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS datasets (
  key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  description TEXT NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL,
  created_at REAL NOT NULL, updated_at REAL NOT NULL, row_count INTEGER NOT NULL,
  opaque INTEGER NOT NULL, due REAL);
CREATE TABLE IF NOT EXISTS dataset_links (
  dataset INTEGER NOT NULL, datasource TEXT NOT NULL,
  PRIMARY KEY (dataset, datasource)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS columns (
  dataset INTEGER NOT NULL, position INTEGER NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,
  type TEXT NOT NULL, task_type TEXT NOT NULL, metadata TEXT NOT NULL,
  PRIMARY KEY (dataset, position), UNIQUE (dataset, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cells (
  dataset INTEGER NOT NULL, row INTEGER NOT NULL, position INTEGER NOT NULL, id TEXT NOT NULL,
  value TEXT NOT NULL, metadata TEXT NOT NULL, datasource TEXT,
  PRIMARY KEY (dataset, row, position)) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS cells_by_id ON cells (dataset, id);
CREATE INDEX IF NOT EXISTS cells_by_datasource ON cells (datasource, dataset)
  WHERE datasource IS NOT NULL;
CREATE TABLE IF NOT EXISTS datasources (
  key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, file_name TEXT NOT NULL,
  content_type TEXT NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL,
  status TEXT NOT NULL, uploaded_at REAL NOT NULL, processed_at REAL, due REAL,
  parsed INTEGER NOT NULL, columns TEXT NOT NULL, row_count INTEGER NOT NULL,
  errors INTEGER NOT NULL, warnings INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS datasource_rows (
  datasource INTEGER NOT NULL, row INTEGER NOT NULL, data TEXT NOT NULL,
  PRIMARY KEY (datasource, row)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS exports (
  id TEXT PRIMARY KEY, dataset INTEGER NOT NULL, file_name TEXT NOT NULL,
  content_type TEXT NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL,
  created_at REAL NOT NULL);
"""


class StoredFile(NamedTuple):
    """A file in the emulator's folder; ``size`` in bytes, ``sha256`` as hex digits."""

    file: str
    size: int
    sha256: str


class FileWriter:
    """Takes the bytes of a new file as they come and hashes them on the way."""

    def __init__(self, folder: Path) -> None:
        self.path: Path = folder / uuid.uuid4().hex
        self.size: int = 0
        self._digest = hashlib.sha256()
        self._stream: IO[bytes] = self.path.open("wb")

    def write(self, data: bytes | memoryview) -> None:
        """Add bytes to the file."""
        self._stream.write(data)
        self._digest.update(data)
        self.size += len(data)

    def finish(self) -> StoredFile:
        """Close the file and tell what it holds."""
        self._stream.close()
        return StoredFile(self.path.name, self.size, self._digest.hexdigest())

    def rehash(self) -> StoredFile:
        """Tell what the file holds after something else has written it by its path."""
        self._stream.close()
        with self.path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return StoredFile(self.path.name, self.path.stat().st_size, digest)

    def discard(self) -> None:
        """Close the file and remove it."""
        self._stream.close()
        self.path.unlink(missing_ok=True)


class Database:
    """The connection and the folder; in memory and temporary, or on disk to survive a restart.

    Args:
        path: The database file, whose files go to ``<path>-files`` beside it; None for memory.
    """

    def __init__(self, path: Path | None) -> None:
        self._temporary = path is None
        if path is None:
            self.folder: Path = Path(tempfile.mkdtemp(prefix="claro-emulator-"))
        else:
            self.folder = path.with_name(path.name + "-files")
            self.folder.mkdir(parents=True, exist_ok=True)
        # One thread uses the connection, but not always the one that opened it.
        self.connection: sqlite3.Connection = sqlite3.connect(
            ":memory:" if path is None else path, isolation_level=None, check_same_thread=False
        )
        self.execute: Callable[..., sqlite3.Cursor] = self.connection.execute
        self.executemany: Callable[..., sqlite3.Cursor] = self.connection.executemany
        self.execute("PRAGMA journal_mode = WAL")
        self.execute("PRAGMA synchronous = OFF")
        self.connection.executescript(_SCHEMA)
        self.secret: bytes = self._keep_secret()

    def _keep_secret(self) -> bytes:
        self.set_default("secret", secrets.token_hex(32))
        return bytes.fromhex(str(self.get("secret")))

    def get(self, name: str) -> str | None:
        """Read a setting that lives as long as the database."""
        row = self.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_default(self, name: str, value: str) -> bool:
        """Keep a setting unless it is there already; tell whether it was new."""
        cursor = self.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (name, value))
        return cursor.rowcount == 1

    def one(self, sql: str, *values: Any) -> Any:
        """Read the first column of the first row, or None."""
        row = self.execute(sql, values).fetchone()
        return None if row is None else row[0]

    def new_file(self) -> FileWriter:
        """Begin a file in the folder."""
        return FileWriter(self.folder)

    def drop_files(self, names: list[str]) -> None:
        """Remove files from the folder."""
        for name in names:
            (self.folder / name).unlink(missing_ok=True)

    def empty(self) -> None:
        """Remove everything but the secret of signed URLs."""
        files = [
            row[0]
            for table in ("datasources", "exports")
            for row in self.execute(f"SELECT file FROM {table}")  # noqa: S608 - constant names
        ]
        tables = self.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('meta')"
        ).fetchall()
        with self.connection:
            self.execute("BEGIN")
            for (table,) in tables:
                self.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the schema
            self.execute("DELETE FROM meta WHERE name != 'secret'")
        self.drop_files(files)

    def close(self) -> None:
        """Close the connection and remove what was temporary."""
        self.connection.close()
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

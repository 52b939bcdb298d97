"""SQLite files of ours: known by their marks, checked when opened, and open in one process.

What marks a file as ours (``application_id``, ``user_version``) and its tables are written in one
transaction. So a file without marks and tables was killed at birth, and nothing was ever in it.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self, TypeAlias

import attrs

from claro_async.storage.growing import NOT_THROUGH_LINKS
from claro_async.storage.locks import FileLock, InUseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from claro_async.errors import ClaroError

Mode: TypeAlias = Literal["create", "open", "open or create", "read", "share"]


class Trouble(Enum):
    """What is wrong with a file."""

    MISSING = "missing"
    """It does not exist."""
    EXISTS = "exists"
    """It was to be made, and is there already, with something in it."""
    UNBORN = "unborn"
    """Whoever made it was killed before anything was in it; ``create`` starts over with it."""
    IN_USE = "in use"
    """Another process has it open, or another user of this one; or its lock was waited for in vain.
    """
    FOREIGN = "foreign"
    """It is not one of ours."""
    OTHER_VERSION = "other version"
    """Another version of this package wrote it."""
    DAMAGED = "damaged"
    """SQLite finds it damaged."""
    UNUSABLE = "unusable"
    """It cannot be read or written: permissions, a full disk, an error of the device."""


@attrs.frozen(kw_only=True)
class DatabaseKind:
    """A kind of SQLite files.

    Attributes:
        application_id: Marks the kind, in the file's header.
        version: Of the schema, in the file's header.
        schema: SQL statements that make the tables; they run in one transaction with the marks.
        settings: ``PRAGMA`` statements that run each time, before anything is read; none that
            changes the file, which may be another program's.
        journal_mode: As SQLite names it; ``WAL`` lets others read meanwhile.
        error: Makes the error to raise, of the trouble, the file and what happened.
    """

    application_id: int
    version: int
    schema: str
    settings: tuple[str, ...] = ()
    journal_mode: str = "WAL"
    error: Callable[[Trouble, Path, str], ClaroError]


class LockedSqlite:
    """An open SQLite file; all methods block and may be called in any thread, one at a time.

    Every :class:`sqlite3.Error`, of opening as of each statement, becomes the error of the kind.

    Attributes:
        path: The file, with symbolic links followed.
        connection: For statements on a hot path, inside of :meth:`guard`; in autocommit mode.
        is_new: Whether it was made just now.
    """

    def __init__(
        self, path: Path, kind: DatabaseKind, connection: sqlite3.Connection, lock: FileLock | None
    ) -> None:
        self.path = path
        self.connection = connection
        self.is_new: bool = False
        self._kind = kind
        self._lock = lock

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        kind: DatabaseKind,
        mode: Mode,
        *,
        check: bool = False,
        timeout: float = 0.0,
    ) -> Self:
        """Open a file.

        Args:
            path: The file.
            kind: What it has to be.
            mode: ``create`` makes a new one, readable by its owner only; ``open`` takes one that
                exists; ``open or create`` either; all three lock it until it is closed. ``share``
                is ``open or create`` without a lock, for several processes whose transactions take
                turns; ``read`` is ``open`` without a lock, for reading only.
            check: Whether to have SQLite check the whole file.
            timeout: Seconds to wait where SQLite finds the file locked.

        Raises:
            ClaroError: The kind's error; the file is as it was.
        """
        file = Path(os.path.realpath(path))
        lock = None if mode in {"share", "read"} else _acquire(file, kind)
        made = False
        connection: sqlite3.Connection | None = None
        try:
            made = _make_sure_of(file, kind, mode)
            connection = _connect(file, kind, mode, timeout)
            database = cls(file, kind, connection, lock)
            database._set_up(mode, check=check)
        except BaseException:
            if connection is not None:
                connection.close()
            if lock is not None:
                if made:
                    _remove(file)
                lock.release()
            raise
        return database

    def execute(self, sql: str, parameters: Any = ()) -> list[Any]:
        """Run a statement; returns all rows."""
        with self.guard():
            return self.connection.execute(sql, parameters).fetchall()

    def execute_many(self, sql: str, rows: Iterable[Any]) -> None:
        """Run a statement with each of the rows, inside of a :meth:`transaction`."""
        with self.guard():
            self.connection.executemany(sql, rows)

    def guard(self) -> Guard:
        """A block in which SQLite's errors become the kind's."""
        return Guard(self._fail)

    def transaction(self) -> Transaction:
        """``BEGIN IMMEDIATE`` … ``COMMIT``, or ``ROLLBACK`` where the block raises; guarded."""
        return Transaction(self.connection, self._fail)

    def close(self, *, remove: bool = False) -> None:
        """Close and unlock it; a second call does nothing.

        Args:
            remove: Whether to remove the file, which has served.
        """
        try:
            with self.guard():
                self.connection.close()
        finally:
            if remove:
                _remove(self.path)
            if self._lock is not None:
                self._lock.release()

    def _set_up(self, mode: Mode, *, check: bool) -> None:
        with self.guard():
            if mode == "read":
                self.connection.execute("PRAGMA query_only = ON")
            for setting in self._kind.settings:
                self.connection.execute(setting)
            if self._is_unborn():
                self._begin(mode)
            elif mode == "create":
                self._refuse(Trouble.EXISTS, "it exists already")
            self._check_marks()
            if check:
                self._check_whole()

    def _is_unborn(self) -> bool:
        tables = self._number("SELECT count(*) FROM sqlite_schema")
        return (tables, *self._marks()) == (0, 0, 0)

    def _marks(self) -> tuple[int, int]:
        return self._number("PRAGMA application_id"), self._number("PRAGMA user_version")

    def _number(self, query: str) -> int:
        (number,) = self.connection.execute(query).fetchone()
        return int(number)

    def _begin(self, mode: Mode) -> None:
        """Make a database of the kind in an empty file."""
        if mode in {"open", "read"}:
            self._refuse(Trouble.UNBORN, "nothing was written to it yet")
        kind = self._kind
        self.connection.execute(f"PRAGMA journal_mode = {kind.journal_mode}")
        with self.transaction():
            if not self._is_unborn():
                return  # another process was faster
            for statement in _statements(kind.schema):
                self.connection.execute(statement)
            self.connection.execute(f"PRAGMA application_id = {kind.application_id}")
            self.connection.execute(f"PRAGMA user_version = {kind.version}")
        self.is_new = True

    def _check_marks(self) -> None:
        application_id, version = self._marks()
        if application_id != self._kind.application_id:
            self._refuse(Trouble.FOREIGN, "another program's database")
        if version != self._kind.version:
            self._refuse(Trouble.OTHER_VERSION, f"version {version} of its kind")

    def _check_whole(self) -> None:
        (verdict,) = self.connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            self._refuse(Trouble.DAMAGED, str(verdict))

    def _fail(self, error: sqlite3.Error) -> NoReturn:
        self._refuse(_trouble(error), str(error))

    def _refuse(self, trouble: Trouble, text: str) -> NoReturn:
        raise self._kind.error(trouble, self.path, text) from None


class Guard:
    """A block in which SQLite's errors become others."""

    def __init__(self, fail: Callable[[sqlite3.Error], NoReturn]) -> None:
        self._fail = fail

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if isinstance(error, sqlite3.Error):
            self._fail(error)


class Transaction(Guard):
    """A transaction that begins with the right to write."""

    def __init__(
        self, connection: sqlite3.Connection, fail: Callable[[sqlite3.Error], NoReturn]
    ) -> None:
        super().__init__(fail)
        self._connection = connection

    def __enter__(self) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self._fail(error)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if kind is None:
            try:
                self._connection.execute("COMMIT")
            except sqlite3.Error as failure:
                self._roll_back()
                self._fail(failure)
            return
        self._roll_back()
        super().__exit__(kind, error, trace)

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):  # SQLite has done so itself after some errors
            self._connection.execute("ROLLBACK")


def _acquire(file: Path, kind: DatabaseKind) -> FileLock:
    try:
        return FileLock.acquire(file)
    except InUseError:
        raise kind.error(Trouble.IN_USE, file, "it is open elsewhere") from None
    except OSError as error:
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        trouble = Trouble.MISSING if missing else Trouble.UNUSABLE
        raise kind.error(trouble, file, str(error.strerror)) from None


_LEAST_SIZE = 512  # bytes of a database that is not empty


def _make_sure_of(file: Path, kind: DatabaseKind, mode: Mode) -> bool:
    """See that a file is there, made if the mode says so; returns whether it was made."""
    if mode in {"open", "read"}:
        if file.is_file():
            return False
        if file.exists():
            raise kind.error(Trouble.FOREIGN, file, "it is no file")
        raise kind.error(Trouble.MISSING, file, "there is no such file")
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | NOT_THROUGH_LINKS
        os.close(os.open(file, flags, 0o600))
    except FileExistsError:
        # not opened here: closing a file again would drop this process's locks on it
        if not file.is_file():
            raise kind.error(Trouble.FOREIGN, file, "it is no file") from None
        if 0 < file.stat().st_size < _LEAST_SIZE:  # SQLite would take it for an empty database
            raise kind.error(Trouble.FOREIGN, file, "it is no database") from None
        return False
    except OSError as error:
        raise kind.error(Trouble.UNUSABLE, file, str(error.strerror)) from None
    return True


def _connect(file: Path, kind: DatabaseKind, mode: Mode, timeout: float) -> sqlite3.Connection:
    # a reader that may write clears away what reading needs (-wal, -shm) when it closes
    access = "ro" if mode == "read" and not os.access(file, os.W_OK) else "rw"
    try:
        return sqlite3.connect(
            f"{file.as_uri()}?mode={access}",
            uri=True,
            timeout=timeout,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise kind.error(_trouble(error), file, str(error)) from None


def _statements(script: str) -> Iterable[str]:
    """The statements of a script: ``executescript`` would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement


def _trouble(error: sqlite3.Error) -> Trouble:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the primary one
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return Trouble.IN_USE
    if code == sqlite3.SQLITE_NOTADB:
        return Trouble.FOREIGN
    return Trouble.DAMAGED if code == sqlite3.SQLITE_CORRUPT else Trouble.UNUSABLE


def _remove(file: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(OSError):
            file.with_name(file.name + suffix).unlink()

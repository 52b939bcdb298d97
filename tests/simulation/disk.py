"""What a process writes: SQLite's files, which can be full, and which a killed process leaves.

Writes go to real files. A kill keeps the bytes of that moment, whatever Python's clean-up does to
them afterwards; a piece of a transaction that was never committed may stand behind them.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import struct
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.simulation.loop import PROCESS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from tests.simulation.process import Interruption, Process

_WRITES = ("INSERT", "UPDATE", "DELETE", "REPLAC", "CREATE", "DROP T", "ALTER ")
SHARED_QUOTA = "quota.sqlite"
"""The name of a file that processes share: it is none that a kill leaves behind."""


class KilledError(BaseException):
    """Unwinds the stack of a process that was killed within a call of SQLite."""


class Disk:
    """The files of one process.

    Attributes:
        commits: Transactions begun to be committed so far.
        connections: SQLite connections that were opened.
    """

    def __init__(self, process: Process, interruption: Interruption) -> None:
        self._process = process
        self._planned = interruption
        self.commits = 0
        self.connections: list[SimulatedConnection] = []
        self.locks: dict[int, tuple[int, bool]] = {}
        self._frozen: dict[Path, bytes | None] = {}

    def before_commit(self, connection: SimulatedConnection) -> None:
        """A transaction is about to be committed."""
        if not connection.counts or not self._process.alive:
            return
        self.commits += 1
        if self.commits == self._planned.kill_before_commit:
            self._process.kill(f"before commit {self.commits}")
            raise KilledError
        first = self._planned.disk_full_at_write
        if first and first <= self.commits < first + self._planned.disk_full_for:
            self._process._note("DISK FULL", f"write {self.commits}")
            if connection.in_transaction and self.commits % 2:
                connection.undo()  # SQLite does so by itself in some cases
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

    def after_commit(self, connection: SimulatedConnection) -> None:
        """A transaction was committed."""
        if not connection.counts or not self._process.alive:
            return
        if self.commits == self._planned.kill_after_commit:
            self._process.kill(f"after commit {self.commits}")
            raise KilledError

    def freeze(self, random: Random) -> None:
        """Keep the files as they are now."""
        for connection in self.connections:
            if not connection.counts:
                continue
            for path in _files_of(connection.path):
                self._frozen[path] = path.read_bytes() if path.exists() else None
            wal = connection.path.with_name(connection.path.name + "-wal")
            if self._planned.torn_tail and (log := self._frozen.get(wal)):
                self._frozen[wal] = log + random.randbytes(random.randint(1, 5000))

    def restore(self) -> None:
        """Let go of everything, and put the files back as they were at the kill."""
        self.close()
        for path, content in self._frozen.items():
            if content is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(content)
        self._frozen.clear()

    def close(self) -> None:
        """Close all connections, and release all locks, as the end of a process does."""
        for connection in self.connections:
            with suppress(sqlite3.Error):
                connection.close()
        for fd, is_record in self._locks_held():
            _unlock(fd, is_record=is_record)

    def forget(self) -> None:
        """Close what a killed process left open, so that the simulation does not run out of it."""
        self.close()
        for fd, _ in self._locks_held():
            os.close(fd)

    def _locks_held(self) -> list[tuple[int, bool]]:
        held = []
        for fd, (inode, is_record) in self.locks.items():
            with suppress(OSError):
                if os.fstat(fd).st_ino == inode:
                    held.append((fd, is_record))
        return held


def _files_of(path: Path) -> list[Path]:
    return [path, *(path.with_name(path.name + end) for end in ("-wal", "-journal"))]


class SimulatedConnection(sqlite3.Connection):
    """A connection that tells its process's disk of each transaction."""

    disk: Disk | None = None
    path = Path()
    counts = False

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        disk = self.disk
        if disk is None or not self._commits(sql):
            return super().execute(sql, *arguments)
        disk.before_commit(self)
        cursor = super().execute(sql, *arguments)
        disk.after_commit(self)
        return cursor

    def executemany(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        disk = self.disk
        if disk is None or not self._commits(sql):
            return super().executemany(sql, *arguments)
        disk.before_commit(self)
        cursor = super().executemany(sql, *arguments)
        disk.after_commit(self)
        return cursor

    def executescript(self, sql: str) -> sqlite3.Cursor:
        disk = self.disk
        if disk is not None:
            disk.before_commit(self)
        cursor = super().executescript(sql)
        if disk is not None:
            disk.after_commit(self)
        return cursor

    def commit(self) -> None:
        disk = self.disk if self.in_transaction else None
        if disk is not None:
            disk.before_commit(self)
        super().commit()
        if disk is not None:
            disk.after_commit(self)

    def undo(self) -> None:
        """Roll back as SQLite itself would."""
        super().execute("ROLLBACK")

    def _commits(self, sql: str) -> bool:
        word = sql.lstrip()[:6].upper()
        if word == "COMMIT":
            return True
        return word in _WRITES and not self.in_transaction


def _connect(database: Any, *arguments: Any, **options: Any) -> Any:
    """What `sqlite3.connect` is in a simulated process."""
    process = PROCESS.get()
    if process is None:
        return _REAL_CONNECT(database, *arguments, **options)
    if not process.alive:
        raise KilledError
    options["factory"] = SimulatedConnection
    connection: SimulatedConnection = _REAL_CONNECT(database, *arguments, **options)
    connection.path = _path_of(os.fspath(database))
    connection.counts = connection.path.name not in {"", ":memory:", SHARED_QUOTA}
    connection.disk = process.disk
    process.disk.connections.append(connection)
    return connection


def _path_of(database: str) -> Path:
    from urllib.parse import unquote, urlsplit  # noqa: PLC0415 - once a connection

    return (
        Path(unquote(urlsplit(database).path)) if database.startswith("file:") else Path(database)
    )


def _flock(fd: Any, operation: int) -> None:
    _REAL_FLOCK(fd, operation)
    _note_lock(fd, held=not operation & fcntl.LOCK_UN, is_record=False)


def _fcntl(fd: Any, command: int, argument: Any = 0) -> Any:
    result = _REAL_FCNTL(fd, command, argument)
    if command in {getattr(fcntl, "F_OFD_SETLK", 37), fcntl.F_SETLK}:
        _note_lock(fd, held=True, is_record=True)
    return result


def _note_lock(fd: Any, *, held: bool, is_record: bool) -> None:
    process = PROCESS.get()
    number = fd if isinstance(fd, int) else fd.fileno()
    if process is not None and held:
        process.disk.locks[number] = (os.fstat(number).st_ino, is_record)


def _unlock(fd: int, *, is_record: bool) -> None:
    if is_record:
        request = struct.pack("hhqqi4x", fcntl.F_UNLCK, 0, 0, 0, 0)
        _REAL_FCNTL(fd, getattr(fcntl, "F_OFD_SETLK", 37), request)
    else:
        _REAL_FLOCK(fd, fcntl.LOCK_UN)


_REAL_CONNECT = sqlite3.connect
_REAL_FLOCK = fcntl.flock
_REAL_FCNTL = fcntl.fcntl


@contextmanager
def watched_files() -> Iterator[None]:
    """Within this block, SQLite and file locks belong to the simulated process that uses them."""
    sqlite3.connect = _connect
    fcntl.flock = _flock
    fcntl.fcntl = _fcntl
    try:
        yield
    finally:
        sqlite3.connect, fcntl.flock, fcntl.fcntl = _REAL_CONNECT, _REAL_FLOCK, _REAL_FCNTL

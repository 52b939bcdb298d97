"""A shared quota in a file: for the processes of one machine.

One SQLite file holds the records of any number of keys, and the runs that are closed. Every change
is a transaction of its own that begins with the write lock (``BEGIN IMMEDIATE``), so nobody comes
between. The store's time is the machine's monotonic clock, which all its processes share; a restart
of the machine stops it, and counts as no time at all. A key is named by a hash; it is not in the
file.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from claro_async.errors import ConfigurationError, ConnectionFailedError, RunClosedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from claro_async.quota_store import Change

_APPLICATION_ID = 0x43_6C_61_51  # "ClaQ"
_VERSION = 2
_LOCK_TIMEOUT = 5.0  # seconds
_LOCK_PAUSE = 0.005  # seconds between two tries, where SQLite does not wait by itself
_OURS = (_APPLICATION_ID, _VERSION)
_LEAST_SIZE = 512  # bytes of a database; SQLite would take less for an empty file
_TABLES = (
    "CREATE TABLE quota (name TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE closed_run (name TEXT, run TEXT, PRIMARY KEY (name, run)) WITHOUT ROWID",
)


class FileQuotaStore:
    """Records in a file; used from a thread, so that a lock stops nobody else.

    Args:
        path: The file; made if need be, readable for its owner only.
        monotonic: The clock that all processes of the file share, in seconds.
    """

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._monotonic = monotonic
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, "claro-quota")

    async def update(self, name: str, change: Change, *, run: str = "") -> None:
        """Load a record, change it and store it, with nobody else between.

        Raises:
            RunClosedError: The run is closed.
            ConnectionFailedError: The file is locked, or the disk is full.
            ConfigurationError: It cannot be opened, or is no such file.
        """
        await self._in_thread(partial(self._change, name, change, run))

    async def close_run(self, name: str, run: str) -> None:
        """Close a run, for as long as the file is there.

        Raises:
            ConnectionFailedError: The file is locked, or the disk is full.
            ConfigurationError: It cannot be opened, or is no such file.
        """
        await self._in_thread(partial(self._close_run, name, run))

    async def close(self) -> None:
        """Close the file."""
        closed = asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)  # after what it has to do
        await closed

    async def _in_thread(self, work: Callable[[sqlite3.Connection], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._do, work)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _do(self, work: Callable[[sqlite3.Connection], None]) -> None:
        try:
            if self._connection is None:
                self._connection = self._open()
            _in_transaction(self._connection, work)
        except sqlite3.OperationalError as error:
            raise ConnectionFailedError(f"the quota file {self._path}: {error}") from None
        except sqlite3.DatabaseError as error:
            raise self._foreign(str(error)) from None
        except ConfigurationError as error:
            raise ConfigurationError(f"the quota file {self._path}: {error}") from None
        except OSError as error:
            raise ConfigurationError(f"the quota file {self._path}: {error.strerror}") from None

    def _change(self, name: str, change: Change, run: str, connection: sqlite3.Connection) -> None:
        closed = "SELECT 1 FROM closed_run WHERE name = ? AND run = ?"
        if run and connection.execute(closed, (name, run)).fetchone():
            raise RunClosedError(run)
        row = connection.execute("SELECT record FROM quota WHERE name = ?", (name,)).fetchone()
        record = change(row[0] if row else None, self._monotonic())
        connection.execute("INSERT OR REPLACE INTO quota VALUES (?, ?)", (name, record))

    def _close_run(self, name: str, run: str, connection: sqlite3.Connection) -> None:
        connection.execute("INSERT OR IGNORE INTO closed_run VALUES (?, ?)", (name, run))

    def _open(self) -> sqlite3.Connection:
        self._make_private()
        connection = sqlite3.connect(
            f"{self._path.as_uri()}?mode=rw",
            uri=True,
            timeout=_LOCK_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,  # closed in whichever thread comes last
        )
        try:
            self._check(connection)
            # what is in the file is worth nothing after a loss of power, only it must stay whole
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_private(self) -> None:
        """See to it that the file exists, and that others can neither read nor write it."""
        try:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            # not opened here: closing a file again would drop the locks of this process on it
            found = self._path.stat()
            if not stat.S_ISREG(found.st_mode) or 0 < found.st_size < _LEAST_SIZE:
                raise self._foreign("it is no database") from None
            if os.name == "posix" and stat.S_IMODE(found.st_mode) & 0o077:
                self._path.chmod(0o600)

    def _check(self, connection: sqlite3.Connection) -> None:
        """See to it that the file is one of ours, or make it one if it is empty."""
        if self._kind(connection) is None:
            self._initialise(connection)
        if self._kind(connection) != _OURS:
            raise self._foreign("it is another program's, or another version's")

    def _initialise(self, connection: sqlite3.Connection) -> None:
        _enter_wal_mode(connection)
        connection.execute("BEGIN IMMEDIATE")
        try:
            if self._kind(connection) is None:  # nobody was faster
                for table in _TABLES:
                    connection.execute(table)
                connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {_VERSION}")
        finally:
            connection.execute("COMMIT")

    def _kind(self, connection: sqlite3.Connection) -> tuple[int, int] | None:
        """What marks the file; None where it is empty."""
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        return (application, version) if tables or application or version else None

    def _foreign(self, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"the quota file {self._path} cannot be used ({why}): name a new file"
        )


def _enter_wal_mode(connection: sqlite3.Connection) -> None:
    """Wait while others do the same: SQLite itself does not, as each might wait for the other."""
    ends = time.monotonic() + _LOCK_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            is_locked = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_locked or time.monotonic() >= ends:
                raise
        else:
            return
        time.sleep(_LOCK_PAUSE)


def _in_transaction(
    connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], None]
) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        work(connection)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise

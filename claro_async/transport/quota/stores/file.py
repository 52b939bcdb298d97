"""A shared quota in a file: for the processes of one machine.

One SQLite file holds the record of any number of keys. Every change is a transaction of its own
that begins with the write lock (``BEGIN IMMEDIATE``), so nobody comes between. A key is named by a
hash; it is not in the file.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import msgspec

from claro_async.errors import ConfigurationError, ConnectionFailedError
from claro_async.transport.quota.fair_share import SharedQuota

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

_APPLICATION_ID = 0x43_6C_61_51  # "ClaQ"
_VERSION = 1
_LOCK_TIMEOUT = 5.0  # seconds
_OURS = (_APPLICATION_ID, _VERSION)
_LEAST_SIZE = 512  # bytes of a database; SQLite would take less for an empty file


class QuotaFile:
    """The record of one key in a file; used from a thread, so that a lock stops nobody else.

    Args:
        path: The file; made if need be, readable for its owner only.
        identity: A hash of the API and the key.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        self._identity = identity
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, "claro-quota")

    async def update(self, change: Callable[[SharedQuota], T]) -> T:
        """Load the record, change it and store it, with nobody else between.

        Raises:
            ConnectionFailedError: The file is locked, or the disk is full.
            ConfigurationError: It cannot be opened, or is no such file.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._update, change)

    async def close(self) -> None:
        """Close the file."""
        closed = asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)  # after what it has to do
        await closed

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _update(self, change: Callable[[SharedQuota], T]) -> T:
        try:
            if self._connection is None:
                self._connection = self._open()
            return self._change(self._connection, change)
        except sqlite3.OperationalError as error:
            raise ConnectionFailedError(f"the quota file {self._path}: {error}") from None
        except (sqlite3.DatabaseError, msgspec.MsgspecError) as error:
            raise self._foreign(str(error)) from None
        except OSError as error:
            raise ConfigurationError(f"the quota file {self._path}: {error.strerror}") from None

    def _change(self, connection: sqlite3.Connection, change: Callable[[SharedQuota], T]) -> T:
        connection.execute("BEGIN IMMEDIATE")
        try:
            row = connection.execute(
                "SELECT state FROM quota WHERE key = ?", (self._identity,)
            ).fetchone()
            shared = msgspec.json.decode(row[0], type=SharedQuota) if row else SharedQuota()
            result = change(shared)
            connection.execute(
                "INSERT OR REPLACE INTO quota VALUES (?, ?)",
                (self._identity, msgspec.json.encode(shared)),
            )
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        return result

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
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        try:
            if self._kind(connection) is None:  # nobody was faster
                connection.execute(
                    "CREATE TABLE quota (key TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID"
                )
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

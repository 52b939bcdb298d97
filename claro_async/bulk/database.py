"""A SQLite database and the one thread that uses it: statements come as data, errors as ours."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from claro_async.bulk.statements import schema
from claro_async.errors import JournalError
from claro_async.storage.threads import OwnThread

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence
    from typing import TypeAlias


class Each(NamedTuple):
    """A statement that runs once for each row of parameters."""

    sql: str
    rows: Sequence[Any]


class One(NamedTuple):
    """A statement that runs once."""

    sql: str
    parameters: Sequence[Any] = ()


Step: TypeAlias = "Each | One"


class Database:
    """A connection, and the one thread that uses it.

    Args:
        connection: In autocommit mode.
        thread: The thread.
        name: What errors call it.
        shut: Closes the connection, and whatever belongs to it.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        thread: OwnThread,
        name: str,
        shut: Callable[[], object],
    ) -> None:
        self._connection = connection
        self._thread = thread
        self._name = name
        self._shut = shut

    @classmethod
    async def temporary(cls, *tables: str) -> Database:
        """A database that leaves nothing behind; a large one spills to the temporary folder."""
        thread = OwnThread("claro-store")

        def make() -> sqlite3.Connection:
            connection = sqlite3.connect("", check_same_thread=False, isolation_level=None)
            connection.execute("PRAGMA cache_size = -8192")
            connection.executescript(schema(*tables))
            return connection

        try:
            connection = await thread.open(make, sqlite3.Connection.close)
        except BaseException:
            await thread.aclose()
            raise
        return cls(connection, thread, "the temporary database", connection.close)

    async def fetch(self, sql: str, *parameters: Any) -> list[Any]:
        """All rows of a query.

        Raises:
            JournalError: It cannot be read.
        """
        return await self._thread.begin(self._fetch, sql, parameters)

    def fetch_now(self, sql: str, *parameters: Any) -> list[Any]:
        """As :meth:`fetch`; blocks."""
        return self._thread.submit(self._fetch, sql, parameters).result()

    def write(self, *steps: Step) -> asyncio.Future[None]:
        """Run statements in one transaction, in the order in which this was called.

        Returns:
            What is done once it is committed. Awaiting raises :class:`JournalError` where it cannot
            be written; then nothing of this stands in it.
        """
        return self._thread.begin(self._write, steps)

    def _fetch(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise JournalError(f"{self._name} cannot be read: {error}") from None

    def _write(self, steps: Sequence[Step]) -> None:
        run = self._connection
        try:
            run.execute("BEGIN IMMEDIATE")
            try:
                for step in steps:
                    if isinstance(step, One):
                        run.execute(step.sql, step.parameters)
                    else:
                        run.executemany(step.sql, step.rows)
                run.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite has done so itself after some errors
                    run.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise JournalError(f"{self._name} cannot be written: {error}") from None

    async def aclose(self) -> None:
        """Close it after all that its thread has to do; goes on to the end when cancelled."""
        self._thread.submit(self._shut)
        await self._thread.aclose()

    def close(self) -> None:
        """As :meth:`aclose`; blocks."""
        self._thread.submit(self._shut)
        self._thread.close()

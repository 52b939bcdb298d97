"""Data sources and their rows in the database."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from claro_async.emulator.delimited import Table
from claro_async.emulator.errors import ApiError
from claro_async.emulator.seeding import MissingExtraError, UnreadableFileError, read_table
from claro_async.emulator.validation import dump_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from claro_async.emulator.clock import Clock
    from claro_async.emulator.database import Database, StoredFile
    from claro_async.emulator.processing import Processing

_LOGGER: Final = logging.getLogger("claro_async.emulator")
_IN_THREAD_BYTES: Final = 256 * 1024
_SOURCE: Final = (
    "key, id, file_name, content_type, file, size, sha256, status, uploaded_at, processed_at,"
    " parsed, columns, row_count, errors, warnings"
)


class Datasource(NamedTuple):
    """A row of the table of data sources; ``columns`` is JSON text of (name, type) pairs."""

    key: int
    id: str
    file_name: str
    content_type: str
    file: str
    size: int
    sha256: str
    status: str
    uploaded_at: float
    processed_at: float | None
    parsed: int
    columns: str
    row_count: int
    errors: int
    warnings: int

    def column_pairs(self) -> list[tuple[str, str]]:
        """The columns as (name, type) pairs."""
        return [(name, kind) for name, kind in json.loads(self.columns)]


class RowQuery(NamedTuple):
    """Which rows of a data source are wanted: an SQL condition, its values, and a sort."""

    condition: str = "1"
    values: Sequence[str | int | float] = ()
    sort: int | None = None
    descending: bool = False


class DatasourceStore:
    """Reads and writes data sources.

    Args:
        database: The database.
        clock: The time.
        processing: Ends processing that is due.
    """

    def __init__(self, database: Database, clock: Clock, processing: Processing) -> None:
        self._db = database
        self._clock = clock
        self._processing = processing

    def add(
        self,
        stored: StoredFile,
        file_name: str,
        content_type: str,
        *,
        datasource_id: str | None = None,
    ) -> str:
        """Make a data source of a stored file; its rows are read when first asked for."""
        new_id = datasource_id or str(uuid.uuid4())
        now = self._clock()
        self._db.execute(
            "INSERT INTO datasources (id, file_name, content_type, file, size, sha256, status,"
            " uploaded_at, processed_at, parsed, columns, row_count, errors, warnings)"
            " VALUES (?, ?, ?, ?, ?, ?, 'completed', ?, ?, 0, '[]', 0, 0, 0)",
            (new_id, file_name, content_type, *stored, now, now),
        )
        return new_id

    def find(self, datasource_id: str) -> Datasource:
        """Read a data source.

        Raises:
            ApiError: ``DATASOURCE_NOT_FOUND``.
        """
        self._processing.settle()
        row = self._db.execute(
            f"SELECT {_SOURCE} FROM datasources WHERE id = ?",  # noqa: S608 - constant columns
            (datasource_id,),
        ).fetchone()
        if row is None:
            raise ApiError("DATASOURCE_NOT_FOUND", {"datasourceId": datasource_id})
        return Datasource(*row)

    def page(
        self, status: str | None, content_type: str | None, offset: int, limit: int
    ) -> tuple[list[Datasource], int]:
        """Read data sources in the order they came, and count all that match."""
        self._processing.settle()
        where = "status = coalesce(?, status) AND content_type = coalesce(?, content_type)"
        total = self._db.one(
            f"SELECT count(*) FROM datasources WHERE {where}",  # noqa: S608 - constant text
            status,
            content_type,
        )
        if offset >= total:
            return [], total
        rows = self._db.execute(
            f"SELECT {_SOURCE} FROM datasources WHERE {where} ORDER BY key LIMIT ? OFFSET ?",  # noqa: S608 - constant text
            (status, content_type, limit, offset),
        )
        return [Datasource(*row) for row in rows], total

    def ids(self) -> list[str]:
        """List the ids in the order the data sources came."""
        return [row[0] for row in self._db.execute("SELECT id FROM datasources ORDER BY key")]

    def path(self, source: Datasource) -> Path:
        """Locate the original file."""
        return self._db.folder / source.file

    async def parsed(self, source: Datasource) -> Datasource:
        """Read the rows of a data source unless that was done before.

        Returns:
            The data source as it is now; ``failed`` when its file cannot be read.
        """
        if source.parsed:
            return source
        try:
            if source.size > _IN_THREAD_BYTES or source.content_type == "application/pdf":
                table = await asyncio.to_thread(read_table, self.path(source), source.content_type)
            else:
                table = read_table(self.path(source), source.content_type)
        except MissingExtraError as error:
            _LOGGER.warning("%s has no rows: %s", source.file_name, error)
            self.keep_rows(source, Table([], [], warnings=1))
        except (UnreadableFileError, FileNotFoundError) as error:
            _LOGGER.warning("%s cannot be read: %s", source.file_name, error)
            self.fail(source)
        else:
            self.keep_rows(source, table)
        return self.find(source.id)

    def fail(self, source: Datasource) -> None:
        """Mark a data source whose file cannot be read as failed."""
        self._db.execute(
            "UPDATE datasources SET parsed = 1, errors = 1, status = CASE status"
            " WHEN 'processing' THEN status ELSE 'failed' END WHERE key = ?",
            (source.key,),
        )

    def keep_rows(self, source: Datasource, table: Table) -> None:
        """Keep the rows that were read from a data source's file."""
        with self._db.connection:
            self._db.execute("BEGIN")
            self._db.execute("DELETE FROM datasource_rows WHERE datasource = ?", (source.key,))
            self._db.executemany(
                "INSERT INTO datasource_rows VALUES (?, ?, ?)",
                ((source.key, number, dump_json(row)) for number, row in enumerate(table.rows, 1)),
            )
            self._db.execute(
                "UPDATE datasources SET parsed = 1, columns = ?, row_count = ?, warnings = ?"
                " WHERE key = ?",
                (dump_json(table.columns), len(table.rows), table.warnings, source.key),
            )

    def count_rows(self, source: Datasource, query: RowQuery) -> int:
        """Count the rows that a query picks."""
        return int(
            self._db.one(
                "SELECT count(*) FROM datasource_rows"  # noqa: S608 - built of constants
                f" WHERE datasource = ? AND ({query.condition})",
                source.key,
                *query.values,
            )
        )

    def rows(
        self, source: Datasource, query: RowQuery, offset: int, limit: int
    ) -> Iterator[list[Any]]:
        """Read the rows that a query picks, nulls last and ties in the original order."""
        order = "row"
        if query.sort is not None:
            value = f"json_extract(data, '$[{int(query.sort)}]')"
            order = f"{value} IS NULL, {value} {'DESC' if query.descending else 'ASC'}, row"
        found = self._db.execute(
            f"SELECT data FROM datasource_rows WHERE datasource = ? AND ({query.condition})"  # noqa: S608 - built of constants
            f" ORDER BY {order} LIMIT ? OFFSET ?",
            (source.key, *query.values, limit, offset),
        )
        return (json.loads(row[0]) for row in found)

    def delete(self, source: Datasource) -> None:
        """Remove a data source, its rows, its links and its file."""
        with self._db.connection:
            self._db.execute("BEGIN")
            self._db.execute("DELETE FROM datasource_rows WHERE datasource = ?", (source.key,))
            self._db.execute("DELETE FROM datasources WHERE key = ?", (source.key,))
            self._db.execute("DELETE FROM dataset_links WHERE datasource = ?", (source.id,))
            self._db.execute(
                "UPDATE cells SET datasource = NULL WHERE datasource = ?", (source.id,)
            )
        self._db.drop_files([source.file])

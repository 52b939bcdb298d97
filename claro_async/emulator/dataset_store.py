"""Datasets, columns and cells in the database."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from claro_async.emulator.errors import ApiError
from claro_async.emulator.validation import dump_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from claro_async.emulator.clock import Clock
    from claro_async.emulator.database import Database
    from claro_async.emulator.processing import Processing

_DATASET: Final = (
    "key, id, name, description, type, status, created_at, updated_at, row_count, opaque"
)


class Dataset(NamedTuple):
    """A row of the table of datasets."""

    key: int
    id: str
    name: str
    description: str
    type: str
    status: str
    created_at: float
    updated_at: float
    row_count: int
    opaque: int


class Column(NamedTuple):
    """A column of a dataset; ``metadata`` is JSON text."""

    position: int
    id: str
    name: str
    type: str
    task_type: str
    metadata: str


class Cell(NamedTuple):
    """A cell with the state of its column; ``value`` and ``metadata`` are JSON text."""

    dataset: int
    row: int
    position: int
    id: str
    value: str
    metadata: str
    datasource: str | None


class NewCell(NamedTuple):
    """A cell of a dataset to be made: any JSON value, its metadata, its linked data source."""

    value: Any
    metadata: Mapping[str, Any] = {}
    datasource: str | None = None


class NewDataset(NamedTuple):
    """A dataset to be made; ``cell_id`` makes an id from a row and a position, from 1."""

    id: str | None
    name: str
    description: str
    type: str
    status: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Any]]
    opaque: bool
    cell_id: Callable[[int, int], str]
    links: Sequence[str] = ()


def opaque_id(*parts: object) -> str:
    """Make a stable id from which its parts cannot be read."""
    text = "\0".join(map(str, parts))
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


class DatasetStore:
    """Reads and writes datasets. Every method is one step of the event loop, so it is atomic.

    Args:
        database: The database.
        clock: The time.
        processing: Ends processing that is due.
    """

    def __init__(self, database: Database, clock: Clock, processing: Processing) -> None:
        self._db = database
        self._clock = clock
        self._processing = processing
        self._touched: dict[int, int] = {}

    def add(self, new: NewDataset) -> str:
        """Make a dataset with all its columns and cells; return its id."""
        dataset_id = new.id or str(uuid.uuid4())
        now = self._clock()
        with self._db.connection:
            self._db.execute("BEGIN")
            cursor = self._db.execute(
                "INSERT INTO datasets (id, name, description, type, status, created_at,"
                " updated_at, row_count, opaque) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)",
                (dataset_id, new.name, new.description, new.type, new.status, now, now, new.opaque),
            )
            key = cursor.lastrowid
            self._db.executemany(
                "INSERT INTO columns VALUES (?, ?, ?, ?, ?, ?, ?)",
                ((key, *column) for column in new.columns),
            )
            self._db.executemany(
                "INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?, ?)", _cells(key, dataset_id, new)
            )
            self._db.execute(
                "UPDATE datasets SET row_count ="
                " (SELECT coalesce(max(row), 0) FROM cells WHERE dataset = key) WHERE key = ?",
                (key,),
            )
            self._db.executemany(
                "INSERT INTO dataset_links VALUES (?, ?)", ((key, link) for link in new.links)
            )
        return dataset_id

    def find(self, dataset_id: str) -> Dataset:
        """Read a dataset.

        Raises:
            ApiError: ``DATASET_NOT_FOUND``.
        """
        self._processing.settle()
        row = self._db.execute(
            f"SELECT {_DATASET} FROM datasets WHERE id = ?",  # noqa: S608 - constant columns
            (dataset_id,),
        ).fetchone()
        if row is None:
            raise ApiError("DATASET_NOT_FOUND", {"datasetId": dataset_id})
        return Dataset(*row)

    def page(
        self, kind: str | None, status: str | None, offset: int, limit: int
    ) -> tuple[list[Dataset], int]:
        """Read datasets in the order they were made, and count all that match."""
        self._processing.settle()
        where = "type = coalesce(?, type) AND status = coalesce(?, status)"
        total = self._db.one(f"SELECT count(*) FROM datasets WHERE {where}", kind, status)  # noqa: S608 - constant text
        if offset >= total:
            return [], total
        rows = self._db.execute(
            f"SELECT {_DATASET} FROM datasets WHERE {where} ORDER BY key LIMIT ? OFFSET ?",  # noqa: S608 - constant text
            (kind, status, limit, offset),
        )
        return [Dataset(*row) for row in rows], total

    def ids(self) -> list[str]:
        """List the ids in the order the datasets were made."""
        return [row[0] for row in self._db.execute("SELECT id FROM datasets ORDER BY key")]

    def columns(self, dataset: Dataset) -> list[Column]:
        """Read the columns of a dataset in order."""
        rows = self._db.execute(
            "SELECT position, id, name, type, task_type, metadata FROM columns"
            " WHERE dataset = ? ORDER BY position",
            (dataset.key,),
        )
        return [Column(*row) for row in rows]

    def column(self, dataset: Dataset, column_id: str) -> Column:
        """Read one column.

        Raises:
            ApiError: ``COLUMN_NOT_FOUND``.
        """
        for column in self.columns(dataset):
            if column.id == column_id:
                return column
        raise ApiError("COLUMN_NOT_FOUND", {"datasetId": dataset.id, "columnId": column_id})

    def links(self, dataset: Dataset) -> list[str]:
        """List the data sources linked to a dataset or to one of its cells."""
        rows = self._db.execute(
            "SELECT datasource FROM dataset_links WHERE dataset = ? UNION SELECT datasource"
            " FROM cells WHERE dataset = ? AND datasource IS NOT NULL ORDER BY 1",
            (dataset.key, dataset.key),
        )
        return [row[0] for row in rows]

    def cell(self, dataset: Dataset, cell_id: str) -> Cell:
        """Read one cell.

        Raises:
            ApiError: ``CELL_NOT_FOUND``.
        """
        row = self._db.execute(
            "SELECT dataset, row, position, id, value, metadata, datasource FROM cells"
            " WHERE dataset = ? AND id = ?",
            (dataset.key, cell_id),
        ).fetchone()
        if row is None:
            raise ApiError("CELL_NOT_FOUND", {"datasetId": dataset.id, "cellId": cell_id})
        return Cell(*row)

    def rows(
        self, dataset: Dataset, columns: Sequence[Column], offset: int, limit: int
    ) -> Iterator[list[tuple[int, int, str, str, str, str | None]]]:
        """Read rows of cells (row, position, id, value, metadata, data source) in column order."""
        wanted = {column.position: place for place, column in enumerate(columns)}
        marks = ",".join("?" * len(wanted))
        cursor = self._db.execute(
            "SELECT row, position, id, value, metadata, datasource FROM cells WHERE dataset = ?"  # noqa: S608 - question marks only
            f" AND row > ? AND row <= ? AND position IN ({marks}) ORDER BY row, position",
            (dataset.key, offset, offset + limit, *wanted),
        )
        in_order = list(wanted) == sorted(wanted)
        while cells := cursor.fetchmany(len(wanted)):
            if not in_order:
                cells.sort(key=lambda cell: wanted[cell[1]])
            yield cells

    def find_text(self, dataset: Dataset, text: str, offset: int) -> tuple[int, int, str] | None:
        """Find the next cell that holds a text in its value's JSON, whatever the case in ASCII.

        Args:
            dataset: The dataset.
            text: The text.
            offset: Rows before the first that is searched.

        Returns:
            Row and position, both from 1, and the cell's id; None where no cell holds it.
        """
        found: tuple[int, int, str] | None = self._db.execute(
            "SELECT row, position, id FROM cells WHERE dataset = ? AND row > ?"
            " AND instr(lower(value), lower(?)) ORDER BY row, position LIMIT 1",
            (dataset.key, offset, dump_json(text)[1:-1]),
        ).fetchone()
        return found

    def row_id(self, dataset: Dataset, row: int) -> str:
        """Make the stable id of a row, numbered from 1."""
        return opaque_id(dataset.id, "row", row) if dataset.opaque else f"row_{row}"

    def write_value(self, dataset_id: str, cell_id: str, value: str) -> str:
        """Set a cell's value and reset its metadata; return the previous value as JSON text.

        Raises:
            ApiError: ``DATASET_NOT_FOUND``, ``CELL_NOT_FOUND`` or ``PROCESSING_IN_PROGRESS``.
        """
        self._processing.settle()
        row = self._db.execute(
            "SELECT d.key, d.status, c.value FROM datasets d LEFT JOIN cells c"
            " ON c.dataset = d.key AND c.id = ? WHERE d.id = ?",
            (cell_id, dataset_id),
        ).fetchone()
        if row is None:
            raise ApiError("DATASET_NOT_FOUND", {"datasetId": dataset_id})
        key, status, previous = row
        if previous is None:
            raise ApiError("CELL_NOT_FOUND", {"datasetId": dataset_id, "cellId": cell_id})
        if status == "processing":
            raise self._processing.error("datasets", dataset_id)
        self._db.execute(
            "UPDATE cells SET value = ?, metadata = '{}' WHERE dataset = ? AND id = ?",
            (value, key, cell_id),
        )
        self.touch(key)
        return str(previous)

    def link(self, cell: Cell, datasource_id: str) -> None:
        """Link a data source to a cell."""
        self._db.execute(
            "UPDATE cells SET datasource = ? WHERE dataset = ? AND id = ?",
            (datasource_id, cell.dataset, cell.id),
        )
        self.touch(cell.dataset)

    def update_column(self, dataset: Dataset, column: Column) -> None:
        """Write a column's name and metadata."""
        self._db.execute(
            "UPDATE columns SET name = ?, metadata = ? WHERE dataset = ? AND position = ?",
            (column.name, column.metadata, dataset.key, column.position),
        )
        self.touch(dataset.key)

    def reset_column(self, dataset: Dataset, column: Column) -> int:
        """Write a column's task type, null its values; return how many cells it has."""
        with self._db.connection:
            self._db.execute("BEGIN")
            self._db.execute(
                "UPDATE columns SET task_type = ?, metadata = ? WHERE dataset = ? AND position = ?",
                (column.task_type, column.metadata, dataset.key, column.position),
            )
            link = "datasource" if column.task_type == "raw" else "NULL"
            cursor = self._db.execute(
                f"UPDATE cells SET value = 'null', metadata = '{{}}', datasource = {link}"  # noqa: S608 - constant text
                " WHERE dataset = ? AND position = ?",
                (dataset.key, column.position),
            )
        self.touch(dataset.key)
        return cursor.rowcount

    def delete(self, dataset: Dataset) -> None:
        """Remove a dataset and all that belongs to it."""
        files = self._db.execute("SELECT file FROM exports WHERE dataset = ?", (dataset.key,))
        names = [row[0] for row in files]
        with self._db.connection:
            self._db.execute("BEGIN")
            for table in ("cells", "columns", "dataset_links", "exports"):
                self._db.execute(f"DELETE FROM {table} WHERE dataset = ?", (dataset.key,))  # noqa: S608 - constant names
            self._db.execute("DELETE FROM datasets WHERE key = ?", (dataset.key,))
        self._touched.pop(dataset.key, None)
        self._db.drop_files(names)

    def place(self, dataset_id: str, cell_id: str) -> tuple[int, int] | None:
        """Find a cell's row and position, both from 1; None where there is no such cell."""
        found: tuple[int, int] | None = self._db.execute(
            "SELECT c.row, c.position FROM datasets d JOIN cells c ON c.dataset = d.key"
            " WHERE d.id = ? AND c.id = ?",
            (dataset_id, cell_id),
        ).fetchone()
        return found

    def forget(self) -> None:
        """Forget what is kept beside the database: it was emptied."""
        self._touched.clear()

    def touch(self, key: int) -> None:
        """Move a dataset's ``updatedAt`` on, at most once a second as it tells whole seconds."""
        now = self._clock()
        if self._touched.get(key) != int(now):
            self._touched[key] = int(now)
            self._db.execute("UPDATE datasets SET updated_at = ? WHERE key = ?", (now, key))

    def values(self, dataset: Dataset) -> dict[str, Any]:
        """Read every cell's value by its id, row by row."""
        rows = self._db.execute(
            "SELECT id, value FROM cells WHERE dataset = ? ORDER BY row, position", (dataset.key,)
        )
        return {cell_id: json.loads(value) for cell_id, value in rows}

    def cell_ids(self, dataset: Dataset) -> list[str]:
        """List every cell's id, row by row."""
        rows = self._db.execute(
            "SELECT id FROM cells WHERE dataset = ? ORDER BY row, position", (dataset.key,)
        )
        return [row[0] for row in rows]


def _cells(key: int | None, dataset_id: str, new: NewDataset) -> Iterator[tuple[Any, ...]]:
    width = len(new.columns)
    for number, row in enumerate(new.rows, 1):
        if len(row) != width:
            raise ValueError(f"row {number} has {len(row)} values for {width} columns")
        for position, item in enumerate(row, 1):
            if new.opaque:
                cell_id = opaque_id(dataset_id, "cell", number, position)
            else:
                cell_id = new.cell_id(number, position)
            if isinstance(item, NewCell):
                value, metadata = dump_json(item.value), dump_json(item.metadata)
                yield key, number, position, cell_id, value, metadata, item.datasource
            else:  # as all cells of a file, of which there may be millions
                yield key, number, position, cell_id, dump_json(item), "{}", None

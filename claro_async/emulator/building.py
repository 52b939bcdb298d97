"""Making datasets and data sources other than by requests: from Python, and from seed files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from claro_async.emulator.dataset_store import Column, NewDataset
from claro_async.emulator.seeding import (
    CONTENT_TYPES,
    UnreadableFileError,
    content_type_of,
    read_table,
)
from claro_async.emulator.validation import DATASET_TYPES, STATUSES, TASK_TYPES, dump_json

if TYPE_CHECKING:
    from claro_async.emulator.calls import World
    from claro_async.emulator.database import StoredFile
    from claro_async.emulator.delimited import Table as FileTable
    from claro_async.emulator.processing import Table

Kind: TypeAlias = Literal["dataset", "datasource"]


class Made(NamedTuple):
    """The ids of what was made of a file."""

    dataset_id: str
    datasource_id: str


def row_first(row: int, column: int) -> str:
    """Make a cell id as in the sample of "Get Dataset Data": ``cell_{row}_{column}``."""
    return f"cell_{row}_{column}"


def column_first(row: int, column: int) -> str:
    """Make a cell id as the samples of "Update Cell Value" say: "Format: col_row"."""
    return f"cell_{column}_{row}"


def new_dataset(  # noqa: PLR0913 - what a dataset is made of
    name: str,
    columns: Sequence[str | Mapping[str, Any]],
    rows: Iterable[Sequence[Any] | Mapping[str, Any]],
    *,
    kind: str = "extraction",
    dataset_id: str | None = None,
    status: str = "completed",
    description: str = "",
    opaque: bool = False,
    cell_id: Callable[[int, int], str] | None = None,
    links: Sequence[str] = (),
) -> NewDataset:
    """Describe a dataset to be made; see `Emulator.add_dataset`.

    Raises:
        ValueError: For a bad type, status or column.
    """
    if kind not in DATASET_TYPES:
        raise ValueError(f"type must be one of {sorted(DATASET_TYPES)}")
    if status not in STATUSES:
        raise ValueError(f"status must be one of {sorted(STATUSES)}")
    described = [_column(column, position) for position, column in enumerate(columns, 1)]
    names = [column.name for column in described]
    lists = (
        [row.get(column) for column in names] if isinstance(row, Mapping) else row for row in rows
    )
    return NewDataset(
        dataset_id,
        name,
        description,
        kind,
        status,
        described,
        lists,
        opaque,
        cell_id or row_first,
        links,
    )


def _column(column: str | Mapping[str, Any], position: int) -> Column:
    given: Mapping[str, Any] = {"name": column} if isinstance(column, str) else column
    unknown = set(given) - {"id", "name", "type", "taskType", "metadata"}
    if unknown or "name" not in given:
        raise ValueError(f"a column has a name, id, type, taskType and metadata, not {given!r}")
    task_type = given.get("taskType", "raw")
    if task_type not in TASK_TYPES:
        raise ValueError(f"taskType must be one of {sorted(TASK_TYPES)}")
    return Column(
        position,
        given.get("id", f"col_{position}"),
        given["name"],
        given.get("type", "string"),
        task_type,
        dump_json(given.get("metadata", {})),
    )


def add_datasource(
    world: World,
    source: str | Path | bytes,
    *,
    file_name: str | None = None,
    content_type: str | None = None,
    datasource_id: str | None = None,
) -> str:
    """Make a data source of a file; see `Emulator.add_datasource`.

    Raises:
        ValueError: For bytes without a name and kinds of files that Claro does not take.
    """
    if isinstance(source, bytes):
        if file_name is None:
            raise ValueError("bytes need a file_name")
        data = source
    else:
        data = Path(source).read_bytes()
        file_name = file_name or Path(source).name
    kind = content_type or content_type_of(file_name)
    if kind not in CONTENT_TYPES.values():
        raise ValueError(f"{file_name}: neither CSV, TSV, JSON, JSONL, PDF nor text")
    stored = _store(world, data)
    return world.datasources.add(stored, file_name, str(kind), datasource_id=datasource_id)


def _store(world: World, data: bytes) -> StoredFile:
    writer = world.database.new_file()
    writer.write(data)
    return writer.finish()


def seed(world: World, path: Path) -> None:
    """Load a file as a data source and as an extraction dataset of raw columns.

    A file that a database got before (the same name and bytes) is not loaded again.

    Args:
        world: The state.
        path: The file.

    Raises:
        ValueError: For kinds of files that Claro does not take.
        UnreadableFileError: When the file is not what its name says.
        MissingExtraError: For a PDF file without the ``[emulator]`` extra.
    """
    kind = content_type_of(path.name)
    if kind is None:
        raise ValueError(f"{path.name}: neither CSV, TSV, JSON, JSONL, PDF nor text")
    table = read_table(path, kind)
    stored = _store(world, path.read_bytes())
    if not world.database.set_default(f"seed:{path.name}:{stored.sha256}", "1"):
        world.database.drop_files([stored.file])
        return
    add_table(world, path.name, stored, table)


def add_table(world: World, file_name: str, stored: StoredFile, table: FileTable) -> Made:
    """Make a data source and an extraction dataset of raw columns of a file that was read.

    Raises:
        UnreadableFileError: Its values are nested too deeply to be written; nothing is made.
    """
    kind = str(content_type_of(file_name))
    datasource_id = world.datasources.add(stored, file_name, kind)
    try:
        return Made(_dataset_of(world, file_name, datasource_id, table), datasource_id)
    except BaseException as error:
        world.datasources.delete(world.datasources.find(datasource_id))
        if isinstance(error, RecursionError):
            raise UnreadableFileError(f"{file_name}: nested too deeply") from error
        raise


def _dataset_of(world: World, file_name: str, datasource_id: str, table: FileTable) -> str:
    world.datasources.keep_rows(world.datasources.find(datasource_id), table)
    columns = [{"name": name, "type": column_type} for name, column_type in table.columns]
    name, description = Path(file_name).stem, f"Made of the file {file_name}"
    new = new_dataset(name, columns, table.rows, description=description, links=[datasource_id])
    return world.datasets.add(new)


def view(
    world: World, dataset_id: str, cell_id: str
) -> tuple[str, str, str, Any, dict[str, Any], str | None]:
    """Read one cell: its ids, value, metadata and linked data source.

    Raises:
        ApiError: ``DATASET_NOT_FOUND`` or ``CELL_NOT_FOUND``.
    """
    dataset = world.datasets.find(dataset_id)
    cell = world.datasets.cell(dataset, cell_id)
    column = world.datasets.columns(dataset)[cell.position - 1]
    row_id = world.datasets.row_id(dataset, cell.row)
    value, metadata = json.loads(cell.value), json.loads(cell.metadata)
    return cell.id, row_id, column.id, value, metadata, cell.datasource


def table_of(world: World, resource_id: str, kind: Kind | None) -> Table:
    """Tell whether an id is that of a dataset or of a data source.

    Args:
        world: The state.
        resource_id: The id.
        kind: Which of the two, where both may have it.

    Raises:
        KeyError: When it is neither.
    """
    if kind != "datasource" and resource_id in world.datasets.ids():
        return "datasets"
    if kind != "dataset" and resource_id in world.datasources.ids():
        return "datasources"
    raise KeyError(resource_id)

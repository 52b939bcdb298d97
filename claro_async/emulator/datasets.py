"""Handlers of Claro API v2, "Manage Dataset", but for those on single cells."""

from __future__ import annotations

import json
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, Final

from claro_async.emulator.clock import iso_seconds
from claro_async.emulator.errors import ApiError, invalid
from claro_async.emulator.ledger import AppliedColumnUpdate, AppliedDelete, AppliedTaskType
from claro_async.emulator.validation import (
    DATASET_TYPES,
    STATUSES,
    TASK_TYPES,
    dump_json,
    object_field,
    query_boolean,
    query_choice,
    query_integer,
    require_prompt,
    string_field,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claro_async.emulator.calls import Call
    from claro_async.emulator.dataset_store import Column, Dataset

_MAX_DATASETS_PAGE: Final = 100
_MAX_ROWS_PAGE: Final = 1000


def dump(value: Any) -> bytes:
    """Write a reply's body."""
    return dump_json(value).encode()


def pagination(page: int, limit: int, total: int) -> dict[str, int]:
    """Describe a page as the samples do."""
    return {"page": page, "limit": limit, "total": total, "totalPages": -(-total // limit)}


async def list_datasets(call: Call) -> bytes:
    """Answer "List All Datasets"."""
    query, store = call.query, call.world.datasets
    page = query_integer(query, "page", 1, None)
    limit = query_integer(query, "limit", 20, _MAX_DATASETS_PAGE)
    kind = query_choice(query, "type", DATASET_TYPES)
    status = query_choice(query, "status", STATUSES)
    found, total = store.page(kind, status, (page - 1) * limit, limit)
    summaries = [_summary(call, dataset) for dataset in found]
    return dump({"datasets": summaries, "pagination": pagination(page, limit, total)})


def _summary(call: Call, dataset: Dataset) -> dict[str, Any]:
    store = call.world.datasets
    return {
        **_head(dataset),
        "rowCount": dataset.row_count,
        "columnCount": len(store.columns(dataset)),
        "linkedDatasources": store.links(dataset),
    }


def _head(dataset: Dataset) -> dict[str, Any]:
    return {
        "datasetId": dataset.id,
        "name": dataset.name,
        "description": dataset.description,
        "type": dataset.type,
        "status": dataset.status,
        "createdAt": iso_seconds(dataset.created_at),
        "updatedAt": iso_seconds(dataset.updated_at),
    }


async def get_dataset(call: Call) -> bytes:
    """Answer "Get Dataset Details"."""
    dataset = call.world.dataset(call.ids[0])
    columns = call.world.datasets.columns(dataset)
    details = _head(dataset)
    details["columns"] = [_column(column, full=True) for column in columns]
    details["rowCount"] = dataset.row_count
    details["columnCount"] = len(columns)
    details["linkedDatasources"] = call.world.datasets.links(dataset)
    return dump(details)


def _column(column: Column, *, full: bool) -> dict[str, Any]:
    known: dict[str, Any] = {
        "columnId": column.id,
        "name": column.name,
        "type": column.type,
        "taskType": column.task_type,
    }
    if full:
        known["isRawData"] = column.task_type == "raw"
        known["metadata"] = json.loads(column.metadata)
    return known


def choose_columns(dataset: Dataset, columns: list[Column], wanted: Sequence[str]) -> list[Column]:
    """Pick columns by their ids, in the order asked for.

    Raises:
        ApiError: ``COLUMN_NOT_FOUND``, or ``INVALID_PARAMETERS`` for an id given twice.
    """
    by_id = {column.id: column for column in columns}
    for column_id in wanted:
        if column_id not in by_id:
            raise ApiError("COLUMN_NOT_FOUND", {"datasetId": dataset.id, "columnId": column_id})
    if len(set(wanted)) != len(wanted):
        raise invalid("columns", "names a column twice")
    return [by_id[column_id] for column_id in wanted]


async def get_dataset_data(call: Call) -> bytes:
    """Answer "Get Dataset Data"."""
    query, store = call.query, call.world.datasets
    page = query_integer(query, "page", 1, None)
    limit = query_integer(query, "limit", 50, _MAX_ROWS_PAGE)
    with_metadata = query_boolean(query, "includeMetadata")
    names = query["columns"].split(",") if "columns" in query else None
    if names is not None and "" in names:
        raise invalid("columns", "holds an empty column id")
    dataset = call.world.dataset(call.ids[0])
    columns = store.columns(dataset)
    if names is not None:
        columns = choose_columns(dataset, columns, names)
    cell_metadata = with_metadata or not call.world.metadata_on_request
    span = range((page - 1) * limit, page * limit)
    rows = _rows_json(call, dataset, columns, span, metadata=cell_metadata)
    heads = dump_json([_column(column, full=with_metadata) for column in columns])
    pages = dump_json(pagination(page, limit, dataset.row_count))
    return f'{{"rows":[{rows}],"columns":{heads},"pagination":{pages}}}'.encode()


def _rows_json(
    call: Call, dataset: Dataset, columns: list[Column], span: range, *, metadata: bool
) -> str:
    # Values are stored as JSON text, so a page is put together without parsing any of them.
    if span.start >= dataset.row_count or not columns:
        return ""
    store = call.world.datasets
    ids = {column.position: encode_basestring(column.id) for column in columns}
    rows = []
    for cells in store.rows(dataset, columns, span.start, len(span)):
        row_id = encode_basestring(store.row_id(dataset, cells[0][0]))
        parts = []
        for _row, position, cell_id, value, about, source in cells:
            link = "" if source is None else f',"linkedDatasource":{encode_basestring(source)}'
            extra = f',"metadata":{about}' if metadata else ""
            parts.append(
                f'{{"cellId":{encode_basestring(cell_id)},"rowId":{row_id},'
                f'"columnId":{ids[position]},"value":{value}{link}{extra}}}'
            )
        rows.append("[" + ",".join(parts) + "]")
    return ",".join(rows)


async def update_column(call: Call) -> bytes:
    """Answer "Update Column Metadata"; given metadata is merged into what is there."""
    body = call.json_object("name", "metadata")
    if not body:
        raise invalid("body", "must hold name, metadata or both")
    name = string_field(body, "name") if "name" in body else None
    given = object_field(body, "metadata")
    dump_json(given)
    world = call.world
    dataset = world.unlocked_dataset(call.ids[0])
    column = world.datasets.column(dataset, call.ids[1])
    metadata = {**json.loads(column.metadata), **given}
    require_prompt(column.task_type, metadata)
    column = column._replace(name=name or column.name, metadata=dump_json(metadata))
    world.datasets.update_column(dataset, column)
    entry = AppliedColumnUpdate(call.index, dataset.id, column.id, column.name, metadata)
    world.ledger.applied.append(entry)
    answer = _column(column, full=True)
    del answer["isRawData"]
    return dump({**answer, "updatedAt": world.now()})


async def update_column_task_type(call: Call) -> bytes:
    """Answer "Update Column Task Type": every value of the column becomes null."""
    body = call.json_object("taskType", "metadata")
    task_type = string_field(body, "taskType")
    metadata = object_field(body, "metadata")
    stored = dump_json(metadata)
    if task_type not in TASK_TYPES:
        raise ApiError("INVALID_TASK_TYPE", {"taskType": task_type, "allowed": sorted(TASK_TYPES)})
    require_prompt(task_type, metadata)
    world = call.world
    dataset = world.dataset(call.ids[0])
    column = world.datasets.column(dataset, call.ids[1])
    if task_type == "doc_extraction" and dataset.type != "extraction":
        details = {"taskType": task_type, "datasetType": dataset.type}
        raise ApiError("INVALID_TASK_TYPE", details)
    world.unlocked_dataset(dataset.id)
    changed = column._replace(task_type=task_type, metadata=stored)
    affected = world.datasets.reset_column(dataset, changed)
    entry = AppliedTaskType(
        call.index, dataset.id, column.id, task_type, column.task_type, affected
    )
    world.ledger.applied.append(entry)
    return dump(
        {
            "columnId": column.id,
            "taskType": task_type,
            "previousTaskType": column.task_type,
            "valuesReset": True,
            "affectedCells": affected,
            "metadata": metadata,
            "updatedAt": world.now(),
        }
    )


async def delete_dataset(call: Call) -> bytes:
    """Answer "Delete Dataset"."""
    world = call.world
    dataset = world.unlocked_dataset(call.ids[0])
    world.datasets.delete(dataset)
    world.ledger.applied.append(AppliedDelete(call.index, "dataset", dataset.id))
    return dump(
        {
            "message": "Dataset deleted successfully",
            "datasetId": dataset.id,
            "deletedAt": world.now(),
        }
    )

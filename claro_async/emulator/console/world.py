"""Routes of the console: datasets, their cells, and files."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any, Final

from claro_async.emulator import building
from claro_async.emulator.calls import RequestBody
from claro_async.emulator.console import shapes
from claro_async.emulator.console.asking import Ask, Desk, number_field
from claro_async.emulator.console.changes import Change
from claro_async.emulator.errors import ApiError, invalid
from claro_async.emulator.seeding import (
    MissingExtraError,
    UnreadableFileError,
    content_type_of,
    read_table,
)
from claro_async.emulator.validation import boolean_field, dump_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claro_async.emulator.database import FileWriter
    from claro_async.emulator.dataset_store import Cell, Dataset

ROWS_MAX: Final = 500
_ROWS: Final = 100
_CHANGES_SHOWN: Final = 50
_MAX_NAME: Final = 255
_NO_NAME: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Controls and line ends; joiners of emojis and the narrow spaces of screenshots may be there."""


def datasets(desk: Desk) -> list[dict[str, Any]]:
    """Show all datasets in the order in which they were made."""
    desk.changes.catch_up()
    store = desk.world.datasets
    found, _ = store.page(None, None, 0, -1)
    return [shapes.dataset(desk.world, each, desk.changes.edits(each.id)) for each in found]


async def list_datasets(ask: Ask) -> Any:
    """Answer ``GET datasets``."""
    return {"datasets": datasets(ask.desk)}


async def get_dataset(ask: Ask) -> Any:
    """Answer ``GET datasets/{}``."""
    return _whole(ask, ask.desk.world.datasets.find(ask.ids[0]))


def _whole(ask: Ask, dataset: Dataset) -> dict[str, Any]:
    store = ask.desk.world.datasets
    ask.desk.changes.catch_up()
    shown = shapes.dataset(ask.desk.world, dataset, ask.desk.changes.edits(dataset.id))
    columns = [
        {
            "columnId": column.id,
            "name": column.name,
            "type": column.type,
            "taskType": column.task_type,
            "metadata": shapes.preview(column.metadata)[0],
        }
        for column in store.columns(dataset)
    ]
    return {**shown, "columns": columns, "linkedDatasources": store.links(dataset)}


async def get_rows(ask: Ask) -> Any:
    """Answer ``GET datasets/{}/rows``: a slice, for a grid that shows what is in view."""
    skip, limit = ask.span(_ROWS, ROWS_MAX)
    store = ask.desk.world.datasets
    dataset = store.find(ask.ids[0])
    columns = store.columns(dataset)
    ask.desk.changes.catch_up()
    counts = ask.desk.changes.counts(dataset.id)
    row_ids: list[str] = []
    rows: list[list[dict[str, Any]]] = []
    for cells in store.rows(dataset, columns, skip, limit) if columns else ():
        row_ids.append(store.row_id(dataset, cells[0][0]))
        rows.append([_in_grid(cell, counts) for cell in cells])
    span = {"skip": skip, "limit": limit, "total": dataset.row_count}
    return {**span, "rowIds": row_ids, "rows": rows}


def _in_grid(
    cell: tuple[int, int, str, str, str, str | None], counts: Mapping[str, int]
) -> dict[str, Any]:
    _row, _position, cell_id, text, metadata, datasource = cell
    value, cut = shapes.preview(text)
    shown: dict[str, Any] = {"cellId": cell_id, "value": value}
    if cut:
        shown["cut"] = True
    if datasource is not None:
        shown["linkedDatasource"] = datasource
    if metadata != "{}":
        shown["metadata"] = True
    if cell_id in counts:
        shown["changed"] = counts[cell_id]
    return shown


async def find_cell(ask: Ask) -> Any:
    """Answer ``GET datasets/{}/find``: the next cell with a text, from a row on."""
    skip, _ = ask.span(1, 1)
    store = ask.desk.world.datasets
    dataset = store.find(ask.ids[0])
    text = ask.query.get("text", "")
    found = store.find_text(dataset, text, skip) if text else None
    if found is None:
        return {"row": None}
    row, position, cell_id = found
    column = store.columns(dataset)[position - 1]
    return {"row": row - 1, "columnId": column.id, "cellId": cell_id}


async def get_cell(ask: Ask) -> Any:
    """Answer ``GET datasets/{}/cells/{}``: all about a cell, and what changed it."""
    world = ask.desk.world
    dataset = world.datasets.find(ask.ids[0])
    cell = world.datasets.cell(dataset, ask.ids[1])
    column = world.datasets.columns(dataset)[cell.position - 1]
    ask.desk.changes.catch_up()
    found = ask.desk.changes.of_cell(dataset.id, cell.id, _CHANGES_SHOWN)
    edits = [change for change in found if change.what == "edit"]
    return {
        "datasetId": dataset.id,
        "cellId": cell.id,
        "rowId": world.datasets.row_id(dataset, cell.row),
        "row": cell.row - 1,
        "columnId": column.id,
        "columnName": column.name,
        "value": json.loads(cell.value),
        "previousValue": edits[0].previous if edits else None,
        "metadata": json.loads(cell.metadata),
        "linkedDatasource": _linked(ask, cell),
        "changed": ask.desk.changes.count(dataset.id, cell.id),
        "changes": shapes.changes(world, map(_with_time(ask.desk), found)),
    }


def _with_time(desk: Desk) -> Any:
    """Give changes by requests the time of these, where they are kept still."""
    times = {kept.record.index: kept.record.received_at for kept in desk.world.recent()}

    def add(change: Change) -> Change:
        if change.request is None:
            return change
        return change._replace(at=times.get(change.request))

    return add


def _linked(ask: Ask, cell: Cell) -> dict[str, Any] | None:
    if cell.datasource is None:
        return None
    try:
        source = ask.desk.world.datasources.find(cell.datasource)
    except ApiError:
        return None
    return shapes.datasource(source)


async def edit_cell(ask: Ask) -> Any:
    """Answer ``PATCH datasets/{}/cells/{}``: an edit as by the API, but by hand."""
    body = await ask.json("value")
    if "value" not in body:
        raise invalid("value", "is required")
    world, (dataset_id, cell_id) = ask.desk.world, ask.ids
    before = world.datasets.write_value(dataset_id, cell_id, dump_json(body["value"]))
    previous = json.loads(before)
    change = Change("edit", dataset_id, cell_id, body["value"], previous, None, at=world.clock())
    ask.desk.changes.edit_by_hand(change)
    world.ledger.recent.notice("cells", cells=shapes.changes(world, [change]))
    return await get_cell(ask)


async def delete_dataset(ask: Ask) -> Any:
    """Answer ``DELETE datasets/{}``."""
    world = ask.desk.world
    dataset = world.datasets.find(ask.ids[0])
    world.datasets.delete(dataset)
    return {"datasetId": dataset.id}


async def set_processing(ask: Ask) -> Any:
    """Answer ``POST datasets/{}/processing``: lock a dataset, or unlock it."""
    body = await ask.json("seconds", "finish")
    world = ask.desk.world
    dataset = world.datasets.find(ask.ids[0])
    if boolean_field(body, "finish"):
        world.processing.finish("datasets", dataset.id)
    else:
        seconds = number_field(body, "seconds", None)
        due = None if seconds is None else world.clock() + seconds
        world.processing.start("datasets", dataset.id, due)
    return _whole(ask, world.datasets.find(dataset.id))


async def add_file(ask: Ask) -> Any:
    """Answer ``POST files``: a file becomes a data source and a dataset."""
    world = ask.desk.world
    name = ask.query.get("fileName", "").replace("\\", "/").rpartition("/")[2]
    if not name.strip() or len(name) > _MAX_NAME or _NO_NAME.search(name):
        problem = f"must be a name of at most {_MAX_NAME} characters, none of them a control"
        raise invalid("fileName", problem)
    if content_type_of(name) is None:
        raise invalid("fileName", "must end in .csv, .tsv, .json, .jsonl, .pdf or .txt")
    writer = world.database.new_file()
    try:
        await _receive(ask, writer)
        stored = writer.finish()
        table = await asyncio.to_thread(read_table, writer.path, str(content_type_of(name)))
        dataset_id, datasource_id = building.add_table(world, name, stored, table)
    except (UnreadableFileError, MissingExtraError) as error:
        writer.discard()
        raise invalid("body", str(error).replace(writer.path.name, name)) from None
    except BaseException:
        writer.discard()
        raise
    shown = shapes.dataset(world, world.datasets.find(dataset_id), 0)
    kept = ("datasetId", "name", "rowCount", "columnCount")
    return {"datasourceId": datasource_id, **{field: shown[field] for field in kept}}


async def _receive(ask: Ask, writer: FileWriter) -> None:
    limit = ask.desk.world.max_upload_size
    async for chunk in RequestBody(ask.request).chunks():
        writer.write(chunk)
        if writer.size > limit:
            raise invalid("body", f"is larger than {limit} bytes", status=413)


async def list_datasources(ask: Ask) -> Any:
    """Answer ``GET datasources``."""
    skip, limit = ask.span(_ROWS, ROWS_MAX)
    found, total = ask.desk.world.datasources.page(None, None, skip, limit)
    shown = [{**shapes.datasource(each), "uploadedAt": each.uploaded_at} for each in found]
    return {"skip": skip, "limit": limit, "total": total, "datasources": shown}


async def reset(ask: Ask) -> Any:
    """Answer ``POST reset``: the world becomes what it was at the start."""
    body = await ask.json("ledger", "faults")
    clear_ledger, clear_faults = boolean_field(body, "ledger"), boolean_field(body, "faults")
    desk = ask.desk
    desk.world.empty()
    desk.restock()
    desk.changes.forget()
    if clear_faults:
        desk.faults.clear()
    if clear_ledger:
        desk.world.ledger.clear()
    desk.world.ledger.recent.notice("world", reason="reset", datasetId=None)
    return {"datasets": len(desk.world.datasets.ids())}

"""Handlers of Claro API v2, "Manage Dataset", on single cells."""

from __future__ import annotations

import json
import unicodedata
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Final

from claro_async.emulator.datasets import dump
from claro_async.emulator.errors import ApiError, invalid
from claro_async.emulator.ledger import AppliedEdit, AppliedLink, AppliedUpload
from claro_async.emulator.multipart import MultipartParser, PartEnd, PartHead, boundary_of
from claro_async.emulator.seeding import content_type_of
from claro_async.emulator.validation import dump_json, string_field

if TYPE_CHECKING:
    from claro_async.emulator.calls import Call
    from claro_async.emulator.database import FileWriter, StoredFile
    from claro_async.emulator.dataset_store import Cell, Dataset

_MAX_NAME: Final = 255


async def update_cell(call: Call) -> bytes:
    """Answer "Update Cell Value": the value is set and the cell's metadata is reset."""
    body = call.json_object("value")
    if "value" not in body:
        raise invalid("value", "is required")
    value = body["value"]
    stored = dump_json(value)
    world = call.world
    dataset_id, cell_id = call.ids
    world.check_access(dataset_id)
    previous = world.datasets.write_value(dataset_id, cell_id, stored)
    world.ledger.applied.append(
        AppliedEdit(call.index, dataset_id, cell_id, value, json.loads(previous))
    )
    return (
        f'{{"cellId":{encode_basestring(cell_id)},"value":{stored},"previousValue":{previous},'
        f'"metadataReset":true,"updatedAt":"{world.now()}","updatedBy":"user"}}'
    ).encode()


def _raw_cell(call: Call) -> tuple[Dataset, Cell]:
    # "For extraction datasets, upload or link a new datasource to a specific cell in raw data
    # columns" (section "Link Datasource to Cell").
    world = call.world
    dataset = world.dataset(call.ids[0])
    cell = world.datasets.cell(dataset, call.ids[1])
    if dataset.type != "extraction":
        raise invalid("datasetId", "linking needs an extraction dataset")
    column = world.datasets.columns(dataset)[cell.position - 1]
    if column.task_type != "raw":
        details = {"cellId": cell.id, "columnId": column.id, "taskType": column.task_type}
        raise ApiError("RAW_COLUMN_REQUIRED", details)
    world.unlocked_dataset(dataset.id)
    return dataset, cell


async def link_datasource(call: Call) -> bytes:
    """Answer "Link Existing Datasource"."""
    body = call.json_object("datasourceId")
    datasource_id = string_field(body, "datasourceId")
    dataset, cell = _raw_cell(call)
    world = call.world
    world.datasource(datasource_id)
    world.datasets.link(cell, datasource_id)
    world.ledger.applied.append(
        AppliedLink(call.index, dataset.id, cell.id, datasource_id, cell.datasource)
    )
    return dump(
        {
            "cellId": cell.id,
            "datasourceId": datasource_id,
            "linkedAt": world.now(),
            "previousDatasource": cell.datasource,
        }
    )


async def upload_datasource(call: Call) -> bytes:
    """Answer "Upload and Link New File": every call makes one more data source."""
    boundary = boundary_of(call.request.headers.get("Content-Type"))
    _raw_cell(call)
    writer = call.world.database.new_file()
    try:
        head = await _receive(call, MultipartParser(boundary), writer)
        file_name, content_type = _file_kind(head)
        # The cell may have changed while the body was coming in.
        dataset, cell = _raw_cell(call)
    except BaseException:
        writer.discard()
        raise
    return _keep_upload(call, dataset, cell, writer.finish(), file_name, content_type)


async def _receive(call: Call, parser: MultipartParser, writer: FileWriter) -> PartHead:
    head: PartHead | None = None
    is_file = False
    async for chunk in call.body.chunks():
        for event in parser.feed(chunk):
            if isinstance(event, PartHead):
                is_file = event.field == "file"
                if is_file and head is not None:
                    raise invalid("file", "is given more than once")
                head = event if is_file else head
            elif isinstance(event, PartEnd):
                is_file = False
            elif is_file:
                writer.write(event)
                if writer.size > call.world.max_upload_size:
                    limit = f"is larger than {call.world.max_upload_size} bytes"
                    raise invalid("file", limit, status=413)
    parser.close()
    if head is None:
        raise invalid("file", "is required")
    return head


def _file_kind(head: PartHead) -> tuple[str, str]:
    name = head.file_name
    if not name or len(name) > _MAX_NAME:
        raise invalid("file", f"needs a file name of at most {_MAX_NAME} characters")
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise invalid("file", "the file name holds control characters")
    content_type = content_type_of(name, head.content_type)
    if content_type is None:
        raise invalid("file", "must be CSV, TSV, JSON, JSONL, PDF or text")
    return name, content_type


def _keep_upload(  # noqa: PLR0913, PLR0917 - the whole of what an upload is
    call: Call, dataset: Dataset, cell: Cell, stored: StoredFile, file_name: str, content_type: str
) -> bytes:
    world = call.world
    datasource_id = world.datasources.add(stored, file_name, content_type)
    world.datasets.link(cell, datasource_id)
    entry = AppliedUpload(
        call.index,
        dataset.id,
        cell.id,
        datasource_id,
        file_name,
        content_type,
        stored.size,
        stored.sha256,
    )
    world.ledger.applied.append(entry)
    now = world.now()
    return dump(
        {
            "cellId": cell.id,
            "datasourceId": datasource_id,
            "fileName": file_name,
            "fileSize": stored.size,
            "uploadedAt": now,
            "linkedAt": now,
        }
    )

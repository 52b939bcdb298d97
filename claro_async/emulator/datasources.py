"""Handlers of Claro API v2, "Manage Data Source"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from claro_async.emulator.clock import iso_seconds
from claro_async.emulator.datasets import dump, pagination
from claro_async.emulator.datasource_store import Datasource, RowQuery
from claro_async.emulator.downloads import download_url, expiry
from claro_async.emulator.errors import invalid
from claro_async.emulator.filtering import compile_filter
from claro_async.emulator.ledger import AppliedDelete
from claro_async.emulator.validation import STATUSES, query_choice, query_integer

if TYPE_CHECKING:
    from claro_async.emulator.calls import Call

_MAX_PAGE: Final = 100
_MAX_ROWS_PAGE: Final = 1000
_SAMPLES: Final = 3


async def list_datasources(call: Call) -> bytes:
    """Answer "List All Data Sources"."""
    query = call.query
    page = query_integer(query, "page", 1, None)
    limit = query_integer(query, "limit", 20, _MAX_PAGE)
    status = query_choice(query, "status", STATUSES)
    content_type = query.get("contentType")
    store = call.world.datasources
    found, total = store.page(status, content_type, (page - 1) * limit, limit)
    summaries = [_summary(source) for source in found]
    return dump({"dataSources": summaries, "pagination": pagination(page, limit, total)})


def _summary(source: Datasource) -> dict[str, Any]:
    processed = None if source.processed_at is None else iso_seconds(source.processed_at)
    return {
        "datasourceId": source.id,
        "fileName": source.file_name,
        "contentType": source.content_type,
        "fileSize": source.size,
        "status": source.status,
        "uploadedAt": iso_seconds(source.uploaded_at),
        "processedAt": processed,
    }


async def get_datasource(call: Call) -> bytes:
    """Answer "Get Data Source Details"; what is still processing shows no columns yet."""
    source = call.world.datasource(call.ids[0])
    if source.status == "processing":
        stats = {"cleanedRows": 0, "errors": 0, "warnings": 0}
        return dump({**_summary(source), "columns": [], "rowCount": 0, "processingStats": stats})
    source = await call.world.datasources.parsed(source)
    rows = list(call.world.datasources.rows(source, RowQuery(), 0, _SAMPLES))
    columns = [
        {"name": name, "type": kind, "sampleValues": [row[place] for row in rows]}
        for place, (name, kind) in enumerate(source.column_pairs())
    ]
    stats = {
        "cleanedRows": source.row_count,
        "errors": source.errors,
        "warnings": source.warnings,
    }
    details = {"columns": columns, "rowCount": source.row_count, "processingStats": stats}
    return dump({**_summary(source), **details})


async def get_datasource_data(call: Call) -> bytes:
    """Answer "Get Data Source Data" with its sort, order and filter."""
    query, world = call.query, call.world
    page = query_integer(query, "page", 1, None)
    limit = query_integer(query, "limit", 50, _MAX_ROWS_PAGE)
    descending = query_choice(query, "order", ("asc", "desc")) == "desc"
    source = world.datasource(call.ids[0])
    if source.status == "processing":
        raise world.processing.error("datasources", source.id)
    source = await world.datasources.parsed(source)
    pairs = source.column_pairs()
    names = [name for name, _kind in pairs]
    wanted = _row_query(query, names, descending=descending)
    total = world.datasources.count_rows(source, wanted)
    offset = (page - 1) * limit
    rows = world.datasources.rows(source, wanted, offset, limit) if offset < total else ()
    return dump(
        {
            "data": [dict(zip(names, row, strict=True)) for row in rows],
            "pagination": pagination(page, limit, total),
            "columns": [{"name": name, "type": kind} for name, kind in pairs],
        }
    )


def _row_query(query: dict[str, str], names: list[str], *, descending: bool) -> RowQuery:
    sort = query.get("sort")
    if sort is not None and sort not in names:
        raise invalid("sort", f"names no column of this data source: {sort!r}")
    place = None if sort is None else names.index(sort)
    if "filter" not in query:
        return RowQuery(sort=place, descending=descending)
    condition, values = compile_filter(query["filter"], names)
    return RowQuery(condition, values, place, descending)


async def delete_datasource(call: Call) -> bytes:
    """Answer "Delete Data Source"."""
    world = call.world
    source = world.datasource(call.ids[0])
    world.datasources.delete(source)
    world.ledger.applied.append(AppliedDelete(call.index, "datasource", source.id))
    return dump(
        {
            "message": "Data source deleted successfully",
            "datasourceId": source.id,
            "deletedAt": world.now(),
        }
    )


async def create_datasource_download(call: Call) -> bytes:
    """Answer "Generate Download URL": a signed URL of the original file."""
    expires_at = expiry(call, call.optional_json_object("expiresIn"))
    source = call.world.datasource(call.ids[0])
    return dump(
        {
            "downloadUrl": download_url(call, f"/download/{source.id}", expires_at),
            "fileName": source.file_name,
            "expiresAt": iso_seconds(expires_at),
            "fileSize": source.size,
        }
    )

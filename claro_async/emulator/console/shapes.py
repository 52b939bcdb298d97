"""The shapes in which the console's routes and its stream show the same things."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

from claro_async.emulator.console.security import query_text
from claro_async.emulator.errors import ApiError
from claro_async.emulator.validation import dump_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from claro_async.emulator.calls import World
    from claro_async.emulator.console.attempts import Attempt
    from claro_async.emulator.console.changes import Change
    from claro_async.emulator.dataset_store import Dataset
    from claro_async.emulator.datasource_store import Datasource
    from claro_async.emulator.faults import Fault
    from claro_async.emulator.ratelimit import RateLimiter
    from claro_async.emulator.recent import Kept

PREVIEW_CHARACTERS: Final = 1_000
write_json: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":")
).encode
"""Writes what is shown. It may hold what a client sent, whatever that is: see `encode`."""


def encode(text: str) -> bytes:
    """Write JSON as UTF-8; a byte that was none, a lone surrogate in Python, becomes an escape."""
    return text.encode("utf-8", "backslashreplace")


def preview(text: str) -> tuple[Any, bool]:
    """Read a value's JSON text; of a long one its beginning as text, and that it was cut."""
    if len(text) <= PREVIEW_CHARACTERS:
        return json.loads(text), False
    return text[:PREVIEW_CHARACTERS], True


def dataset(world: World, found: Dataset, edits: int) -> dict[str, Any]:
    """Show a dataset in a list."""
    return {
        "datasetId": found.id,
        "name": found.name,
        "description": found.description,
        "type": found.type,
        "status": found.status,
        "rowCount": found.row_count,
        "columnCount": len(world.datasets.columns(found)),
        "createdAt": found.created_at,
        "updatedAt": found.updated_at,
        "edits": edits,
    }


def changes(world: World, found: Iterable[Change]) -> list[dict[str, Any]]:
    """Show changes of cells with the places of these, as far as they are there."""
    places: dict[str, Mapping[int, str] | None] = {}
    return [_change(world, each, places) for each in found]


def _change(
    world: World, change: Change, places: dict[str, Mapping[int, str] | None]
) -> dict[str, Any]:
    if change.dataset_id not in places:
        places[change.dataset_id] = _columns(world, change.dataset_id)
    columns = places[change.dataset_id]
    place = None
    if columns is not None:
        place = world.datasets.place(change.dataset_id, change.cell_id)
    texts = dump_json(change.value), dump_json(change.previous)
    cut = False
    values: list[Any] = [change.value, change.previous]
    if max(map(len, texts)) > PREVIEW_CHARACTERS:
        values, cut = [preview(text)[0] for text in texts], True
    by = {"kind": "console"} if change.request is None else _by_request(change.request)
    return {
        "what": change.what,
        "datasetId": change.dataset_id,
        "cellId": change.cell_id,
        "row": None if place is None else place[0] - 1,
        "columnId": None if place is None or columns is None else columns.get(place[1]),
        "value": values[0],
        "previousValue": values[1],
        "cut": cut,
        "datasourceId": change.datasource,
        "by": by,
        "at": change.at,
    }


def _by_request(index: int) -> dict[str, Any]:
    return {"kind": "request", "index": index}


def _columns(world: World, dataset_id: str) -> Mapping[int, str] | None:
    try:
        found = world.datasets.find(dataset_id)
    except ApiError:
        return None
    return {column.position: column.id for column in world.datasets.columns(found)}


def request(kept: Kept, attempt: Attempt) -> dict[str, Any]:
    """Show a request in a list."""
    record = kept.record
    return {
        "index": record.index,
        "operation": record.operation,
        "method": record.method,
        "path": record.raw_path,
        "query": query_text(record.query),
        "status": record.status,
        "code": _code(kept),
        "fault": record.fault,
        "receivedAt": record.received_at,
        "seconds": round(kept.seconds, 6),
        "authorization": record.authorization,
        "connection": record.connection_id,
        "bodySize": body_size(kept),
        "replySize": kept.reply_size,
        "call": attempt.call,
        "attempt": attempt.number,
        "wait": attempt.wait,
    }


def body_size(kept: Kept) -> int:
    """Tell how large a body was, also where it was rejected before all of it was read."""
    announced = kept.record.headers.get("Content-Length", "")
    known = announced.isascii() and announced.isdigit() and len(announced) <= 18  # noqa: PLR2004 - of 64 bits
    return max(kept.record.body_size, int(announced) if known else 0)


def _code(kept: Kept) -> str | None:
    """The code in the reply's envelope."""
    status = kept.record.status
    if status is None or status < 400:  # noqa: PLR2004 - no error
        return None
    try:
        envelope = json.loads(kept.reply)
    except ValueError:
        return None
    code = envelope.get("code") if isinstance(envelope, dict) else None
    return code if isinstance(code, str) else None


def datasource(found: Datasource) -> dict[str, Any]:
    """Show a data source."""
    return {
        "datasourceId": found.id,
        "fileName": found.file_name,
        "contentType": found.content_type,
        "size": found.size,
        "status": found.status,
    }


def fault(found: Fault) -> dict[str, Any]:
    """Show a fault."""
    return {
        "id": found.number,
        "operation": found.operation,
        "kind": found.kind,
        "probability": found.probability,
        "times": found.times,
        "after": found.after,
        "seconds": found.seconds,
        "until": found.until,
        "hits": found.hits,
        "seen": found.seen,
        "state": found.state,
        "preset": found.preset,
        "details": {name: _plain(value) for name, value in found.details.items()},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def quota(limiter: RateLimiter, now: float, seconds: int) -> dict[str, Any]:
    """Show the rate limit, its present window, and what the last seconds brought."""
    used, reset_at = limiter.present()
    limit = limiter.limit_set
    history = [
        {
            "second": each.second,
            "requests": each.requests,
            "throttled": each.throttled,
            "remaining": None if limit is None else each.remaining,
        }
        for each in limiter.history(seconds)
    ]
    return {
        "limit": limit,
        "window": limiter.window,
        "used": used,
        "remaining": None if limit is None else max(0, limit - used),
        "opened": None if reset_at is None else reset_at - limiter.window,
        "resetAt": reset_at,
        "now": now,
        "history": history,
    }

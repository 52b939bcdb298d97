"""Routes of the console: what was asked and answered, and what the ledger says of it all."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from claro_async.emulator.console import copying, shapes
from claro_async.emulator.console.changes import change_of
from claro_async.emulator.console.rejected import REJECTED, is_body_rejected
from claro_async.emulator.console.security import REDACTED, header_text
from claro_async.emulator.errors import ApiError, invalid
from claro_async.emulator.recent import ENTRIES_KEPT
from claro_async.emulator.routing import DOWNLOAD
from claro_async.emulator.validation import query_choice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from claro_async.emulator.console.asking import Ask, Desk
    from claro_async.emulator.recent import Kept

_MAX: Final = 500
_DEFAULT: Final = 100
_EXAMPLES: Final = 20
_THROTTLED: Final = 429
_PROBLEMS: Final[Mapping[str, Callable[[int | None], bool]]] = {
    "rejected": lambda status: status in REJECTED,
    "dropped": lambda status: status is None,
    "throttled": lambda status: status == _THROTTLED,
}


async def list_requests(ask: Ask) -> Any:
    """Answer ``GET requests``: newest first, with filters."""
    skip, limit = ask.span(_DEFAULT, _MAX)
    desk = ask.desk
    desk.attempts.catch_up()
    filters = [of(ask, text) for name, of in _FILTERS.items() if (text := ask.query.get(name))]
    kept = list(desk.world.recent())
    found = [each for each in kept if all(wanted(each) for wanted in filters)]
    page = found[skip : skip + limit]
    return {
        "skip": skip,
        "limit": limit,
        "total": len(found),
        "kept": len(kept),
        "ever": desk.world.ledger.count(),
        "requests": [_summary(desk, each) for each in page],
    }


def _summary(desk: Desk, kept: Kept) -> dict[str, Any]:
    return shapes.request(kept, desk.attempts.of(kept.record.index))


def _by_operation(_ask: Ask, wanted: str) -> Callable[[Kept], bool]:
    return lambda kept: kept.record.operation == wanted


def _by_fault(_ask: Ask, wanted: str) -> Callable[[Kept], bool]:
    return lambda kept: kept.record.fault is not None and wanted in ("any", kept.record.fault)


def _by_text(_ask: Ask, wanted: str) -> Callable[[Kept], bool]:
    return lambda kept: _holds(kept, wanted.lower())


def _by_call(ask: Ask, wanted: str) -> Callable[[Kept], bool]:
    index = _index(wanted)
    return lambda kept: ask.desk.attempts.of(kept.record.index).call == index


def _by_problem(ask: Ask, wanted: str) -> Callable[[Kept], bool]:
    if query_choice(ask.query, "problem", ("retried", *_PROBLEMS)) == "retried":
        return lambda kept: ask.desk.attempts.of(kept.record.index).number > 1
    return lambda kept: _PROBLEMS[wanted](kept.record.status)


def _by_status(_ask: Ask, wanted: str) -> Callable[[Kept], bool]:
    if wanted == "none":
        return lambda kept: kept.record.status is None
    if len(wanted) != 3 or not (wanted.isdigit() or wanted[1:] == "xx") or not wanted.isascii():  # noqa: PLR2004 - digits of a status
        raise invalid("status", "must be a status such as 429, 4xx, or none")
    begin = wanted.removesuffix("xx")
    return lambda kept: str(kept.record.status).startswith(begin)


_FILTERS: Final[Mapping[str, Callable[[Ask, str], Callable[[Kept], bool]]]] = {
    "operation": _by_operation,
    "status": _by_status,
    "fault": _by_fault,
    "text": _by_text,
    "call": _by_call,
    "problem": _by_problem,
}


def _index(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):  # noqa: PLR2004 - of 64 bits
        raise invalid("index", "must be an integer")
    return int(text)


def _holds(kept: Kept, wanted: str) -> bool:
    record = kept.record
    texts = (record.raw_path, record.query, kept.body.decode("utf-8", "replace"))
    return any(wanted in text.lower() for text in texts)


def _find(ask: Ask) -> Kept:
    index = _index(ask.ids[0])
    kept = ask.desk.world.ledger.recent.find(index)
    if kept is None:
        details = {"index": index, "kept": ENTRIES_KEPT}
        raise ApiError("NOT_FOUND", details, message="This request is not kept (any more)")
    return kept


async def get_request(ask: Ask) -> Any:
    """Answer ``GET requests/{}``: a request whole, with its reply and what it changed."""
    desk = ask.desk
    desk.attempts.catch_up()
    kept = _find(ask)
    record = kept.record
    call = desk.attempts.of(record.index).call
    attempts = [
        each for each in desk.world.recent() if desk.attempts.of(each.record.index).call == call
    ]
    entries = map(change_of, desk.changes.of_request(record.index))
    at = record.received_at
    changes = [change._replace(at=at) for change in entries if change is not None]
    reply_type = kept.reply_headers.get("Content-Type", "")
    reply_kind = "file" if record.operation == DOWNLOAD and kept.reply_size else ""
    body_size = shapes.body_size(kept)
    body_kind = "file" if record.operation == "uploadDatasource" and body_size else ""
    body_type = record.headers.get("Content-Type", "")
    return {
        **_summary(desk, kept),
        "headers": _headers(kept),
        "body": _text(kept.body, body_size, body_type, body_kind),
        "replyHeaders": [
            [name, header_text(name, value)] for name, value in kept.reply_headers.items()
        ],
        "replyBody": _text(kept.reply, kept.reply_size, reply_type, reply_kind),
        "changes": shapes.changes(desk.world, changes),
        "attempts": [_summary(desk, each) for each in reversed(attempts)],
    }


def _headers(kept: Kept) -> list[list[str]]:
    """The headers as sent; the ledger keeps no key, but only whether there was one."""
    headers = [[name, header_text(name, value)] for name, value in kept.record.headers.items()]
    if kept.record.authorization != "absent":
        headers.append(["Authorization", REDACTED])
    return headers


def _text(data: bytes, size: int, content_type: str, kind: str) -> dict[str, Any]:
    shown: dict[str, Any] = {"kind": kind, "text": "", "size": size, "cut": len(data) < size}
    if not size:
        return {**shown, "kind": "none"}
    if kind == "file":
        return shown
    try:
        # a character that was cut in two is left out
        shown["text"] = data.decode("utf-8", "ignore" if shown["cut"] else "strict")
    except UnicodeDecodeError:
        return {**shown, "kind": "binary"}
    return {**shown, "kind": "json" if "json" in content_type else "text"}


async def copy_request(ask: Ask) -> Any:
    """Answer ``GET requests/{}/copy``: the request as a command or a program."""
    form = query_choice(ask.query, "as", copying.FORMS)
    if form is None:
        raise invalid("as", f"is required: one of {', '.join(copying.FORMS)}")
    return {"as": form, "text": copying.write(ask.desk, _find(ask), form)}


async def get_invariants(ask: Ask) -> Any:
    """Answer ``GET invariants``."""
    return invariants(ask.desk)


def invariants(desk: Desk) -> dict[str, Any]:
    """Say at a glance what ought not to happen, and what did."""
    desk.changes.catch_up()
    desk.attempts.catch_up()
    ledger = desk.world.ledger
    statuses = ledger.statuses
    twice = desk.changes.written_twice
    rejected = desk.rejected.count()
    examples = (kept.record.index for kept in desk.world.recent() if is_body_rejected(kept.record))
    crowded = list(ledger.crowded_cells)
    return {
        "requests": ledger.count(),
        "inFlight": ledger.in_flight,
        "maxInFlight": ledger.max_in_flight,
        "statuses": {str(status or "none"): count for status, count in statuses.items()},
        "cellsWrittenTwice": {
            "count": len(twice),
            "examples": [
                {"datasetId": dataset_id, "cellId": cell_id, "times": times}
                for (dataset_id, cell_id), times in list(twice.items())[: -_EXAMPLES - 1 : -1]
            ],
        },
        "cellsInFlightTwice": {
            "max": ledger.max_in_flight_per_cell,
            "count": len(crowded),
            "examples": [
                {"datasetId": dataset_id, "cellId": cell_id}
                for dataset_id, cell_id in crowded[: -_EXAMPLES - 1 : -1]
            ],
        },
        "bodiesRejected": {
            "count": rejected,
            # no more are looked for than there are: mostly none, and not the whole log each time
            "examples": list(islice(examples, min(rejected, _EXAMPLES))),
        },
        "throttled": statuses.get(_THROTTLED, 0),
        "unanswered": statuses.get(None, 0),
        "retried": desk.attempts.retried,
    }


async def clear_ledger(ask: Ask) -> Any:
    """Answer ``POST ledger/clear``."""
    await ask.json()
    ask.desk.world.ledger.clear()
    return {}

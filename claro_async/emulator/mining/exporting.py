"""Pages of comments. Communications Mining API v1, "Datasets", section "Export a dataset"."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from claro_async.emulator.errors import invalid
from claro_async.emulator.mining.continuation import Mark
from claro_async.emulator.mining.handlers import is_id_list
from claro_async.emulator.mining.store import FIRST, CommentFilter
from claro_async.emulator.mining.times import parse_time
from claro_async.emulator.validation import dump_json, integer_field

if TYPE_CHECKING:
    from claro_async.emulator.mining.handlers import MiningCall

MAX_LIMIT: Final = 256
DEFAULT_LIMIT: Final = 64
MAX_UIDS: Final = 256
MAX_SOURCES: Final = 1024

QUIRKS: Final = frozenset({"empty_page", "overlap", "repeat_token"})
"""Kinds of faults that strike an export: a page without comments though more follow, a page that
begins with the second half of the one before, and a token that leads to itself."""

_FILTERS: Final = ("source_ids", "from", "to")
_FIELDS: Final = ("comment_uids", *_FILTERS, "order_by", "continuation", "limit")


async def export_dataset(call: MiningCall) -> bytes:
    """Give one page, and the token of the next unless there is none."""
    dataset = call.dataset()
    body = call.json_object(*_FIELDS)
    wanted = _read_filter(body)
    limit = integer_field(body, "limit", minimum=1, maximum=MAX_LIMIT, default=DEFAULT_LIMIT)
    scope = f"{dataset.key} {json.dumps(wanted)}"
    tokens, after = call.store.tokens, FIRST
    if "continuation" in body:
        after = tokens.read(body["continuation"], scope)
    found = call.store.page(dataset, wanted, after, limit + 1)
    mark = found[limit - 1][0] if len(found) > limit else None
    page, mark = _quirk(call, found[:limit], mark)
    texts = (text for _, text in page)
    comments = ",".join(texts if dataset.has_sentiment else map(_without_sentiment, texts))
    following = None if mark is None else tokens.write(mark, scope)
    if call.quirk is not None and call.quirk.kind == "repeat_token":
        following = body.get("continuation", following)
    told = "" if following is None else f'"continuation":{json.dumps(following)},'
    return f'{{"comments":[{comments}],{told}"status":"ok"}}'.encode()


def _without_sentiment(text: str) -> str:
    """A comment as a dataset without sentiment exports it: its labels have none."""
    exported = json.loads(text)
    assigned = ((exported.get("annotations") or {}).get("labels") or {}).get("assigned")
    predicted = (exported.get("predictions") or {}).get("labels")
    for label in [*(assigned or ()), *(predicted or ())]:
        label.pop("sentiment", None)
    return dump_json(exported)


def _quirk(
    call: MiningCall, page: list[tuple[Mark, str]], following: Mark | None
) -> tuple[list[tuple[Mark, str]], Mark | None]:
    """Empty the page, or let the next one begin within it, as the fault has it."""
    kind = None if call.quirk is None else call.quirk.kind
    if kind == "empty_page" and page:
        first = page[0][0]
        return [], Mark(first.time, first.number - 1, call.index % 2**24)
    if kind == "overlap" and following is not None:
        return page, page[len(page) // 2 - 1][0]
    return page, following


def _read_filter(body: dict[str, Any]) -> CommentFilter:
    """Read which comments are wanted.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` for whatever the table "Request Format" rules out.
    """
    uids = _ids(body, "comment_uids", MAX_UIDS)
    if uids is not None:
        for name in _FILTERS:
            if name in body:
                raise invalid(name, "must not be passed with comment_uids")
    order_by = body.get("order_by", "timestamp")
    if order_by not in ("created_at", "timestamp"):
        raise invalid("order_by", "must be created_at or timestamp")
    sources = _ids(body, "source_ids", MAX_SOURCES)
    return CommentFilter(order_by, _time(body, "from"), _time(body, "to"), sources, uids)


def _ids(body: dict[str, Any], name: str, most: int) -> list[str] | None:
    if name not in body:
        return None
    value = body[name]
    if not is_id_list(value):
        raise invalid(name, "must be an array of ids")
    if len(value) > most:
        raise invalid(name, f"must hold at most {most} ids")
    return list(value)


def _time(body: dict[str, Any], name: str) -> int | None:
    if name not in body:
        return None
    try:
        return parse_time(body[name])
    except ValueError as error:
        raise invalid(name, str(error)) from None

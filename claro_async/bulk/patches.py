"""The request of an edit, and what its end says of the edit: pure.

Claro API v2, "Manage Dataset", section "Update Cell Value".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from claro_async import errors
from claro_async._generated.claro_api.datasets import UPDATE_CELL
from claro_async.bulk.concurrency import AttemptEnd
from claro_async.bulk.edits import EditOutcome, EditStatus
from claro_async.bulk.equality import readable_json, same_json
from claro_async.bulk.states import Result, State, status_after
from claro_async.bulk.stopping import STOPPING, is_redirect
from claro_async.transport.exchange import Exchange
from claro_async.transport.retry import History
from claro_async.wire.identifiers import encode_segment
from claro_async.wire.replies import decode_into
from claro_async.wire.requests import HttpRequest, partial_target

if TYPE_CHECKING:
    from claro_async.bulk.edits import Entry
    from claro_async.bulk.slots import Slot
    from claro_async.wire.replies import HttpReply

_IN_DOUBT = History(maybe_applied=True)  # of an edit that an earlier run may have applied


class _Updated(msgspec.Struct, rename="camel"):
    """What is read of the reply to an edit."""

    cell_id: str
    previous_value: msgspec.Raw = msgspec.Raw()


# At hand for every edit: to find a member of an enum, or an endpoint's part, takes a while.
_UPDATED = State.UPDATED
_OPERATION, _METHOD, _PATH = UPDATE_CELL.operation_id, UPDATE_CELL.method, UPDATE_CELL.path
_IDEMPOTENCY = UPDATE_CELL.idempotency
_decoder = msgspec.json.Decoder(_Updated)
_decode = msgspec.json.Decoder().decode


def _read_updated(reply: HttpReply) -> _Updated:
    try:
        return _decoder.decode(reply.content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        updated = decode_into(_decoder, reply)
        updated.previous_value = msgspec.Raw()  # with parts replaced it is not what the cell held
        return updated


def _previous_of(entry: Entry, exchange: Exchange) -> bytes | None:
    """The value that the edit's cell held before, as JSON, where the reply says so for certain.

    A reply that names another cell speaks of that one. A value that cannot be decoded stands
    replaced in what was read of the reply, and so does not stand in the reply itself.
    """
    updated: _Updated = exchange.value
    raw = bytes(updated.previous_value)
    if updated.cell_id != entry.cell_id or raw not in exchange.reply.content:
        return None
    return readable_json(raw)


class Patches:
    """Makes the requests for edits of one dataset."""

    def __init__(self, dataset_id: str) -> None:
        self._dataset_id = dataset_id
        self._head, self._tail = partial_target(_PATH, {"datasetId": dataset_id})

    def exchange(self, entry: Entry) -> Exchange:
        """The exchange of an edit, of which nothing was sent in this run."""
        target = f"{self._head}{encode_segment(entry.cell_id, 'cell_id')}{self._tail}"
        content = b'{"value":' + entry.content + b"}"
        request = HttpRequest(
            _OPERATION,
            _METHOD,
            target,
            content,
            idempotency=_IDEMPOTENCY,
            template=_PATH,
            dataset_id=self._dataset_id,
        )
        exchange = Exchange(request, _read_updated)
        if entry.maybe_applied:
            exchange.history = _IN_DOUBT
        return exchange


def updated_result(entry: Entry, exchange: Exchange, *, wants_previous: bool = True) -> Result:
    """What is recorded of an edit that was applied.

    Args:
        entry: The edit.
        exchange: Its exchange.
        wants_previous: Whether anyone takes the value that the cell held before.
    """
    if not (wants_previous or entry.expected):
        return Result(entry.seq, _UPDATED, exchange.attempts)
    previous = _previous_of(entry, exchange)
    conflict = False
    if entry.expected and previous:
        is_expected = same_json(previous, entry.expected)
        conflict = not is_expected and not same_json(previous, entry.content)
    # after an attempt in doubt, the cell may have held what that attempt wrote
    trusted = None if exchange.history.maybe_applied else previous
    return Result(entry.seq, _UPDATED, exchange.attempts, trusted, conflict)


def updated_outcome(entry: Entry, result: Result) -> EditOutcome:
    """The outcome of an edit that was applied."""
    previous = None if result.previous is None else _decode(result.previous)
    return EditOutcome(
        index=entry.seq,
        edit=entry.edit,
        status=EditStatus.UPDATED,
        attempts=result.attempts,
        previous_value=previous,
        conflict=result.conflict,
        previous_known=result.previous is not None,
    )


def failed_outcome(entry: Entry, exchange: Exchange, error: errors.ClaroError) -> EditOutcome:
    """The outcome of an edit that ended with an error."""
    if isinstance(error, errors.OutcomeUnknownError | errors.DecodeError):
        status = EditStatus.UNKNOWN  # after a reply that cannot be read, too
    elif isinstance(error, (errors.ConnectionFailedError, *STOPPING)) or is_redirect(error):
        status = EditStatus.NOT_SENT  # nothing was applied, and a later try makes sense
    else:
        status = EditStatus.FAILED
    status = status_after(status, maybe_applied=entry.maybe_applied)
    return EditOutcome(entry.seq, entry.edit, status, error, exchange.attempts)


def interrupted_outcome(entry: Entry, exchange: Exchange) -> EditOutcome:
    """The outcome of an edit whose request the end of the job broke off."""
    attempts = exchange.attempts
    if not (exchange.unanswered or exchange.maybe_applied):
        return EditOutcome(entry.seq, entry.edit, EditStatus.NOT_SENT, None, attempts)
    reason = "the job ended before a reply came"
    error = errors.OutcomeUnknownError(
        f"{UPDATE_CELL.operation_id} may or may not have been applied: {reason}",
        operation=UPDATE_CELL.operation_id,
        attempts=attempts,
        reason=reason,
    )
    return EditOutcome(entry.seq, entry.edit, EditStatus.UNKNOWN, error, attempts)


def end_of(slot: Slot, exchange: Exchange) -> AttemptEnd:
    """What the last attempt of an exchange, which had no success, says of overload."""
    if slot.notes_failure(exchange.failures):
        return AttemptEnd.FAILED
    remaining = exchange.reply.headers.get("X-RateLimit-Remaining", "").strip()
    # without quota left it is the quota, which the gate sees to
    has_quota = remaining.isdecimal() and int(remaining) > 0
    return AttemptEnd.THROTTLED if has_quota else AttemptEnd.ANSWERED

"""Why an edit was not applied: from an exception to what is stored, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claro_async import errors
from claro_async.bulk.states import Failure, FailureReason
from claro_async.wire.error_mapping import error_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_VALUE_FREE = frozenset(
    {
        FailureReason.COLUMN_NOT_UNIQUE,
        FailureReason.NOT_FOUND_BY_READING,
        FailureReason.NO_REPLY,
        FailureReason.INTERRUPTED,
        FailureReason.NOT_CONNECTED,
    }
)
"""Reasons whose texts are our own and never quote a value."""
_NOT_KEPT = "the text was not kept, as it may quote a value"


def failure_of(error: Exception) -> Failure:
    """What is stored of an error."""
    if isinstance(error, errors.APIStatusError):
        return Failure(FailureReason.REJECTED, str(error), error.status, error.code)
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return Failure(reason, str(error))
    return Failure(FailureReason.OTHER, str(error))


_REASONS: tuple[tuple[type[Exception], FailureReason], ...] = (
    (errors.NotFoundByReadingError, FailureReason.NOT_FOUND_BY_READING),
    (errors.OutcomeUnknownError, FailureReason.NO_REPLY),
    (errors.DecodeError, FailureReason.UNREADABLE_REPLY),
    (errors.ConnectionFailedError, FailureReason.NOT_CONNECTED),
    (TypeError, FailureReason.NOT_AN_EDIT),
    (ValueError, FailureReason.NOT_SENDABLE),
)


def without_values(failure: Failure) -> Failure:
    """A failure without a text that may quote a value of the caller's or of a cell."""
    return failure if failure.reason in _VALUE_FREE else failure._replace(text=_NOT_KEPT)


def error_of(failure: Failure, attempts: int = 0) -> Exception:
    """The exception that a stored failure stands for.

    Args:
        failure: What was stored.
        attempts: Requests that were sent for the edit.
    """
    if failure.reason is FailureReason.REJECTED:
        status = failure.status or 0
        kind = error_type(failure.code, status)
        return kind(failure.text, status=status, code=failure.code, operation="updateCell")
    if failure.reason in {FailureReason.NO_REPLY, FailureReason.INTERRUPTED}:
        return errors.OutcomeUnknownError(
            failure.text, operation="updateCell", attempts=attempts, reason=failure.reason.value
        )
    return _KINDS[failure.reason](failure.text)


_KINDS: Mapping[FailureReason, Callable[[str], Exception]] = {
    FailureReason.NOT_AN_EDIT: TypeError,
    FailureReason.NOT_SENDABLE: ValueError,
    FailureReason.COLUMN_NOT_UNIQUE: ValueError,
    FailureReason.NOT_FOUND_BY_READING: errors.NotFoundByReadingError,
    FailureReason.UNREADABLE_REPLY: errors.DecodeError,
    FailureReason.NOT_CONNECTED: errors.ConnectionFailedError,
    FailureReason.OTHER: errors.ClaroError,
}


INTERRUPTED = Failure(
    FailureReason.INTERRUPTED, "the job ended while the request was under way: no reply came"
)

"""The errors that end an exchange."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from claro_async import errors
from claro_async.transport.failures import AttemptError

if TYPE_CHECKING:
    from claro_async.transport.exchange import Exchange

Cause: TypeAlias = AttemptError | errors.UnreadableReplyError | errors.APIStatusError
"""What an attempt without a success ended with."""
LastCause: TypeAlias = AttemptError | errors.ClaroError
"""What an exchange ended with: its last attempt, or why no further one was made."""


def unknown(exchange: Exchange, cause: LastCause) -> errors.OutcomeUnknownError:
    """A change that may have been applied."""
    operation, attempts = exchange.request.operation, exchange.attempts
    error = errors.OutcomeUnknownError(
        f"{operation} may or may not have been applied, after {_tries(attempts)}: {cause}",
        operation=operation,
        attempts=attempts,
        reason=str(cause),
    )
    # another attempt's failure says that nothing was changed, which is not so here
    error.__cause__ = None if isinstance(cause, AttemptError) else cause
    return error


def not_applied(exchange: Exchange, failure: AttemptError) -> errors.ConnectionFailedError:
    """No reply, and nothing was changed."""
    attempts = exchange.attempts
    kind = errors.RequestTimeoutError if failure.timed_out else errors.ConnectionFailedError
    return kind(
        f"{exchange.request.operation} failed, nothing was changed, after {_tries(attempts)}:"
        f" {failure}",
        attempts=attempts,
    )


def quota_used_up(exchange: Exchange, seconds: float) -> errors.RateLimitError:
    """The quota opens later than is waited for; nothing was sent this time."""
    operation = exchange.request.operation
    error = errors.RateLimitError(
        f"the quota is used up ({operation})", status=429, operation=operation
    )
    error.retry_after = seconds
    return error


def name_wait(
    error: errors.RateLimitError | errors.ServerError,
    seconds: float,
    *,
    now: float,
    longest: float,
) -> None:
    """Say until when the server asks to wait, where that is longer than is waited for.

    Args:
        error: The error that says it.
        seconds: For how long.
        now: The time in epoch seconds.
        longest: For how many seconds the client would wait.
    """
    text = f"{error}; the server asks to wait for {seconds:,.0f} seconds"
    try:
        moment = datetime.fromtimestamp(now + seconds, UTC)
    except (OverflowError, ValueError, OSError):
        moment = None  # beyond the calendar
    if moment is not None:
        text += f", until {moment:%Y-%m-%d %H:%M:%S} UTC"
    error.args = (f"{text}; RetryPolicy.max_wait is {longest:,.0f}",)
    if isinstance(error, errors.RateLimitError):
        error.retry_at = moment


def _tries(attempts: int) -> str:
    return "1 attempt" if attempts == 1 else f"{attempts} attempts"

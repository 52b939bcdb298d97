"""Turns what happens to a call into its events, so that every beginning has an end."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

from claro_async import errors
from claro_async.transport.events import (
    AttemptFailed,
    CallEnded,
    CallOutcome,
    CallStarted,
    EventHook,
    ReplyReceived,
    RequestSent,
    RetryScheduled,
)
from claro_async.transport.failures import AttemptError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claro_async.transport.clock import Clock

_REQUEST_ID = "X-Request-Id"


class Observer:
    """Reports the calls of one client to its hook.

    Args:
        hook: Called with each event.
        clock: Time.
    """

    def __init__(self, hook: EventHook, clock: Clock) -> None:
        self.hook = hook
        self.clock = clock
        self._ids = itertools.count(1)

    def begin(
        self,
        *,
        operation: str,
        method: str,
        path: str = "",
        template: str = "",
        dataset_id: str = "",
    ) -> ObservedCall:
        """A call that begins now."""
        call = {
            "call_id": next(self._ids),
            "operation": operation,
            "method": method,
            "path": path,
            "template": template,
            "dataset_id": dataset_id,
        }
        return ObservedCall(self, call)


class ObservedCall:
    """One call: what happens to it is reported here, in any order that can happen.

    Attributes:
        seconds_waited: How long the call waited for the quota; whoever waits adds to it.
    """

    __slots__ = (
        "_attempts",
        "_began",
        "_call",
        "_hook",
        "_monotonic",
        "_request_id",
        "_sent_at",
        "_status",
        "seconds_waited",
    )

    def __init__(self, observer: Observer, call: dict[str, Any]) -> None:
        self._hook = observer.hook
        self._monotonic = observer.clock.monotonic
        self._call = call
        self._began = self._monotonic()
        self._attempts = 0
        self._sent_at: float | None = None
        self._status: int | None = None
        self._request_id: str | None = None
        self.seconds_waited: float = 0.0

    def sent(self) -> None:
        """An attempt is about to go out."""
        self._attempts += 1
        self._sent_at = self._monotonic()
        self._hook(RequestSent(attempt=self._attempts, **self._call))
        if self._attempts == 1:
            self._hook(CallStarted(attempt=1, **self._call))

    def replied(self, status: int, headers: Mapping[str, str]) -> None:
        """The attempt has its whole reply."""
        self._status, self._request_id = status, headers.get(_REQUEST_ID)
        seconds = self._seconds_of_attempt()
        self._hook(
            ReplyReceived(attempt=self._attempts, status=status, seconds=seconds, **self._call)
        )

    def failed(self, error: BaseException) -> None:
        """The attempt ended without a whole reply; if it had ended before, nothing happens."""
        if self._sent_at is None:
            return
        self._status = self._request_id = None
        seconds = self._seconds_of_attempt()
        self._hook(
            AttemptFailed(
                attempt=self._attempts,
                sent=not isinstance(error, AttemptError) or error.sent,
                reason="cancelled" if _is_cancellation(error) else str(error),
                seconds=seconds,
                **self._call,
            )
        )

    def scheduled(self, delay: float, reason: str) -> None:
        """Another attempt will be made."""
        self._hook(RetryScheduled(attempt=self._attempts, delay=delay, reason=reason, **self._call))

    def ended(self, error: BaseException | None = None) -> None:
        """The call ended, and with it the attempt that is under way, if any."""
        if error is not None:
            self.failed(error)
        if not self._attempts:
            self._hook(CallStarted(attempt=0, **self._call))
        self._hook(
            CallEnded(
                attempt=self._attempts,
                outcome=_outcome_of(error),
                status=self._status,
                seconds=self._monotonic() - self._began,
                seconds_waited=self.seconds_waited,
                request_id=self._request_id,
                error=None if error is None else type(error).__name__,
                **self._call,
            )
        )

    def _seconds_of_attempt(self) -> float:
        sent_at, self._sent_at = self._sent_at, None
        return 0.0 if sent_at is None else self._monotonic() - sent_at


def _outcome_of(error: BaseException | None) -> CallOutcome:
    if error is None:
        return "success"
    if _is_cancellation(error):
        return "cancelled"
    if isinstance(error, errors.OutcomeUnknownError):
        return "unknown"
    rejected = isinstance(error, errors.APIStatusError) and not isinstance(
        error, errors.ServerError
    )
    return "rejected" if rejected else "failed"


def _is_cancellation(error: BaseException) -> bool:
    return isinstance(error, asyncio.CancelledError | GeneratorExit)

"""Turns what happens to a call into its events, so that every beginning has an end."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from claro_async import errors
from claro_async.transport.events import (
    AttemptFailed,
    CallEnded,
    CallOutcome,
    CallStarted,
    EventHook,
    JobEnded,
    JobKind,
    JobProgressed,
    JobStarted,
    ReplyReceived,
    RequestSent,
    RetryScheduled,
)
from claro_async.transport.failures import AttemptError
from claro_async.transport.quota.headers import parse_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from claro_async.transport.clock import Clock
    from claro_async.wire.requests import HttpRequest

    # the fields of a CallEvent up to the attempt, in their order
    Call = tuple[int, str, str, str, str, str, str, int | None]
    HeaderHook = Callable[[RequestSent], Mapping[str, str]]

_REQUEST_ID = "X-Request-Id"
_REMAINING = "X-RateLimit-Remaining"

# the bulk job that runs here; tasks that the job starts have it, too
_job: ContextVar[ObservedJob | None] = ContextVar("claro_async_job", default=None)


class Observer:
    """Reports the calls and the jobs of one client to its hook.

    Args:
        hook: Called with each event.
        clock: Time.
        base_url: The API's root.
        request_headers: Gives further headers for an attempt, if any are wanted.
    """

    def __init__(
        self,
        hook: EventHook,
        clock: Clock,
        base_url: str = "",
        request_headers: HeaderHook | None = None,
    ) -> None:
        self.hook = hook
        self.clock = clock
        self.request_headers = request_headers
        self._base_url = base_url
        self._ids = itertools.count(1)
        self._job_numbers = itertools.count(1)

    def begin(self, request: HttpRequest) -> ObservedCall:
        """A call of the API that begins now."""
        call = (
            next(self._ids),
            request.operation,
            request.method,
            self._base_url,
            request.target.partition("?")[0],
            request.template,
            request.dataset_id,
            self._job_number,
        )
        return ObservedCall(self, call)

    def begin_download(self, operation: str, origin: str) -> ObservedCall:
        """A signed URL that is fetched from now on; no more of it is known than its origin."""
        call = (next(self._ids), operation, "GET", origin, "", "", "", self._job_number)
        return ObservedCall(self, call)

    @property
    def _job_number(self) -> int | None:
        """That of the job of this client that runs here, if one does."""
        job = _job.get()
        return None if job is None or job.observer is not self else job.job_number

    def begin_job(self, kind: JobKind, dataset_id: str) -> ObservedJob:
        """A job that begins now."""
        return ObservedJob(self, next(self._job_numbers), kind, dataset_id)


class ObservedJob:
    """One bulk job: what happens to it is reported here.

    Attributes:
        observer: That of the client whose job it is.
        job_number: Its number.
    """

    def __init__(self, observer: Observer, job_number: int, kind: JobKind, dataset_id: str) -> None:
        self.observer = observer
        self.job_number = job_number
        self._job: dict[str, Any] = {
            "job_number": job_number,
            "kind": kind,
            "dataset_id": dataset_id,
        }
        self._began = observer.clock.monotonic()

    def started(self, edits: Mapping[str, int]) -> None:
        """It begins; so many edits came to their end in earlier runs."""
        self.observer.hook(JobStarted(edits=edits, **self._job))

    def progressed(self, edits: Mapping[str, int]) -> None:
        """So many edits have come to their end."""
        self.observer.hook(JobProgressed(edits=edits, **self._job))

    def ended(
        self,
        edits: Mapping[str, int],
        *,
        requests: int,
        stopped: bool,
        error: BaseException | None,
    ) -> None:
        """It ended."""
        self.observer.hook(
            JobEnded(
                edits=edits,
                seconds=self.observer.clock.monotonic() - self._began,
                requests=requests,
                stopped=stopped,
                error_type=None if error is None else type(error).__name__,
                **self._job,
            )
        )


@contextmanager
def within_job(job: ObservedJob | None) -> Iterator[None]:
    """Calls made inside belong to this job; where it is None, to no job."""
    token = _job.set(job)
    try:
        yield
    finally:
        _job.reset(token)


def current_job() -> ObservedJob | None:
    """The job that runs here, where somebody wants to know of it."""
    return _job.get()


class ObservedCall:
    """One call: what happens to it is reported here, in any order that can happen.

    Attributes:
        seconds_waited: How long the call waited for the quota; whoever waits adds to it.
    """

    __slots__ = (
        "_attempts",
        "_began",
        "_call",
        "_headers",
        "_hook",
        "_monotonic",
        "_request_id",
        "_sent_at",
        "_status",
        "seconds_waited",
    )

    def __init__(self, observer: Observer, call: Call) -> None:
        self._hook = observer.hook
        self._headers = observer.request_headers
        self._monotonic = observer.clock.monotonic
        self._call = call
        self._began = self._monotonic()
        self._attempts = 0
        self._sent_at: float | None = None
        self._status: int | None = None
        self._request_id: str | None = None
        self.seconds_waited: float = 0.0

    def sent(self, request: HttpRequest | None = None) -> None:
        """An attempt is about to go out; a request to the API gets further headers, if wanted."""
        self._attempts += 1
        self._sent_at = now = self._monotonic()
        event = RequestSent(*self._call, self._attempts)
        self._hook(event)
        if self._attempts == 1:
            self._hook(CallStarted(*self._call, 1, now - self._began))
        if self._headers is not None and request is not None:
            request.headers = {**request.headers, **self._headers(event)}

    def replied(self, status: int, headers: Mapping[str, str]) -> None:
        """The attempt has its whole reply."""
        self._status, self._request_id = status, headers.get(_REQUEST_ID)
        seconds, remaining = self._seconds_of_attempt(), parse_count(headers.get(_REMAINING))
        self._hook(ReplyReceived(*self._call, self._attempts, status, seconds, remaining))

    def failed(self, error: BaseException) -> None:
        """The attempt ended without a whole reply; if it had ended before, nothing happens."""
        if self._sent_at is None:
            return
        self._status = self._request_id = None
        seconds = self._seconds_of_attempt()
        self._hook(
            AttemptFailed(
                *self._call,
                self._attempts,
                sent=not isinstance(error, AttemptError) or error.sent,
                timed_out=isinstance(error, AttemptError) and error.timed_out,
                reason="cancelled" if _is_cancellation(error) else str(error),
                seconds=seconds,
            )
        )

    def scheduled(self, delay: float, reason: str) -> None:
        """Another attempt will be made."""
        self._hook(RetryScheduled(*self._call, self._attempts, delay, reason))

    def ended(self, error: BaseException | None = None) -> None:
        """The call ended, and with it the attempt that is under way, if any."""
        if error is not None:
            self.failed(error)
        if not self._attempts:
            seconds = self._monotonic() - self._began
            self._hook(CallStarted(*self._call, 0, seconds))
        self._hook(
            CallEnded(
                *self._call,
                self._attempts,
                _outcome_of(error),
                self._status,
                self._monotonic() - self._began,
                self.seconds_waited,
                self._request_id,
                None if error is None else type(error).__name__,
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

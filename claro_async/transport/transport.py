"""Carries requests out: quota, one attempt at a time, and what follows an attempt that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from claro_async import errors
from claro_async._wire import (
    HttpReply,
    HttpRequest,
    build_request,
    decode_model,
    error_from_reply,
)
from claro_async.transport import retry
from claro_async.transport.events import (
    AttemptFailed,
    EventHook,
    ReplyReceived,
    RequestSent,
    RetryScheduled,
)
from claro_async.transport.failures import AttemptError
from claro_async.transport.retry import Repeat

if TYPE_CHECKING:
    from random import Random

    from claro_api.operation import Operation

    from claro_async._converter import ModelConverter
    from claro_async.config import RetryPolicy
    from claro_async.transport.api import Api
    from claro_async.transport.clock import Clock
    from claro_async.transport.quota import Gate
    from claro_async.transport.session import HttpSession

T = TypeVar("T")


@attrs.define
class Exchange:
    """A request and the reply that ended it, be it a success or a refusal.

    Attributes:
        reply: The last reply.
        attempts: How many attempts were made, refusals by the rate limit included.
        doubtful: Whether an attempt before the last may have been applied.
        error: The refusal as an error, or None for a success.
        failures: How many attempts had no reply, or one with 5xx.
        refusals: How many attempts were refused with 429.
        seconds: From sending the last attempt to its whole reply.
    """

    reply: HttpReply
    attempts: int
    doubtful: bool
    error: errors.APIStatusError | None
    failures: int
    refusals: int
    seconds: float


@attrs.define
class _Course:
    """What has happened to one request so far."""

    request: HttpRequest
    repeat: Repeat
    attempts: int = 0
    failures: int = 0
    refusals: int = 0
    doubtful: bool = False
    seconds: float = 0.0

    def end(self, reply: HttpReply, error: errors.APIStatusError | None = None) -> Exchange:
        """The exchange that this reply ended."""
        return Exchange(
            reply,
            self.attempts,
            self.doubtful,
            error,
            self.failures,
            self.refusals,
            self.seconds,
        )


class Transport:
    """Everything that a request passes on its way, for one client."""

    def __init__(  # noqa: PLR0913 - what the composition root puts together
        self,
        *,
        api: Api,
        session: HttpSession,
        converter: ModelConverter,
        quota: Gate,
        policy: RetryPolicy,
        clock: Clock,
        random: Random,
        on_event: EventHook | None = None,
    ) -> None:
        self._api = api
        self._session = session
        self._converter = converter
        self.quota = quota
        self._policy = policy
        self.clock = clock
        self._random = random
        self._on_event = on_event

    async def close(self) -> None:
        """Close the connections."""
        await self.quota.close()
        await self._session.close()

    async def call(self, operation: Operation[T]) -> T:
        """Carry an operation out and return its result as a model.

        Raises:
            ClaroError: See :mod:`claro_async.errors`.
        """
        return self._result(operation, await self.exchange(self.request(operation)))

    async def fetch(self, operation: Operation[Any]) -> HttpReply:
        """Carry an operation out and return its reply as it is, for callers that decode themselves.

        Raises:
            ClaroError: See :mod:`claro_async.errors`.
        """
        exchange = await self.exchange(self.request(operation))
        if exchange.error is not None:
            raise exchange.error
        return exchange.reply

    async def delete(self, operation: Operation[T]) -> T | None:
        """Carry a deletion out; None if its reply was lost and the next attempt found nothing.

        Raises:
            ClaroError: See :mod:`claro_async.errors`.
        """
        exchange = await self.exchange(self.request(operation))
        if exchange.doubtful and isinstance(exchange.error, errors.NotFoundError):
            return None
        return self._result(operation, exchange)

    def request(self, operation: Operation[Any]) -> HttpRequest:
        """An operation as a request; nothing is sent.

        Raises:
            ValueError: An identifier or value that cannot be sent.
        """
        return build_request(operation, self._converter.unstructure)

    async def exchange(
        self, request: HttpRequest, repeat: Repeat | None = None, *, reserve: float = 0.0
    ) -> Exchange:
        """Send a request until there is a success, a refusal that stands, or no use in going on.

        Args:
            request: What to send.
            repeat: How it may be repeated, where the operation is none of the documented ones.
            reserve: The share of the quota, from 0 to 1, that is left to requests without one.

        Raises:
            ConnectionFailedError: No reply, and nothing was changed.
            OutcomeUnknownError: No reply, and it may have been applied.
            DecodeError: A reply larger than allowed.
            TransferError: The source of an upload failed.
        """
        course = _Course(request, repeat or self._api.repeats[request.operation])
        request.on_fresh_connection = course.repeat is Repeat.DAMAGES
        while True:
            if not self.quota.try_acquire(reserve):
                await self.quota.acquire(reserve)
            course.attempts += 1
            try:
                reply = await self._attempt(course)
            except AttemptError as failure:
                delay = self._after_failure(course, failure)
            else:
                if 200 <= reply.status < 300 and not self._api.is_refusal(reply):  # noqa: PLR2004
                    return course.end(reply)
                error = error_from_reply(request.operation, reply)
                if not isinstance(error, errors.RateLimitError | errors.ServerError):
                    return self._refused(course, reply, error)
                delay = self._after_error(course, reply, error)
            if delay > 0:
                await self.clock.sleep(delay)

    async def _attempt(self, course: _Course) -> HttpReply:
        """One send, with the permit that was taken for it."""
        started = self.clock.monotonic()
        try:
            if self._on_event is not None:
                self._on_event(_sent(course))
            reply = await self._session.send(course.request)
        except BaseException as error:
            self.quota.release(sent=not isinstance(error, AttemptError) or error.sent)
            raise
        course.seconds = self.clock.monotonic() - started
        self.quota.observe(reply.status, reply.headers, started)
        if self._on_event is not None:
            self._on_event(_received(course, reply))
        return reply

    def _result(self, operation: Operation[T], exchange: Exchange) -> T:
        if exchange.error is not None:
            raise exchange.error
        try:
            return decode_model(self._converter, operation.endpoint.success, exchange.reply)
        except errors.DecodeError as error:
            if self._api.repeats.get(operation.endpoint.operation_id) is not Repeat.READS:
                error.add_note("the server had answered with a success: the change was applied")
            raise

    def _after_failure(self, course: _Course, failure: AttemptError) -> float:
        """Seconds to wait after an attempt without a reply; raises where no other may follow."""
        course.failures += 1
        if failure.sent:
            course.doubtful = True
        if self._on_event is not None:
            operation = course.request.operation
            self._on_event(AttemptFailed(operation, failure.sent, str(failure), course.attempts))
        if not self._may_repeat(course):
            raise _give_up(course, str(failure), timed_out=failure.timed_out)
        return self._schedule(course, str(failure))

    def _after_error(
        self, course: _Course, reply: HttpReply, error: errors.APIStatusError
    ) -> float:
        """Seconds to wait after a 429 or 5xx; raises where no other attempt may follow."""
        if isinstance(error, errors.RateLimitError):
            course.refusals += 1
            error.retry_after = self.quota.seconds_until_open()
            if course.refusals > self._policy.max_rate_limit_waits or not _has_body(course):
                raise _give_up(course, str(error)) if course.doubtful else error
            return self._announce(course, 0.0, str(error))
        course.failures += 1
        course.doubtful = True
        if not self._may_repeat(course):
            raise error if course.repeat is Repeat.READS else _give_up(course, str(error))
        return self._schedule(course, str(error), reply)

    def _may_repeat(self, course: _Course) -> bool:
        if course.failures >= self._policy.max_attempts or not _has_body(course):
            return False
        return not (course.doubtful and course.repeat is Repeat.DAMAGES)

    def _schedule(self, course: _Course, reason: str, reply: HttpReply | None = None) -> float:
        told = reply.headers.get("Retry-After", "") if reply is not None else ""
        wait = self.quota.seconds_until(told) if told else None
        delay = self._policy.delay(course.failures, self._random, wait)
        return self._announce(course, delay, reason)

    def _announce(self, course: _Course, delay: float, reason: str) -> float:
        if self._on_event is not None:
            operation = course.request.operation
            self._on_event(RetryScheduled(operation, course.attempts, delay, reason))
        return delay

    def _refused(self, course: _Course, reply: HttpReply, error: errors.APIStatusError) -> Exchange:
        if course.doubtful and course.repeat is not Repeat.READS and not retry.settles(error):
            raise _give_up(course, str(error))
        return course.end(reply, error)


def _received(course: _Course, reply: HttpReply) -> ReplyReceived:
    operation = course.request.operation
    return ReplyReceived(operation, reply.status, course.seconds, course.attempts)


def _sent(course: _Course) -> RequestSent:
    request = course.request
    path = request.target.partition("?")[0]
    return RequestSent(request.operation, request.method, path, course.attempts)


def _has_body(course: _Course) -> bool:
    """Whether the body, if there is one, can still be sent whole."""
    upload = course.request.upload
    return upload is None or upload.rewindable or not upload.started


def _give_up(course: _Course, reason: str, *, timed_out: bool = False) -> errors.ClaroError:
    operation, attempts = course.request.operation, course.attempts
    tries = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    if course.doubtful and course.repeat is not Repeat.READS:
        return errors.OutcomeUnknownError(
            f"{operation} may or may not have been applied, after {tries}: {reason}",
            operation=operation,
            attempts=attempts,
            reason=reason,
        )
    kind = errors.RequestTimeoutError if timed_out else errors.ConnectionFailedError
    return kind(
        f"{operation} failed, nothing was changed, after {tries}: {reason}", attempts=attempts
    )

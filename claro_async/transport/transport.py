"""Carries requests out: quota, one attempt at a time, and what follows an attempt that failed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import attrs

from claro_async import errors
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
from claro_async.wire.error_mapping import error_from_reply
from claro_async.wire.replies import HttpReply, decode_change, decode_model
from claro_async.wire.requests import HttpRequest, build_request, values_sent

if TYPE_CHECKING:
    from random import Random

    from claro_api.operation import Operation

    from claro_async.config import RetryPolicy
    from claro_async.transport.api import Api
    from claro_async.transport.clock import Clock
    from claro_async.transport.quota.gate import Gate
    from claro_async.transport.session import Session
    from claro_async.wire.converter import ModelConverter

T = TypeVar("T")


@attrs.define
class Exchange:
    """A request, what has happened to it, and the reply that ended it: a success or a refusal.

    Attributes:
        request: The request.
        repeat: How it may be repeated.
        attempts: How many attempts were made, refusals by the rate limit included.
        failures: How many attempts had no reply, or one with 5xx.
        refusals: How many attempts were refused with 429.
        doubtful: Whether an attempt before the last may have been applied.
        unanswered: Whether the last attempt has neither a reply nor a known failure: it is on its
            way, or was cancelled there.
        seconds: From sending the last attempt to its whole reply, or to its failure.
        error: The refusal as an error, or None for a success.
        reply: The last reply.
    """

    request: HttpRequest
    repeat: Repeat
    attempts: int = 0
    failures: int = 0
    refusals: int = 0
    doubtful: bool = False
    unanswered: bool = False
    seconds: float = 0.0
    error: errors.APIStatusError | None = None
    reply: HttpReply = attrs.field(init=False)

    def end(self, reply: HttpReply, error: errors.APIStatusError | None = None) -> Exchange:
        """Note the reply that ended it."""
        self.reply = reply
        self.error = error
        return self


Admission: TypeAlias = Callable[[Exchange, float], Awaitable[None]]
"""Returns when the next attempt of an exchange may go: so many seconds later, with a permit of the
quota. Whoever has an admission of its own decides what is done meanwhile."""


class Transport:
    """Everything that a request passes on its way, for one client."""

    def __init__(  # noqa: PLR0913 - what the composition root puts together
        self,
        *,
        api: Api,
        session: Session,
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
        return self._result(operation, await self.exchange(self.prepare(operation)))

    async def fetch(self, operation: Operation[Any]) -> HttpReply:
        """Carry an operation out and return its reply as it is, for callers that decode themselves.

        Raises:
            ClaroError: See :mod:`claro_async.errors`.
        """
        exchange = await self.exchange(self.prepare(operation))
        if exchange.error is not None:
            raise exchange.error
        return exchange.reply

    async def delete(self, operation: Operation[T]) -> T | None:
        """Carry a deletion out; None if its reply was lost and the next attempt found nothing.

        Raises:
            ClaroError: See :mod:`claro_async.errors`.
        """
        exchange = await self.exchange(self.prepare(operation))
        if exchange.doubtful and isinstance(exchange.error, errors.NotFoundError):
            return None
        return self._result(operation, exchange)

    def prepare(self, operation: Operation[Any]) -> HttpRequest:
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
        return await self.carry_out(self.begin(request, repeat), reserve=reserve)

    def begin(self, request: HttpRequest, repeat: Repeat | None = None) -> Exchange:
        """An exchange of which nothing was sent yet, for :meth:`carry_out`."""
        exchange = Exchange(request, repeat or self._api.repeats[request.operation])
        request.on_fresh_connection = exchange.repeat is Repeat.DAMAGES
        return exchange

    async def carry_out(
        self, exchange: Exchange, *, reserve: float = 0.0, admission: Admission | None = None
    ) -> Exchange:
        """Do what :meth:`exchange` does; whoever holds the exchange sees how far it is.

        Args:
            exchange: What :meth:`begin` gave.
            reserve: The share of the quota, from 0 to 1, that is left to requests without one.
            admission: Waits between attempts, and for a permit that is not free at once.
        """
        if not self.quota.try_acquire(reserve):
            await self._wait(exchange, 0.0, reserve, admission)
        while True:
            exchange.attempts += 1
            try:
                exchange.reply = reply = await self._attempt(exchange)
            except AttemptError as failure:
                delay = self._after_failure(exchange, failure)
            else:
                if 200 <= reply.status < 300 and not self._api.is_refusal(reply):  # noqa: PLR2004
                    return exchange.end(reply)
                error = error_from_reply(exchange.request.operation, reply)
                if not isinstance(error, errors.RateLimitError | errors.ServerError):
                    return self._refused(exchange, reply, error)
                delay = self._after_error(exchange, reply, error)
            await self._wait(exchange, delay, reserve, admission)

    async def _wait(
        self, exchange: Exchange, delay: float, reserve: float, admission: Admission | None
    ) -> None:
        if admission is not None:
            await admission(exchange, delay)
            return
        if delay > 0:
            await self.clock.sleep(delay)
        await self.quota.acquire(reserve)

    async def _attempt(self, exchange: Exchange) -> HttpReply:
        """One send, with the permit that was taken for it."""
        started = self.clock.monotonic()
        exchange.unanswered = True
        try:
            if self._on_event is not None:
                self._on_event(_sent(exchange))
            reply = await self._session.send(exchange.request)
        except BaseException as error:
            exchange.unanswered = not isinstance(error, AttemptError)
            exchange.seconds = self.clock.monotonic() - started
            self.quota.release(sent=not isinstance(error, AttemptError) or error.sent)
            raise
        exchange.unanswered = False
        exchange.seconds = self.clock.monotonic() - started
        self.quota.observe(reply.status, reply.headers, started)
        if self._on_event is not None:
            self._on_event(_received(exchange, reply))
        return reply

    def _result(self, operation: Operation[T], exchange: Exchange) -> T:
        if exchange.error is not None:
            raise exchange.error
        form = operation.endpoint.success
        if exchange.repeat is Repeat.READS:
            return decode_model(self._converter, form, exchange.reply)
        known = values_sent(operation, self._converter.unstructure)
        try:
            return decode_change(self._converter, form, exchange.reply, known)
        except errors.DecodeError as error:
            error.add_note("the server had answered with a success: the change was applied")
            raise

    def _after_failure(self, exchange: Exchange, failure: AttemptError) -> float:
        """Seconds to wait after an attempt without a reply; raises where no other may follow."""
        exchange.failures += 1
        if failure.sent:
            exchange.doubtful = True
        if self._on_event is not None:
            operation = exchange.request.operation
            self._on_event(AttemptFailed(operation, failure.sent, str(failure), exchange.attempts))
        if not self._may_repeat(exchange):
            raise _give_up(exchange, str(failure), timed_out=failure.timed_out)
        return self._schedule(exchange, str(failure))

    def _after_error(
        self, exchange: Exchange, reply: HttpReply, error: errors.APIStatusError
    ) -> float:
        """Seconds to wait after a 429 or 5xx; raises where no other attempt may follow."""
        if isinstance(error, errors.RateLimitError):
            exchange.refusals += 1
            error.retry_after = self.quota.seconds_until_open()
            if exchange.refusals > self._policy.max_rate_limit_waits or not _has_body(exchange):
                raise _give_up(exchange, str(error)) if exchange.doubtful else error
            return self._announce(exchange, 0.0, str(error))
        exchange.failures += 1
        exchange.doubtful = True
        if not self._may_repeat(exchange):
            raise error if exchange.repeat is Repeat.READS else _give_up(exchange, str(error))
        return self._schedule(exchange, str(error), reply)

    def _may_repeat(self, exchange: Exchange) -> bool:
        if exchange.failures >= self._policy.max_attempts or not _has_body(exchange):
            return False
        return not (exchange.doubtful and exchange.repeat is Repeat.DAMAGES)

    def _schedule(self, exchange: Exchange, reason: str, reply: HttpReply | None = None) -> float:
        told = reply.headers.get("Retry-After", "") if reply is not None else ""
        wait = self.quota.seconds_until(told) if told else None
        delay = self._policy.delay(exchange.failures, self._random, wait)
        return self._announce(exchange, delay, reason)

    def _announce(self, exchange: Exchange, delay: float, reason: str) -> float:
        if self._on_event is not None:
            operation = exchange.request.operation
            self._on_event(RetryScheduled(operation, exchange.attempts, delay, reason))
        return delay

    def _refused(
        self, exchange: Exchange, reply: HttpReply, error: errors.APIStatusError
    ) -> Exchange:
        if exchange.doubtful and exchange.repeat is not Repeat.READS and not retry.settles(error):
            raise _give_up(exchange, str(error))
        return exchange.end(reply, error)


def _received(exchange: Exchange, reply: HttpReply) -> ReplyReceived:
    operation = exchange.request.operation
    return ReplyReceived(operation, reply.status, exchange.seconds, exchange.attempts)


def _sent(exchange: Exchange) -> RequestSent:
    request = exchange.request
    path = request.target.partition("?")[0]
    return RequestSent(request.operation, request.method, path, exchange.attempts)


def _has_body(exchange: Exchange) -> bool:
    """Whether the body, if there is one, can still be sent whole."""
    upload = exchange.request.upload
    return upload is None or upload.rewindable or not upload.started


def _give_up(exchange: Exchange, reason: str, *, timed_out: bool = False) -> errors.ClaroError:
    operation, attempts = exchange.request.operation, exchange.attempts
    tries = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    if exchange.doubtful and exchange.repeat is not Repeat.READS:
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

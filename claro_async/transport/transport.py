"""Carries requests out: quota, one attempt at a time, and what follows an attempt that failed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from claro_async import errors
from claro_async.transport import endings, logs
from claro_async.transport.exchange import Admission, Exchange
from claro_async.transport.failures import AttemptError
from claro_async.transport.life import Life
from claro_async.transport.quota.gate import PauseTooLongError
from claro_async.transport.retry import (
    Effect,
    Fail,
    Idempotency,
    Outcome,
    Retry,
    decide,
    is_in_doubt,
    parse_retry_after,
)
from claro_async.wire.error_mapping import DOCUMENTED_CODES, error_from_reply
from claro_async.wire.replies import HttpReply, check_whole, decode_change, decode_model
from claro_async.wire.requests import HttpRequest, build_request, values_sent

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from random import Random

    from claro_async._generated.claro_api.operation import Operation
    from claro_async.config import RetryPolicy
    from claro_async.transport.api import Api
    from claro_async.transport.clock import Clock
    from claro_async.transport.observing import Observer
    from claro_async.transport.quota.gate import Gate
    from claro_async.transport.session import Session
    from claro_async.wire.converter import ModelConverter

T = TypeVar("T")


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
        observer: Observer | None = None,
        life: Life | None = None,
    ) -> None:
        self._api = api
        self._session = session
        self._converter = converter
        self.quota = quota
        self._policy = policy
        self.clock = clock
        self._random = random
        self.observer: Observer | None = observer
        self.life: Life = life or Life()

    async def close(self) -> None:
        """Close the connections."""
        await self.quota.close()
        await self._session.close()

    async def call(self, operation: Operation[T]) -> T:
        """Carry an operation out and return its result as a model.

        Raises:
            ClaroError: See :mod:`claro_async.errors`.
        """
        exchange = await self._carry_out(operation)
        if exchange.error is not None:
            raise exchange.error
        result: T = exchange.value
        return result

    async def fetch(self, operation: Operation[Any]) -> HttpReply:
        """Carry an operation out and return its reply as it is, for callers that decode it later.

        Raises:
            ClaroError: See :mod:`claro_async.errors`.
        """
        return await self.read(operation, check_whole)

    async def read(self, operation: Operation[Any], read: Callable[[HttpReply], T]) -> T:
        """Carry an operation out and return what `read` makes of its reply.

        Args:
            operation: The operation.
            read: Decodes a success. Where it raises :class:`UnreadableReplyError`, the attempt
                counts as one without a reply.

        Raises:
            ClaroError: See :mod:`claro_async.errors`.
        """
        exchange = await self.exchange(self.prepare(operation), read)
        if exchange.error is not None:
            raise exchange.error
        result: T = exchange.value
        return result

    async def delete(self, operation: Operation[T]) -> T | None:
        """Carry a deletion out; None if its reply was lost and the next attempt found nothing.

        Raises:
            ClaroError: See :mod:`claro_async.errors`.
        """
        exchange = await self._carry_out(operation)
        if exchange.error is None:
            result: T = exchange.value
            return result
        if exchange.maybe_applied and isinstance(exchange.error, errors.NotFoundError):
            return None
        raise exchange.error

    def _carry_out(self, operation: Operation[Any]) -> Coroutine[Any, Any, Exchange]:
        convert, form = self._converter, operation.endpoint.success
        if operation.endpoint.idempotency is Idempotency.SAFE:
            return self.exchange(
                self.prepare(operation), lambda reply: decode_model(convert, form, reply)
            )

        def read_change(reply: HttpReply) -> Any:
            try:
                return decode_change(
                    convert, form, reply, lambda: values_sent(operation, convert.unstructure)
                )
            except errors.UnreadableReplyError:
                raise
            except errors.DecodeError as error:
                error.add_note("the server had answered with a success: the change was applied")
                raise

        return self.exchange(self.prepare(operation), read_change)

    def prepare(self, operation: Operation[Any]) -> HttpRequest:
        """An operation as a request; nothing is sent.

        Raises:
            ValueError: An identifier or value that cannot be sent.
        """
        return build_request(operation, self._converter.unstructure)

    def begin_job(self) -> None:
        """See, once for all requests of a job, that the client may be used here and now.

        Raises:
            ClientStateError: It was closed, or opened elsewhere.
        """
        self.life.check()

    # What only hands on returns the coroutine that it got: one more around it costs every request.

    def exchange(
        self,
        request: HttpRequest,
        read: Callable[[HttpReply], Any] | None = None,
        *,
        reserve: float = 0.0,
    ) -> Coroutine[Any, Any, Exchange]:
        """Send a request until there is a success, a rejection, or no use in going on.

        Args:
            request: What to send.
            read: Makes the exchange's `value` of a success. Where it raises
                :class:`UnreadableReplyError`, the attempt counts as one without a reply.
            reserve: The share of the quota, from 0 to 1, that is left to requests without one.

        Raises:
            ConnectionFailedError: No reply, and nothing was changed.
            OutcomeUnknownError: It may have been applied, and nobody can tell.
            RateLimitError: The quota is used up for longer than the policy's `max_wait`, or again
                and again.
            ServerError: 5xx, and nothing was changed.
            DecodeError: A success that has another shape than `read` wants, or is larger than
                allowed.
            TransferError: The source of an upload failed.
        """
        return self.carry_out(Exchange(request, read), reserve=reserve)

    def carry_out(
        self, exchange: Exchange, *, reserve: float = 0.0, admission: Admission | None = None
    ) -> Coroutine[Any, Any, Exchange]:
        """Do what :meth:`exchange` does; whoever holds the exchange sees how far it is.

        Args:
            exchange: An exchange of which nothing was sent yet.
            reserve: The share of the quota, from 0 to 1, that is left to requests without one.
            admission: Waits between attempts, and for a permit that is not free at once. A job has
                one; it calls :meth:`begin_job` first.
        """
        if admission is not None:  # of a job, which is under way as a whole
            self.life.check_open()
            if self.observer is None:
                return self._carry_out_unobserved(exchange, reserve, admission)
            return self._carry_out_observed(self.observer, exchange, reserve, admission)
        return self._carry_out_counted(exchange, reserve)

    async def _carry_out_counted(self, exchange: Exchange, reserve: float) -> Exchange:
        """A call of its own, which a closing client lets finish."""
        self.life.enter()
        try:
            if self.observer is None:
                return await self._carry_out_unobserved(exchange, reserve, None)
            return await self._carry_out_observed(self.observer, exchange, reserve, None)
        finally:
            self.life.leave()

    async def _carry_out_observed(
        self, observer: Observer, exchange: Exchange, reserve: float, admission: Admission | None
    ) -> Exchange:
        call = exchange.observed = observer.begin(exchange.request)
        try:
            await self._carry_out_unobserved(exchange, reserve, admission)
        except BaseException as error:
            call.ended(error)
            raise
        call.ended(exchange.error)
        return exchange

    async def _carry_out_unobserved(
        self, exchange: Exchange, reserve: float, admission: Admission | None
    ) -> Exchange:
        admit = admission
        if not self.quota.try_acquire(reserve):
            admit = admit or partial(self.admit, reserve=reserve)
            await admit(exchange, 0.0)
            self.life.check_open()
        while True:
            exchange.attempts += 1
            try:
                exchange.reply = reply = await self._attempt(exchange)
                if 200 <= reply.status < 300 and not self._api.is_rejection(reply):  # noqa: PLR2004
                    if exchange.read is not None:
                        exchange.value = exchange.read(reply)
                    return exchange
            except (AttemptError, errors.UnreadableReplyError) as failure:
                cause: endings.Cause = failure
            else:
                cause = error_from_reply(exchange.request, reply)
            outcome = self._outcome_of(exchange, cause)
            decision = self._decide(exchange, outcome)
            if self.life.is_over:  # nothing can follow
                decision = Fail(is_in_doubt(exchange.request.idempotency, exchange.history))
            if isinstance(decision, Fail):
                return self._end(exchange, outcome, decision, cause)
            # after a 429 the gate makes everybody wait
            delay = 0.0 if outcome.throttled else decision.delay
            logged = None if outcome.throttled else delay
            logs.retry(exchange.request.operation, exchange.attempts, cause, logged)
            if exchange.observed is not None:
                exchange.observed.scheduled(delay, str(cause))
            admit = admit or partial(self.admit, reserve=reserve)
            await self._admit_again(exchange, delay, admit)

    async def _admit_again(self, exchange: Exchange, delay: float, admit: Admission) -> None:
        """Wait for another attempt; where none may be made, no reply has ended the doubt."""
        try:
            await admit(exchange, delay)
            self.life.check_open()
        except errors.OutcomeUnknownError:
            raise
        except errors.ClaroError as error:
            if is_in_doubt(exchange.request.idempotency, exchange.history):
                raise endings.unknown(exchange, error) from error
            raise

    async def admit(self, exchange: Exchange, delay: float, reserve: float) -> None:
        """Wait for the delay and a permit, unless the quota opens later than is waited for.

        This is the admission of whoever has none of its own.
        """
        closed = self.quota.seconds_until_open()
        if closed > self._policy.max_wait:
            self._end_closed(exchange, closed)
        started = self.clock.monotonic()
        try:
            if delay > 0:
                await self.clock.sleep(delay)
            await self.quota.acquire(reserve, max_wait=self._policy.max_wait)
        except PauseTooLongError as pause:
            self._end_closed(exchange, pause.seconds)
        finally:
            if exchange.observed is not None:
                waited = self.clock.monotonic() - started - delay
                exchange.observed.seconds_waited += max(0.0, waited)

    def _end_closed(self, exchange: Exchange, seconds: float) -> NoReturn:
        error = endings.quota_used_up(exchange, seconds)
        longest = self._policy.max_wait
        endings.name_wait(error, seconds, now=self.clock.time(), longest=longest)
        in_doubt = is_in_doubt(exchange.request.idempotency, exchange.history)
        logs.given_up(exchange.request.operation, exchange.attempts, error, in_doubt=in_doubt)
        raise endings.unknown(exchange, error) if in_doubt else error

    async def _attempt(self, exchange: Exchange) -> HttpReply:
        """One send, with the permit that was taken for it."""
        started = self.clock.monotonic()
        exchange.unanswered = True
        try:
            if exchange.observed is not None:
                exchange.observed.sent(exchange.request)
            reply = await self._session.send(exchange.request)
        except BaseException as error:
            exchange.unanswered = not isinstance(error, AttemptError)
            exchange.seconds = self.clock.monotonic() - started
            self.quota.release(sent=not isinstance(error, AttemptError) or error.sent)
            if exchange.observed is not None:
                exchange.observed.failed(error)
            raise
        exchange.unanswered = False
        exchange.seconds = self.clock.monotonic() - started
        self.quota.observe(reply.status, reply.headers, started)
        if exchange.observed is not None:
            exchange.observed.replied(reply.status, reply.headers)
        return reply

    def _outcome_of(self, exchange: Exchange, cause: endings.Cause) -> Outcome:
        if isinstance(cause, AttemptError):
            return Outcome.of_failure(cause)
        if isinstance(cause, errors.UnreadableReplyError):
            return Outcome.of_unreadable()
        reply = exchange.reply
        retry_after = parse_retry_after(reply.headers, self.quota.server_now())
        if isinstance(cause, errors.RateLimitError):
            retry_after = max(retry_after or 0.0, self.quota.seconds_until_open())
        return Outcome.of_reply(
            reply.status,
            exchange.request.idempotency,
            known=cause.code is not None or self._api.is_rejection(reply),
            documented=cause.code in DOCUMENTED_CODES,
            retry_after=retry_after,
        )

    def _decide(self, exchange: Exchange, outcome: Outcome) -> Retry | Fail:
        request = exchange.request
        exchange.history = exchange.history.after(outcome, resendable=request.resendable)
        return decide(
            request.idempotency,
            exchange.history,
            outcome,
            policy=self._policy,
            spread=self._random.random(),
        )

    def _end(
        self, exchange: Exchange, outcome: Outcome, fail: Fail, cause: endings.Cause
    ) -> Exchange:
        """The exchange with the rejection that ended it; whatever else ended it is raised."""
        if isinstance(cause, errors.RateLimitError | errors.ServerError):
            cause.retry_after = outcome.retry_after
            if fail.wait is not None:
                longest = self._policy.max_wait
                endings.name_wait(cause, fail.wait, now=self.clock.time(), longest=longest)
        if outcome.effect is not Effect.REJECTED or fail.unknown or outcome.throttled:
            operation, attempts = exchange.request.operation, exchange.attempts
            logs.given_up(operation, attempts, cause, in_doubt=fail.unknown)
        if fail.unknown:
            raise endings.unknown(exchange, cause)
        if isinstance(cause, AttemptError):
            raise endings.not_applied(exchange, cause)
        if outcome.effect is Effect.REJECTED and isinstance(cause, errors.APIStatusError):
            exchange.error = cause
            return exchange
        raise cause

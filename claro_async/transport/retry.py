"""What follows an attempt without a success; pure, and the only place where that is decided.

An attempt ends in one of four ways: with a success, rejected (the server said no, and would say it
again), not applied (certainly: it was not sent, or came too early or too often), or in doubt (it
may have been applied: a timeout, a reset, a 5xx, a success that cannot be read). What was not
applied may go again, whatever it is. In doubt, it depends on what a second send would do, which is
the :class:`Idempotency` that the description of the API gives each operation.

===========  =====================  ============================
idempotency  not applied            in doubt
===========  =====================  ============================
safe         again                  again
idempotent   again                  again; the end state is one
unsafe       again                  never: the outcome is unknown
===========  =====================  ============================

A rejection that follows an attempt in doubt does not tell what became of that attempt, unless the
same request would have met it before as well (:attr:`Outcome.clears_doubt`).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

import attrs

from claro_async._generated.claro_api.operation import Idempotency
from claro_async.transport.quota.headers import read_retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claro_async.config import RetryPolicy
    from claro_async.transport.failures import AttemptError

__all__ = [
    "FRESH",
    "Effect",
    "Fail",
    "History",
    "Idempotency",
    "Outcome",
    "Retry",
    "backoff",
    "decide",
    "is_in_doubt",
    "parse_retry_after",
]

_THROTTLED = 429
_TOO_EARLY = 425  # RFC 8470, section 5.2: the server did not process the request
_TIMED_OUT = 408  # the server gave up on the request: whether it was applied is not said
_SERVER_ERRORS = 500

# Rejections that the same request would have met before, too; others (a lock, a revoked key) may be
# new.
_CLEARS_DOUBT = frozenset({400, 404, 405, 406, 410, 411, 413, 414, 415, 422})
_FOREIGN_PAGE = 404  # of a gateway that did not find the API


class Effect(Enum):
    """What an attempt without a success did on the server."""

    NOT_APPLIED = "nothing"
    REJECTED = "nothing, and neither would another attempt"
    IN_DOUBT = "perhaps what it asked for"


@attrs.frozen(kw_only=True)
class Outcome:
    """How an attempt ended that was no success.

    Attributes:
        effect: What it did on the server.
        throttled: Whether it was a 429, which does not count as a failure.
        clears_doubt: Whether it also says that earlier attempts in doubt were not applied.
        retry_after: Seconds for which the server asked not to be sent another, or None.
    """

    effect: Effect
    throttled: bool = False
    clears_doubt: bool = False
    retry_after: float | None = None

    @classmethod
    def of_failure(cls, failure: AttemptError) -> Outcome:
        """The outcome of an attempt that got no whole reply."""
        if failure.sent:
            return _IN_DOUBT
        return _FINAL if failure.final else _NOT_SENT

    @classmethod
    def of_unreadable(cls) -> Outcome:
        """The outcome of an attempt with a success that cannot be read: the same as a reset."""
        return _IN_DOUBT

    @classmethod
    def of_reply(
        cls,
        status: int,
        idempotency: Idempotency,
        *,
        known: bool = True,
        documented: bool = False,
        retry_after: float | None = None,
    ) -> Outcome:
        """The outcome of an attempt whose reply is no success.

        Args:
            status: The HTTP status.
            idempotency: What a second send does.
            known: Whether the API itself said so, with a code of its own; else it may be a page of
                a gateway on the way, which knows nothing of what became of earlier attempts.
            documented: Whether that code is a documented one, which tells more than the status.
            retry_after: Seconds for which the server asked not to be sent another, or None.
        """
        if documented:
            return cls(effect=Effect.REJECTED, clears_doubt=status in _CLEARS_DOUBT)
        if status == _THROTTLED:
            return cls(effect=Effect.NOT_APPLIED, throttled=True, retry_after=retry_after)
        if status == _TOO_EARLY:
            return cls(effect=Effect.NOT_APPLIED, retry_after=retry_after)
        if status == _TIMED_OUT or status >= _SERVER_ERRORS:
            return cls(effect=Effect.IN_DOUBT, retry_after=retry_after)
        if status == _FOREIGN_PAGE and not known and idempotency is Idempotency.IDEMPOTENT:
            return _IN_DOUBT
        return cls(effect=Effect.REJECTED, clears_doubt=known and status in _CLEARS_DOUBT)


_NOT_SENT = Outcome(effect=Effect.NOT_APPLIED)
_FINAL = Outcome(effect=Effect.REJECTED)
_IN_DOUBT = Outcome(effect=Effect.IN_DOUBT)


@attrs.frozen(kw_only=True)
class History:
    """What became of a request's attempts so far, the latest included.

    Attributes:
        failures: Attempts that failed; those with a 429 do not count.
        throttled: Attempts with a 429.
        maybe_applied: Whether one of them may have been applied.
        resendable: Whether the body, if there is one, can be sent whole once more.
    """

    failures: int = 0
    throttled: int = 0
    maybe_applied: bool = False
    resendable: bool = True

    def after(self, outcome: Outcome, *, resendable: bool = True) -> History:
        """The history with one attempt more."""
        return History(
            failures=self.failures + (not outcome.throttled),
            throttled=self.throttled + outcome.throttled,
            maybe_applied=self.maybe_applied or outcome.effect is Effect.IN_DOUBT,
            resendable=resendable,
        )


FRESH = History()
"""Of a request that was not sent yet."""


@attrs.frozen
class Retry:
    """Send it again.

    Attributes:
        delay: Seconds to wait before; after a 429 the gate of the quota, where there is one, makes
            everybody wait.
    """

    delay: float


@attrs.frozen
class Fail:
    """Do not send it again.

    Attributes:
        unknown: Whether a change may have been applied; else how the last attempt ended is all
            there is to say.
        wait: Seconds that the server asked to wait, where that is the reason: longer than the
            policy allows.
    """

    unknown: bool
    wait: float | None = None


Decision: TypeAlias = Retry | Fail


def decide(
    idempotency: Idempotency,
    history: History,
    outcome: Outcome,
    *,
    policy: RetryPolicy,
    spread: float,
) -> Decision:
    """What follows an attempt.

    Args:
        idempotency: What a second send does.
        history: All attempts, the latest included.
        outcome: How the latest ended.
        policy: How often and how soon.
        spread: A number drawn from 0 to below 1, so that many clients do not come back at once.
    """
    in_doubt = is_in_doubt(idempotency, history)
    if outcome.effect is Effect.REJECTED:
        return Fail(in_doubt and not outcome.clears_doubt)
    wait = outcome.retry_after or 0.0
    if wait > policy.max_wait:
        return Fail(in_doubt, wait)
    if (
        not history.resendable
        or (in_doubt and idempotency is Idempotency.UNSAFE)
        or history.throttled > policy.max_rate_limit_waits
        or history.failures >= policy.max_attempts
    ):
        return Fail(in_doubt)
    failures = history.throttled if outcome.throttled else history.failures
    return Retry(max(wait, backoff(policy, failures, spread)))


def is_in_doubt(idempotency: Idempotency, history: History) -> bool:
    """Whether a change may have been applied."""
    return history.maybe_applied and idempotency is not Idempotency.SAFE


def backoff(policy: RetryPolicy, failures: int, spread: float) -> float:
    """Seconds to wait after so many failed attempts (1 or more), where the server names no time.

    The delay doubles with each, up to the policy's maximum; it is drawn from its upper half.
    """
    longest = min(policy.max_delay, policy.base_delay * 2.0 ** min(failures - 1, 60))
    return longest * (0.5 + 0.5 * spread)


def parse_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds for which ``Retry-After`` asks to wait, however many; None where there is none.

    RFC 9110, section 10.2.3, knows whole seconds and HTTP dates; fractions, ISO dates and epoch
    seconds are read as well.

    Args:
        headers: A reply's headers.
        now: The server's present time in epoch seconds.
    """
    text = headers.get("Retry-After", "")
    return read_retry_after(text, now) if text else None

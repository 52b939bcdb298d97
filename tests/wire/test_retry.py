"""The rule of retries: a table of what follows what, and its limits, value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from claro_async import RetryPolicy
from claro_async.transport.failures import AttemptError
from claro_async.transport.retry import (
    FRESH,
    Effect,
    Fail,
    History,
    Idempotency,
    Outcome,
    Retry,
    backoff,
    decide,
    is_in_doubt,
    parse_retry_after,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

POLICY = RetryPolicy(
    max_attempts=3, base_delay=1.0, max_delay=8.0, max_rate_limit_waits=2, max_wait=100.0
)
SAFE, IDEMPOTENT, UNSAFE = Idempotency.SAFE, Idempotency.IDEMPOTENT, Idempotency.UNSAFE
NOW = 1_710_430_200.0  # Thu, 14 Mar 2024 15:30:00 GMT

NOT_SENT = Outcome.of_failure(AttemptError("refused", sent=False))
CERTIFICATE = Outcome.of_failure(AttemptError("not trusted", sent=False, final=True))
RESET = Outcome.of_failure(AttemptError("reset", sent=True))
RESET_FINAL = Outcome.of_failure(AttemptError("reset", sent=True, final=True))
GARBLED = Outcome.of_unreadable()
THROTTLED = Outcome.of_reply(429, SAFE)


def after(
    outcomes: Sequence[Outcome], kind: Idempotency, *, resendable: bool = True
) -> Retry | Fail:
    """What follows the last of these outcomes; the middle of the spread."""
    history = FRESH
    for outcome in outcomes:
        history = history.after(outcome)
    history = attrs.evolve(history, resendable=resendable)
    return decide(kind, history, outcomes[-1], policy=POLICY, spread=0.5)


@pytest.mark.parametrize("kind", Idempotency)
@pytest.mark.parametrize(
    ("outcome", "effect"),
    [
        (NOT_SENT, Effect.NOT_APPLIED),
        (CERTIFICATE, Effect.REJECTED),
        (RESET, Effect.IN_DOUBT),
        (RESET_FINAL, Effect.IN_DOUBT),
        (GARBLED, Effect.IN_DOUBT),
    ],
)
def test_attempts_without_a_reply(outcome: Outcome, effect: Effect, kind: Idempotency) -> None:
    """What was not sent goes again whatever it is; what may be applied, unless that does damage."""
    assert outcome == Outcome(effect=effect)
    found = after([outcome], kind)
    if effect is Effect.NOT_APPLIED:
        assert found == Retry(0.75)
    elif effect is Effect.REJECTED:
        assert found == Fail(unknown=False)
    else:
        assert found == (Fail(unknown=True) if kind is UNSAFE else Retry(0.75))


STATUSES = {
    **dict.fromkeys([500, 502, 503, 504, 520, 599, 408], Effect.IN_DOUBT),
    **dict.fromkeys([425, 429], Effect.NOT_APPLIED),
    **dict.fromkeys([200, 302, 400, 401, 403, 404, 405, 407, 409, 410, 424, 426, 428, 430, 499],
                    Effect.REJECTED),
}  # fmt: skip


@pytest.mark.parametrize("kind", Idempotency)
@pytest.mark.parametrize("status", STATUSES)
def test_statuses(status: int, kind: Idempotency) -> None:
    """Each status has one effect, whatever was asked for."""
    outcome = Outcome.of_reply(status, kind, retry_after=7.0)
    assert outcome.effect is STATUSES[status]
    assert outcome.throttled is (status == 429)
    assert outcome.retry_after == (None if outcome.effect is Effect.REJECTED else 7.0)
    found = after([outcome], kind)
    if outcome.effect is Effect.REJECTED:
        assert found == Fail(unknown=False)
    elif outcome.effect is Effect.IN_DOUBT and kind is UNSAFE:
        assert found == Fail(unknown=True)
    else:
        assert found == Retry(7.0)


@pytest.mark.parametrize("status", range(400, 600))
def test_what_settles_an_earlier_doubt(status: int) -> None:
    """Only rejections that the first attempt would have met, and only from the API itself."""
    settling = {400, 404, 405, 406, 410, 411, 413, 414, 415, 422}
    for kind in (IDEMPOTENT, UNSAFE):
        known = Outcome.of_reply(status, kind)
        assert known.clears_doubt is (status in settling)
        page = Outcome.of_reply(status, kind, known=False)
        assert page.clears_doubt is False
        if known.effect is Effect.REJECTED:
            found = after([RESET, known], kind)
            assert found == Fail(unknown=status not in settling)


def test_a_documented_code_tells_more_than_the_status() -> None:
    """A code of the API makes a rejection of any status, which settles only by the status."""
    for status in (429, 500, 503, 408, 425):
        outcome = Outcome.of_reply(status, SAFE, documented=True, retry_after=1.0)
        assert outcome == Outcome(effect=Effect.REJECTED)
    assert Outcome.of_reply(404, IDEMPOTENT, documented=True).clears_doubt


@pytest.mark.parametrize("kind", Idempotency)
def test_a_404_that_is_no_answer_of_the_api(kind: Idempotency) -> None:
    """A gateway's page puts a repeatable change in doubt; reads and others fail at once."""
    outcome = Outcome.of_reply(404, kind, known=False)
    expected = Effect.IN_DOUBT if kind is IDEMPOTENT else Effect.REJECTED
    assert outcome.effect is expected
    assert Outcome.of_reply(403, kind, known=False).effect is Effect.REJECTED


def test_histories_add_up() -> None:
    """Failures and 429 are counted apart; a doubt stays; the body's state is the latest."""
    history = FRESH.after(THROTTLED).after(NOT_SENT)
    assert history == History(failures=1, throttled=1)
    history = history.after(RESET, resendable=False).after(THROTTLED)
    assert history == History(failures=2, throttled=2, maybe_applied=True, resendable=True)
    assert not FRESH.after(RESET, resendable=False).resendable
    assert not FRESH.maybe_applied


def test_the_last_attempt() -> None:
    """After as many failures as allowed there is no other attempt; 429 do not count among them."""
    assert after([NOT_SENT] * 2, SAFE) == Retry(1.5)
    assert after([NOT_SENT] * 3, SAFE) == Fail(unknown=False)
    assert after([NOT_SENT] * 2 + [THROTTLED] * 2, SAFE) == Retry(1.5)
    assert after([RESET] * 3, SAFE) == Fail(unknown=False)
    assert after([RESET] * 3, IDEMPOTENT) == Fail(unknown=True)
    assert after([RESET, NOT_SENT, NOT_SENT], IDEMPOTENT) == Fail(unknown=True)


def test_the_last_429() -> None:
    """A request waits for the quota as often as allowed; what was in doubt before stays so."""
    assert after([THROTTLED] * 2, UNSAFE) == Retry(1.5)
    assert after([THROTTLED] * 3, UNSAFE) == Fail(unknown=False)
    assert after([RESET] + [THROTTLED] * 3, IDEMPOTENT) == Fail(unknown=True)
    assert after([RESET] + [THROTTLED] * 3, SAFE) == Fail(unknown=False)


def test_a_body_that_cannot_be_sent_again() -> None:
    """Nothing follows, and what is said depends on what may have been applied."""
    assert after([NOT_SENT], IDEMPOTENT, resendable=False) == Fail(unknown=False)
    assert after([RESET], IDEMPOTENT, resendable=False) == Fail(unknown=True)
    assert after([THROTTLED], UNSAFE, resendable=False) == Fail(unknown=False)


@pytest.mark.parametrize("status", [429, 425, 503])
def test_retry_after_is_never_undercut(status: int) -> None:
    """The server's wait counts where it is longer than ours, up to the longest allowed."""

    def following(seconds: float) -> Retry | Fail:
        return after([Outcome.of_reply(status, IDEMPOTENT, retry_after=seconds)], IDEMPOTENT)

    assert following(0.0) == Retry(0.75)
    assert following(0.74) == Retry(0.75)
    assert following(50.0) == Retry(50.0)
    assert following(100.0) == Retry(100.0)
    assert following(100.5) == Fail(unknown=status == 503, wait=100.5)


def test_a_wait_that_is_too_long_comes_before_other_reasons() -> None:
    """Of a last attempt the wait is known as well; of a rejection nothing is waited for."""
    late = Outcome.of_reply(503, SAFE, retry_after=101.0)
    assert after([RESET, RESET, late], SAFE) == Fail(unknown=False, wait=101.0)
    rejected = Outcome(effect=Effect.REJECTED, retry_after=101.0)
    assert after([rejected], SAFE) == Fail(unknown=False)


@pytest.mark.parametrize(
    ("failures", "spread", "seconds"),
    [
        (1, 0.0, 0.5),
        (1, 1.0, 1.0),
        (2, 0.0, 1.0),
        (2, 1.0, 2.0),
        (3, 0.5, 3.0),
        (4, 1.0, 8.0),
        (5, 1.0, 8.0),
        (5, 0.0, 4.0),
        (10_000, 1.0, 8.0),
    ],
)
def test_backoff(failures: int, spread: float, seconds: float) -> None:
    """The delay doubles up to the maximum and is drawn from its upper half."""
    assert backoff(POLICY, failures, spread) == seconds


def test_backoff_without_a_maximum() -> None:
    """However many failures, the delay stays a number."""
    policy = RetryPolicy(base_delay=1.0, max_delay=1e30)
    assert backoff(policy, 61, 1.0) == 2.0**60
    assert backoff(policy, 62, 1.0) == 2.0**60


def test_the_wait_after_429_grows_with_the_429() -> None:
    """Where the server names no time, the count of 429 decides, not that of failures."""
    assert after([NOT_SENT, NOT_SENT, THROTTLED], SAFE) == Retry(0.75)
    assert after([THROTTLED, THROTTLED, NOT_SENT], SAFE) == Retry(0.75)


@pytest.mark.parametrize("kind", Idempotency)
def test_what_is_in_doubt(kind: Idempotency) -> None:
    """A read never is; a change is, once an attempt may have been applied."""
    assert is_in_doubt(kind, History(maybe_applied=True)) is (kind is not SAFE)
    assert is_in_doubt(kind, FRESH) is False


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 0.5 ", 0.5),
        ("0", 0.0),
        ("86400", 86400.0),
        ("Thu, 14 Mar 2024 15:30:30 GMT", 30.0),
        ("Thu, 14 Mar 2024 15:29:00 GMT", 0.0),
        ("2024-03-14T15:31:00Z", 60.0),
        ("2024-03-14T15:31:00", 60.0),
        (str(NOW + 9), 9.0),
        (str((NOW + 9) * 1000), 9.0),
        ("999999999", 999_999_999.0),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_retry_after_as_servers_write_it(text: str, seconds: float | None) -> None:
    """Seconds, fractions, HTTP and ISO dates and epochs are read, however far away."""
    found = parse_retry_after({"Retry-After": text}, NOW)
    assert found == (seconds if seconds is None else pytest.approx(seconds))
    assert parse_retry_after({}, NOW) is None

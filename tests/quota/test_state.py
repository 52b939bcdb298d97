"""What is known of a quota, step by step."""

from __future__ import annotations

import msgspec

from claro_async.transport.quota.headers import QuotaHeaders
from claro_async.transport.quota.state import QuotaState

START = 1_710_430_200.0
LIMIT = 30


def reply(
    at: float, remaining: int, ends: float, *, status: int = 200, retry_after: float | None = None
) -> QuotaHeaders:
    """A reply so many seconds after the start, 0.02 after its request went out."""
    retry = "" if retry_after is None else str(retry_after)
    sent, received = START + at - 0.02, START + at
    return QuotaHeaders(status, sent, received, LIMIT, remaining, str(START + ends), retry)


def period_of(state: QuotaState, began: float, ends: float) -> None:
    """Open a period with one request, and use it up but for what is kept."""
    state.learn(reply(began + 0.02, LIMIT - 1, ends))
    given = state.grant(100, START + began + 0.03, 0)
    state.learn(reply(began + 0.05, LIMIT - 1 - given, ends))


def with_known_length() -> QuotaState:
    """The state after a period that began at 0.4 and lasted 60 seconds, though 61 was reported."""
    state = QuotaState()
    period_of(state, 0.4, 61)
    assert state.probe_permits == 2
    assert state.grant(9, START + 60.0, 0) == 0
    assert state.grant(9, START + 60.43, 0) == 1
    assert state.grant(9, START + 60.44, 1) == 0
    state.learn(reply(60.46, LIMIT - 1, 121))
    assert state.probe_permits == 0
    return state


def test_the_length_that_was_found_is_used() -> None:
    """The next period is over a minute after its first request, not at the reported end."""
    state = with_known_length()
    assert state.grant(100, START + 61, 0) == LIMIT - 1
    state.learn(reply(61.1, 0, 121))
    assert state.grant(1, START + 120.46, 0) == 0
    assert state.grant(100, START + 120.47, 0) == 1


def test_a_pause_within_a_period_unlearns_nothing() -> None:
    """After a 429 with ``Retry-After`` one asks, the rest follows, and the length stays."""
    state = with_known_length()
    state.learn(reply(65, 0, 121, status=429, retry_after=10))
    assert state.grant(100, START + 74.9, 0) == 0
    assert state.grant(100, START + 75.01, 0) == 1
    state.learn(reply(75.05, 7, 121))
    assert state.grant(100, START + 75.1, 0) == 6
    assert state.grant(100, START + 75.1, 6) == 0  # somebody else is there: the last one waits
    state.learn(reply(75.2, 0, 121))
    state.learn(reply(121.05, LIMIT - 1, 182))
    assert state.grant(100, START + 122, 0) >= LIMIT - 2
    state.learn(reply(122.1, 0, 182))
    assert state.grant(1, START + 181.04, 0) == 0
    assert state.grant(1, START + 181.06, 0) == 1


def test_a_length_that_proves_wrong_is_forgotten() -> None:
    """When the period still lasts at its expected end, the reported end counts from then on."""
    state = with_known_length()
    state.learn(reply(120.5, 0, 121, status=429))
    assert state.grant(1, START + 120.9, 0) == 0
    assert state.grant(1, START + 121.01, 0) == 1
    state.learn(reply(121.05, LIMIT - 1, 182))
    state.learn(reply(122, 0, 182))
    assert state.grant(1, START + 181.5, 0) == 0
    assert state.grant(1, START + 182.01, 0) == 1


def test_others_may_take_what_was_kept() -> None:
    """Without probe permits left, the period is over at the reported end."""
    state = QuotaState()
    period_of(state, 0.4, 61)
    state.learn(reply(30, 0, 61))
    assert state.grant(9, START + 60.5, 0) == 0
    assert state.grant(9, START + 61.01, 0) == 1


def test_probes_too_early_cost_nothing() -> None:
    """Where periods end when reported or later, probes are within the quota, and one finds it."""
    state = QuotaState()
    period_of(state, 0.9, 60)  # rounded down: it ends at 60.9
    assert state.grant(9, START + 59.93, 0) == 1
    state.learn(reply(59.95, 1, 60))
    assert state.grant(9, START + 60.01, 0) == 1
    state.learn(reply(60.03, 0, 60))
    assert state.grant(9, START + 60.9, 0) == 0
    assert state.grant(9, START + 60.93, 0) == 1
    state.learn(reply(60.95, LIMIT - 1, 120))
    assert state.grant(100, START + 61, 0) == LIMIT - 1


def test_late_replies_of_an_older_period_change_nothing() -> None:
    """A reply that took a minute does not close the new period."""
    state = with_known_length()
    state.learn(reply(60.6, 0, 61))
    assert state.grant(100, START + 61, 0) == LIMIT - 1


def test_the_state_survives_being_stored() -> None:
    """What is stored as JSON is the same when it is read again, field by field."""
    state = with_known_length()
    again = msgspec.json.decode(msgspec.json.encode(state), type=QuotaState)
    assert again == state
    assert again.grant(100, START + 61, 3) == state.grant(100, START + 61, 3)

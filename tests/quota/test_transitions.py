"""The state of a quota, one transition at a time, on a clock that begins at 0."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

import msgspec
import pytest

from claro_async.transport.quota.at_once import AtOnce
from claro_async.transport.quota.headers import QuotaHeaders, ServerClock
from claro_async.transport.quota.period import MARGIN, Period, Rounding
from claro_async.transport.quota.phases import (
    Contention,
    InPeriod,
    Paused,
    Phase,
    Probing,
    Unknown,
    Unpaced,
)
from claro_async.transport.quota.state import PROBE_AGAIN, QuotaState

EPOCH = 1_710_430_200.0
LIMIT = 30
THROTTLED = 429


def reply(
    remaining: int | None,
    sent: float,
    ends: float | str = 60.0,
    *,
    received: float | None = None,
    status: int = 200,
    **more: str,
) -> QuotaHeaders:
    """A reply that came at once, with the end as a moment, or as the text of the header."""
    limit, reset = (None, "") if remaining is None else (LIMIT, at(ends))
    received = sent if received is None else received
    return QuotaHeaders(status, sent, received, limit, remaining, reset, **more)


def at(ends: float | str) -> str:
    """The text of a reset."""
    return ends if isinstance(ends, str) else str(EPOCH + ends)


def period(
    allowed: int = 10, reset_at: float = 60.0, *, reset: str | None = None, **more: Any
) -> Period:
    """A period, by default with 10 requests left until 60, as it was reported at 0."""
    text = at(reset_at) if reset is None else reset
    known = Period(allowed, reset_at, reset_at, 0.0, text)
    known.relative = bool(text) and float(text) < EPOCH / 2
    return msgspec.structs.replace(known, **more)


def state_in(phase: Phase | Period, **more: Any) -> QuotaState:
    """A state whose server has the time of the epoch, by a wall clock that is believed."""
    phase = InPeriod(phase) if isinstance(phase, Period) else phase
    known = QuotaState(phase, LIMIT, server=ServerClock.hinted(EPOCH))
    return msgspec.structs.replace(known, **more)


def paused(state: QuotaState) -> Paused:
    """The pause that a state is in."""
    assert isinstance(state.phase, Paused)
    return state.phase


def period_in(state: QuotaState) -> Period:
    """The period that a state is in."""
    assert isinstance(state.phase, InPeriod)
    return state.phase.period


# --- what is asked


def test_a_probe_permit_needs_a_request_that_is_left() -> None:
    """While all that remains is unanswered, no probe goes, and the end of the period counts."""
    state = state_in(period(1, probes=[59.0, 59.5]))
    assert state.may_probe(59.01) is True
    assert state.may_probe(58.99) is False
    assert state.opens_at(50.0, 1) == 60.0 + MARGIN
    assert state.opens_at(50.0, 0) == 59.0 + MARGIN
    assert state.grant(1, 59.01, 1) == 0
    assert state.grant(1, 59.01, 0) == 1
    assert state.probe_permits == 1


def test_free_permits_without_a_period() -> None:
    """Between periods nothing is free, nothing is kept and nothing is shared out."""
    state = state_in(Unknown())
    assert (state.free(0), state.probe_permits, state.seconds_left(7.0)) == (0, 0, 0.0)
    assert state.may_probe(99.0) is False
    assert state.opens_at(7.0, 0) == 7.0
    assert state.is_shared_out(7.0) is False
    assert state.probing_for(7.0) is None


def test_free_permits_of_a_period() -> None:
    """A reserve leaves one at least, and a limit of requests at once counts those under way."""
    assert state_in(period(30)).free(0, 1.0) == 1
    assert state_in(period(30), limit=None).free(0, 0.5) == 30
    assert state_in(period(10), at_once=AtOnce(3, 5)).free(1) == 2


def test_questions_of_a_period() -> None:
    """A period is shared out until its end, a margin after the moment."""
    state = state_in(period())
    assert state.is_shared_out(50.0) is True
    assert state.seconds_left(50.0) == pytest.approx(10.0 + MARGIN, abs=1e-6)
    assert state.is_shared_out(60.01) is False


def test_questions_of_a_probe() -> None:
    """A probe has been under way since it went, and after a second another may go."""
    state = state_in(Probing(None, 5.0))
    assert state.probing_for(5.5) == 0.5
    assert state.opens_at(5.5, 1) == 5.0 + PROBE_AGAIN
    assert state.probing_for(6.0) is None


@pytest.mark.parametrize(
    ("ends", "resumes", "kind"),
    [(60.0, True, InPeriod), (9.0, True, Unknown), (60.0, False, Unknown)],
)
def test_the_end_of_a_pause(ends: float, resumes: bool, kind: type[Phase]) -> None:  # noqa: FBT001
    """A pause leads back into its period where that goes on and is not over, else to a probe."""
    known = period(reset_at=ends)
    state = state_in(Paused(known, 1.0, 10.0, resumes))
    assert state.phase_at(9.9) is state.phase
    phase = state.phase_at(10.0)
    assert isinstance(phase, kind)
    assert phase.period is known


def test_the_reset_that_is_shown_counts_from_its_reply() -> None:
    """A count-down is shown as a moment of the server's clock."""
    state = state_in(Unknown(), reset="30", reset_seen=10.0, remaining=4)
    limit = state.rate_limit()
    assert (limit.limit, limit.remaining) == (LIMIT, 4)
    assert limit.resets_at == datetime.fromtimestamp(EPOCH + 40.0, UTC)


def test_requests_without_a_reply_may_have_been_counted() -> None:
    """Each that is lost costs a permit, down to none."""
    state = state_in(period(10))
    state.lose(3)
    assert period_in(state).allowed == 7
    state.lose(20)
    assert period_in(state).allowed == 0


# --- counting down


def unasked() -> float:
    """The time of a reply that need not be known."""
    pytest.fail("the clock was read for nothing")


def counted(
    remaining: str | None = "5", ends: float | str = 60.0, date: str = ""
) -> dict[str, str]:
    """The headers of a reply as they come."""
    headers = {"X-RateLimit-Reset": at(ends), "Date": date}
    return headers if remaining is None else {**headers, "X-RateLimit-Remaining": remaining}


def test_a_reply_of_the_period_is_counted_without_the_time() -> None:
    """What remains is taken over where it is less, at no other cost."""
    state = state_in(period(10))
    assert state.count_down(counted("5"), 30.0, unasked) is True
    assert (state.remaining, period_in(state).allowed) == (5, 5)
    assert state.count_down(counted("8"), 30.0, unasked) is True
    assert (state.remaining, period_in(state).allowed) == (8, 5)


@pytest.mark.parametrize(
    ("headers", "sent", "phase"),
    [
        (counted(), 60.0, period()),
        (counted(ends=120.0), 30.0, period()),
        (counted(None), 30.0, period()),
        (counted("many"), 30.0, period()),
        (counted(ends="30"), 30.0, period(reset="30")),
        (counted(), 30.0, Unknown()),
    ],
    ids=["late", "other reset", "no count", "no number", "count-down", "no period"],
)
def test_other_replies_are_not_counted(
    headers: dict[str, str], sent: float, phase: Phase | Period
) -> None:
    """A reply that may tell of another period is left to be learned from in full."""
    state = state_in(phase)
    assert state.count_down(headers, sent, unasked) is False
    assert state.remaining is None


def test_a_new_date_is_heard_while_counting() -> None:
    """The server's time is learned from a new ``Date``, and the end of the period follows it."""
    date = formatdate(EPOCH + 31, usegmt=True)
    state = state_in(period(), server=ServerClock(offset=EPOCH))
    assert state.count_down(counted(date=date), 30.0, lambda: 30.5)
    assert (state.server.date, state.server.offset) == (date, EPOCH + 0.5)
    assert period_in(state).ends_at == 59.5
    assert state.count_down(counted(date=date), 30.0, unasked)


def test_successes_lift_the_limit_of_requests_at_once() -> None:
    """Each reply that is no 429 allows one more, whichever way it is learned from."""
    state = state_in(period(), at_once=AtOnce(2, 9))
    state.count_down(counted(), 30.0, lambda: 30.5)
    assert state.at_once.now == 3
    state.learn(reply(5, 30.0))
    assert state.at_once.now == 4


# --- learning


def test_the_first_reply_opens_a_period() -> None:
    """It is the first period, and a wall clock is believed on."""
    state = state_in(Probing(None, 0.5), limit=None)
    state.learn(reply(20, 0.5))
    assert (state.periods, state.limit, state.remaining, state.reset_seen) == (1, LIMIT, 20, 0.5)
    assert period_in(state).allowed == 20
    assert state.server.wall == EPOCH


def test_a_server_without_a_quota_is_not_paced() -> None:
    """A first reply without headers lets everything go; a page of a proxy later on does not."""
    state = state_in(Probing(None, 0.5), limit=None)
    state.learn(reply(None, 0.5))
    assert isinstance(state.phase, Unpaced)
    state = state_in(period(10))
    state.learn(reply(None, 30.0, status=502))
    assert period_in(state).allowed == 9


def test_a_date_is_heard_in_full() -> None:
    """A reply that is learned from in full tells the server's time, too."""
    date = formatdate(EPOCH + 31, usegmt=True)
    state = state_in(period(), server=ServerClock(offset=EPOCH))
    state.learn(reply(5, 30.0, received=30.5, date=date))
    assert (state.server.date, period_in(state).ends_at) == (date, 59.5)


@pytest.mark.parametrize(("sent", "kind"), [(5.0, Unknown), (4.9, Probing)])
def test_only_its_own_reply_ends_a_probe(sent: float, kind: type[Phase]) -> None:
    """A reply to a request that went earlier leaves the probe under way."""
    state = state_in(Probing(period(), 5.0))
    state.learn(reply(4, sent, received=5.1))
    assert isinstance(state.phase, kind)


def test_a_reply_ends_the_row_of_blind_pauses() -> None:
    """After a success the next pause without a length is short again."""
    state = state_in(period(), blind_pauses=3)
    state.learn(reply(5, 30.0))
    assert state.blind_pauses == 0


@pytest.mark.parametrize(("sent", "taken"), [(59.9, 1), (60.0, 0), (70.0, 0)])
def test_others_are_noticed_within_a_period(sent: float, taken: int) -> None:
    """A 429 of a request sent before the end is due to others; one sent later is not."""
    state = state_in(period(), rounding=Rounding(slack=1.0))
    state.learn(reply(0, sent, status=THROTTLED, retry_after="1"))
    assert state.contention == Contention(taken, seen=bool(taken))


def test_others_are_forgotten_little_by_little() -> None:
    """They take a third of the limit at the most, and one less after a period without them."""
    others = Contention(9)
    others.notice(LIMIT)
    others.notice(LIMIT)
    assert (others.taken, others.seen) == (10, True)
    others.begin_period()
    assert (others.taken, others.seen) == (10, False)
    state = state_in(period(), contention=others)
    state.learn(reply(20, 61.0, 120.0))
    assert state.contention == Contention(9)
    last = Contention(1)
    for _ in range(2):
        last.begin_period()
    assert last.taken == 0


# --- which period a reply tells of


@pytest.mark.parametrize(
    ("sent", "text", "reset_at"),
    [(30.0, "29.5", 59.5), (30.0, "29", 59.0), (31.0, "30", 60.0)],
    ids=["less", "a second less", "a second more"],
)
def test_count_downs_of_one_period(sent: float, text: str, reset_at: float) -> None:
    """A count-down may be off by a second; the earliest end that it tells counts."""
    state = state_in(period(reset="60"))
    state.learn(reply(4, sent, text))
    known = period_in(state)
    assert (state.periods, known.reset_at, known.ends_at) == (0, reset_at, reset_at)
    assert (known.allowed, known.reset) == (4, "60")


def test_a_count_down_that_begins_anew_is_a_new_period() -> None:
    """The same text a minute later tells of another period, and no rounding is to blame."""
    state = state_in(period(reset="60"))
    state.learn(reply(0, 65.0, "60"))
    known = period_in(state)
    assert (state.periods, known.since, known.reset_at) == (1, 65.0, 125.0)
    assert (state.rounding.slack, state.server.wall) == (0.0, EPOCH)


def test_after_a_step_of_the_servers_clock_its_text_is_adopted() -> None:
    """An end that is two seconds off is that of the same period, by the text that comes now."""
    state = state_in(period(reset=""))
    state.learn(reply(4, 30.0, 61.5))
    known = period_in(state)
    assert (state.periods, known.reset, known.allowed) == (0, at(61.5), 4)


def test_an_earlier_end_after_the_period_is_a_new_period() -> None:
    """A request sent at the end as it was taken meets the next period, whatever its end."""
    state = state_in(period(ends_at=50.0))
    state.learn(reply(4, 50.0, 55.0))
    assert (state.periods, period_in(state).reset_at) == (1, 55.0)


@pytest.mark.parametrize(("sent", "allowed"), [(30.0, 4), (29.9, 10)])
def test_an_end_that_is_over_tells_only_what_remains(sent: float, allowed: int) -> None:
    """With a reset that is now, the count is used, unless the request is older than the period."""
    state = state_in(period(since=30.0))
    state.learn(reply(4, sent, 30.0, received=30.0))
    assert (period_in(state).allowed, period_in(state).reset_at) == (allowed, 60.0)


def test_a_period_that_goes_on_is_gone_on_with() -> None:
    """A request at the end that was expected, answered with the same reset, has more permits."""
    state = state_in(period(0, ends_at=50.0))
    state.learn(reply(4, 50.0))
    assert (period_in(state).allowed, period_in(state).ends_at) == (4, 60.0)


# --- requests that were too early


def test_an_early_request_is_explained_by_rounding_first() -> None:
    """Whole seconds may be rounded: the wall clock is believed, and the period ends later."""
    state = state_in(period())
    state.learn(reply(0, 60.5))
    assert (state.rounding.slack, state.server.wall) == (1.0, EPOCH)
    state = state_in(period(reset="60"))
    state.learn(reply(0, 60.5, "0.5"))
    assert (state.rounding.slack, state.server.wall) == (1.0, EPOCH)


def test_an_early_request_that_nothing_explains_is_due_to_the_wall_clock() -> None:
    """With an exact reset the wall clock is wrong: the least possible time counts from then on."""
    server = ServerClock(EPOCH + 0.25, EPOCH + 0.25, "", EPOCH, EPOCH + 0.5)
    state = state_in(period(reset_at=60.25, reset=at(60.5)), server=server)
    state.learn(reply(0, 60.25, 60.5))
    assert (state.server.wall, state.server.offset) == (None, EPOCH)
    known = state.phase.period
    assert known is not None
    assert (known.reset_at, known.ends_at) == (60.5, 60.5)


@pytest.mark.parametrize(
    ("headers", "believed"),
    [
        (reply(None, 60.5, status=THROTTLED), False),
        (reply(None, 61.0, status=THROTTLED), True),
        (reply(None, 60.5, status=502), True),
        (reply(4, 60.5, status=THROTTLED), True),
        (reply(None, 59.9, status=THROTTLED), True),
    ],
    ids=["soon", "later", "page", "at once", "within"],
)
def test_a_429_without_a_count_just_after_the_end_is_early(
    headers: QuotaHeaders, *, believed: bool
) -> None:
    """Within a second of the end it throws doubt on the wall clock; nothing else does."""
    state = state_in(period())
    state.learn(headers)
    assert (state.server.wall is not None) is believed


# --- pauses


def test_a_limit_of_requests_at_once_pauses_and_uses_nothing_up() -> None:
    """With requests left, half of those under way may go on, after a second, in the same period."""
    state = state_in(period(10))
    state.learn(reply(5, 30.0, status=THROTTLED), unanswered=4)
    pause = paused(state)
    assert (pause.since, pause.until, pause.resumes) == (30.0, 31.0, True)
    assert pause.period is not None
    assert pause.period.allowed == 5
    assert (state.at_once.now, state.at_once.most) == (2, 4)


@pytest.mark.parametrize(("sent", "until", "now"), [(29.9, 31.0, 2), (30.0, 32.5, 1)])
def test_requests_under_way_when_a_pause_begins_do_not_lengthen_it(
    sent: float, until: float, now: int
) -> None:
    """Only a request that went after the pause began is a reason to wait longer and send less."""
    state = state_in(period(10))
    state.learn(reply(5, 30.0, status=THROTTLED), unanswered=4)
    state.learn(reply(5, sent, received=30.5, status=THROTTLED), unanswered=3)
    assert (paused(state).until, state.at_once.now) == (until, now)


def test_a_shorter_pause_ends_no_longer_one() -> None:
    """The longer wait stays, and a period that is used up is not resumed."""
    state = state_in(Paused(period(0), 10.0, 50.0))
    state.learn(reply(5, 30.0, status=THROTTLED, retry_after="1"))
    assert (paused(state).until, paused(state).resumes) == (50.0, False)


def test_a_period_that_is_used_up_pauses_until_its_end() -> None:
    """Without ``Retry-After`` the reset counts; with a date, that moment of the server's clock."""
    state = state_in(period(10))
    state.learn(reply(0, 30.0, status=THROTTLED))
    assert (paused(state).until, paused(state).resumes) == (60.0, False)
    state = state_in(period(10))
    state.learn(reply(0, 30.0, status=THROTTLED, retry_after=formatdate(EPOCH + 40, usegmt=True)))
    pause = paused(state)
    assert pause.until == 40.0
    assert pause.period is not None
    assert (pause.period.allowed, pause.period.ends_at) == (0, 40.0)


def test_pauses_without_a_length_double() -> None:
    """They last 1, 2 and 4 seconds, and a minute at the most."""
    state = state_in(Unknown(), limit=None)
    for now, seconds in [(10.0, 1.0), (20.0, 2.0), (30.0, 4.0)]:
        state.learn(reply(None, now, status=THROTTLED))
        assert paused(state).until == now + seconds
    state = state_in(Unknown(), limit=None, blind_pauses=9)
    state.learn(reply(None, 10.0, status=THROTTLED))
    assert paused(state).until == 70.0


def test_a_429_at_the_end_of_its_period_pauses_all_the_same() -> None:
    """A reset that is now is no pause: a second is waited for."""
    state = state_in(period(10))
    state.learn(reply(0, 59.0, received=60.0, status=THROTTLED))
    assert paused(state).until == 61.0


def test_what_is_learned_during_a_pause_counts_after_it() -> None:
    """A late reply does not end the pause; its period is gone on with afterwards."""
    state = state_in(Paused(None, 10.0, 50.0))
    state.learn(reply(20, 9.0, received=11.0))
    pause = paused(state)
    assert (pause.until, pause.resumes) == (50.0, True)
    assert pause.period is not None
    assert pause.period.allowed == 20
    state = state_in(Paused(None, 10.0, 50.0, resumes=True), limit=None)
    state.learn(reply(None, 9.0, received=11.0))
    assert (paused(state).period, paused(state).resumes) == (None, False)


# --- merging


def merged(mine: Phase | Period, theirs: Phase | Period) -> QuotaState:
    """A state that took over what another knows more."""
    state = state_in(mine)
    state.merge(state_in(theirs))
    return state


def test_the_pause_that_ends_last_counts() -> None:
    """A pause is taken over and kept, whichever copy has it."""
    short, long = Paused(None, 1.0, 10.0), Paused(None, 1.0, 20.0)
    for other in (short, Unknown(), InPeriod(period())):
        assert merged(other, long).phase is long
        assert merged(long, other).phase is long


def test_the_later_period_counts_and_of_the_same_the_fewer_permits() -> None:
    """What another copy knows of an older period, or not at all, changes nothing."""
    older, newer = period(2, since=0.0), period(20, since=60.0)
    assert period_in(merged(older, newer)) is newer
    assert period_in(merged(newer, older)) is newer
    assert newer.allowed == 20
    assert period_in(merged(Unknown(), older)) is older
    assert period_in(merged(older, Unknown())) is older
    mine = period(10)
    assert period_in(merged(mine, period(4))) is mine
    assert mine.allowed == 4
    assert period_in(merged(mine, period(7))).allowed == 4


@pytest.mark.parametrize("rounding", [Rounding(slack=1.0), Rounding()])
def test_the_end_of_a_new_period_is_where_rounding_puts_it(rounding: Rounding) -> None:
    """Where periods were found to end later than reported, so does the next."""
    state = state_in(Unknown(), rounding=rounding)
    state.learn(reply(4, 5.0))
    assert period_in(state).ends_at == 60.0 + rounding.slack

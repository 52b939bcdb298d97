"""One period and its end, step by step; and how many requests at once a server takes."""

from __future__ import annotations

import pytest

from claro_async.transport.quota.at_once import AtOnce
from claro_async.transport.quota.headers import QuotaHeaders, ServerClock, read_retry_after
from claro_async.transport.quota.period import (
    AFTER_A_STEP,
    DOCUMENTED_PERIOD,
    MARGIN,
    ROUNDING,
    Period,
    ReportedEnd,
    Rounding,
)

EPOCH = 1_710_430_200.0


def reply(
    reset: str = "", *, status: int = 200, sent: float = 0.0, received: float = 0.1
) -> QuotaHeaders:
    """A reply of a key with 30 requests a period."""
    return QuotaHeaders(status, sent, received, 30, 29, reset)


def end(at: float, *, relative: bool = False, rounded: bool = True) -> ReportedEnd:
    """A reported end."""
    return ReportedEnd(at, believed=True, relative=relative, rounded=rounded)


def period(**fields: object) -> Period:
    """A period from 0 to 60 with 10 permits."""
    usual = {"allowed": 10, "reset_at": 60.0, "ends_at": 60.0, "since": 0.1, "reset": "x"}
    return Period(**(usual | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reset", "wanted"),
    [
        (f"{EPOCH + 30:.0f}", ReportedEnd(30.0, believed=True, relative=False, rounded=True)),
        (f"{EPOCH + 30.5}", ReportedEnd(30.5, believed=True, relative=False, rounded=False)),
        ("30", ReportedEnd(30.1, believed=True, relative=True, rounded=True)),
        ("", ReportedEnd(60.1, believed=False, relative=True, rounded=False)),
        ("soon", ReportedEnd(60.1, believed=False, relative=True, rounded=False)),
        (f"{EPOCH + 7200:.0f}", ReportedEnd(60.1, believed=False, relative=True, rounded=False)),
    ],
)
def test_a_reported_end(reset: str, wanted: ReportedEnd) -> None:
    """Each form of the reset becomes a moment of our own clock; without one it is a minute."""
    found = ReportedEnd.read(reply(reset), EPOCH)
    assert found.at == pytest.approx(wanted.at, abs=1e-6)
    assert (found.believed, found.relative, found.rounded) == (
        wanted.believed,
        wanted.relative,
        wanted.rounded,
    )
    assert DOCUMENTED_PERIOD == 60.0


def test_a_period_is_over_a_margin_after_its_end() -> None:
    """Not before, so that clocks need not agree to the last digit."""
    assert not period().is_over(60.0)
    assert not period().is_over(60.0 + MARGIN * 0.99)
    assert period().is_over(60.0 + MARGIN)


def test_a_probe_goes_a_margin_after_its_moment() -> None:
    """The first of the moments counts; without one nothing is a probe."""
    with_probes = period(probes=[58.0, 59.0])
    assert not with_probes.may_probe(58.0)
    assert with_probes.may_probe(58.0 + MARGIN)
    assert not period().may_probe(1e9)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [({}, 0.0005), ({"relative": True}, ROUNDING), ({"reset": ""}, AFTER_A_STEP)],
)
def test_how_far_reported_ends_may_differ(fields: dict[str, object], wanted: float) -> None:
    """Moments not at all, count-downs by a second, and after a step of the clock by two."""
    assert period(**fields).tolerance == wanted


def test_fewer_remain() -> None:
    """What remains only ever lowers what is allowed; the last one ends the probes."""
    found = period(probes=[59.0], opened_at=0.4, ends_at=59.4)
    found.lower(12, 1.0)
    assert (found.allowed, found.probes) == (10, [59.0])
    found.lower(1, 1.0)
    assert (found.allowed, found.probes, found.ends_at) == (1, [59.0], 59.4)
    found.lower(0, 1.0)
    assert (found.allowed, found.probes, found.opened_at, found.ends_at) == (0, [], None, 61.0)


def test_probes_are_given_up_once() -> None:
    """Without probes the end that was found out stays."""
    found = period(opened_at=0.4, ends_at=60.4)
    found.lower(0, 1.0)
    assert (found.opened_at, found.ends_at) == (0.4, 60.4)


def test_a_pause_uses_the_period_up() -> None:
    """Nothing is allowed, and it is over at the end of the pause, or before."""
    for until, ends_at in ((30.0, 30.0), (90.0, 60.0)):
        found = period(probes=[59.0], opened_at=0.4)
        found.use_up(until)
        assert (found.allowed, found.probes, found.opened_at) == (0, [], None)
        assert found.ends_at == ends_at


def test_a_period_that_is_not_over() -> None:
    """It goes on to its reported end, or for a second where that is past."""
    found = period(ends_at=20.0)
    found.is_not_over(7, 21.0)
    assert (found.allowed, found.ends_at) == (7, 60.0)
    found.is_not_over(6, 60.0)
    assert (found.allowed, found.ends_at) == (6, 61.0)


def test_the_nearest_count_down_counts() -> None:
    """An earlier end moves the period's, unless its opening is known better."""
    found = period(ends_at=60.5)
    found.come_closer(end(59.5))
    assert (found.reset_at, found.ends_at) == (59.5, 60.0)
    found.come_closer(end(59.9))
    assert (found.reset_at, found.ends_at) == (59.5, 60.0)
    known = period(opened_at=0.3, ends_at=60.3)
    known.come_closer(end(59.5))
    assert (known.reset_at, known.ends_at) == (60.0, 60.3)


def test_a_better_idea_of_the_servers_time_moves_moments() -> None:
    """Moments by the server's clock come sooner where it is ahead by more; count-downs stay."""
    found = period(probes=[58.0, 59.0], opened_at=0.4)
    found.shift(0.25)
    assert (found.reset_at, found.ends_at, found.probes) == (59.75, 59.75, [57.75, 58.75])
    assert found.opened_at == 0.4
    count_down = period(relative=True, probes=[58.0])
    count_down.shift(0.25)
    assert (count_down.reset_at, count_down.ends_at, count_down.probes) == (60.0, 60.0, [58.0])


def test_a_step_of_the_servers_clock_moves_nothing() -> None:
    """By two seconds it is a better idea of the time; by more its clock was set: moments stay."""
    found = period()
    found.shift(AFTER_A_STEP)
    assert (found.reset_at, found.reset) == (60.0 - AFTER_A_STEP, "x")
    stepped = period()
    stepped.shift(AFTER_A_STEP + 0.25)
    assert (stepped.reset_at, stepped.ends_at, stepped.reset) == (60.0, 60.0, "")


def test_after_a_step_the_next_text_is_adopted() -> None:
    """Text and kind are those of the reply; the moments stay."""
    found = period(reset="")
    found.adopt(reply("17"), end(61.0, relative=True))
    assert (found.reset, found.relative, found.reset_at) == ("17", True, 60.0)


def test_the_early_end() -> None:
    """Whole seconds after the opening, at the reported end or less than a second before it."""
    assert period(opened_at=0.4).early_end == pytest.approx(59.4)
    assert period(opened_at=1.0).early_end == 60.0
    with pytest.raises(ValueError, match="not known"):
        _ = period().early_end


def opened(rounding: Rounding, *, at: float = 0.4, limit: int = 30, **more: object) -> Period:
    """A period that our own request opened, by a reply with whole seconds."""
    headers = reply("x", received=at)
    reported = end(60.0, relative=bool(more.get("relative")), rounded=bool(more.get("round", True)))
    return rounding.open(headers, reported, int(str(more.get("remaining", limit - 1))), limit)


def test_the_first_period_of_a_server_keeps_probes() -> None:
    """One at the early end and one at the reported end; a count-down needs the second only."""
    found = opened(Rounding())
    assert found.probes == [pytest.approx(59.4), 60.0]
    assert found.ends_at == pytest.approx(60.4)
    assert (found.opened_at, found.since, found.allowed, found.reset) == (0.4, 0.4, 29, "x")
    assert opened(Rounding(), relative=True).probes == [60.0]


@pytest.mark.parametrize(
    "more", [{"limit": 19}, {"round": False}, {"remaining": 28}], ids=["few", "exact", "others"]
)
def test_periods_without_probes(more: dict[str, int]) -> None:
    """Small quotas, exact ends and periods that another opened are taken by their reported end."""
    found = opened(Rounding(), **more)
    assert (found.probes, found.opened_at, found.ends_at) == ([], None, 60.0)
    assert opened(Rounding(), limit=20).probes


def test_a_throttled_reply_opens_nothing_of_ours() -> None:
    """A 429 is not the reply to the request that opened the period."""
    found = Rounding().open(reply(status=429), end(60.0), 29, 30)
    assert (found.probes, found.opened_at) == ([], None)


def test_slack_counts_for_rounded_ends_only() -> None:
    """A server that rounds down ends its periods a second later than it reports."""
    rounding = Rounding(length=0.0, slack=1.0)
    assert rounding.open(reply("x"), end(60.0), 10, 30).ends_at == 61.0
    assert rounding.open(reply("x"), end(60.0, rounded=False), 10, 30).ends_at == 60.0


@pytest.mark.parametrize(
    ("length", "ends_at"), [(60.0, 60.4), (60.6, 61.0), (61.0, 60.0), (58.0, 60.0), (0.0, 60.0)]
)
def test_a_length_that_was_found(length: float, ends_at: float) -> None:
    """It is used where it fits the reported end to about a second."""
    found = opened(Rounding(length=length))
    assert not found.probes
    assert found.ends_at == pytest.approx(ends_at)


def test_a_length_may_be_off_by_the_rounding_and_a_little_more() -> None:
    """An end that is exactly so far from the reported one is believed."""
    found = Rounding(length=1.1).open(reply("x", received=0.0), end(0.0), 29, 30)
    assert found.ends_at == 1.1


@pytest.mark.parametrize(
    ("sent", "probes_left", "length"),
    [
        (59.45, 1, 59.0),  # the first probe, at the early end
        (60.05, 0, 0.0),  # the second, at the reported end
        (60.45, 0, 60.0),  # after the period, at the late end
        (59.45, 0, 59.0),
        (60.05, 1, None),
        (60.45, 1, None),
        (59.55, 0, None),  # not because of any of these moments
        (60.2, 0, None),
        (58.0, 2, None),
    ],
)
def test_what_a_probe_finds(sent: float, probes_left: int, length: float | None) -> None:
    """The length is that of the moment at which the request was sent that found a new period."""
    rounding = Rounding()
    found = opened(rounding)
    found.probes = found.probes[:probes_left]
    rounding.learn_end(found, sent)
    assert rounding.length == length
    assert not rounding.undecided


def test_an_end_that_fits_both_readings_is_looked_at_again() -> None:
    """Where the opening is almost on the second, it takes a second period to decide."""
    rounding = Rounding()
    found = opened(rounding, at=0.02)
    found.probes = []
    rounding.learn_end(found, 60.01)
    assert (rounding.length, rounding.undecided) == (None, True)
    rounding.learn_end(found, 60.01)
    assert rounding.length == 0.0


@pytest.mark.parametrize(
    ("at", "sent"),
    [
        (0.02, 60.03),  # soon after the reported end, and after a minute since the opening
        (0.98, 60.01),  # soon after the reported end, and after the early end
    ],
)
def test_ends_that_almost_meet_are_not_told_apart_at_once(at: float, sent: float) -> None:
    """Whichever of the other ends is next to the reported one, a second period decides."""
    rounding = Rounding()
    found = opened(rounding, at=at)
    found.probes = []
    rounding.learn_end(found, sent)
    assert (rounding.length, rounding.undecided) == (None, True)


def test_what_is_known_is_not_learned_again() -> None:
    """A known length, or an unknown opening, leaves all as it is."""
    rounding = Rounding(length=60.0)
    found = opened(Rounding())
    found.probes = []
    rounding.learn_end(found, 60.05)
    assert rounding.length == 60.0
    unknown = Rounding()
    unknown.learn_end(period(), 60.05)
    assert unknown.length is None


def test_requests_that_were_too_early() -> None:
    """They are explained by a wrong length, by a pause, or once by rounding."""
    wrong = Rounding(length=60.0)
    found = period(opened_at=0.4, ends_at=60.4)
    assert wrong.explain(found, end(60.0), 60.41)
    assert (wrong.length, found.ends_at) == (0.0, 60.0)

    paused = Rounding()
    assert paused.explain(period(ends_at=30.0), end(60.0), 59.9)
    assert paused == Rounding()

    unknown = Rounding()
    assert unknown.explain(period(opened_at=0.4, ends_at=59.4), end(60.0), 59.41)
    assert unknown == Rounding()

    down = Rounding()
    found = period()
    assert down.explain(found, end(60.0), 60.0)
    assert (down.slack, found.ends_at) == (1.0, 61.0)
    assert not down.explain(period(), end(60.0), 61.0)
    assert not Rounding().explain(period(), end(60.0, rounded=False), 60.0)

    count_down = period(relative=True)
    assert Rounding().explain(count_down, end(60.0, relative=True), 60.0)
    assert count_down.ends_at == 60.0


def test_a_limit_at_once_is_found() -> None:
    """Half of what went goes on, each success adds one, up to one less than was too many."""
    limit = AtOnce()
    limit.throttle(9, 5.0)
    assert (limit.now, limit.most, limit.since) == (4, 9, 5.0)
    for _ in range(5):
        limit.succeed(6.0)
    assert limit.now == 9
    limit.throttle(12, 7.0)
    assert (limit.now, limit.most) == (4, 9)
    limit.throttle(3, 8.0)
    assert (limit.now, limit.most) == (1, 3)
    limit.throttle(0, 9.0)
    assert (limit.now, limit.most) == (1, 1)


def test_a_limit_at_once_that_was_raised_is_found() -> None:
    """After fifty successes for each request at once there may be one more; and so on."""
    limit = AtOnce(now=2, most=2, since=0.0)
    for _ in range(99):
        limit.succeed(1.0)
    assert limit.most == 2
    limit.succeed(1.0)
    assert (limit.now, limit.most, limit.successes) == (2, 3, 0)
    limit.succeed(1.0)
    assert limit.now == 3
    limit.succeed(1.0)
    limit.throttle(3, 2.0)
    assert limit.successes == 0


def test_a_limit_at_once_is_forgotten() -> None:
    """Ten minutes without a 429 end it."""
    limit = AtOnce(now=2, most=4, since=100.0)
    limit.succeed(700.0)
    assert limit.now == 3
    limit.succeed(700.1)
    assert (limit.now, limit.most) == (0, 0)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        *(("0", 0.0), ("7", 7.0), (" 0.25 ", 0.25), ("86400", 86_400.0), ("1e8", 1e8)),
        *((f"{EPOCH + 30:.0f}", 30.0), (f"{(EPOCH + 30) * 1000:.0f}", 30.0)),
        *((f"{EPOCH - 30:.0f}", 0.0), ("3e10", 3e10)),
        *(("Thu, 14 Mar 2024 15:30:30 GMT", 30.0), ("2024-03-16T15:30:00Z", 2 * 86_400.0)),
        *(("Thu, 14 Mar 2024 15:29:00 GMT", 0.0), ("Thu, 14 Mar 2024 12:00:00 GMT", None)),
        *(("", None), ("soon", None), ("-1", None), ("nan", None), ("inf", None)),
    ],
)
def test_how_long_a_retry_after_is(text: str, wanted: float | None) -> None:
    """Seconds as they are, however many; moments by the server's clock; nonsense is none."""
    found = read_retry_after(text, EPOCH)
    assert found == (None if wanted is None else pytest.approx(wanted, abs=1e-3))


def test_the_servers_clock_is_bounded_by_its_dates() -> None:
    """Each ``Date`` narrows the time; without a wall clock the earliest counts."""
    clock = ServerClock()
    assert clock.observe("Thu, 14 Mar 2024 15:30:00 GMT", 0.0, 0.2) == EPOCH - 0.2
    assert (clock.low, clock.high) == (EPOCH - 0.2, EPOCH + 1.0)
    assert clock.observe("Thu, 14 Mar 2024 15:30:00 GMT", 0.0, 0.1) == 0.0
    assert clock.observe("Thu, 14 Mar 2024 15:30:01 GMT", 0.3, 0.4) == pytest.approx(0.8)
    assert clock.offset == pytest.approx(EPOCH + 0.6)
    assert clock.observe("nonsense", 0.5, 0.6) == 0.0
    assert clock.observe("", 0.5, 0.6) == 0.0
    assert clock.observe("Thu, 14 Mar 2024 14:30:00 GMT", 1.0, 1.1) == pytest.approx(-3601.7)


@pytest.mark.parametrize(
    ("wall", "wanted"),
    [
        (EPOCH + 0.3, EPOCH + 0.3),
        (EPOCH - 0.1, EPOCH - 0.1),
        (EPOCH + 1.4, EPOCH + 1.0),
        (EPOCH + 1.5, EPOCH - 0.2),
        (EPOCH - 0.3, EPOCH - 0.2),
        (EPOCH + 86_400, EPOCH - 0.2),
    ],
)
def test_a_wall_clock_is_believed_within_the_bounds(wall: float, wanted: float) -> None:
    """A fraction of a second too far it is set back; further off it does not count at all."""
    clock = ServerClock.hinted(wall)
    assert clock.offset == wall
    clock.observe("Thu, 14 Mar 2024 15:30:00 GMT", 0.0, 0.2)
    assert clock.offset == pytest.approx(wanted)
    clock.distrust_wall()
    assert clock.offset == pytest.approx(EPOCH - 0.2)


def test_a_wall_clock_that_proved_wrong_before_any_date() -> None:
    """Where nothing else is known, there is nothing else to go by."""
    clock = ServerClock.hinted(EPOCH)
    assert clock.distrust_wall() == 0.0
    assert clock.offset == EPOCH

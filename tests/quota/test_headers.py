"""What one reply says of the quota: where a reading ends and the next begins, to the last digit."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import formatdate
from random import Random

import pytest

from claro_async.transport.quota.headers import (
    LONGEST_PERIOD,
    QuotaHeaders,
    ServerClock,
    is_relative,
    parse_count,
    parse_moment,
    read_retry_after,
    reported_reset,
)

EPOCH = 1_710_430_200.0
YEAR = 366 * 86_400.0


@pytest.mark.parametrize(
    ("status", "remaining", "wanted"),
    [(429, 5, True), (429, 0, False), (429, None, False), (200, 5, False), (200, 0, False)],
)
def test_a_limit_of_requests_at_once(status: int, remaining: int | None, *, wanted: bool) -> None:
    """A 429 while requests remain; neither any other 429, nor any other status."""
    headers = QuotaHeaders(status, 0.0, 0.1, 30, remaining)
    assert headers.is_concurrency_limit is wanted


def test_headers_by_another_clock() -> None:
    """Both moments move, and all else stays."""
    headers = QuotaHeaders(429, 1.0, 1.5, 30, 5, "60", "7", "now")
    moved = headers.moved(10.0)
    assert moved == QuotaHeaders(429, 11.0, 11.5, 30, 5, "60", "7", "now")


@pytest.mark.parametrize(
    ("text", "wanted"), [("0", 0), ("007", 7), ("9" * 18, 10**18 - 1), ("1" + "0" * 18, 10**17)]
)
def test_a_count_is_read_up_to_eighteen_digits(text: str, wanted: int) -> None:
    """What follows is left out: no server means so many requests, and no text takes for ever."""
    assert parse_count(text) == wanted


@pytest.mark.parametrize(
    ("ahead", "believed"),
    [(LONGEST_PERIOD, True), (-LONGEST_PERIOD, True), (LONGEST_PERIOD + 1, False)],
)
def test_a_reset_is_believed_up_to_an_hour_away(ahead: float, *, believed: bool) -> None:
    """An hour exactly is the longest period that pacing goes by."""
    moment = EPOCH + ahead
    assert parse_moment(f"{moment:.0f}", EPOCH) == (moment if believed else None)


@pytest.mark.parametrize(
    ("text", "now", "wanted"),
    [
        ("1000000000", 999_999_990.0, 1e9),  # the first number that is an epoch time
        ("999999999", EPOCH, None),  # the last that counts from now: in 31 years
        ("100000000000", 1e8, 1e8),  # the first that counts milliseconds
        ("99999999999", 99_999_999_990.0, 99_999_999_999.0),
    ],
)
def test_what_a_number_counts_depends_on_its_size(
    text: str, now: float, wanted: float | None
) -> None:
    """Seconds from now, then seconds since the epoch, then milliseconds: each from a bound on."""
    assert parse_moment(text, now) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        *(("30", True), ("999999999", True), ("1000000000", False), ("1710430260", False)),
        *(("", False), ("soon", False), ("2024-03-14T15:30:30Z", False)),
    ],
)
def test_only_a_small_number_counts_from_now(text: str, *, wanted: bool) -> None:
    """Texts, and numbers from the first epoch time on, name a moment."""
    assert is_relative(text) is wanted


@pytest.mark.parametrize(
    ("text", "now", "wanted"),
    [
        # a date an hour ago is over; one from before that is nonsense
        ("2024-03-14T14:30:00Z", EPOCH, 0.0),
        ("2024-03-14T14:29:59Z", EPOCH, None),
        # an epoch time a year away is one; from then on the number counts seconds
        (f"{EPOCH + YEAR:.0f}", EPOCH, YEAR),
        (f"{EPOCH + YEAR + 1:.0f}", EPOCH, EPOCH + YEAR + 1),
        # the first epoch time is one
        ("1000000000", 999_999_990.0, 10.0),
    ],
)
def test_where_a_retry_after_is_read_in_another_way(
    text: str, now: float, wanted: float | None
) -> None:
    """The bounds between what is over, a moment, and a number of seconds."""
    assert read_retry_after(text, now) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1710430260", datetime(2024, 3, 14, 15, 31, tzinfo=UTC)),
        ("60", datetime(2024, 3, 14, 15, 31, tzinfo=UTC)),
        ("1741966200", datetime(2025, 3, 14, 15, 30, tzinfo=UTC)),  # not believable, yet reported
        ("soon", None),
        ("1e300", None),  # no calendar has that moment
    ],
)
def test_the_reset_is_shown_as_it_was_reported(text: str, wanted: datetime | None) -> None:
    """Users see every moment that can be read, also one that pacing does not go by."""
    assert reported_reset(text, EPOCH) == wanted


def test_bounds_of_the_servers_time_close_in_from_both_sides() -> None:
    """Each date tells the least and the most, of which the narrower counts; a step begins anew."""
    clock = ServerClock()
    clock.observe("Thu, 14 Mar 2024 15:30:00 GMT", 0.5, 0.75)
    assert (clock.low, clock.high) == (EPOCH - 0.75, EPOCH + 0.5)
    clock.observe("Thu, 14 Mar 2024 15:30:02 GMT", 1.75, 2.5)
    assert (clock.low, clock.high) == pytest.approx((EPOCH - 0.5, EPOCH + 0.500175), abs=1e-6)
    # what was learned a second ago is worth a ten-thousandth of it less
    clock.observe("Thu, 14 Mar 2024 15:30:04 GMT", 3.0, 3.5)
    assert (clock.low, clock.high) == pytest.approx((EPOCH + 0.5, EPOCH + 0.500275), abs=1e-6)
    clock.observe("Thu, 14 Mar 2024 16:30:00 GMT", 4.0, 4.5)
    assert (clock.low, clock.high) == (EPOCH + 3595.5, EPOCH + 3597.0)


def test_what_was_learned_just_now_is_worth_almost_as_much() -> None:
    """What a bound is worth less goes by the time since then, a quarter of a second here."""
    clock = ServerClock()
    clock.observe("Thu, 14 Mar 2024 15:30:00 GMT", 0.5, 0.75)
    clock.observe("Thu, 14 Mar 2024 15:30:01 GMT", 0.9, 1.0)
    assert clock.high == pytest.approx(EPOCH + 0.500025, abs=1e-5, rel=0)


@pytest.mark.parametrize("rate", [1.00005, 0.99995])
def test_a_clock_that_runs_fast_or_slow_never_makes_the_server_seem_ahead(rate: float) -> None:
    """For a day the time is known to a few hundredths, and is never thought to be later."""
    random = Random(7)  # noqa: S311 - the moments of a test
    clock, true, ahead = ServerClock(), 0.0, 0.0
    while true < 86_400:
        true += random.expovariate(0.1)
        ours = true * rate
        date = formatdate(math.floor(EPOCH + true), usegmt=True)
        clock.observe(date, ours - 0.004, ours + 0.004)
        ahead = ours + clock.offset - (EPOCH + true)
        assert -1.0 < ahead < 1e-5
    assert ahead > -0.1


def test_a_wall_clock_that_proved_wrong_is_not_believed_again() -> None:
    """It is forgotten, although it lies within the bounds of a later date."""
    clock = ServerClock.hinted(EPOCH + 0.25)
    clock.observe("Thu, 14 Mar 2024 15:30:00 GMT", 0.0, 0.5)
    assert clock.offset == EPOCH + 0.25
    assert clock.distrust_wall() == -0.75
    assert clock.wall is None
    clock.observe("Thu, 14 Mar 2024 15:30:01 GMT", 1.0, 1.5)
    assert clock.offset == EPOCH - 0.5


@pytest.mark.parametrize(
    ("wall", "offset"),
    [
        (-0.5, -0.5),  # the least that it can be
        (1.0, 1.0),  # the most
        (1.25, 1.0),  # a little more: set back to the most
        (1.5, -0.5),  # too much to be believed
    ],
)
def test_how_far_a_wall_clock_may_be_off(wall: float, offset: float) -> None:
    """Within the bounds it counts, a little ahead it is set back, and from half a second on not."""
    clock = ServerClock.hinted(EPOCH + wall)
    clock.observe("Thu, 14 Mar 2024 15:30:00 GMT", 0.0, 0.5)
    assert clock.offset == EPOCH + offset

"""What the rate-limit headers say, whatever a server puts into them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from claro_async.emulator.clock import RESET_FORMATS, ResetFormat, reset_value
from claro_async.transport.quota.gate import QuotaGate
from claro_async.transport.quota.headers import (
    LONGEST_PERIOD,
    RateLimit,
    parse_count,
    parse_moment,
    read_retry_after,
)
from tests.clocks import ManualClock

NOW = 1_710_430_200.25
moments = st.floats(min_value=-LONGEST_PERIOD + 2, max_value=LONGEST_PERIOD - 2)
header = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=40)
numbers = st.floats().map(repr) | st.integers().map(str)


@given(header | numbers, st.floats(min_value=0, max_value=4e9))
@example("1e400", NOW)
@example("-inf", NOW)
@example("0x10", NOW)
@example("9" * 400, NOW)
@example("Thu, 14 Mar 99999 15:30:00 GMT", NOW)
@example("0001-01-01T00:00:00+23:59", NOW)
@example("9999-12-31T23:59:59-23:59", NOW)
@example("2024-03-14", NOW)
@example("", NOW)
@example("١٢٣", NOW)
def test_no_header_breaks_the_parser_or_makes_it_wait_for_ages(text: str, now: float) -> None:
    """Any text gives None or a moment within an hour, never an exception."""
    moment = parse_moment(text, now)
    assert moment is None or (math.isfinite(moment) and abs(moment - now) <= LONGEST_PERIOD)


@given(moments, st.sampled_from(RESET_FORMATS))
def test_every_form_is_understood(ahead: float, form: ResetFormat) -> None:
    """A reset within the hour is read to the second in whichever form it was written."""
    if form == "delta":
        ahead = abs(ahead)
    moment = parse_moment(reset_value(NOW + ahead, NOW, form), NOW)
    assert moment is not None
    assert -0.001 <= moment - (NOW + ahead) <= 1.001


@given(moments, st.integers(-14, 14))
def test_zones_are_understood(ahead: float, hours: int) -> None:
    """Dates in any zone, and dates without one as UTC, give the same moment."""
    moment = datetime.fromtimestamp(int(NOW + ahead), UTC)
    there = moment.astimezone(timezone(timedelta(hours=hours)))
    wanted = moment.timestamp()
    assert parse_moment(there.isoformat(), NOW) == wanted
    assert parse_moment(format_datetime(there), NOW) == wanted
    assert parse_moment(moment.replace(tzinfo=None).isoformat(), NOW) == wanted


@given(header)
def test_counts_are_whole_numbers_or_nothing(text: str) -> None:
    """A count is a non-negative int, or None for anything that is none."""
    count = parse_count(text)
    assert count is None or (count >= 0 and text.isdigit())


@pytest.mark.parametrize(
    "text", [None, "", "-1", "1.5", "ten", " 5", "\u0665", "\u00b2", "0x5", "1_000"]
)
def test_counts_that_are_none(text: str | None) -> None:
    """Signs, fractions, words and foreign digits are no count."""
    assert parse_count(text) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([200, 200, 200, 429, 500, 503]),
            st.dictionaries(
                st.sampled_from(
                    [
                        "X-RateLimit-Limit",
                        "X-RateLimit-Remaining",
                        "X-RateLimit-Reset",
                        "Retry-After",
                        "Date",
                    ]
                ),
                header | numbers | st.integers(0, 200).map(str),
            ),
            st.floats(0, 100),
        ),
        max_size=12,
    )
)
async def test_no_sequence_of_replies_shuts_the_gate_for_good(
    replies: list[tuple[int, dict[str, str], float]],
) -> None:
    """A request goes out within an hour and a bit, or when the ``Retry-After`` of a 429 is over."""
    clock = ManualClock()
    gate = QuotaGate(clock)
    asked = 0.0
    with clock.automatic():
        for status, headers, seconds in replies:
            before = clock.monotonic()
            await gate.acquire()
            assert clock.monotonic() >= asked
            assert clock.monotonic() <= max(before + LONGEST_PERIOD + 62, asked + 1)
            wait = read_retry_after(headers.get("Retry-After", ""), gate.server_now())
            if status == 429 and wait:
                asked = max(asked, clock.monotonic() + wait)
            gate.observe(status, headers, clock.monotonic())
            rate_limit = gate.rate_limit
            assert isinstance(rate_limit, RateLimit)
            assert rate_limit.resets_at is None or rate_limit.resets_at.tzinfo is UTC
            clock.advance(seconds)
        await gate.acquire()
    await gate.close()
    assert clock.pending == []

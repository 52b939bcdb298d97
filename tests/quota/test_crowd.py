"""How many share a quota decides how often they report, and what they keep."""

from __future__ import annotations

import pytest

from claro_async.transport.quota.crowd import FEW, beat_of, delay_of, lease_of, most_ahead
from claro_async.transport.quota.fair_share import Answer
from claro_async.transport.quota.lease import Lease


def test_a_few_are_as_quick_as_one() -> None:
    """Up to fifty clients, nothing depends on how many there are but what each may keep."""
    for members in (1, 4, FEW):
        assert (beat_of(members), lease_of(members)) == (1.0, 0.25)
        assert most_ahead(20_000, members) == 20_000 // (20 * members)
        assert delay_of("a", 1, members) == 0.0


@pytest.mark.parametrize("members", [51, 200, 1000, 5000])
def test_many_make_no_more_reports_than_a_few(members: int) -> None:
    """Reports a second stay those of fifty, and a lease lasts until the next report."""
    assert members / beat_of(members) == pytest.approx(FEW)
    assert beat_of(members) - 1.0 < lease_of(members) < beat_of(members)


def test_nobody_keeps_more_than_an_even_part() -> None:
    """A thousand clients may keep all of a period together, and fewer of them less of it."""
    assert most_ahead(100_000, 1000) == 100
    assert all(most_ahead(100_000, members) * members <= 100_000 for members in range(1, 3000, 7))


def test_many_come_back_one_after_the_other() -> None:
    """Places are spread evenly over some seconds, and are other ones in the next period."""
    names = [f"{number:016x}" for number in range(1000)]
    first, second = ([delay_of(name, turn, 1000) for name in names] for turn in (1, 2))
    for delays in (first, second):
        assert min(delays) >= 0
        assert max(delays) < 9.5
        in_each_second = [sum(int(delay) == second for delay in delays) for second in range(9)]
        assert min(in_each_second) > 60
        assert max(in_each_second) < 150
    late = [one + other for one, other in zip(first, second, strict=True)]
    assert 2 * max(second) > max(late) > 1.5 * max(second)  # drawn anew, neither same nor mirrored
    assert min(late) < 2.0


def answer(**changes: float) -> Answer:
    """An answer that gives ten permits to keep."""
    known = {"granted": 0, "background": 0, "ahead": 10, "lease": 5.0, "check_in": 8.0}
    return Answer(**known | {"closed_for": 0.0} | changes)  # type: ignore[arg-type]


def test_who_uses_its_lease_up_asks_for_more() -> None:
    """A lease that did not suffice is followed by a larger one, one that did by what was used."""
    lease = Lease()
    lease.demand = 4
    assert lease.ask(0.0, waiting=True) == 8
    assert lease.take_in(answer(), 100.0) == 5.0
    taken = sum(lease.take(0.0, 101.0) for _ in range(12))
    assert taken == 10
    lease.demand = 12
    assert lease.ask(0.0, waiting=True) == 24
    assert lease.ask(0.0, waiting=True) == 24  # nothing was sent meanwhile, and still waits
    lease.take_in(answer(ahead=24), 102.0)
    lease.demand = 3
    assert lease.ask(0.0, waiting=False) == 3
    assert not lease.take(0.0, 107.0)
    assert lease.give_up() == 24
    assert lease.ask(0.0, waiting=False) == 0


def test_one_of_many_is_quiet_after_a_period() -> None:
    """Who has its part asks for no more, and nobody asks just when a period is over."""
    lease = Lease()
    lease.take_in(answer(quiet_for=3.0, ends_in=20.0, delay=4.0), 100.0)
    quiet = [lease.quiet_for(moment) for moment in (101.0, 103.0, 119.0, 120.0, 123.0, 124.0)]
    assert quiet == [2.0, 0.0, 0.0, 4.0, 1.0, 0.0]
    assert lease.take_in(answer(), 130.0) == 5.0
    assert lease.quiet_for(130.0) == 0.0

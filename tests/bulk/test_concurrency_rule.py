"""The concurrency rule by itself, attempt by attempt."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from claro_async.bulk.concurrency import AttemptEnd, ConcurrencyRule, _Growth, _Sample

if TYPE_CHECKING:
    from collections.abc import Callable


def end(rule: ConcurrencyRule, result: AttemptEnd, times: int = 1, *, now: float = 0.0) -> None:
    """So many attempts of the present generation end like this."""
    for _ in range(times):
        rule.ended(rule.generation, result, 0.1, now, full=True)


def test_a_throttled_attempt_halves_at_once() -> None:
    """A 429 while quota remains halves the number, down to 1."""
    rule = ConcurrencyRule(8)
    seen = []
    for _ in range(4):
        end(rule, AttemptEnd.THROTTLED)
        seen.append(rule.current)
    assert seen == [4, 2, 1, 1]


def test_attempts_of_an_earlier_number_say_nothing() -> None:
    """What began before the number changed does not change it once more."""
    rule = ConcurrencyRule(32)
    before = rule.generation
    end(rule, AttemptEnd.THROTTLED)
    for _ in range(100):
        rule.ended(before, AttemptEnd.THROTTLED, 0.1, 0.0, full=True)
        rule.ended(before, AttemptEnd.FAILED, 0.1, 0.0, full=True)
    assert rule.current == 16


def test_four_failures_in_a_row_lower_the_number() -> None:
    """Three failures are tolerated, a fourth is too many; each five answers make up for one."""
    rule = ConcurrencyRule(20)
    end(rule, AttemptEnd.FAILED, 3)
    assert rule.current == 20
    end(rule, AttemptEnd.ANSWERED, 5)
    end(rule, AttemptEnd.FAILED)
    assert rule.current == 20
    end(rule, AttemptEnd.FAILED)
    assert rule.current == 14


def highest(rule: ConcurrencyRule, since: float, until: float) -> int:
    """The highest number while answers come in, a hundred of them a second."""
    seen = [rule.current]
    for step in range(int((until - since) * 100)):
        end(rule, AttemptEnd.ANSWERED, now=since + step / 100)
        seen.append(rule.current)
    return max(seen)


def test_it_grows_again_after_a_while_and_a_bad_step_is_undone() -> None:
    """Growth begins after four times what the cut cost; a step that fails waits twenty times."""
    rule = ConcurrencyRule(16)
    end(rule, AttemptEnd.THROTTLED, now=0.0)
    assert rule.current == 8
    assert highest(rule, 1.0, 5.0) == 8  # the first answer after a second: the cut cost that
    assert highest(rule, 5.0, 5.4) == 9
    end(rule, AttemptEnd.THROTTLED, now=5.4)
    assert rule.current == 8
    assert highest(rule, 6.4, 26.3) == 8
    assert highest(rule, 26.4, 40.0) == 16


def test_it_never_leaves_its_limits() -> None:
    """Whatever happens, the number lies between 1 and the cap."""
    random = Random(5)  # noqa: S311 - repeatable
    for cap in (1, 2, 3, 32):
        rule, now = ConcurrencyRule(cap), 0.0
        for _ in range(5000):
            now += random.random()
            result = random.choice([AttemptEnd.ANSWERED] * 8 + list(AttemptEnd))
            seconds = random.lognormvariate(0, 1)
            full = random.random() < 0.9
            rule.ended(rule.generation, result, seconds, now, full=full)
            assert 1 <= rule.current <= cap


# --- measuring


def sample_of(number: int, *seconds: float, skip: int = 0) -> _Sample:
    """A sample of attempts that were answered."""
    sample = _Sample(number, skip=skip)
    for each in seconds:
        sample.add(each, AttemptEnd.ANSWERED)
    return sample


def test_the_rate_is_what_is_answered_a_second() -> None:
    """By Little's law: requests under way divided by their mean time; failures count as time."""
    assert _Sample(4).rate == 0.0
    assert sample_of(4, 0.125, 0.375).rate == 16.0
    sample = sample_of(4, 0.25, 0.25)
    sample.add(0.5, AttemptEnd.FAILED)
    sample.add(1.0, AttemptEnd.THROTTLED)
    assert sample.rate == 4.0


@pytest.mark.parametrize("skip", [0, 3])
def test_the_first_round_is_left_out(skip: int) -> None:
    """Its attempts count neither for the rate nor for when to compare: at 16, and after each 8."""
    sample = _Sample(2, skip=skip)
    late = [number for number in range(1, 44) if sample.add(1.0, AttemptEnd.ANSWERED)]
    assert late == [16 + skip, 24 + skip, 32 + skip, 40 + skip]
    assert sample_of(2, 9.0, 9.0, 9.0, 1.0, skip=3).rate == 2.0
    assert sample_of(2, 9.0, 9.0, 9.0, skip=3).rate == 0.0


def test_a_rate_that_is_clearly_less_needs_few_samples() -> None:
    """Below three quarters of the other it is known at once; at three quarters it is not."""
    assert not sample_of(3, 1.0).is_enough_beside(4.0)
    assert sample_of(3, 1.0).is_enough_beside(4.1)


@pytest.mark.parametrize(
    ("count", "scatter", "enough"),
    [
        (47, 0.0, False),
        (48, 0.0, True),
        (48, 0.68, True),
        (48, 0.70, False),
        (64, 0.79, True),
        (64, 0.81, False),
    ],
)
def test_scattered_times_need_more_samples(count: int, scatter: float, enough: bool) -> None:  # noqa: FBT001
    """A rate is compared once the standard error of the mean time is a tenth of it."""
    seconds = [2 * (1 + scatter), 2 * (1 - scatter)] * count
    assert sample_of(5, *seconds[:count]).is_enough_beside(0.0) is enough


def test_there_is_a_number_of_samples_that_is_always_enough() -> None:
    """Whatever the scatter, 1024 are compared; and times of 0 have no error at all."""
    seconds = [100.0, *[0.01] * 99] * 11
    assert not sample_of(5, *seconds[:1023]).is_enough_beside(0.0)
    assert sample_of(5, *seconds[:1024]).is_enough_beside(0.0)
    assert sample_of(5, *[0.0] * 48).is_enough_beside(0.0)


# --- cutting and growing


def go_on(growth: _Growth, times: int, now: float, ceiling: int, *, full: bool = True) -> int:
    """So many attempts are answered at a moment; the number then."""
    for _ in range(times):
        assert not growth.is_overload(AttemptEnd.ANSWERED)
        growth.go_on(AttemptEnd.ANSWERED, now, ceiling, full=full)
    return growth.level


def calm(growth: _Growth) -> bool:
    """Whether there is nothing to make up for and nothing to grow to."""
    return growth.is_calm


def test_a_failure_is_made_up_for_by_five_answers() -> None:
    """Until then the rule is not calm; a new round forgets it."""
    growth = _Growth(8)
    assert calm(growth)
    assert not growth.is_overload(AttemptEnd.FAILED)
    for _ in range(5):
        assert not calm(growth)
        growth.is_overload(AttemptEnd.ANSWERED)
    assert calm(growth)
    growth.is_overload(AttemptEnd.FAILED)
    growth.begin_round()
    assert calm(growth)


def test_growth_goes_by_rounds_and_steps_that_double() -> None:
    """A step comes with each full round once the pause is over, twice as large each time."""
    growth = _Growth(64)
    go_on(growth, 30, 9.0, 64)  # a round that the cut ends
    growth.cut(64, AttemptEnd.THROTTLED, 10.0)
    assert (growth.level, growth.is_calm) == (32, False)
    assert go_on(growth, 1, 12.0, 64) == 32  # two seconds lost: eight more to wait
    assert go_on(growth, 46, 19.9, 64) == 32
    assert go_on(growth, 1, 20.0, 64) == 36
    rounds = (47, 1, 47, 1, 59, 1, 63, 1)
    seen = [(go_on(growth, attempts, 20.0, 64), growth.is_calm) for attempts in rounds]
    assert seen == [
        (36, False),
        (44, False),
        (44, False),
        (60, False),
        (60, False),
        (64, False),
        (64, False),
        (64, True),
    ]


def test_a_round_before_the_pause_is_over_brings_no_step() -> None:
    """It is counted all the same: the next one begins anew."""
    growth = _Growth(64)
    growth.cut(64, AttemptEnd.THROTTLED, 10.0)
    assert go_on(growth, 48, 12.0, 64) == 32
    assert go_on(growth, 47, 30.0, 64) == 32
    assert go_on(growth, 1, 30.0, 64) == 36


def test_attempts_beside_few_others_say_nothing_about_growth() -> None:
    """Only those that ended while as many as allowed were under way make a round."""
    growth = _Growth(4)
    assert go_on(growth, 500, 0.5, 8, full=False) == 4
    assert go_on(growth, 47, 0.5, 8) == 4
    assert go_on(growth, 1, 0.5, 8) == 5  # the first step without a cut before is 1


def test_a_step_that_fails_is_undone_and_its_pause_doubles() -> None:
    """The pause is twice the last one, or twenty times what the step cost if that is more."""
    growth = _Growth(16)
    growth.cut(16, AttemptEnd.THROTTLED, 0.0)
    assert go_on(growth, 47, 1.0, 16) == 8
    assert go_on(growth, 1, 5.0, 16) == 9
    growth.cut(9, AttemptEnd.FAILED, 5.4)
    assert growth.level == 8
    go_on(growth, 47, 5.5, 16)  # a tenth of a second lost: the pause of 4 doubles
    assert go_on(growth, 48, 13.4, 16) == 8
    assert go_on(growth, 48, 13.5, 16) == 9
    growth.cut(9, AttemptEnd.FAILED, 14.0)
    go_on(growth, 47, 15.0, 16)  # a second lost: 20, more than twice 8
    assert go_on(growth, 48, 34.9, 16) == 8
    assert go_on(growth, 48, 35.0, 16) == 9


def test_a_cut_without_a_step_under_way_begins_with_a_short_pause() -> None:
    """A second cut in a row halves again, and counts four times what it cost alone."""
    growth = _Growth(16)
    growth.cut(16, AttemptEnd.THROTTLED, 0.0)
    go_on(growth, 47, 1.0, 16)
    assert go_on(growth, 1, 5.0, 16) == 9
    growth.cut(9, AttemptEnd.THROTTLED, 6.0)
    growth.cut(8, AttemptEnd.THROTTLED, 6.0)
    assert growth.level == 4
    go_on(growth, 47, 6.125, 16)
    assert go_on(growth, 1, 6.5, 16) == 4
    assert go_on(growth, 48, 6.625, 16) == 5
    growth.cut(5, AttemptEnd.FAILED, 7.0)
    growth.cut(20, AttemptEnd.FAILED, 7.0)
    assert growth.level == 14


def test_a_step_that_succeeds_ends_the_pause() -> None:
    """The step after it, if it fails, waits for twenty times its own cost and no more."""
    moment, pause = 1 / 64, 20 / 64
    growth = _Growth(16)
    assert go_on(growth, 48, 0.0, 32) == 17
    growth.cut(17, AttemptEnd.FAILED, 0.0)
    go_on(growth, 47, moment, 32)
    assert go_on(growth, 1, pause, 32) == 16
    assert go_on(growth, 48, moment + pause, 32) == 18  # an eighth of 16
    assert go_on(growth, 48, moment + pause, 32) == 22
    growth.cut(22, AttemptEnd.FAILED, 1.0)
    go_on(growth, 47, 1 + moment, 32)
    assert go_on(growth, 1, 1 + pause, 32) == 18
    assert go_on(growth, 48, 1 + moment + pause, 32) == 20


def test_without_an_answer_after_a_cut_nothing_grows() -> None:
    """Rounds of failures end no pause, and the rule is not calm before the cut is answered."""
    growth = _Growth(1)
    growth.cut(1, AttemptEnd.THROTTLED, 0.0)
    assert growth.level == 1
    for _ in range(60):
        growth.go_on(AttemptEnd.FAILED, 9.0, 1, full=True)
    assert not calm(growth)
    go_on(growth, 48, 9.0, 1)
    assert calm(growth)
    growth.cut(1, AttemptEnd.THROTTLED, 10.0)
    for _ in range(60):
        growth.go_on(AttemptEnd.FAILED, 99.0, 8, full=True)
    assert growth.level == 1


# --- trying half and twice as many


def course(
    rule: ConcurrencyRule, seconds: Callable[[int], float], changes: int
) -> list[tuple[int, int]]:
    """The next numbers, each with how many attempts it took; their time goes by the number."""
    found: list[tuple[int, int]] = []
    attempts = 0
    while len(found) < changes and attempts < 200_000:
        before = rule.current
        rule.ended(rule.generation, AttemptEnd.ANSWERED, seconds(before), 0.0, full=True)
        attempts += 1
        if rule.current != before:
            found.append((attempts, rule.current))
            attempts = 0
    return found


def constant(_: int) -> float:
    """A server that is as quick however many come."""
    return 0.125


def congested(number: int) -> float:
    """A server that four at once suit best."""
    return 0.125 * (1 + (number / 4) ** 2)


MEASURE = 48  # attempts, where all take the same time
CLEAR = 16  # attempts after which a rate that is clearly less is known


def test_half_as_many_are_tried_ever_more_seldom() -> None:
    """At once, then after 64 measures, 128, 256 and 512, where half as many carry half."""
    rule = ConcurrencyRule(8)
    back = (4 + CLEAR, 8)  # each change leaves a first round out
    assert course(rule, constant, 12) == [
        (MEASURE, 4),
        back,
        (8 + 64 * MEASURE, 4),
        back,
        (8 + 128 * MEASURE, 4),
        back,
        (8 + 256 * MEASURE, 4),
        back,
        (8 + 512 * MEASURE, 4),
        back,
        (8 + 512 * MEASURE, 4),
        back,
    ]


def test_the_best_number_is_found_and_its_neighbours_are_tried_in_turns() -> None:
    """What was better before and after is kept and its direction followed at once."""
    rule = ConcurrencyRule(16)
    assert course(rule, congested, 14) == [
        (MEASURE, 8),  # half as many are tried,
        (8 + MEASURE, 16),  # and compared with the old number once more,
        (16 + CLEAR, 8),  # and kept;
        (8 + MEASURE, 4),  # the same direction goes on at once
        (4 + MEASURE, 8),
        (8 + MEASURE, 4),
        (4 + MEASURE, 2),
        (2 + MEASURE, 4),  # no better: now upwards after 8 measures
        (4 + 8 * MEASURE, 8),
        (8 + MEASURE, 4),
        (4 + 64 * MEASURE, 2),  # and in turns, ever more seldom
        (2 + MEASURE, 4),
        (4 + 16 * MEASURE, 8),
        (8 + MEASURE, 4),
    ]


@pytest.mark.parametrize(("gain", "kept"), [(1.05, False), (1.15, True)])
def test_fewer_are_kept_only_where_they_carry_clearly_more(gain: float, *, kept: bool) -> None:
    """A rate that is a little better may be so by chance: the number stays as it is."""
    rule = ConcurrencyRule(8)
    numbers = course(rule, lambda number: 1.0 if number == 8 else number / (8 * gain), 3)
    assert [number for _, number in numbers][:2] == [4, 8]
    assert (numbers[2] == (8 + MEASURE, 4)) is kept


def test_a_server_that_becomes_quicker_is_found_out() -> None:
    """Where four at once were best and all carry the same again, the number doubles to the cap."""
    rule = ConcurrencyRule(16)
    course(rule, congested, 8)
    assert rule.current == 4
    assert course(rule, constant, 7) == [
        (4 + 8 * MEASURE, 8),
        (8 + MEASURE, 4),
        (4 + CLEAR, 8),
        (8 + MEASURE, 16),
        (16 + MEASURE, 8),
        (8 + CLEAR, 16),
        (16 + 64 * MEASURE, 8),
    ]


def test_more_than_the_cap_are_never_tried() -> None:
    """Twice as many as 4 of 6 are 6."""
    rule = ConcurrencyRule(6)
    course(rule, lambda number: 0.125 * number**2, 6)
    assert rule.current == 1
    assert [number for _, number in course(rule, constant, 9)] == [2, 1, 2, 4, 2, 4, 6, 4, 6]


def test_one_at_once_can_only_become_more() -> None:
    """From 1 on twice as many are tried; where 1 is the cap nothing ever is."""
    rule = ConcurrencyRule(2)
    assert course(rule, lambda number: 0.125 * number**2, 8) == [
        (MEASURE, 1),
        (1 + MEASURE, 2),
        (2 + CLEAR, 1),
        (1 + 8 * MEASURE, 2),
        (2 + CLEAR, 1),
        (1 + 16 * MEASURE, 2),
        (2 + CLEAR, 1),
        (1 + 32 * MEASURE, 2),
    ]
    alone = ConcurrencyRule(1)
    assert course(alone, constant, 1) == []
    assert alone.generation == 0


def test_a_rate_that_falls_asks_for_a_try() -> None:
    """Below six tenths of what it was at the last try, half as many are tried at once."""
    rule = ConcurrencyRule(8)
    course(rule, constant, 2)
    assert course(rule, lambda _: 0.25, 2) == [(8 + MEASURE, 4), (4 + CLEAR, 8)]
    assert course(rule, lambda _: 0.4, 1) == [(8 + 128 * MEASURE, 4)]


def test_a_try_is_given_up_on_overload() -> None:
    """The cut goes by the number that was tried, and what was measured before is forgotten."""
    rule = ConcurrencyRule(8)
    assert course(rule, constant, 1) == [(MEASURE, 4)]
    rule.ended(rule.generation, AttemptEnd.THROTTLED, 0.1, 0.0, full=True)
    assert rule.current == 2
    rule.ended(rule.generation, AttemptEnd.ANSWERED, 0.125, 1e6, full=True)  # a long pause
    assert course(rule, constant, 2) == [(1 + MEASURE, 1), (1 + CLEAR, 2)]


def test_overload_between_two_tries_begins_the_count_anew() -> None:
    """The measures, and the rate at the last try, are those of another number."""
    rule = ConcurrencyRule(8)
    course(rule, constant, 2)
    for _ in range(8 + 50 * MEASURE):
        rule.ended(rule.generation, AttemptEnd.ANSWERED, 0.125, 0.0, full=True)
    rule.ended(rule.generation, AttemptEnd.THROTTLED, 0.1, 0.0, full=True)
    assert rule.current == 4
    rule.ended(rule.generation, AttemptEnd.ANSWERED, 0.125, 1e6, full=True)
    assert course(rule, constant, 1) == [(3 + 64 * MEASURE, 2)]


def test_while_it_grows_again_no_more_are_tried() -> None:
    """Below its ceiling only half as many are tried, even if twice as many were next."""
    rule = ConcurrencyRule(16)
    course(rule, congested, 8)  # twice as many would be next
    rule.ended(rule.generation, AttemptEnd.THROTTLED, 0.1, 0.0, full=True)
    assert rule.current == 2
    rule.ended(rule.generation, AttemptEnd.ANSWERED, 0.125, 1e6, full=True)
    assert course(rule, congested, 1) == [(1 + 64 * MEASURE, 1)]


def test_attempts_beside_few_others_are_not_measured() -> None:
    """Their time says nothing of the number: no try comes of them."""
    rule = ConcurrencyRule(8)
    for _ in range(100 * MEASURE):
        rule.ended(rule.generation, AttemptEnd.ANSWERED, 0.125, 0.0, full=False)
    assert course(rule, constant, 1) == [(MEASURE, 4)]


def answer(rule: ConcurrencyRule, *seconds: float, now: float = 0.0) -> None:
    """So many attempts are answered, each after its time."""
    for each in seconds:
        rule.ended(rule.generation, AttemptEnd.ANSWERED, each, now, full=True)


def test_a_number_that_changes_forgets_failures() -> None:
    """Three failures of another number and one of this are not four in a row."""
    rule = ConcurrencyRule(8)
    answer(rule, *[0.125] * (MEASURE - 3))
    end(rule, AttemptEnd.FAILED, 3)
    assert rule.current == 4  # the last of them ended the measure: half as many are tried
    end(rule, AttemptEnd.FAILED)
    assert rule.current == 4


def very_slow(_: int) -> float:
    """A server that takes minutes for each."""
    return 128.0


def test_a_slow_server_is_measured_as_any_other() -> None:
    """Rates far below one a second are compared with each other, and with nothing else."""
    rule = ConcurrencyRule(8)
    assert course(rule, very_slow, 3) == [(MEASURE, 4), (4 + CLEAR, 8), (8 + 64 * MEASURE, 4)]
    rule.ended(rule.generation, AttemptEnd.THROTTLED, 0.1, 0.0, full=True)
    assert rule.current == 2
    answer(rule, 128.0, now=1e6)
    assert course(rule, very_slow, 1) == [(1 + 64 * MEASURE, 1)]


def test_overload_at_one_at_once_begins_a_new_measure() -> None:
    """The number cannot become less; what was measured of it before is forgotten all the same."""
    rule = ConcurrencyRule(2)
    course(rule, lambda number: 0.125 * number**2, 3)
    assert rule.current == 1
    answer(rule, *[0.125] * 30)
    rule.ended(rule.generation, AttemptEnd.THROTTLED, 0.1, 0.0, full=True)
    answer(rule, 0.125, now=1e6)
    assert course(rule, constant, 1) == [(8 * MEASURE, 2)]


def test_a_rate_of_exactly_six_tenths_asks_for_nothing() -> None:
    """Only a rate below that is a fall."""
    rule = ConcurrencyRule(8)
    course(rule, constant, 2)
    first_round, six_tenths = [0.125] * 8, [0.1875, 0.25, 0.1875] * 16
    assert sum(six_tenths) == 10.0  # 48 in ten seconds, where there were 48 in six
    answer(rule, *first_round, *six_tenths)
    assert rule.current == 8
    answer(rule, *[0.25] * MEASURE)
    assert rule.current == 4


def test_a_try_that_was_better_by_chance_is_rejected() -> None:
    """If the old number carries still more afterwards, the next try is 64 measures away."""
    rule = ConcurrencyRule(8)
    answer(rule, *[0.125] * MEASURE)
    answer(rule, *[0.05] * (4 + MEASURE))
    assert rule.current == 8
    answer(rule, *[0.08] * (8 + MEASURE))
    assert rule.current == 8
    assert course(rule, lambda _: 0.08, 1) == [(64 * MEASURE, 4)]


def test_a_try_that_is_rejected_while_it_grows_again_raises_nothing() -> None:
    """After a cut the number waits for its time to grow, whatever a try of fewer has shown."""
    rule = ConcurrencyRule(8)
    rule.ended(rule.generation, AttemptEnd.THROTTLED, 0.1, 0.0, full=True)
    answer(rule, 0.125, now=100.0)  # it grows again from 500 on
    answer(rule, *[0.125] * (3 + MEASURE), now=100.0)
    assert rule.current == 2
    answer(rule, *[0.05] * (2 + MEASURE), now=100.0)
    assert rule.current == 4
    answer(rule, *[0.08] * (4 + MEASURE), now=100.0)
    assert rule.current == 4


def test_twice_as_many_that_carry_the_same_are_no_gain() -> None:
    """Where rates are equal the smaller number stays, and the next try is of fewer."""
    rule = ConcurrencyRule(16)
    course(rule, congested, 8)
    assert course(rule, lambda number: number / 32, 3) == [
        (4 + 8 * MEASURE, 8),
        (8 + MEASURE, 4),
        (4 + 64 * MEASURE, 2),
    ]


def test_a_gain_that_the_old_number_makes_up_for_is_none() -> None:
    """What twice as many carried more, and the old number carries afterwards, was by chance."""
    rule = ConcurrencyRule(16)
    course(rule, congested, 8)
    answer(rule, *[0.125] * (4 + 8 * MEASURE))
    assert rule.current == 8
    answer(rule, *[0.125] * (8 + MEASURE))
    assert rule.current == 4
    answer(rule, *[0.0625] * (4 + MEASURE))
    assert rule.current == 4


def test_fewer_that_carry_a_little_more_are_not_compared_once_more() -> None:
    """A twentieth more is no gain: the next try comes after 64 measures."""
    rule = ConcurrencyRule(8)
    answer(rule, *[0.125] * MEASURE)
    answer(rule, *[0.125 / 2.1] * (4 + MEASURE))
    assert rule.current == 8
    assert course(rule, constant, 1) == [(8 + 64 * MEASURE, 4)]


def test_fewer_that_carried_a_little_more_than_the_old_number_afterwards_are_not_kept() -> None:
    """They have to carry a tenth more than before, and than afterwards."""
    rule = ConcurrencyRule(8)
    answer(rule, *[8 / 64] * MEASURE)
    answer(rule, *[4 / 74] * (4 + MEASURE))
    answer(rule, *[8 / 70] * (8 + MEASURE))
    assert rule.current == 8

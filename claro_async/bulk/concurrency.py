"""How many requests may be under way at once.

The rule, in four sentences:

1. A job begins with ``max_concurrency`` requests at once.
2. An attempt that is throttled (429) while quota remains halves that number, and more failures
   (5xx, no reply) than one in six lower it by a third; after a while it grows again step by step,
   and a step that brings them back is undone, and tried again after a longer while.
3. Now and then, ever more seldom, half as many are tried (below ``max_concurrency`` twice as many,
   too), and kept if they applied more edits a second than the present number did both before and
   after: fewer a tenth more, since rates differ by chance, too.
4. By Little's law the edits a second are the requests under way divided by the mean time of one,
   so replies that are slow, scattered or slower than once are no reason to send fewer, unless fewer
   carry more.

Pure: time is handed in. A *round* is as many attempts as may be under way. What an attempt says
counts for the number under which it was admitted, which its *generation* tells.
"""

from __future__ import annotations

from enum import IntEnum

_ANSWERS_FOR_A_FAILURE = 5  # answers that make up for one
_TOO_MANY_FAILURES = 4  # that nothing made up for
_LOWER = 0.7  # what is left of the number after too many
_SMALL_STEP = 8  # the first step is this part of the number
_WAIT_AFTER_HALVING = 4.0  # times what it cost, before the number grows again
_WAIT_AFTER_STEP = 20.0  # times what the failed step cost, before the next one
_FEWEST_SAMPLES = 48
_MOST_SAMPLES = 1024
_CLEARLY = 0.75  # a rate below this part of another is less, by few samples already
_FEW_SAMPLES = 16
_PRECISION = 0.1  # a mean is compared once its standard error is this part of it
_WORTH_IT = 1.1  # times the rate of the present number that fewer must carry to be kept
_DEGRADED = 0.6  # a rate that falls to this part of the last one compared asks for a try
_FIRST_INTERVALS = {True: 8, False: 64}
"""Measures between two tries, of twice as many (True) and of half as many; doubled after each."""
_LONGEST_INTERVAL = 512


class AttemptEnd(IntEnum):
    """How an attempt ended, as far as overload is concerned."""

    ANSWERED = 0
    """By a success, or by a rejection that is the edit's own."""
    FAILED = 1
    """With 5xx, or without a reply."""
    THROTTLED = 2
    """With 429 although quota remained: too many at once."""


_ANSWERED = AttemptEnd.ANSWERED  # at hand for every attempt: to find a member takes a while


class _Sample:
    """The mean time of attempts under one number, and the share of them that were answered.

    The first round is left out: its quick replies come first.
    """

    __slots__ = ("_count", "_failed", "_number", "_seconds", "_squares")

    def __init__(self, number: int, *, skip: int = 0) -> None:
        self._number = number
        self._count = -skip
        self._failed = 0
        self._seconds = 0.0
        self._squares = 0.0

    def add(self, seconds: float, result: AttemptEnd) -> bool:
        """Take an attempt in; returns whether there may be enough of them."""
        self._count = count = self._count + 1
        if count <= 0:
            return False
        if result is not _ANSWERED:
            self._failed += 1
        self._seconds += seconds
        self._squares += seconds * seconds
        return not count % 8 and count >= _FEW_SAMPLES

    def is_enough_beside(self, other: float) -> bool:
        """Whether the rate is known well enough to be compared with another."""
        count = self._count
        if self.rate < _CLEARLY * other:
            return True
        if count < _FEWEST_SAMPLES:
            return False
        if count >= _MOST_SAMPLES:
            return True
        mean_square = self._seconds * self._seconds / count
        variance = (self._squares - mean_square) / count
        return variance <= _PRECISION * _PRECISION * mean_square

    @property
    def rate(self) -> float:
        """Attempts answered a second."""
        answered = max(0, self._count) - self._failed
        return self._number * answered / self._seconds if self._seconds > 0 else 0.0


class ConcurrencyRule:
    """The number of requests that may be under way, by what became of earlier ones.

    Attributes:
        current: The number.
        generation: Changes whenever the number does.
    """

    def __init__(self, cap: int) -> None:
        """Begin with the most.

        Args:
            cap: The most requests under way.
        """
        self.current: int = cap
        self.generation: int = 0
        self._growth = _Growth(cap)
        self._search = _Search(cap)

    def ended(
        self, generation: int, result: AttemptEnd, seconds: float, now: float, *, full: bool
    ) -> None:
        """Learn from an attempt that ended.

        Args:
            generation: What :attr:`generation` was when the attempt was admitted.
            result: How it ended.
            seconds: How long it took.
            now: The time in seconds.
            full: Whether as many attempts were under way as may be; if not, its time says nothing.
        """
        if generation != self.generation:
            return
        growth, search = self._growth, self._search
        is_measured = full and search.sample.add(seconds, result)
        if result is _ANSWERED and growth.is_calm and not is_measured:
            return  # nothing can change: the way of most attempts
        if growth.is_overload(result):
            growth.cut(self.current, result, now)
            search.give_up(growth.level)
        else:
            if is_measured and search.compare(growth.level):
                growth.level = search.ceiling
            if search.trial is None:
                growth.go_on(result, now, search.ceiling, full=full)
        current = growth.level if search.trial is None else search.trial
        if current != self.current:
            self.current = current
            self.generation += 1
            growth.begin_round()
            search.begin(current)


class _Growth:
    """Halves the number on failures, and lets it grow again: additive, with a memory."""

    def __init__(self, cap: int) -> None:
        self.level = cap
        self._step = 1
        self._before_step: int | None = None  # the number that the step under way began from
        self._cut_at: float | None = None  # until an attempt after the cut is answered
        self._factor = 0.0
        self._pause = 0.0
        self._grows_at = 0.0
        self._ended = 0  # in this round
        self._debt = 0  # answers that it takes to make up for the failures
        self._is_grown = True  # to the ceiling, with no step or cut to wait for

    @property
    def is_calm(self) -> bool:
        """Whether there is no failure to make up for, and nothing to grow to."""
        return self._is_grown and not self._debt

    def begin_round(self) -> None:
        self._ended = 0
        self._debt = 0

    def is_overload(self, result: AttemptEnd) -> bool:
        if result is AttemptEnd.ANSWERED:
            if self._debt:
                self._debt -= 1
            return False
        self._debt += _ANSWERS_FOR_A_FAILURE
        is_too_much = self._debt >= _ANSWERS_FOR_A_FAILURE * _TOO_MANY_FAILURES
        return is_too_much or result is AttemptEnd.THROTTLED

    def cut(self, number: int, result: AttemptEnd, now: float) -> None:
        """Undo the step under way, or halve."""
        if self._before_step is not None:
            self.level = self._before_step
            self._pause, self._factor = self._pause * 2, _WAIT_AFTER_STEP
        else:
            throttled = result is AttemptEnd.THROTTLED
            self.level = max(1, number // 2 if throttled else int(number * _LOWER))
            self._pause, self._factor = 0.0, _WAIT_AFTER_HALVING
        self._before_step = None
        self._step = max(1, self.level // _SMALL_STEP)
        self._cut_at = now
        self._is_grown = False
        self.begin_round()

    def go_on(self, result: AttemptEnd, now: float, ceiling: int, *, full: bool) -> None:
        """Count an attempt that ended, and grow where the time has come."""
        if self._cut_at is not None and result is AttemptEnd.ANSWERED:
            self._pause = max(self._pause, self._factor * (now - self._cut_at))
            self._grows_at, self._cut_at = now + self._pause, None
        self._ended += full
        if self._ended < max(self.level, _FEWEST_SAMPLES):
            return
        self._ended = 0
        if self._before_step is not None:  # a whole round without overload
            self._before_step, self._pause = None, 0.0
            self._step *= 2
        if self.level < ceiling and self._cut_at is None and now >= self._grows_at:
            self._before_step = self.level
            self.level = min(ceiling, self.level + self._step)
        waits = self._before_step is not None or self._cut_at is not None
        self._is_grown = self.level >= ceiling and not waits


class _Search:
    """Looks for the number that carries most, by trying half and twice as many."""

    def __init__(self, cap: int) -> None:
        self.ceiling = cap
        self.trial: int | None = None
        self._cap = cap
        self._up = False
        self._intervals = {True: _FIRST_INTERVALS[True], False: 1}  # by direction
        self._measures = 0  # since the last try
        self._before = 0.0  # the rate of the present number when the last try began
        self._better: tuple[int, float] | None = None  # tried, and to be compared once more
        self.sample = _Sample(cap)

    def begin(self, number: int) -> None:
        """Measure another number from now on."""
        self.sample = _Sample(number, skip=number)

    def give_up(self, number: int) -> None:
        """Drop the try under way: there were failures, and the number changes."""
        self.trial = self._better = None
        self._measures = 0
        self._before = 0.0
        self.begin(number)

    def compare(self, level: int) -> bool:
        """Compare once enough attempts are in; returns whether :attr:`ceiling` changes."""
        if not self.sample.is_enough_beside(self._rival):
            return False
        rate = self.sample.rate
        if self.trial is not None:
            self._end_try(self.trial, rate)
            return False
        self.sample = _Sample(level)
        if self._better is not None:
            return self._decide(*self._better, rate)
        self._measures += 1
        longest = self._intervals[self._tries_more(level)]
        if self._measures >= longest or rate < _DEGRADED * self._before:
            self._begin_try(rate, level)
        return False

    @property
    def _rival(self) -> float:
        if self.trial is not None:
            return self._before
        return 0.0 if self._better is None else self._better[1]

    def _begin_try(self, rate: float, level: int) -> None:
        self._before = rate
        self._measures = 0
        self._up = self._tries_more(level)
        self.trial = min(self._cap, 2 * level) if self._up else level // 2 or None

    def _tries_more(self, level: int) -> bool:
        """Whether the next try is of twice as many: never below the ceiling, nor beyond the cap."""
        return (self._up or level == 1) and level == self.ceiling < self._cap

    def _end_try(self, number: int, rate: float) -> None:
        if rate > self._before * self._gain_wanted:
            self._better = number, rate
        else:
            self._reject()
        self.trial = None

    def _decide(self, number: int, tried: float, after: float) -> bool:
        self._better = None
        if tried <= after * self._gain_wanted:
            self._reject()
            return False
        self._up = number > self.ceiling
        self.ceiling = number
        self._intervals = {self._up: 1, not self._up: _FIRST_INTERVALS[not self._up]}
        return True

    @property
    def _gain_wanted(self) -> float:
        """What must be gained by the number that is tried."""
        return 1.0 if self._up else _WORTH_IT

    def _reject(self) -> None:
        """Try the other direction next, and this one after a longer while."""
        longer = max(2 * self._intervals[self._up], _FIRST_INTERVALS[self._up])
        self._intervals[self._up] = min(_LONGEST_INTERVAL, longer)
        self._up = not self._up

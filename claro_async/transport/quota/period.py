"""One period of the server's quota, and how its end is found. Pure, without clock or I/O.

A reset reported in whole seconds may be rounded, by up to a second in either direction. Where our
own request opened the period, its true end is a whole number of seconds after that request, or the
reported moment. In the first such periods that are used up, the last permits are kept as probe
permits: they are sent at those moments, when a request that is too early costs nothing. What they
find is remembered in :class:`Rounding`, and later periods need no probes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from claro_async.transport.quota.headers import is_relative, parse_moment

if TYPE_CHECKING:
    from claro_async.transport.quota.headers import QuotaHeaders

DOCUMENTED_PERIOD = 60.0
"""Seconds; where the reset cannot be believed, the period is the documented minute."""
MARGIN = 0.005
"""Seconds after the end of a period at which it is taken to be over."""
ROUNDING = 1.0
"""Seconds by which a moment that is reported in whole seconds can be off."""
AFTER_A_STEP = 2.0
"""Seconds by which a moment can be off after the server's clock was set."""
_EXACT = 0.0005  # half of the finest unit, a millisecond
_SOON = 0.1  # seconds after a moment within which a request was sent because of it
_PROBES_FROM_LIMIT = 20


class ReportedEnd(msgspec.Struct, frozen=True, gc=False):
    """When the period ends, as one reply reports it.

    Attributes:
        at: The moment, by our clock; a documented minute after the reply where the server reports
            none that can be believed.
        believed: Whether the server reported it.
        relative: Whether it counts from the reply, so that each reply reports another moment.
        rounded: Whether it may be rounded to a second.
    """

    at: float
    believed: bool
    relative: bool
    rounded: bool

    @classmethod
    def read(cls, headers: QuotaHeaders, offset: float) -> ReportedEnd:
        """Read the reset, where the server's clock is ahead of ours by `offset`."""
        moment = parse_moment(headers.reset, headers.received + offset) if headers.reset else None
        if moment is None:
            at = headers.received + DOCUMENTED_PERIOD
            return cls(at, believed=False, relative=True, rounded=False)
        relative = is_relative(headers.reset)
        return cls(
            moment - offset,
            believed=True,
            relative=relative,
            rounded=relative or moment.is_integer(),
        )


class Period(msgspec.Struct, omit_defaults=True):
    """What is known of one period.

    Attributes:
        allowed: Requests that may be unanswered at once in the rest of it.
        reset_at: When it ends, as reported.
        ends_at: When it will be taken to be over.
        since: When the reply came that reported it first.
        reset: The text of the reset; empty where the server's clock was set meanwhile.
        relative: Whether that counts from now.
        opened_at: When it was known that our own request had opened it; None where it had not, or
            where that is of no use any more.
        probes: The moments at which the permits kept for that probe whether it is over.
    """

    allowed: int
    reset_at: float
    ends_at: float
    since: float
    reset: str = ""
    relative: bool = False
    opened_at: float | None = None
    probes: list[float] = msgspec.field(default_factory=list)

    def is_over(self, now: float) -> bool:
        """Whether it is taken to be over."""
        return now >= self.ends_at + MARGIN

    def may_probe(self, now: float) -> bool:
        """Whether it is time to probe whether it is over."""
        return bool(self.probes) and now >= self.probes[0] + MARGIN

    @property
    def tolerance(self) -> float:
        """Seconds by which a later reply of the same period may report another end."""
        if not self.reset:
            return AFTER_A_STEP
        return ROUNDING if self.relative else _EXACT

    def lower(self, remaining: int, slack: float) -> None:
        """So many remain, if that is less than was known; see :meth:`give_up_probes`."""
        self.allowed = min(self.allowed, remaining)
        if not remaining:
            self.give_up_probes(slack)

    def give_up_probes(self, slack: float) -> None:
        """Go by the reported end where others used up what was kept for probes."""
        if self.probes:
            self.probes = []
            self.opened_at = None
            self.go_by_reset(slack)

    def go_by_reset(self, slack: float) -> None:
        """Go by the reported end, since what was found out about it proved wrong."""
        self.ends_at = self.reset_at + slack

    def use_up(self, until: float) -> None:
        """Nothing may go any more; from `until` on it is taken to be over."""
        self.allowed = 0
        self.probes = []
        self.opened_at = None
        self.ends_at = min(self.ends_at, until)

    def is_not_over(self, remaining: int, received: float) -> None:
        """It was taken to be over, by mistake or after a pause, and still goes on."""
        self.allowed = remaining
        self.ends_at = self.reset_at if self.reset_at > received else received + ROUNDING

    def come_closer(self, end: ReportedEnd) -> None:
        """Go by the earliest end that is reported: count-downs are rounded up, by less or more."""
        if end.at < self.reset_at and self.opened_at is None:
            self.ends_at += end.at - self.reset_at
            self.reset_at = end.at

    def adopt(self, headers: QuotaHeaders, end: ReportedEnd) -> None:
        """Go by what is reported after the server's clock was set."""
        self.reset, self.relative = headers.reset, end.relative

    def shift(self, seconds: float) -> None:
        """The server's time is later by so much than was thought: so its moments come sooner."""
        if abs(seconds) > AFTER_A_STEP:
            self.reset = ""  # its clock was set: our moments stay, and its next text is a new one
        elif not self.relative:
            self.reset_at -= seconds
            self.ends_at -= seconds
            self.probes = [moment - seconds for moment in self.probes]

    @property
    def early_end(self) -> float:
        """The last moment before the reported end that is whole seconds after the opening.

        Raises:
            ValueError: It is not known when it was opened.
        """
        if self.opened_at is None:
            raise ValueError("the opening is not known")
        return self.opened_at + math.floor(self.reset_at - self.opened_at)


class Rounding(msgspec.Struct, omit_defaults=True):
    """How the server rounds the end of a period, as far as it was found out.

    Attributes:
        length: Seconds from the opening of a period to its end; 0: go by the reported moment;
            None: not found out yet.
        undecided: Whether a probe has found an end that fits both readings.
        slack: Seconds after the reported moment at which a period ends.
    """

    length: float | None = None
    undecided: bool = False
    slack: float = 0.0

    def open(self, headers: QuotaHeaders, end: ReportedEnd, remaining: int, limit: int) -> Period:
        """A new period, as a reply reports it."""
        ends_at = end.at + (self.slack if end.rounded else 0.0)
        period = Period(remaining, end.at, ends_at, headers.received, headers.reset, end.relative)
        opened_by_us = remaining == limit - 1 and not headers.throttled
        if opened_by_us and end.rounded and limit >= _PROBES_FROM_LIMIT:
            period.opened_at = headers.received
            self._expect_end(period, headers.received)
        return period

    def _expect_end(self, period: Period, opened_at: float) -> None:
        if self.length is None:
            early = period.early_end
            # a count-down begins with the opening, too
            period.probes = [period.reset_at] if period.relative else [early, period.reset_at]
            period.ends_at = early + ROUNDING
        elif self.length:
            expected = opened_at + self.length
            if abs(expected - period.reset_at) <= ROUNDING + _SOON:
                period.ends_at = expected

    def learn_end(self, period: Period, sent: float) -> None:
        """Find out how a period ended, if the request that opened the next one was a probe."""
        if period.opened_at is None or self.length is not None:
            return
        early = period.early_end
        late = early + ROUNDING
        all_sent = not period.probes
        if all_sent and _soon_after(sent, late) and late - period.reset_at >= _SOON:
            self.length = round(late - period.opened_at)
        elif all_sent and _soon_after(sent, period.reset_at):
            apart = min(period.reset_at - early, late - period.reset_at)
            if apart < _SOON and not period.relative and not self.undecided:
                self.undecided = True  # it could be either: the next period shows
            else:
                self.length = 0.0
        elif _soon_after(sent, early):
            self.length = round(early - period.opened_at)

    def explain(self, period: Period, end: ReportedEnd, sent: float) -> bool:
        """Account for a request that was too early by the rounding; False if that cannot be."""
        if period.opened_at is not None and self.length:
            self.length = 0.0
        elif sent < period.reset_at:
            return True  # a pause had ended, nothing else
        elif end.rounded and not self.slack:
            self.slack = ROUNDING
        else:
            return False
        if not period.relative:
            period.go_by_reset(self.slack)
        return True


def _soon_after(sent: float, moment: float) -> bool:
    return 0 <= sent - moment < _SOON

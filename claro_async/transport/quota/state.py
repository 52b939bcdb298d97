"""What is known of a key's quota, and how many requests may go now. Pure, without clock or I/O.

The gate of one client and the gate that several processes share follow this same machine. All
moments are by one clock that never steps, that of whoever keeps the state, and are handed in. The
server's own clock enters only by its headers, in :class:`ServerClock`.

.. code-block:: text

    Unknown ──a request goes ahead──> Probing ──its reply──> InPeriod ──its end──> Unknown
                                         └─────no reply for a second, or lost────> Unknown
    any ──429──> Paused ──until Retry-After or the reset──> Unknown, or back into the period
    Unpaced: the server reports no quota

* In a period a request may go while fewer are unanswered than the server says remain: each of those
  may not be counted yet.
* When a period is over, one request goes ahead as a probe, and the others follow its reply.
* A 429 while requests remain is a limit of requests at once. It pauses, but uses up no period.
* Where others use the key and no store is shared, requests are throttled that should have been
  within what remained. From then on the last permits of a period go one by one, as many as others
  took.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from claro_async.transport.quota.at_once import AtOnce
from claro_async.transport.quota.headers import (
    DATE,
    REMAINING,
    RESET,
    RateLimit,
    ServerClock,
    parse_count,
    read_retry_after,
    reported_reset,
)
from claro_async.transport.quota.period import MARGIN, ROUNDING, Period, ReportedEnd, Rounding
from claro_async.transport.quota.phases import (
    Contention,
    InPeriod,
    Paused,
    Phase,
    Probing,
    Unknown,
    Unpaced,
    end_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from claro_async.transport.quota.headers import QuotaHeaders

PROBE_AGAIN = 1.0
"""Seconds after which another request goes as a probe, since the first one may be lost."""
_LONGEST_BLIND_PAUSE = 60.0


class QuotaState(msgspec.Struct, omit_defaults=True):
    """The state of a key's quota.

    Attributes:
        phase: What is known at present.
        limit: Requests a period as last reported, or None while nothing was reported.
        remaining: Requests left as last reported.
        reset: The text of the reset as last reported.
        reset_seen: When that was.
        periods: How many periods there were.
        blind_pauses: How many pauses in a row had no length that the server named.
        rounding: How the end of a period is rounded.
        contention: What others take.
        at_once: How many requests at once the server takes.
        server: The server's clock.
    """

    phase: Phase = msgspec.field(default_factory=Unknown)
    limit: int | None = None
    remaining: int | None = None
    reset: str = ""
    reset_seen: float = 0.0
    periods: int = 0
    blind_pauses: int = 0
    rounding: Rounding = msgspec.field(default_factory=Rounding)
    contention: Contention = msgspec.field(default_factory=Contention)
    at_once: AtOnce = msgspec.field(default_factory=AtOnce)
    server: ServerClock = msgspec.field(default_factory=ServerClock)

    def grant(
        self,
        want: int,
        now: float,
        unanswered: int,
        reserve: float = 0.0,
        *,
        keep_probes: bool = True,
    ) -> int:
        """Say how many requests may go; they count as gone from then on.

        Args:
            want: How many would like to.
            now: The moment.
            unanswered: Requests under way.
            reserve: The share of the quota, from 0 to 1, that is left to requests without one.
            keep_probes: Whether the permits for probes are kept.
        """
        phase = self.phase
        if type(phase) is not InPeriod or now >= phase.period.ends_at + MARGIN:
            self.phase = phase = self.phase_at(now)
            if isinstance(phase, Unknown):
                self.phase = Probing(phase.period, now)
                return 1
            if not isinstance(phase, InPeriod):
                return want if isinstance(phase, Unpaced) else 0
        period = phase.period
        probes, free = period.probes, period.allowed - unanswered
        if probes and free > 0 and now >= probes[0] + MARGIN:
            del probes[0]
            return 1
        if reserve or self.contention.taken or self.at_once.now:
            free = self.free(unanswered, reserve, keep_probes=keep_probes)
        elif probes and keep_probes:
            free -= len(probes)
        return want if 0 < want <= free else max(0, min(want, free))

    def free(self, unanswered: int, reserve: float = 0.0, *, keep_probes: bool = True) -> int:
        """Permits of this period that are free; negative where more are kept than there are."""
        period = self.phase.period
        if period is None:
            return 0
        free = period.allowed - unanswered
        if keep_probes:
            free -= len(period.probes)
        if taken := self.contention.taken:
            free = max(free - taken, min(free, int(not unanswered)))
        if reserve and self.limit:
            free -= min(math.ceil(reserve * self.limit), self.limit - 1)
        if self.at_once.now:
            free = min(free, self.at_once.now - unanswered)
        return free

    def phase_at(self, now: float) -> Phase:
        """What the phase is by now, if nothing was heard since."""
        phase = self.phase
        if isinstance(phase, InPeriod) and phase.period.is_over(now):
            return Unknown(phase.period)
        if isinstance(phase, Probing) and now >= phase.since + PROBE_AGAIN:
            return Unknown(phase.period)
        if isinstance(phase, Paused) and now >= phase.until:
            period = phase.period
            if phase.resumes and period is not None and not period.is_over(now):
                return InPeriod(period)
            return Unknown(period)
        return phase

    @property
    def probe_permits(self) -> int:
        """Permits kept for probes of whether the period is over."""
        phase = self.phase
        return len(phase.period.probes) if isinstance(phase, InPeriod) else 0

    def may_probe(self, now: float) -> bool:
        """Whether it is time to probe whether the period is over."""
        phase = self.phase
        return isinstance(phase, InPeriod) and phase.period.may_probe(now)

    def is_shared_out(self, now: float) -> bool:
        """Whether the permits of a period are being given out, rather than a probe or all."""
        return isinstance(self.phase_at(now), InPeriod)

    def seconds_left(self, now: float) -> float:
        """Seconds until the period ends, as far as is known; 0 between periods."""
        phase = self.phase_at(now)
        return phase.period.ends_at + MARGIN - now if isinstance(phase, InPeriod) else 0.0

    def opens_at(self, now: float, unanswered: int) -> float:
        """When the next request may go even if no reply comes before."""
        phase = self.phase_at(now)
        if isinstance(phase, Paused):
            return phase.until
        if isinstance(phase, Probing):
            return phase.since + PROBE_AGAIN
        if not isinstance(phase, InPeriod):
            return now
        period = phase.period
        if period.probes and period.allowed > unanswered:
            return period.probes[0] + MARGIN
        return period.ends_at + MARGIN

    def probing_for(self, now: float) -> float | None:
        """For how many seconds a probe has been under way; None if none is."""
        phase = self.phase_at(now)
        return now - phase.since if isinstance(phase, Probing) else None

    def is_used_up(self, now: float) -> bool:
        """Whether it is the server, not a request under way, that must be waited for."""
        phase = self.phase_at(now)
        if isinstance(phase, InPeriod):
            return phase.period.allowed <= len(phase.period.probes)
        return isinstance(phase, Paused)

    def rate_limit(self) -> RateLimit:
        """What the server reported last."""
        server_now = self.reset_seen + self.server.offset
        return RateLimit(self.limit, self.remaining, reported_reset(self.reset, server_now))

    def lose(self, count: int = 1) -> None:
        """Requests ended without a reply; the server may have counted them."""
        self.give_back()
        if (period := self.phase.period) is not None:
            period.allowed = max(0, period.allowed - count)

    def give_back(self) -> None:
        """A request did not go out after all: if it was the probe, another one may go."""
        if isinstance(self.phase, Probing):
            self.phase = Unknown(self.phase.period)

    def count_down(
        self, headers: Mapping[str, str], sent: float, received: Callable[[], float]
    ) -> bool:
        """Learn from a reply within a known period, at the least cost; False if it is none.

        Args:
            headers: Its headers, looked up without regard to case.
            sent: When the request went out.
            received: Tells when the reply came; most replies need not know.
        """
        date = headers.get(DATE, "")
        if date != self.server.date:
            self.hear_date(date, sent, received())
        phase = self.phase
        if type(phase) is not InPeriod:
            return False
        period = phase.period
        if headers.get(RESET) != period.reset or period.relative or sent >= period.ends_at:
            return False
        remaining = parse_count(headers.get(REMAINING))
        if remaining is None:
            return False
        self.remaining = remaining
        if remaining < period.allowed:
            period.lower(remaining, self.rounding.slack)
        if self.at_once.now:
            self.at_once.succeed(received())
        return True

    def hear_date(self, date: str, sent: float, received: float) -> None:
        """Learn the server's time from the ``Date`` of a reply."""
        self._shift(self.server.observe(date, sent, received))

    def learn(self, headers: QuotaHeaders, unanswered: int = 0) -> None:
        """Learn from a reply.

        Args:
            headers: Its headers.
            unanswered: Requests that are still under way.
        """
        self.phase = phase = self.phase_at(headers.received)
        if self._was_too_early(headers, ReportedEnd.read(headers, self.server.offset)):
            # not rounded: then our idea of the server's time is wrong
            self._shift(self.server.distrust_wall())
        self.hear_date(headers.date, headers.sent, headers.received)
        end = ReportedEnd.read(headers, self.server.offset)
        if headers.throttled and not headers.is_concurrency_limit:
            self._notice_others(headers)
        if isinstance(phase, Probing) and headers.sent >= phase.since:
            self.phase = Unknown(phase.period)
        if headers.remaining is not None:
            self._learn_remaining(headers, end, headers.remaining)
        elif self.limit is None and not headers.throttled:
            self._enter(Unpaced())
        else:
            self.lose()  # a proxy's page: it may have been counted
        if headers.throttled:
            self._pause(headers, unanswered)
        else:
            self.blind_pauses = 0
            if self.at_once.now:
                self.at_once.succeed(headers.received)

    def merge(self, other: QuotaState) -> None:
        """Take over what another copy of this state knows more; in doubt, the fewer permits."""
        mine, theirs = self.phase, other.phase
        if isinstance(mine, Paused) or isinstance(theirs, Paused):
            self.phase = max(mine, theirs, key=end_of)
        elif theirs.period is None:
            return
        elif mine.period is None or theirs.period.since > mine.period.since:
            self.phase = theirs
        elif theirs.period.since == mine.period.since:
            mine.period.allowed = min(mine.period.allowed, theirs.period.allowed)

    def _shift(self, seconds: float) -> None:
        if seconds and (period := self.phase.period) is not None:
            period.shift(seconds)

    def _notice_others(self, headers: QuotaHeaders) -> None:
        period = self.phase.period
        if self.limit and period is not None and headers.sent < period.ends_at:
            self.contention.notice(self.limit)

    def _learn_remaining(self, headers: QuotaHeaders, end: ReportedEnd, remaining: int) -> None:
        self.remaining = remaining
        self.reset, self.reset_seen = headers.reset, headers.received
        period = self.phase.period
        if period is None:
            self._open(headers, end, remaining)
        elif headers.reset == period.reset and not end.relative:
            self._learn_in_period(period, headers, remaining)
        elif end.at > period.reset_at + period.tolerance:
            self._open(headers, end, remaining)
        elif end.at >= period.reset_at - period.tolerance:
            if period.reset:
                period.come_closer(end)
            else:
                period.adopt(headers, end)
            self._learn_in_period(period, headers, remaining)
        elif headers.sent >= period.ends_at:
            self._open(headers, end, remaining)
        elif headers.sent >= period.since and end.at <= headers.received:
            # an end that is over tells nothing of when, but the requests left are those of now
            period.lower(remaining, self.rounding.slack)
        # else a late reply of a period that is over

    def _learn_in_period(self, period: Period, headers: QuotaHeaders, remaining: int) -> None:
        if headers.sent < period.ends_at:
            period.lower(remaining, self.rounding.slack)
        else:
            period.is_not_over(remaining, headers.received)
            self._enter(InPeriod(period))

    def _was_too_early(self, headers: QuotaHeaders, end: ReportedEnd) -> bool:
        """Whether a request met a period that was over, for another reason than rounding."""
        period = self.phase.period
        if period is None or headers.sent < period.ends_at or headers.is_concurrency_limit:
            return False
        if headers.remaining is None:
            early = headers.throttled and headers.sent - period.ends_at < ROUNDING
        elif headers.remaining:
            early = False
        elif end.relative:
            early = end.believed and end.at <= period.reset_at + ROUNDING
        else:
            early = headers.reset == period.reset
        return early and not self.rounding.explain(period, end, headers.sent)

    def _open(self, headers: QuotaHeaders, end: ReportedEnd, remaining: int) -> None:
        if self.phase.period is not None:
            self.rounding.learn_end(self.phase.period, headers.sent)
        self.limit = limit = headers.limit or self.limit or remaining
        self.periods += 1
        self.contention.begin_period()
        self._enter(InPeriod(self.rounding.open(headers, end, remaining, limit)))

    def _enter(self, phase: InPeriod | Unpaced) -> None:
        """Go on with what is known now: at once, or after the pause that there is."""
        if isinstance(self.phase, Paused):
            self.phase.period = phase.period
            self.phase.resumes = phase.period is not None
        else:
            self.phase = phase

    def _pause(self, headers: QuotaHeaders, unanswered: int) -> None:
        now, phase = headers.received, self.phase
        if unanswered and headers.is_concurrency_limit and not self._was_under_way(headers):
            self.at_once.throttle(unanswered, now)
        period = phase.period
        until = self._end_of_pause(headers)
        resumes = headers.is_concurrency_limit and period is not None
        if isinstance(phase, Paused):
            until = max(until, phase.until)
            resumes = resumes and phase.resumes
        if period is not None and not resumes:
            period.use_up(until)
        self.phase = Paused(period, now, until, resumes)

    def _was_under_way(self, headers: QuotaHeaders) -> bool:
        """Whether a throttled request was under way already when the present pause began."""
        return isinstance(self.phase, Paused) and headers.sent < self.phase.since

    def _end_of_pause(self, headers: QuotaHeaders) -> float:
        """When the server wants to be asked again: `Retry-After`, else the reset, else we guess."""
        now, phase = headers.received, self.phase
        wait = read_retry_after(headers.retry_after, now + self.server.offset)
        if wait is not None:
            return now + wait
        period = phase.period
        if period is not None and period.ends_at > now and not headers.is_concurrency_limit:
            return period.ends_at
        if isinstance(phase, Paused) and self._was_under_way(headers):
            return phase.until  # no further reason to wait longer
        self.blind_pauses += 1
        return now + min(2.0 ** (self.blind_pauses - 1), _LONGEST_BLIND_PAUSE)

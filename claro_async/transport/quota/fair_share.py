"""A quota that several clients share: who may send how much now. Pure, without clock or I/O.

The state is one small record that every client loads, changes and stores in one transaction (see
:mod:`claro_async.transport.quota.record`). Each client reports what it heard and how many requests
wait, and gets as answer how many may go.

The permits of a period are shared in proportion to nothing but need:

1. a client that waits is owed an even part of what the period has;
2. one that does not wait is owed what it will use if it goes on as it began, up to that part;
3. what is left over goes to whoever wants more;
4. a client that joins counts at once, and has its part from the next period on at the latest;
5. one that leaves gives back what it did not use; one not heard of when it was to report is gone,
   and what it held counts as used until the period ends.

How often clients report, and how many permits they keep, is said in
:mod:`claro_async.transport.quota.crowd`.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from claro_async.transport.quota.crowd import BEAT, FEW, beat_of, delay_of, lease_of, most_ahead
from claro_async.transport.quota.headers import QuotaHeaders
from claro_async.transport.quota.phases import InPeriod
from claro_async.transport.quota.state import QuotaState

GONE_AFTER = 3.5
"""Seconds after which one of a few clients that has not been heard of is gone."""
_SOONEST = 0.005  # seconds until a client asks whether another one has heard of the next period
_LATER = 0.25
_RECHECK = 0.1  # seconds until a client asks again for what others seemed to want
_LONG_PAUSE = 120.0  # seconds; in one, clients need not ask at each beat
_SELDOM = 30.0
_PART_OF_THE_REST = 4  # of what is free, that one of many may keep, if it is owed so much
_BREATH = 0.25  # of a beat, for which one of many does not ask for more


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a client says of itself; all moments by its own clock, moved to the record's.

    Attributes:
        member: The client.
        number: Counts its reports, so that one that comes twice counts once.
        replies: What replies said of the quota, in order.
        held: Permits that it has, for requests under way or kept, without those that `number`
            brings.
        lost: Requests that were sent and had no reply.
        unused: Permits that were not used after all.
        want: Requests that wait and leave no reserve.
        background: Requests that wait and leave a reserve.
        reserve: The share of the quota that those leave.
        ahead: Permits that it would like to keep for requests to come.
        keep_probes: Whether permits for probes are kept; see :class:`QuotaState`.
        leaving: Whether this is its last report.
    """

    member: str
    number: int
    replies: list[QuotaHeaders] = msgspec.field(default_factory=list)
    held: int = 0
    lost: int = 0
    unused: int = 0
    want: int = 0
    background: int = 0
    reserve: float = 0.0
    ahead: int = 0
    keep_probes: bool = True
    leaving: bool = False


class Answer(msgspec.Struct, kw_only=True):
    """What a client may do.

    Attributes:
        granted: How many of its requests may go.
        background: How many of those that leave a reserve may go.
        ahead: How many permits it may keep.
        lease: Seconds for which it may keep them.
        check_in: Seconds after which it had better ask again.
        closed_for: Seconds for which nobody may send, as far as is known.
        ends_in: Seconds until the period ends, as far as is known.
        delay: Seconds by which it comes later than others after that, and with every report, so
            that not all come at once.
        quiet_for: Seconds for which it had better not ask for more.
    """

    granted: int
    background: int
    ahead: int
    lease: float
    check_in: float
    closed_for: float
    ends_in: float = 0.0
    delay: float = 0.0
    quiet_for: float = 0.0


class Member(msgspec.Struct, array_like=True, kw_only=True):
    """What is known of a client; in the record a list, since there may be a thousand.

    Attributes:
        gone_at: When it counts as gone, unless it reports before.
        held: Permits that it has.
        used: Permits given in this period.
        waits: Whether it wanted more than it was given.
        period: The number of the period of its last report.
        number: Of that report.
        granted: What that was answered with.
        background: The same for requests that leave a reserve.
        ahead: The same for permits to keep.
    """

    gone_at: float
    held: int = 0
    used: int = 0
    waits: bool = False
    period: int = 0
    number: int = 0
    granted: int = 0
    background: int = 0
    ahead: int = 0


class SharedQuota(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A quota and those who share it.

    Attributes:
        quota: What is known of the quota.
        members: The clients.
        period: The number of the period in which `used` was counted.
        began: When that began.
        opened_with: Permits that there were when that was known.
        used_by_gone: Permits given in this period to clients that are gone.
        closed_until: Until when nothing is given out, since what others hold is not known.
    """

    quota: QuotaState = msgspec.field(default_factory=QuotaState)
    members: dict[str, Member] = msgspec.field(default_factory=dict)
    period: int = 0
    began: float = 0.0
    opened_with: int = 0
    used_by_gone: int = 0
    closed_until: float = 0.0

    def take(self, report: Report, now: float) -> Answer:
        """Take a client's report in, and say what it may send.

        Args:
            report: The report, its moments by the same clock as `now`.
            now: The present moment.
        """
        me = self.members.setdefault(report.member, Member(gone_at=now))
        me.gone_at = now + GONE_AFTER
        if me.number != report.number:
            self._learn(me, report, now)
            self._count(me, report)
            self._forget_the_gone(now)
            me.number = report.number
            me.period = self.period
            self._grant(me, report, now)
        answer = self._answer(me, report, now)
        if report.leaving:
            self._part(report.member)
        return answer

    def _learn(self, me: Member, report: Report, now: float) -> None:
        unanswered = self._held - me.held + report.held + len(report.replies)
        for number, reply in enumerate(report.replies, 1):
            self.quota.learn(reply, unanswered - number)
        if self.quota.periods != self.period:
            self.period = self.quota.periods
            self.began = now
            self.opened_with = self._allowed
            self.used_by_gone = 0
            for member in self.members.values():
                member.used = member.held  # of this client as before this report

    def _count(self, me: Member, report: Report) -> None:
        me.held = report.held
        unused = report.unused
        if me.period != self.period:
            unused += sum(map(self._is_of_an_earlier_period, report.replies))
        me.used = max(0, me.used - unused)
        if report.lost:
            self.quota.lose(report.lost)
        if report.unused:
            self.quota.give_back()

    def _is_of_an_earlier_period(self, reply: QuotaHeaders) -> bool:
        """Whether a reply says of itself that its request was not counted in this period."""
        period = self.quota.phase.period
        if period is None or period.relative or not period.reset:
            return False
        return reply.sent < period.since and reply.reset not in {period.reset, ""}

    def _forget_the_gone(self, now: float) -> None:
        for name in [name for name, each in self.members.items() if now > each.gone_at]:
            self._part(name)

    def _part(self, name: str) -> None:
        gone = self.members.pop(name)
        self.used_by_gone += gone.used
        if gone.held:
            self.quota.lose(gone.held)

    def _grant(self, me: Member, report: Report, now: float) -> None:
        me.granted = self._give(me, report.want, 0.0, report, now)
        me.background = me.ahead = 0
        if me.granted == report.want:
            me.background = self._give(me, report.background, report.reserve, report, now)
        me.waits = me.granted + me.background < report.want + report.background
        if report.ahead and not me.waits:
            me.ahead = self._give_ahead(me, report, now)

    def _give(self, me: Member, want: int, reserve: float, report: Report, now: float) -> int:
        if not want or now < self.closed_until:
            return 0
        unanswered, keep = self._unanswered, report.keep_probes
        if self.quota.is_shared_out(now) and not self.quota.may_probe(now):
            free = self.quota.free(unanswered, reserve, keep_probes=keep)
            want = min(want, self._share(me, want, free, now) - me.used)
        given = self.quota.grant(want, now, unanswered, reserve, keep_probes=keep)
        me.held += given
        me.used += given
        return given

    def _give_ahead(self, me: Member, report: Report, now: float) -> int:
        """Permits to keep: so many that others find some later, and only within a period."""
        quota = self.quota
        members = len(self.members)
        if not quota.is_shared_out(now) or quota.may_probe(now) or quota.contention.taken:
            return 0
        if quota.probe_permits and members <= FEW:
            return 0
        most = most_ahead(quota.limit or 0, members)
        if members > FEW:  # and come seldom: what others leave must not lie idle until then
            most = max(most, quota.free(self._unanswered) // _PART_OF_THE_REST)
        return self._give(me, min(report.ahead, most), report.reserve, report, now)

    @property
    def _allowed(self) -> int:
        period = self.quota.phase.period
        return 0 if period is None else period.allowed

    @property
    def _held(self) -> int:
        return sum(each.held for each in self.members.values())

    @property
    def _unanswered(self) -> int:
        """Permits that are out, and that the server has not counted yet.

        At most those that clients hold, as far as they reported. Many report seldom, and hold much
        that was counted long ago: of theirs it is what was given in this period, less what the
        server counted in it, unless others use the key as well.
        """
        quota, held = self.quota, self._held
        if len(self.members) <= FEW or quota.contention.taken or quota.at_once.now:
            return held
        if not isinstance(quota.phase, InPeriod):
            return held
        given = self.used_by_gone + sum(each.used for each in self.members.values())
        return min(held, max(0, given - (self.opened_with - self._allowed)))

    def _share(self, me: Member, want: int, free: int, now: float) -> int:
        """How many permits of this period may be used by a client that wants so many more.

        None is given more than it wants or less than it has; below that all get the same, as much
        as there is (max-min fairness).
        """
        members = self.members.values()
        pot = free + sum(each.used for each in members)
        claims = Counter(  # many are alike
            (each.used, each.used + want if each is me else self._claim(each, pot, now))
            for each in members
        ).items()
        low, high = 0, pot
        while low < high:
            level = (low + high) // 2
            if sum(n * max(used, min(claim, level)) for (used, claim), n in claims) < pot:
                low = level + 1
            else:
                high = level
        return low

    def _claim(self, member: Member, pot: int, now: float) -> int:
        """How many permits of this period another client will probably have used in the end."""
        if member.waits or self._will_return(member):
            return pot
        elapsed = now - self.began
        if elapsed <= 0:
            return pot if member.used else 0
        return min(pot, int(member.used * (1 + self.quota.seconds_left(now) / elapsed)))

    def _will_return(self, member: Member) -> bool:
        """Whether it is one of many, and its turn in this period is still to come."""
        if len(self.members) <= FEW or member.period == self.period:
            return False
        return bool(member.held or member.granted or member.background or member.ahead)

    def _answer(self, me: Member, report: Report, now: float) -> Answer:
        quota, members = self.quota, len(self.members)
        opens_in = max(quota.opens_at(now, self._unanswered), self.closed_until) - now
        answer = Answer(
            granted=me.granted,
            background=me.background,
            ahead=me.ahead,
            lease=min(lease_of(members), quota.seconds_left(now)),
            check_in=BEAT,
            closed_for=opens_in if quota.is_used_up(now) else 0.0,
        )
        if members > FEW:
            return self._answer_of_many(answer, opens_in, report, now)
        if me.waits:
            answer.check_in = max(self._check_in(opens_in, report.reserve, now), _SOONEST)
        return answer

    def _check_in(self, opens_in: float, reserve: float, now: float) -> float:
        """Seconds after which a client that waits had better ask again."""
        quota = self.quota
        probing = quota.probing_for(now)
        if now < self.closed_until:
            return min(opens_in, BEAT)
        if probing is not None:
            return min(max(_SOONEST, probing / 4), _LATER)
        if opens_in > _LONG_PAUSE and quota.is_used_up(now):
            return _SELDOM
        if quota.at_once.now or quota.free(self._unanswered, reserve) > 0:
            return min(opens_in, _RECHECK)
        return min(opens_in, BEAT)

    def _answer_of_many(
        self, answer: Answer, opens_in: float, report: Report, now: float
    ) -> Answer:
        """The answer to one of many: it reports no more than it must, and not when all others do.

        One that has its part, or waits, is to be quiet until its next report; any other may ask
        for more after a while, but not just when a period is over.
        """
        quota, me, members = self.quota, self.members[report.member], len(self.members)
        beat = beat_of(members)
        answer.check_in = beat
        if me.waits:
            longest = _LONG_PAUSE if answer.closed_for else beat
            answer.check_in = max(min(opens_in, longest), _SOONEST)
        answer.ends_in = quota.seconds_left(now)
        answer.delay = delay_of(report.member, quota.periods, members)
        until = min(answer.check_in, answer.lease) if me.ahead else answer.check_in
        if me.held or me.waits:
            me.gone_at = now + GONE_AFTER + max(0.0, until + answer.delay - BEAT)
        has_its_part = me.waits = me.waits or 0 < me.ahead < report.ahead  # and would take more
        answer.quiet_for = until + answer.delay if has_its_part else beat * _BREATH
        return answer

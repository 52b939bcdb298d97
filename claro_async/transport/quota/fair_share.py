"""A quota that several clients share: who may send how much now. Pure, without clock or I/O.

The state is one small record that every client loads, changes and stores in one transaction. Each
client reports what it heard and how many requests wait, and is told how many may go. Within a
window the permits are divided evenly among those who want them: everyone is kept what it will
probably use, up to an even share, and the rest goes to whoever wants more. A client that waits
wants its whole share; of one that does not, it is thought that it will go on as it began.

Clients that have not been heard of for some seconds are gone. What they held counts as used until
the window ends.
"""

from __future__ import annotations

import msgspec

from claro_async.transport.quota.period import QuotaState, Told

BEAT = 1.0
"""Seconds after which a client that waits or has requests under way reports again."""
_GONE_AFTER = 3.5
_SOONEST = 0.005  # seconds until a client looks whether another one has heard of the next window
_LATER = 0.25
_RECHECK = 0.1  # seconds until a client asks again for what others seemed to want


class Report(msgspec.Struct, frozen=True):
    """What a client tells of itself.

    Attributes:
        member: The client.
        number: Counts its reports, so that one that is told twice counts once.
        told: What replies told, in order.
        done: Requests that ended.
        lost: Those of them that were sent and had no reply.
        unused: Permits that were not used after all.
        want: Requests that wait.
        patient: Requests that wait and leave a reserve.
        reserve: The share of the quota that those leave.
        spare: Whether permits for looking are kept; see :class:`QuotaState`.
        leaving: Whether this is its last report.
    """

    member: str
    number: int
    told: list[Told] = msgspec.field(default_factory=list)
    done: int = 0
    lost: int = 0
    unused: int = 0
    want: int = 0
    patient: int = 0
    reserve: float = 0.0
    spare: bool = True
    leaving: bool = False


class Answer(msgspec.Struct, frozen=True):
    """What a client is told.

    Attributes:
        granted: How many of its requests may go.
        granted_patient: How many of those that leave a reserve may go.
        check_in: Seconds after which it had better ask again.
        closed_for: Seconds for which nobody may send, as far as is known.
        early: Whether its idea of the server's time seems wrong.
        state: The quota.
    """

    granted: int
    granted_patient: int
    check_in: float
    closed_for: float
    early: bool
    state: QuotaState


class Member(msgspec.Struct, omit_defaults=True):
    """What is known of a client.

    Attributes:
        seen: When it last reported.
        held: Permits given and not reported back yet.
        used: Permits given in this window.
        waits: Whether it wanted more than it was given.
        number: Of its last report.
        granted: What that was answered with.
        granted_patient: The same for those that leave a reserve.
    """

    seen: float
    held: int = 0
    used: int = 0
    waits: bool = False
    number: int = 0
    granted: int = 0
    granted_patient: int = 0


class SharedQuota(msgspec.Struct, omit_defaults=True):
    """The record of a shared quota.

    Attributes:
        quota: What is known of the quota.
        members: The clients.
        window: The number of the window in which `used` was counted.
        began: When that began.
    """

    quota: QuotaState = msgspec.field(default_factory=QuotaState)
    members: dict[str, Member] = msgspec.field(default_factory=dict)
    window: int = 0
    began: float = 0.0

    def settle(self, report: Report, now: float) -> Answer:
        """Take a client's report in, and say what it may send.

        Args:
            report: The report.
            now: The server's time, as that client knows it.
        """
        me = self.members.setdefault(report.member, Member(now))
        me.seen = now
        early = False
        if me.number != report.number:
            early = self._learn(report, now)
            self._take_back(me, report)
            self._forget_the_gone(now)
            me.number = report.number
            self._grant(me, report, now)
        if report.leaving:
            self._part(report.member)
        return self._answer(me, report, now, early=early)

    def _learn(self, report: Report, now: float) -> bool:
        early = False
        for told in report.told:
            early = self.quota.learn(told) or early
        if self.quota.windows != self.window:
            self.window = self.quota.windows
            self.began = now
            for member in self.members.values():
                member.used = member.held
        return early

    def _take_back(self, me: Member, report: Report) -> None:
        me.held = max(0, me.held - report.done - report.unused)
        me.used = max(0, me.used - report.unused)
        if report.lost:
            self.quota.lose(report.lost)
        if report.unused or report.done > report.lost + len(report.told):
            self.quota.give_back()

    def _forget_the_gone(self, now: float) -> None:
        for name in [n for n, each in self.members.items() if now - each.seen > _GONE_AFTER]:
            self._part(name)

    def _part(self, name: str) -> None:
        held = self.members.pop(name).held
        if held:
            self.quota.lose(held)

    def _grant(self, me: Member, report: Report, now: float) -> None:
        me.granted = self._give(me, report.want, 0.0, report, now)
        me.granted_patient = 0
        if me.granted == report.want:
            me.granted_patient = self._give(me, report.patient, report.reserve, report, now)
        me.waits = me.granted + me.granted_patient < report.want + report.patient

    def _give(self, me: Member, want: int, reserve: float, report: Report, now: float) -> int:
        if not want:
            return 0
        unanswered = self._unanswered
        if self.quota.is_shared_out(now) and not self.quota.may_look(now):
            free = self.quota.free(unanswered, reserve, spare=report.spare)
            want = min(want, self._share(me, want, free, now) - me.used)
        given = self.quota.grant(want, now, unanswered, reserve, spare=report.spare)
        me.held += given
        me.used += given
        return given

    @property
    def _unanswered(self) -> int:
        return sum(each.held for each in self.members.values())

    def _share(self, me: Member, want: int, free: int, now: float) -> int:
        """How many permits of this window may be used by one who wants so many more.

        Nobody is given more than it wants or less than it has; below that all get the same, as
        much as there is (max-min fairness).
        """
        members = self.members.values()
        pot = free + sum(each.used for each in members)
        claims = [
            (each.used, each.used + want if each is me else self._claim(each, pot, now))
            for each in members
        ]
        low, high = 0, pot
        while low < high:
            level = (low + high) // 2
            if sum(max(used, min(claim, level)) for used, claim in claims) < pot:
                low = level + 1
            else:
                high = level
        return low

    def _claim(self, member: Member, pot: int, now: float) -> int:
        """How many permits of this window another client will probably have used in the end."""
        if member.waits:
            return pot
        elapsed = now - self.began
        if elapsed <= 0:
            return pot if member.used else 0
        return min(pot, int(member.used * (1 + self.quota.left(now) / elapsed)))

    def _answer(self, me: Member, report: Report, now: float, *, early: bool) -> Answer:
        quota, unanswered = self.quota, self._unanswered
        opens_in = quota.opens_at(now, unanswered) - now
        asking = quota.asking_since(now)
        if not me.waits:
            check_in = BEAT
        elif asking is not None:
            check_in = min(max(_SOONEST, asking / 4), _LATER)
        elif quota.is_shared_out(now) and quota.free(unanswered, report.reserve) > 0:
            check_in = min(opens_in, _RECHECK)
        else:
            check_in = min(opens_in, BEAT)
        closed_for = opens_in if quota.used_up(now) else 0.0
        return Answer(
            me.granted, me.granted_patient, max(check_in, _SOONEST), closed_for, early, quota
        )

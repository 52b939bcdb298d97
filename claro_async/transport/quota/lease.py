"""Permits that one client keeps for requests to come, and when it asks for more. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from claro_async.transport.quota.fair_share import Answer


class Lease:
    """What a client was given ahead.

    Attributes:
        kept: Permits that it keeps.
        until: The moment from which they may not be used.
        reserve: The least share of the quota that any of them leaves to others.
        demand: Requests since the last report.
    """

    __slots__ = (
        "_ends_at",
        "_next",
        "_quiet_until",
        "_returns_at",
        "demand",
        "kept",
        "reserve",
        "until",
    )

    def __init__(self) -> None:
        self.kept: int = 0
        self.until: float = 0.0
        self.reserve: float = 0.0
        self.demand: int = 0
        self._next = 0
        self._quiet_until = self._ends_at = self._returns_at = -math.inf

    def take(self, reserve: float, now: float) -> bool:
        """Use one of the permits, if there is one for such a request."""
        if not self.kept or reserve > self.reserve or now >= self.until:
            return False
        self.kept -= 1
        return True

    def give_up(self) -> int:
        """Keep none any more; how many there were."""
        kept, self.kept = self.kept, 0
        return kept

    def ask(self, reserve: float, *, waiting: bool) -> int:
        """How many permits to have for the time until the next report.

        As many as were needed since the last one, and at least twice as many where they did not
        suffice: who is slow then takes little, and who is fast soon has all that it can use.

        Args:
            reserve: The share of the quota that requests leave at present.
            waiting: Whether any wait, so that no request since the last report means nothing.
        """
        if self.kept or not (self.demand or waiting):
            self._next = self.demand
        else:
            self._next = max(self._next, 2 * self.demand)
        self.demand = 0
        self.reserve = min(self.reserve, reserve) if self.kept else reserve
        return self._next

    def take_in(self, answer: Answer, now: float) -> float:
        """Keep what was given; seconds until the next report."""
        if answer.ahead:
            self.kept += answer.ahead
            self.until = now + answer.lease
        self._quiet_until = now + answer.quiet_for
        self._ends_at = now + answer.ends_in
        self._returns_at = self._ends_at + answer.delay
        soon = min(answer.check_in, answer.lease) if self.kept else answer.check_in
        return soon + answer.delay

    def quiet_for(self, now: float) -> float:
        """Seconds for which asking for more is of no use: it has its part, or others go first."""
        if self._ends_at <= now < self._returns_at:
            return self._returns_at - now
        return max(0.0, self._quiet_until - now)

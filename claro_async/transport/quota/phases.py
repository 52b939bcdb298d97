"""The phases of a key's quota, and what others take of it. Pure, without clock or I/O."""

from __future__ import annotations

import math
from typing import TypeAlias

import msgspec

from claro_async.transport.quota.period import Period

_MOST_OVERDRAWN = 3  # a third of the limit


class Unknown(msgspec.Struct, tag="unknown"):
    """Nothing is known of the present period: the next request goes alone, as a probe.

    Attributes:
        period: The last one that was known, if any.
    """

    period: Period | None = None


class Probing(msgspec.Struct, tag="probing"):
    """A request is under way to learn about the present period.

    Attributes:
        period: The last one that was known, if any.
        since: When the probe went out.
    """

    period: Period | None
    since: float


class InPeriod(msgspec.Struct, tag="in period"):
    """The permits of a period are given out.

    Attributes:
        period: The period.
    """

    period: Period


class Paused(msgspec.Struct, tag="paused"):
    """The server throttled a request: nothing may go for a while.

    Attributes:
        period: The last one that was known, if any.
        since: When that was known.
        until: The end of the pause.
        resumes: Whether the period goes on afterwards; else a probe goes ahead.
    """

    period: Period | None
    since: float
    until: float
    resumes: bool = False


class Unpaced(msgspec.Struct, tag="unpaced"):
    """The server reports no quota: everything may go.

    Attributes:
        period: None.
    """

    period: Period | None = None


Phase: TypeAlias = Unknown | Probing | InPeriod | Paused | Unpaced


class Contention(msgspec.Struct, omit_defaults=True):
    """What others take of the quota without a word to us.

    Attributes:
        taken: Permits that they may take between a reply and our next request.
        seen: Whether they were noticed in this period.
    """

    taken: int = 0
    seen: bool = False

    def notice(self, limit: int) -> None:
        """A request was throttled that should have been within what remained."""
        self.taken = min(self.taken + 1, limit // _MOST_OVERDRAWN)
        self.seen = True

    def begin_period(self) -> None:
        """Forget them little by little, in periods in which they were not noticed."""
        if not self.seen:
            self.taken = max(0, self.taken - 1)
        self.seen = False


def end_of(phase: Phase) -> float:
    """The end of a pause; no other phase ends later."""
    return phase.until if isinstance(phase, Paused) else -math.inf

"""How many requests may be under way: fewer when the server struggles, more again when it does not.

Additive increase, multiplicative decrease, as TCP does it.
"""

from __future__ import annotations

_DECREASE = 0.7
_SLOW_FACTOR = 3.0
_SLOW_SECONDS = 0.5
_SMOOTHING = 0.1


class AdaptiveLimit:
    """A limit between 1 and a cap that follows how the server copes.

    It shrinks on a sign of overload (5xx, or a smoothed latency over half a second that is three
    times the best seen), at most once for each round of requests, and grows by one a round.
    """

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._limit = float(cap)
        self._latency = 0.0
        self._best = float("inf")
        self._since_decrease = 0

    @property
    def current(self) -> int:
        """Requests that may be under way."""
        return int(self._limit)

    def succeeded(self, seconds: float) -> None:
        """A request was answered after so many seconds."""
        self._since_decrease += 1
        self._latency += _SMOOTHING * (seconds - self._latency)
        self._best = min(self._best, seconds)
        if self._latency > _SLOW_SECONDS and self._latency > _SLOW_FACTOR * self._best:
            self.struggled()
        elif self._limit < self._cap:
            self._limit = min(self._cap, self._limit + 1 / self._limit)

    def struggled(self) -> None:
        """A request met a sign of overload."""
        self._since_decrease += 1
        if self._since_decrease <= self._limit:
            return
        self._since_decrease = 0
        self._limit = max(1.0, self._limit * _DECREASE)

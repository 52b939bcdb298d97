"""A fixed-window rate limit that tells its state in the headers of every reply.

Claro's rate-limit page: ``X-RateLimit-Limit``, ``X-RateLimit-Remaining`` and
``X-RateLimit-Reset`` are on every reply, and the quota belongs to the key. A ``Date`` of the same
clock goes with them, so that the reset can be told from it.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

from claro_async.emulator.clock import Clock, ResetFormat, reset_value

if TYPE_CHECKING:
    from collections.abc import Mapping

UNLIMITED: Final = 1_000_000_000
"""The limit told in the headers when none is set."""
_SECONDS_KEPT: Final = 600


@dataclass(slots=True)
class Second:
    """What happened in one second.

    Attributes:
        second: Which, in whole epoch seconds.
        requests: How many were let through.
        throttled: How many were not.
        remaining: How many more the window had room for at its end.
    """

    second: int
    requests: int = 0
    throttled: int = 0
    remaining: int = 0


class RateLimiter:
    """Counts requests in windows that open with their first request.

    Args:
        limit: Requests a window, or None for no limit.
        window: The length of a window in seconds.
        clock: The time.
        reset_format: How ``X-RateLimit-Reset`` is written.

    Raises:
        ValueError: When the limit or the window is not positive.
    """

    def __init__(
        self, limit: int | None, window: float, clock: Clock, reset_format: ResetFormat
    ) -> None:
        self.limit: int = UNLIMITED
        self.limit_set: int | None = limit
        self.window: float = window
        self._clock = clock
        self._format = reset_format
        self._used = 0
        self._reset_at = -math.inf
        self._shared: dict[str, str] = {}
        self._shared_by = (0, "", "")
        self._history: deque[Second] = deque([Second(0)], maxlen=_SECONDS_KEPT)
        self.change(limit, window)

    def change(self, limit: int | None, window: float) -> None:
        """Set limit and window; what was used in the present window stays used.

        Raises:
            ValueError: When the limit or the window is not positive.
        """
        if limit is not None and limit < 1:
            raise ValueError("rate_limit must be at least 1, or None")
        if not (math.isfinite(window) and window > 0):
            raise ValueError("rate_window must be a positive number of seconds")
        self.limit = UNLIMITED if limit is None else limit
        self.limit_set = limit
        self._limit_text = str(self.limit)
        self._reset_at += window - self.window
        self.window = window

    def take(self) -> bool:
        """Count one request; tell whether the window had room for it."""
        now = self._clock()
        if now >= self._reset_at:
            self._used = 0
            self._reset_at = now + self.window
        second = self._history[-1]
        if now >= second.second + 1:
            second = self._second(now)
        if self._used >= self.limit:
            second.throttled += 1
            return False
        self._used += 1
        second.requests += 1
        second.remaining = self.limit - self._used
        return True

    def _second(self, now: float) -> Second:
        whole = int(now)
        last = self._history[-1]
        if last.second == whole:
            return last
        last = Second(whole)
        self._history.append(last)
        return last

    def count_throttled(self) -> None:
        """Count a request that was let through as throttled: a fault answered it with 429."""
        self._second(self._clock()).throttled += 1

    def history(self, seconds: int) -> list[Second]:
        """Read what happened in the last seconds in which anything did, oldest first."""
        begin = self._clock() - seconds
        return [each for each in self._history if each.second and each.second >= begin]

    @property
    def counted(self) -> tuple[int, int, int]:
        """The last second in which requests came, and how many were let through and throttled."""
        last = self._history[-1]
        return last.second, last.requests, last.throttled

    def present(self) -> tuple[int, float | None]:
        """Tell how many requests were used in the present window, and when it ends.

        Returns:
            The number, and epoch seconds; None where no window is open.
        """
        if self._clock() >= self._reset_at:
            return 0, None
        return self._used, self._reset_at

    def exhaust(self) -> None:
        """Use up the present window, as a 429 from elsewhere would have it."""
        self.take()
        self._used = max(self._used, self.limit)
        self._history[-1].remaining = 0

    def headers(self) -> tuple[Mapping[str, str], str]:
        """Tell the three headers of the present window, and the time.

        Returns:
            What the replies of one second share, which is kept once for all of them, and the value
            of ``X-RateLimit-Remaining``.
        """
        now = self._clock()
        used, reset_at = self._used, self._reset_at
        if now >= reset_at:
            used, reset_at = 0, now + self.window
        reset = reset_value(reset_at, now, self._format)
        shared_by = (int(now), self._limit_text, reset)
        if shared_by != self._shared_by:
            self._shared_by = shared_by
            self._shared = {
                "X-RateLimit-Limit": self._limit_text,
                "X-RateLimit-Reset": reset,
                "Date": formatdate(int(now), usegmt=True),
            }
        return self._shared, str(max(0, self.limit - used))

    def retry_after(self) -> str:
        """Write ``Retry-After``: whole seconds until the window ends, at least 1."""
        return str(max(1, math.ceil(self._reset_at - self._clock())))

"""A fixed-window rate limit that tells its state in the headers of every reply.

Claro's rate-limit page: ``X-RateLimit-Limit``, ``X-RateLimit-Remaining`` and
``X-RateLimit-Reset`` are on every reply, and the quota belongs to the key. A ``Date`` of the same
clock goes with them, so that the reset can be told from it.
"""

from __future__ import annotations

import math
from email.utils import formatdate
from typing import Final

from claro_async.emulator.clock import Clock, ResetFormat, reset_value

UNLIMITED: Final = 1_000_000_000
"""The limit told in the headers when none is set."""


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
        if limit is not None and limit < 1:
            raise ValueError("rate_limit must be at least 1, or None")
        if not (math.isfinite(window) and window > 0):
            raise ValueError("rate_window must be a positive number of seconds")
        self.limit: int = UNLIMITED if limit is None else limit
        self.window = window
        self._clock = clock
        self._format = reset_format
        self._used = 0
        self._reset_at = -math.inf
        self._date = (0, "")

    def take(self) -> bool:
        """Count one request; tell whether the window had room for it."""
        now = self._clock()
        if now >= self._reset_at:
            self._used = 0
            self._reset_at = now + self.window
        if self._used >= self.limit:
            return False
        self._used += 1
        return True

    def exhaust(self) -> None:
        """Use up the present window, as a 429 from elsewhere would have it."""
        self.take()
        self._used = self.limit

    def headers(self) -> dict[str, str]:
        """Write the three headers of the present window, and the time."""
        now = self._clock()
        used, reset_at = self._used, self._reset_at
        if now >= reset_at:
            used, reset_at = 0, now + self.window
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(0, self.limit - used)),
            "X-RateLimit-Reset": reset_value(reset_at, now, self._format),
            "Date": self._http_date(int(now)),
        }

    def _http_date(self, second: int) -> str:
        if second != self._date[0]:
            self._date = (second, formatdate(second, usegmt=True))
        return self._date[1]

    def retry_after(self) -> str:
        """Write ``Retry-After``: whole seconds until the window ends, at least 1."""
        return str(max(1, math.ceil(self._reset_at - self._clock())))

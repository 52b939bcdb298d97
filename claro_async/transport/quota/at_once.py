"""How many requests at once the server takes, where it throttles more although requests remain.

1. Until that happens there is no limit.
2. When it happens, one less than were under way is the most, and half of that go on at first.
3. Each success allows one more, up to the most.
4. At the most, many successes in a row allow one more, so that a limit that was raised is found.
5. Ten minutes without such a 429 end the limit.
"""

from __future__ import annotations

import msgspec

_SUCCESSES_FOR_ONE_MORE = 50  # for each request at once
_FORGOTTEN_AFTER = 600.0  # seconds


class AtOnce(msgspec.Struct, omit_defaults=True):
    """The limit of requests under way at once.

    Attributes:
        now: How many may be under way; 0 for no limit.
        most: Up to how many it may grow.
        successes: How many there were at the most.
        since: When the last request was throttled for it.
    """

    now: int = 0
    most: int = 0
    successes: int = 0
    since: float = 0.0

    def throttle(self, others: int, at: float) -> None:
        """A request was throttled while so many others were under way."""
        self.most = max(1, min(others, self.most or others))
        self.now = max(1, self.most // 2)
        self.successes = 0
        self.since = at

    def succeed(self, at: float) -> None:
        """A request was answered otherwise."""
        if at > self.since + _FORGOTTEN_AFTER:
            self.now = self.most = 0
        elif self.now < self.most:
            self.now += 1
        else:
            self.successes += 1
            if self.successes >= _SUCCESSES_FOR_ONE_MORE * self.now:
                self.most += 1
                self.successes = 0

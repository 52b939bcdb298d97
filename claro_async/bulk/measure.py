"""Figures of a run in memory that does not grow with it: latencies and a course over time."""

from __future__ import annotations

from bisect import bisect_left

import attrs

_GROWTH = 1.1
_BOUNDS: tuple[float, ...] = tuple(
    0.0001 * _GROWTH**step for step in range(160)
)  # 0.1 ms to 7 minutes
_MAX_BINS = 600


class LatencyHistogram:
    """Latencies in buckets that are 10% wide, so percentiles are right to 5%."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_BOUNDS) + 1)

    @property
    def total(self) -> int:
        """How many latencies were counted."""
        return sum(self._counts)

    def add(self, seconds: float) -> None:
        """Count one latency."""
        self._counts[bisect_left(_BOUNDS, seconds)] += 1

    def merge(self, other: LatencyHistogram) -> None:
        """Count the latencies of another one, too."""
        self._counts = [
            mine + theirs for mine, theirs in zip(self._counts, other._counts, strict=True)
        ]

    def percentile(self, share: float) -> float | None:
        """The latency in seconds below which this share (0 to 1) lies; None without any."""
        total = self.total
        if not total:
            return None
        rank = share * total
        for at, count in enumerate(self._counts):
            rank -= count
            if rank <= 0 and count:
                return float(_BOUNDS[min(at, len(_BOUNDS) - 1)] / _GROWTH**0.5)
        return _BOUNDS[-1]


@attrs.define
class Bin:
    """What happened in one stretch of time.

    Attributes:
        edits: Edits applied.
        concurrency: The most requests under way.
        throttled: Replies with 429.
        errors: Replies with 5xx, and attempts without a usable reply.
    """

    edits: int = 0
    concurrency: int = 0
    throttled: int = 0
    errors: int = 0


@attrs.define
class Timeline:
    """The course of a run, in at most 600 bins that get wider as it goes on.

    Attributes:
        width: Seconds a bin.
        bins: The bins from the start.
    """

    width: float = 0.1
    bins: list[Bin] = attrs.Factory(list)

    def at(self, seconds: float) -> Bin:
        """The bin of a moment, in seconds since the start."""
        try:
            return self.bins[int(seconds / self.width)]
        except IndexError:  # the first of a bin
            return self._reach(seconds)

    def _reach(self, seconds: float) -> Bin:
        place = int(seconds / self.width)
        while place >= _MAX_BINS:
            self._halve()
            place //= 2
        while len(self.bins) <= place:
            self.bins.append(Bin())
        return self.bins[place]

    def merge(self, other: Timeline) -> None:
        """Add the course of another run that began at the same time."""
        for place, theirs in enumerate(other.bins):
            mine = self.at(place * other.width)
            mine.edits += theirs.edits
            mine.concurrency = max(mine.concurrency, theirs.concurrency)
            mine.throttled += theirs.throttled
            mine.errors += theirs.errors

    def _halve(self) -> None:
        pairs = zip(self.bins[::2], [*self.bins[1::2], Bin()], strict=False)
        self.bins = [
            Bin(
                a.edits + b.edits,
                max(a.concurrency, b.concurrency),
                a.throttled + b.throttled,
                a.errors + b.errors,
            )
            for a, b in pairs
        ]
        self.width *= 2

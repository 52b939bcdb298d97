"""Time for the emulator: an injectable clock, and the forms in which times are written."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Final, Literal, TypeAlias

Clock: TypeAlias = Callable[[], float]
"""Returns the time as seconds since the epoch (UTC)."""

ResetFormat: TypeAlias = Literal["epoch", "epoch-ms", "delta", "http-date", "iso"]
"""How ``X-RateLimit-Reset`` is written; the documents leave the unit open."""

RESET_FORMATS: Final[tuple[ResetFormat, ...]] = ("epoch", "epoch-ms", "delta", "http-date", "iso")


class ManualClock:
    """A clock that moves only when told to, so that tests need not wait.

    Args:
        start: The first time told, in seconds since the epoch.
    """

    def __init__(self, start: float = 1_710_430_200.0) -> None:
        self._now = start

    def __call__(self) -> float:
        """Return the present time in seconds since the epoch."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock.

        Args:
            seconds: How far, in seconds; not negative.

        Raises:
            ValueError: When ``seconds`` is negative.
        """
        if seconds < 0:
            raise ValueError("a clock does not run backwards")
        self._now += seconds


def iso_seconds(timestamp: float) -> str:
    """Write a time as the samples of the documents do: ``2024-03-14T15:30:00Z``."""
    return datetime.fromtimestamp(int(timestamp), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def reset_value(reset_at: float, now: float, form: ResetFormat) -> str:
    """Write the end of a rate-limit window in the wanted form, never too early.

    Args:
        reset_at: The end of the window, in seconds since the epoch.
        now: The present time, in seconds since the epoch.
        form: One of `RESET_FORMATS`.

    Returns:
        The value of ``X-RateLimit-Reset``.
    """
    if form == "epoch-ms":
        return str(math.ceil(reset_at * 1000))
    if form == "delta":
        return str(max(0, math.ceil(reset_at - now)))
    if form == "http-date":
        return formatdate(math.ceil(reset_at), usegmt=True)
    if form == "iso":
        moment = datetime.fromtimestamp(reset_at, UTC)
        return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return str(math.ceil(reset_at))

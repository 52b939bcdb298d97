"""How far a command is, on stderr: a line that is drawn anew on a terminal, else now and then one.

It is written by the clock, so that it also tells how long a pause of the quota still takes.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async.progress import Progress
    from claro_async.transport.events import Event
    from claro_async.transport.quota.headers import RateLimit

REDRAW = 0.25
"""Seconds between two drawings on a terminal."""
REPEAT = 10.0
"""Seconds between two lines elsewhere."""
_BAR = 20  # characters
_CLEAR = "\r\x1b[2K"


class HasRateLimit(Protocol):
    """A client, as far as it is looked at here."""

    @property
    def rate_limit(self) -> RateLimit:
        """The key's rate limit."""


class Meter:
    """How far a command is, and the line that says so.

    Args:
        label: What is being done, such as ``exporting``.
        monotonic: A clock in seconds.

    Attributes:
        progress: The last report of the work, or None before the first.
    """

    def __init__(self, label: str, monotonic: Callable[[], float]) -> None:
        self.progress: Progress | None = None
        self._label = label
        self._monotonic = monotonic
        self._paused_until: float | None = None

    def observe(self, event: Event) -> None:
        """Take an event of the client: pauses of the quota count."""
        from claro_async.transport.events import QuotaPaused, QuotaResumed  # noqa: PLC0415 - light

        if isinstance(event, QuotaPaused):
            self._paused_until = self._monotonic() + event.seconds
        elif isinstance(event, QuotaResumed):
            self._paused_until = None

    def line(self, limit: RateLimit | None, *, bar: str = "") -> str:
        """What there is to say, in one line.

        Args:
            limit: The rate limit as it was reported last.
            bar: Two characters, for the part that is done and the rest, to draw a bar with.
        """
        pause = self._pause()
        parts = [self._label, *self._counts(bar, pause), _quota(limit)]
        if pause:
            until = time.strftime("%H:%M:%S", time.localtime(time.time() + pause))
            parts.append(f"quota pause until {until} ({pause:.0f} s)")
        return _line(parts)

    def _pause(self) -> float:
        if self._paused_until is None:
            return 0.0
        return max(0.0, self._paused_until - self._monotonic())

    def _counts(self, bar: str, pause: float) -> list[str]:
        progress = self.progress
        if progress is None:
            return []
        rate = progress.done / progress.seconds if progress.seconds > 0 else 0.0
        unit = "" if progress.unit == "bytes" else f" {progress.unit}"
        per_second = f"{_count(rate, progress.unit)}/s" if progress.done else ""
        if progress.total is None or progress.fraction is None:
            return [f"{_count(progress.done, progress.unit)}{unit}", per_second]
        done = f"{_count(progress.done, progress.unit)}/{_count(progress.total, progress.unit)}"
        drawn = round(progress.fraction * _BAR)
        left = progress.total - progress.done
        return [
            bar[:1] * drawn + bar[1:] * (_BAR - drawn),
            f"{done}{unit}",
            f"{progress.fraction:.0%}",
            per_second,
            f"{duration(max(pause, left / rate))} to go" if rate and left > 0 else "",
        ]


class ProgressDisplay:
    """Writes a meter's line; an async context manager around the work.

    Call it with each report of the work (``on_progress=display``), and hand it the client's events.

    Args:
        meter: What to write.
        stream: Where to, or None for nowhere.
        client: Whose rate limit is shown.
        terminal: Whether the stream is a terminal.
    """

    def __init__(
        self, meter: Meter, stream: IO[str] | None, client: HasRateLimit, *, terminal: bool
    ) -> None:
        self._meter = meter
        self._stream = stream
        self._client = client
        self._terminal = terminal
        self._task: asyncio.Task[None] | None = None

    def __call__(self, progress: Progress) -> None:
        """Take a report of the work."""
        self._meter.progress = progress

    async def __aenter__(self) -> Self:
        if self._stream is not None:
            self._task = asyncio.create_task(self._write_by_the_clock())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self.clear()

    def clear(self) -> None:
        """Take the line off the terminal, so that something else can be written."""
        if self._terminal:
            self._write(_CLEAR)

    async def _write_by_the_clock(self) -> None:
        while True:
            await asyncio.sleep(REDRAW if self._terminal else REPEAT)
            self._write(self._drawn() if self._terminal else self._text() + "\n")

    def _text(self, bar: str = "") -> str:
        return self._meter.line(self._client.rate_limit, bar=bar)

    def _drawn(self) -> str:
        width = shutil.get_terminal_size().columns
        encoding = (getattr(self._stream, "encoding", "") or "").lower()
        text = self._text("█░" if encoding.startswith("utf") else "#.")
        return _CLEAR + text[: width - 1]

    def _write(self, text: str) -> None:
        if self._stream is not None:
            with suppress(OSError):  # nobody looks; the work goes on
                self._stream.write(text)
                self._stream.flush()


def duration(seconds: float) -> str:
    """A time for people: ``45 s``, ``12 min``, ``3 h 20 min``, ``2 d 4 h``."""
    minutes, hours, days = seconds / 60, seconds / 3600, seconds / 86_400
    if seconds < 99.5:  # noqa: PLR2004 - two digits of seconds
        return f"{seconds:.0f} s"
    if minutes < 99.5:  # noqa: PLR2004 - two digits of minutes
        return f"{minutes:.0f} min"
    if hours < 48:  # noqa: PLR2004 - days from the third on
        return f"{int(hours)} h {int(minutes % 60)} min"
    return f"{int(days)} d {int(hours % 24)} h"


def size(number: float) -> str:
    """A number of bytes for people: ``999 B``, ``12.3 MB``."""
    for unit in ("B", "kB", "MB"):
        if number < 999.5:  # noqa: PLR2004 - three digits
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.2f} GB"


def _count(number: float, unit: str) -> str:
    if unit == "bytes":
        return size(number)
    return f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"  # noqa: PLR2004


def _quota(limit: RateLimit | None) -> str:
    if limit is None or limit.remaining is None:
        return ""
    of = "" if limit.limit is None else f"/{limit.limit}"
    return f"quota left {limit.remaining}{of}"


def _line(parts: list[str]) -> str:
    return "  ".join(filter(None, parts))

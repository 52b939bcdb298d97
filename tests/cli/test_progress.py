"""What is said of the progress of a command."""

from __future__ import annotations

import asyncio
import io
from types import SimpleNamespace

import pytest

from claro_async.cli import progress
from claro_async.cli.progress import Meter, ProgressDisplay, duration, size
from claro_async.progress import Progress
from claro_async.transport.events import QuotaPaused, QuotaResumed
from claro_async.transport.quota.headers import RateLimit


def report(done: int, total: int | None, seconds: float, unit: str = "rows") -> Progress:
    """How far some work is."""
    return Progress(unit=unit, done=done, total=total, seconds=seconds)  # type: ignore[arg-type]


def test_the_line_says_all_that_is_known() -> None:
    """Done, total, share, rate, time to go and the quota that is left stand in one line."""
    meter = Meter("exporting", lambda: 0.0)
    meter.progress = report(12_000, 48_000, 10.0)
    line = meter.line(RateLimit(100, 37))
    assert line == "exporting  12,000/48,000 rows  25%  1,200/s  30 s to go  quota left 37/100"


def test_the_line_says_what_is_known_only() -> None:
    """Without a total, a rate limit or a report, those parts are left out."""
    meter = Meter("reading", lambda: 0.0)
    assert meter.line(None) == "reading"
    meter.progress = report(5, None, 2.0)
    assert meter.line(RateLimit()) == "reading  5 rows  2.5/s"
    meter.progress = report(2_500_000, None, 1.0, "bytes")
    assert meter.line(None) == "reading  2.5 MB  2.5 MB/s"


def test_a_pause_of_the_quota_is_counted_down() -> None:
    """During a pause the line says until when, and the time to go is no shorter than the pause."""
    now = 100.0
    meter = Meter("setting", lambda: now)
    meter.progress = report(90, 100, 9.0, "edits")
    meter.observe(QuotaPaused(seconds=42.0, waiting=3, throttled=True))
    assert "(42 s)" in meter.line(None)
    assert "42 s to go" in meter.line(None)
    now += 30.0
    assert "(12 s)" in meter.line(None)
    meter.observe(QuotaResumed(waiting=3))
    assert "pause" not in meter.line(None)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (99, "99 s"),
        (100, "2 min"),
        (5400, "90 min"),
        (12_000, "3 h 20 min"),
        (188_000, "2 d 4 h"),
    ],
)
def test_times_are_written_for_people(seconds: float, text: str) -> None:
    """A time has one or two units."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (12_345_678, "12.3 MB"), (5e9, "5.00 GB")],
)
def test_sizes_are_written_for_people(number: float, text: str) -> None:
    """A size has one unit."""
    assert size(number) == text


async def shown(monkeypatch: pytest.MonkeyPatch, *, terminal: bool, encoding: str) -> str:
    """What a display writes in the time of a few lines."""
    monkeypatch.setattr(progress, "REDRAW" if terminal else "REPEAT", 0.0)
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
    meter = Meter("exporting", lambda: 0.0)
    client = SimpleNamespace(rate_limit=RateLimit(100, 37))
    async with ProgressDisplay(meter, stream, client, terminal=terminal) as display:
        display(report(50, 100, 1.0))
        for _ in range(10):
            await asyncio.sleep(0)
    return raw.getvalue().decode(encoding)


async def test_elsewhere_it_is_a_plain_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Off a terminal, every ten seconds, there is a whole line without any control sequence."""
    assert progress.REPEAT == 10.0
    text = await shown(monkeypatch, terminal=False, encoding="utf-8")
    assert "\x1b" not in text
    assert "\r" not in text
    assert "exporting  50/100 rows  50%  50/s  1 s to go  quota left 37/100" in text.splitlines()


@pytest.mark.parametrize(("encoding", "bar"), [("utf-8", "█░"), ("ascii", "#.")])
async def test_a_terminal_gets_one_line_with_a_bar(
    monkeypatch: pytest.MonkeyPatch, encoding: str, bar: str
) -> None:
    """On a terminal the line is drawn anew, within its width, and is gone in the end."""
    text = await shown(monkeypatch, terminal=True, encoding=encoding)
    assert "\n" not in text
    assert bar[0] * 10 + bar[1] * 10 in text
    assert text.endswith("\r\x1b[2K")
    assert max(len(part) for part in text.split("\r\x1b[2K")) < 80


async def test_a_terminal_that_went_away_ends_nothing() -> None:
    """A stderr that cannot be written any more is passed over: the work goes on."""

    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    meter = Meter("exporting", lambda: 0.0)
    client = SimpleNamespace(rate_limit=RateLimit())
    async with ProgressDisplay(meter, Gone(), client, terminal=True) as display:
        display(report(1, 2, 1.0))

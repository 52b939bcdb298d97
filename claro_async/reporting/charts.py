"""Drawings for the report of a bulk update, as SVG text that stands in a page."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from claro_async.reporting.record import Course, Moment

_WIDTH = 960
_LEFT, _RIGHT = 64, 16
_PANEL = 150
_RUG = 18
_UNITS = ((10_800.0, 3600.0, "hours"), (180.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))
_TIME_STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600)
_MAX_TIME_TICKS = 10
_MAX_VALUE_TICKS = 4


@attrs.frozen
class _Row:
    """A row of ticks under the panels, one for each bin in which something happened."""

    label: str
    style: str
    count: Callable[[Moment], int]


_ROWS = (
    _Row("429", "limited", lambda each: each.throttled),
    _Row("errors", "error", lambda each: each.errors),
)


def timeline(course: Course, seconds: float) -> str:
    """Edits a second and requests under way over time, with ticks for 429 and errors.

    Args:
        course: What happened when.
        seconds: How long the run was.
    """
    if not course.bins:
        return '<p class="muted">Nothing was sent.</p>'
    span = max(seconds, len(course.bins) * course.width)
    rates = [each.edits / course.width for each in course.bins]
    loads = [float(each.concurrency) for each in course.bins]
    bottom = 2 * (_PANEL + 40)
    height = bottom + _RUG * len(_ROWS) + 44
    parts = [
        _panel(20, rates, course.width, span, title="edits a second", style="rate"),
        _panel(_PANEL + 60, loads, course.width, span, title="requests under way", style="load"),
        *(
            _rug(bottom + at * _RUG, row, course.bins, course.width, span)
            for at, row in enumerate(_ROWS)
        ),
        _time_axis(bottom + _RUG * len(_ROWS), span),
    ]
    text = (
        f"Over {span:,.1f} seconds: at most {max(rates):,.1f} edits a second and"
        f" {max(loads):,.0f} requests under way;"
        f" throttled with 429: {sum(each.throttled for each in course.bins):,};"
        f" server errors and lost replies: {sum(each.errors for each in course.bins):,}."
    )
    return _drawing(height, "The run over time", text, parts)


def shares(parts: Sequence[tuple[str, str, int]]) -> str:
    """One bar, divided in proportion.

    Args:
        parts: A label, a CSS class and a number for each part.
    """
    total = sum(number for _, _, number in parts) or 1
    pieces: list[str] = []
    left = 0.0
    for label, style, number in parts:
        width = _WIDTH * number / total
        if number:
            pieces.append(
                f'<rect class="{style}" x="{left:.2f}" y="0" width="{max(width, 1):.2f}"'
                f' height="22"><title>{escape(label)}: {number:,}</title></rect>'
            )
        left += width
    text = ", ".join(f"{number:,} {label}" for label, _, number in parts)
    return _drawing(22, "What became of the edits", text, pieces)


def bar(share: float, style: str) -> str:
    """A small bar for a cell of a table, from 0 to 1; what it shows stands beside it."""
    return (
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{style}" width="{100 * share:.1f}" height="8" /></svg>'
    )


def _drawing(height: int, title: str, text: str, parts: Iterable[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img">'
        f"<title>{escape(title)}</title><desc>{escape(text)}</desc>{''.join(parts)}</svg>"
    )


def _panel(  # noqa: PLR0913 - a panel's place, data and looks
    top: int, values: Sequence[float], width: float, span: float, *, title: str, style: str
) -> str:
    ticks = _value_ticks(max(values) or 1.0)
    highest = ticks[-1]
    bottom = top + _PANEL
    parts = [f'<text class="heading" x="{_LEFT}" y="{top - 6}">{escape(title)}</text>']
    for tick in ticks:
        y = bottom - _PANEL * tick / highest
        parts.append(
            f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" />'
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:,g}</text>'
        )
    steps = [f"M{_LEFT} {bottom}"]
    for at, value in enumerate(values):
        y = bottom - _PANEL * value / highest
        steps.append(f"V{y:.1f}H{_x((at + 1) * width, span):.1f}")
    steps.append(f"V{bottom}Z")
    parts.append(f'<path class="{style}" d="{"".join(steps)}" />')
    return "".join(parts)


def _rug(top: int, row: _Row, bins: Sequence[Moment], width: float, span: float) -> str:
    parts = [f'<text x="{_LEFT - 8}" y="{top + 12}" text-anchor="end">{row.label}</text>']
    for at, each in enumerate(bins):
        if number := row.count(each):
            x = _x((at + 0.5) * width, span)
            parts.append(
                f'<path class="{row.style} tick" d="M{x:.1f} {top + 2}v12">'
                f"<title>{number:,} at {_duration(at * width)}</title></path>"
            )
    return "".join(parts)


def _time_axis(top: int, span: float) -> str:
    unit, name = next((unit, name) for least, unit, name in _UNITS if span >= least)
    step = _time_step(span)
    parts = [f'<path class="axis" d="M{_LEFT} {top + 2}H{_WIDTH - _RIGHT}" />']
    for number in range(int(span / step + 1e-9) + 1):
        x = _x(number * step, span)
        label = f"{number * step / unit:g}"
        parts.append(
            f'<path class="axis" d="M{x:.1f} {top + 2}v5" />'
            f'<text x="{x:.1f}" y="{top + 20}" text-anchor="middle">{label}</text>'
        )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    title = f"{name} since the start"
    parts.append(f'<text x="{middle:.1f}" y="{top + 38}" text-anchor="middle">{title}</text>')
    return "".join(parts)


def _x(moment: float, span: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * min(moment / span, 1.0)


def _time_step(span: float) -> float:
    """The least handsome step with which the axis is not crowded."""
    least = span / _MAX_TIME_TICKS
    days = 86_400.0 * math.ceil(least / 86_400)
    return _handsome(least) if least < 1 else next((s for s in _TIME_STEPS if s >= least), days)


def _value_ticks(highest: float) -> list[float]:
    step = _handsome(highest / _MAX_VALUE_TICKS)
    return [number * step for number in range(math.ceil(highest / step - 1e-9) + 1)]


def _handsome(least: float) -> float:
    """The least of 1, 2 and 5 times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(each * power for each in (1, 2, 5, 10) if each * power >= least * (1 - 1e-9))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    if hours:
        return f"{hours}:{minutes:02}:{int(rest):02}"
    return f"{minutes}:{int(rest):02}" if minutes else f"{rest:.1f} s"

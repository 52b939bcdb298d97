"""The report of a bulk update as one page: no script, and nothing from elsewhere."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from claro_async.errors import APIStatusError
from claro_async.reporting import charts
from claro_async.reporting.parts import (
    MAX_LISTED,
    Column,
    document,
    more,
    section,
    table,
    text,
    words,
    write_page,
)
from claro_async.reporting.record import RevertRun

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from claro_async.reporting.record import Outcome, Run

_PERCENTILES = ((0.5, "50%"), (0.75, "75%"), (0.9, "90%"), (0.95, "95%"), (0.99, "99%"))
_STATUSES = ("updated", "unchanged", "superseded", "failed", "not_sent", "unknown")


def write_report(report: Run, path: str | Path) -> None:
    """Write a report as one page; an older file at the path is replaced in one step.

    Args:
        report: What became of the edits.
        path: Where the page is to be.

    Raises:
        OSError: It cannot be written, since a folder or a device stands there, say; what was there
            stays, and nothing is left behind.
    """
    write_page(path, page(report))


def page(report: Run) -> str:
    """The page as text: HTML that is well-formed XML, too."""
    title = "Revert" if isinstance(report, RevertRun) else "Bulk update"
    sections = [
        f"<h1>{title}</h1>",
        _lead(report),
        _stopped(report),
        _notes(report),
        _counts(report),
        section("Over time", charts.timeline(report.timeline, report.seconds)),
        _latency(report),
        _requests(report),
        _causes(report.failures),
        _outcomes("Failures", report.failures),
        _outcomes("Overwrote another change", report.conflicts),
        _skipped(report),
    ]
    summary = f"{title}: {report.updated:,} of {report.total:,} edits applied"
    return document(summary, sections)


def _lead(report: Run) -> str:
    lead = f"{report.total:,} edits in {_duration(report.seconds)}"
    if report.seconds > 0 and report.updated:
        lead += f", {report.updated / report.seconds:,.1f} applied a second"
    return f'<p class="lead">{lead}</p>'


def _stopped(report: Run) -> str:
    error = report.stopped_by
    if error is None:
        if not report.stop_requested:
            return ""
        return '<p class="stopped"><strong>Stopped before its end</strong> on request</p>'
    return (
        '<p class="stopped"><strong>Stopped before its end</strong> by'
        f" {text(type(error).__name__)}: {text(error)}</p>"
    )


def _notes(report: Run) -> str:
    return "".join(f'<p class="muted">Note: {text(note)}</p>' for note in report.notes)


def _counts(report: Run) -> str:
    numbers = [(status, getattr(report, status)) for status in _STATUSES]
    tiles = "".join(
        f'<div class="of-{status}"><dt>{words(status)}</dt><dd>{number:,}</dd></div>'
        for status, number in numbers
    )
    bar = charts.shares([(words(status), status, number) for status, number in numbers])
    return f'<section>{bar}<dl class="counts">{tiles}</dl></section>'


def _latency(report: Run) -> str:
    latencies = [(label, report.latency.percentile(share)) for share, label in _PERCENTILES]
    known = [(label, seconds) for label, seconds in latencies if seconds is not None]
    if not known:
        return ""
    longest = max(seconds for _, seconds in known)
    rows = (
        [label, _milliseconds(seconds), charts.bar(seconds / longest, "rate")]
        for label, seconds in known
    )
    head = (Column("of requests within"), Column("latency", "number"), Column(""))
    note = (
        f'<p class="muted">From sending to the reply, {report.latency.total:,} requests;'
        " right to 5%.</p>"
    )
    return section("Latency", table(head, rows) + note)


def _requests(report: Run) -> str:
    rows = [
        ["for edits", f"{report.requests:,}"],
        ["of these, repeats", f"{report.retries:,}"],
        ["to read pages", f"{report.pages_read:,}"],
        ["throttled (429)", f"{report.throttled:,}"],
        ["time waited for the quota, summed over requests", _duration(report.seconds_waited)],
    ]
    head = (Column("what"), Column("how many", "number"))
    return section("Requests", table(head, rows))


def _causes(failures: Sequence[Outcome]) -> str:
    if not failures:
        return ""
    causes = Counter(_cause(outcome) for outcome in failures)
    most = max(causes.values())
    rows = (
        [
            text(code),
            text(kind),
            text(status),
            f"{number:,}",
            charts.bar(number / most, "failed"),
        ]
        for (code, kind, status), number in causes.most_common(MAX_LISTED)
    )
    head = (
        *(Column("code"), Column("error"), Column("status")),
        *(Column("edits", "number"), Column("")),
    )
    return section("Failures by code", f'<div class="wide">{table(head, rows)}</div>')


def _cause(outcome: Outcome) -> tuple[str, str, str]:
    error = outcome.error
    if isinstance(error, APIStatusError):
        status = f"HTTP {error.status}" if error.status else "\u2013"  # none: no server said so
        return error.code or "\u2013", type(error).__name__, status
    return "\u2013", "\u2013" if error is None else type(error).__name__, "\u2013"


def _outcomes(title: str, outcomes: Sequence[Outcome]) -> str:
    if not outcomes:
        return ""
    rows = (
        [
            f"{outcome.index:,}",
            f"<code>{_cell(outcome)}</code>",
            words(outcome.status),
            f"{outcome.attempts:,}",
            "" if outcome.error is None else text(outcome.error),
        ]
        for outcome in outcomes[:MAX_LISTED]
    )
    head = (
        *(Column("edit", "number"), Column("cell", "long"), Column("became")),
        *(Column("attempts", "number"), Column("why", "long")),
    )
    return section(title, f'<div class="wide">{table(head, rows)}</div>{more(len(outcomes))}')


def _skipped(report: Run) -> str:
    if not isinstance(report, RevertRun):
        return ""
    note = "<p>Metadata that the cells had before cannot be restored.</p>"
    if not report.skipped_count:
        return section("Not set back", note)
    rows = (
        [f"<code>{text(each.cell_id)}</code>", text(each.reason)]
        for each in report.skipped[:MAX_LISTED]
    )
    shown = table((Column("cell", "long"), Column("why", "long")), rows)
    return section("Not set back", note + shown + more(report.skipped_count))


def _cell(outcome: Outcome) -> str:
    return text(outcome.edit.cell_id or "\u2013")


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms" if seconds < 1 else f"{seconds:,.2f} s"


def _duration(seconds: float) -> str:
    for size, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            whole, rest = divmod(round(seconds), size)
            smaller = {86_400: (3600, "h"), 3600: (60, "min"), 60: (1, "s")}[size]
            return f"{whole:,} {name} {rest // smaller[0]} {smaller[1]}"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"

"""The report of a bulk update as one page: no script, and nothing from elsewhere."""

from __future__ import annotations

import re
from collections import Counter
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from claro_async._version import __version__
from claro_async.errors import APIStatusError, TransferError
from claro_async.reporting import charts
from claro_async.reporting.record import RevertRun
from claro_async.storage.atomic import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from claro_async.reporting.record import Outcome, Run

_MAX_LISTED = 100
_MAX_TEXT = 300
# what neither HTML nor UTF-8 can carry, and what turns the direction of the text around it
_UNSHOWN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]"
)
_PERCENTILES = ((0.5, "50%"), (0.75, "75%"), (0.9, "90%"), (0.95, "95%"), (0.99, "99%"))
_STATUSES = ("updated", "unchanged", "superseded", "failed", "not_sent", "unknown")

_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2128; --muted: #5b6570;
  --line: #d8dee4; --blue: #0b65c2; --violet: #7a4fcf; --green: #1a7f37; --grey: #8c959f;
  --sand: #c3b8a5; --red: #c62828; --amber: #b45309; --teal: #0f766e; }
@media (prefers-color-scheme: dark) { :root { --paper: #12161c; --ink: #e6eaef;
  --muted: #9aa4af; --line: #333b45; --blue: #5aa9ff; --violet: #b392f0; --green: #4cc26b;
  --grey: #7d8590; --sand: #8d8371; --red: #ff6b60; --amber: #f0a13a; --teal: #3fc7b8; } }
* { box-sizing: border-box; }
body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; }
.muted { color: var(--muted); } .lead { margin: .2rem 0 1.4rem; color: var(--muted); }
.stopped { border-left: 4px solid var(--red); padding: .4rem .9rem; margin: 1rem 0; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--muted); font-size: 13px; font-family: inherit; }
svg .heading { fill: var(--ink); font-weight: 600; }
.grid, .axis { stroke: var(--line); fill: none; } .axis { stroke: var(--muted); }
.rate { fill: var(--blue); } .load { fill: var(--violet); }
.tick { stroke-width: 2; } .limited { stroke: var(--amber); } .error { stroke: var(--red); }
.updated { fill: var(--green); } .unchanged { fill: var(--grey); }
.superseded { fill: var(--sand); } .failed { fill: var(--red); } .not_sent { fill: var(--amber); }
.unknown { fill: var(--violet); }
.counts { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .8rem;
  margin: 1rem 0 0; }
.counts div { border-top: 4px solid currentColor; padding-top: .3rem; }
.counts dt { color: var(--muted); font-size: .9rem; }
.counts dd { margin: 0; color: var(--ink); font-size: 1.4rem; font-variant-numeric: tabular-nums; }
.of-updated { color: var(--green); } .of-unchanged { color: var(--grey); }
.of-superseded { color: var(--sand); } .of-failed { color: var(--red); }
.of-not_sent { color: var(--amber); } .of-unknown { color: var(--violet); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--muted); font-size: .9rem; }
.number { text-align: right; white-space: nowrap; width: 1%; }
.long { overflow-wrap: anywhere; }
.bar { height: .6rem; margin-top: .45rem; min-width: 6rem; }
code { font: .9em ui-monospace, monospace; }
.wide { overflow-x: auto; }
footer { margin: 3rem 0 1rem; color: var(--muted); font-size: .9rem; }
@media print { body { margin: 0; max-width: none; } }
"""


def write_report(report: Run, path: str | Path) -> None:
    """Write a report as one page; an older file at the path is replaced in one step.

    Args:
        report: What became of the edits.
        path: Where the page is to be.

    Raises:
        OSError: It cannot be written, since a folder or a device stands there, say; what was there
            stays, and nothing is left behind.
    """
    try:
        write_whole(Path(path), page(report).encode())
    except TransferError as error:  # nothing is transferred here
        raise OSError(str(error)) from None


def page(report: Run) -> str:
    """The page as text: HTML that is well-formed XML, too."""
    title = "Revert" if isinstance(report, RevertRun) else "Bulk update"
    sections = [
        f"<h1>{title}</h1>",
        _lead(report),
        _stopped(report),
        _notes(report),
        _counts(report),
        _section("Over time", charts.timeline(report.timeline, report.seconds)),
        _latency(report),
        _requests(report),
        _causes(report.failures),
        _outcomes("Failures", report.failures),
        _outcomes("Overwrote another change", report.conflicts),
        _skipped(report),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8" />'
        '<meta name="viewport" content="width=device-width, initial-scale=1" />'
        '<meta http-equiv="Content-Security-Policy"'
        " content=\"default-src 'none'; style-src 'unsafe-inline'\" />"
        f"<title>{title}: {report.updated:,} of {report.total:,} edits applied</title>"
        f"<style>{_STYLE}</style></head>\n<body><main>\n"
        + "\n".join(section for section in sections if section)
        + f"\n</main><footer>Written by claro-async {__version__}.</footer></body></html>\n"
    )


def _text(value: object) -> str:
    """Any text, cut to a length that can be read, and escaped."""
    text = str(value)
    if len(text) > _MAX_TEXT:
        text = text[: _MAX_TEXT - 1] + "\u2026"
    return escape(_UNSHOWN.sub("\ufffd", text))


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>"


def _lead(report: Run) -> str:
    words = f"{report.total:,} edits in {_duration(report.seconds)}"
    if report.seconds > 0 and report.updated:
        words += f", {report.updated / report.seconds:,.1f} applied a second"
    return f'<p class="lead">{words}</p>'


def _stopped(report: Run) -> str:
    error = report.stopped_by
    if error is None:
        if not report.stop_requested:
            return ""
        return '<p class="stopped"><strong>Stopped before its end</strong> on request</p>'
    return (
        '<p class="stopped"><strong>Stopped before its end</strong> by'
        f" {_text(type(error).__name__)}: {_text(error)}</p>"
    )


def _notes(report: Run) -> str:
    return "".join(f'<p class="muted">Note: {_text(note)}</p>' for note in report.notes)


def _counts(report: Run) -> str:
    numbers = [(status, getattr(report, status)) for status in _STATUSES]
    tiles = "".join(
        f'<div class="of-{status}"><dt>{_words(status)}</dt><dd>{number:,}</dd></div>'
        for status, number in numbers
    )
    bar = charts.shares([(_words(status), status, number) for status, number in numbers])
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
    head = (_Column("of requests within"), _Column("latency", "number"), _Column(""))
    note = (
        f'<p class="muted">From sending to the reply, {report.latency.total:,} requests;'
        " right to 5%.</p>"
    )
    return _section("Latency", _table(head, rows) + note)


def _requests(report: Run) -> str:
    rows = [
        ["for edits", f"{report.requests:,}"],
        ["of these, repeats", f"{report.retries:,}"],
        ["to read pages", f"{report.pages_read:,}"],
        ["throttled (429)", f"{report.throttled:,}"],
        ["time waited for the quota, summed over requests", _duration(report.seconds_waited)],
    ]
    head = (_Column("what"), _Column("how many", "number"))
    return _section("Requests", _table(head, rows))


def _causes(failures: Sequence[Outcome]) -> str:
    if not failures:
        return ""
    causes = Counter(_cause(outcome) for outcome in failures)
    most = max(causes.values())
    rows = (
        [
            _text(code),
            _text(kind),
            _text(status),
            f"{number:,}",
            charts.bar(number / most, "failed"),
        ]
        for (code, kind, status), number in causes.most_common(_MAX_LISTED)
    )
    head = (
        *(_Column("code"), _Column("error"), _Column("status")),
        *(_Column("edits", "number"), _Column("")),
    )
    return _section("Failures by code", f'<div class="wide">{_table(head, rows)}</div>')


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
            _words(outcome.status),
            f"{outcome.attempts:,}",
            "" if outcome.error is None else _text(outcome.error),
        ]
        for outcome in outcomes[:_MAX_LISTED]
    )
    head = (
        *(_Column("edit", "number"), _Column("cell", "long"), _Column("became")),
        *(_Column("attempts", "number"), _Column("why", "long")),
    )
    return _section(title, f'<div class="wide">{_table(head, rows)}</div>{_more(len(outcomes))}')


def _skipped(report: Run) -> str:
    if not isinstance(report, RevertRun):
        return ""
    note = "<p>Metadata that the cells had before cannot be restored.</p>"
    if not report.skipped_count:
        return _section("Not set back", note)
    rows = (
        [f"<code>{_text(each.cell_id)}</code>", _text(each.reason)]
        for each in report.skipped[:_MAX_LISTED]
    )
    table = _table((_Column("cell", "long"), _Column("why", "long")), rows)
    return _section("Not set back", note + table + _more(report.skipped_count))


def _more(number: int) -> str:
    if number <= _MAX_LISTED:
        return ""
    return f'<p class="muted">The first {_MAX_LISTED} of at least {number:,}.</p>'


def _cell(outcome: Outcome) -> str:
    return _text(outcome.edit.cell_id or "\u2013")


class _Column(NamedTuple):
    title: str
    style: str = ""


def _table(head: Sequence[_Column], rows: Iterable[Sequence[str]]) -> str:
    styles = [f' class="{column.style}"' if column.style else "" for column in head]
    titles = "".join(
        f'<th scope="col"{style}>{column.title}</th>'
        for column, style in zip(head, styles, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{style}>{cell}</td>" for cell, style in zip(row, styles, strict=True))
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _words(status: str) -> str:
    return status.replace("_", " ")


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms" if seconds < 1 else f"{seconds:,.2f} s"


def _duration(seconds: float) -> str:
    for size, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            whole, rest = divmod(round(seconds), size)
            smaller = {86_400: (3600, "h"), 3600: (60, "min"), 60: (1, "s")}[size]
            return f"{whole:,} {name} {rest // smaller[0]} {smaller[1]}"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"

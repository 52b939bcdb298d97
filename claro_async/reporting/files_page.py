"""The report of many transfers or links as one page: no script, and nothing from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

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

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

_COUNTS = (
    # attribute, and the class that gives it its colour
    ("succeeded", "updated"),
    ("failed", "failed"),
    ("not_sent", "not_sent"),
    ("unknown", "unknown"),
)


class Item(Protocol):
    """What became of one item that failed."""

    @property
    def key(self) -> str:
        """The id of what it was for."""

    @property
    def error(self) -> Exception | None:
        """Why."""


class Files(Protocol):
    """What became of many transfers or links."""

    @property
    def total(self) -> int:
        """All items."""

    @property
    def succeeded(self) -> int:
        """Items that are done."""

    @property
    def results(self) -> Collection[str]:
        """Their ids."""

    @property
    def failures(self) -> Sequence[Item]:
        """Items that failed or are unknown."""

    @property
    def notes(self) -> Sequence[str]:
        """What else there is to know."""


def write_files_report(report: Files, path: str | Path) -> None:
    """Write a report as one page; an older file at the path is replaced in one step.

    Args:
        report: What became of the items.
        path: Where the page is to be.

    Raises:
        OSError: It cannot be written.
    """
    write_page(path, files_page(report))


def files_page(report: Files) -> str:
    """The page as text: HTML that is well-formed XML, too."""
    sections = (
        "<h1>Transfers and links</h1>",
        _counts(report),
        "".join(f'<p class="muted">Note: {text(note)}</p>' for note in report.notes),
        _failures(report.failures),
        _done(report.results),
    )
    return document(f"{report.succeeded:,} of {report.total:,} items done", sections)


def _counts(report: Files) -> str:
    numbers = [(name, style, getattr(report, name)) for name, style in _COUNTS]
    tiles = "".join(
        f'<div class="of-{style}"><dt>{words(name)}</dt><dd>{number:,}</dd></div>'
        for name, style, number in numbers
    )
    bar = charts.shares([(words(name), style, number) for name, style, number in numbers])
    return f'<section>{bar}<dl class="counts">{tiles}</dl></section>'


def _failures(failures: Sequence[Item]) -> str:
    if not failures:
        return ""
    rows = (
        [
            f"<code>{text(each.key)}</code>",
            text(type(each.error).__name__),
            text(each.error),
        ]
        for each in failures[:MAX_LISTED]
    )
    head = (Column("id", "long"), Column("error"), Column("why", "long"))
    return section("Failures", table(head, rows) + more(len(failures)))


def _done(keys: Collection[str]) -> str:
    if not keys:
        return ""
    rows = ([f"<code>{text(key)}</code>"] for key in list(keys)[:MAX_LISTED])
    return section("Done", table([Column("id", "long")], rows) + more(len(keys)))

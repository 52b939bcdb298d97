"""What pages of reports are put together from: no script, and nothing from elsewhere."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from claro_async._version import __version__
from claro_async.errors import TransferError
from claro_async.storage.atomic import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_LISTED = 100
"""Rows of a table at the most."""
_MAX_TEXT = 300
# what neither HTML nor UTF-8 can carry, and what turns the direction of the text around it
_UNSHOWN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]"
)
STYLE = """
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


def write_page(path: str | Path, content: str) -> None:
    """Write a page; an older file at the path is replaced in one step.

    Args:
        path: Where the page is to be.
        content: The page.

    Raises:
        OSError: It cannot be written, since a folder or a device stands there, say; what was there
            stays, and nothing is left behind.
    """
    try:
        write_whole(Path(path), content.encode())
    except TransferError as error:  # nothing is transferred here
        raise OSError(str(error)) from None


def document(title: str, sections: Iterable[str]) -> str:
    """A page as text: HTML that is well-formed XML, too. Empty sections are left out."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8" />'
        '<meta name="viewport" content="width=device-width, initial-scale=1" />'
        '<meta http-equiv="Content-Security-Policy"'
        " content=\"default-src 'none'; style-src 'unsafe-inline'\" />"
        f"<title>{title}</title>"
        f"<style>{STYLE}</style></head>\n<body><main>\n"
        + "\n".join(each for each in sections if each)
        + f"\n</main><footer>Written by claro-async {__version__}.</footer></body></html>\n"
    )


def text(value: object) -> str:
    """Any text, cut to a length that can be read, and escaped."""
    shown = str(value)
    if len(shown) > _MAX_TEXT:
        shown = shown[: _MAX_TEXT - 1] + "\u2026"
    return escape(_UNSHOWN.sub("\ufffd", shown))


def section(title: str, content: str) -> str:
    """A part of a page under a title."""
    return f"<section><h2>{title}</h2>{content}</section>"


def more(number: int) -> str:
    """How many there are where not all are listed; nothing else."""
    if number <= MAX_LISTED:
        return ""
    return f'<p class="muted">The first {MAX_LISTED} of at least {number:,}.</p>'


class Column(NamedTuple):
    """A column of a table: its title, and the class of its cells."""

    title: str
    style: str = ""


def table(head: Sequence[Column], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are HTML already."""
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


def words(status: str) -> str:
    """A status in words."""
    return status.replace("_", " ")

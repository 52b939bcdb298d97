"""Reading CSV (RFC 4180) and TSV (IANA text/tab-separated-values) into tables."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_NUMBER: Final = re.compile(
    r"-?(?:0|[1-9]\d*)(?P<more>\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+)?\Z", re.ASCII
)
_QUOTED: Final = re.compile(r'"(?:[^"]|"")*"')


class Table(NamedTuple):
    """A file's rows; ``columns`` are (name, type) pairs and values are JSON values."""

    columns: list[tuple[str, str]]
    rows: list[list[Any]]
    warnings: int = 0


def read_csv(text: str) -> Table:
    """Read comma-separated values; a quoted value keeps its line breaks as they are.

    Spreadsheets of many countries write semicolons instead: they are taken where the first line has
    one and no comma.

    Raises:
        ValueError: For a number of more digits than Python reads.
        csv.Error: For broken quoting.
    """
    first = next((line for line in io.StringIO(text, newline="") if line.strip()), "")
    separators = _QUOTED.sub("", first)
    delimiter = ";" if ";" in separators and "," not in separators else ","
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    return _table(line for line in lines if line)


def read_tsv(text: str) -> Table:
    """Read tab-separated values, where a quotation mark is a character like any other.

    Raises:
        ValueError: For a number of more digits than Python reads.
    """
    lines = (line.rstrip("\r\n") for line in io.StringIO(text, newline=""))
    return _table(line.split("\t") for line in lines if line)


def _table(lines: Iterator[list[str]]) -> Table:
    header = next((line for line in lines if len(line) > 1 or line[0].strip()), None)
    if header is None:
        return Table([], [])
    names = _unique([name.strip() or f"column_{place}" for place, name in enumerate(header, 1)])
    width, warnings, rows = len(names), 0, []
    for line in lines:
        if len(line) != width:
            warnings += 1
            line = (line + [""] * width)[:width]  # noqa: PLW2901 - made to fit
        rows.append(line)
    readers = [_reader([row[place] for row in rows]) for place in range(width)]
    values = [[readers[place][1](cell) for place, cell in enumerate(row)] for row in rows]
    return Table([(name, readers[place][0]) for place, name in enumerate(names)], values, warnings)


def _reader(cells: Iterable[str]) -> tuple[str, Callable[[str], Any]]:
    filled = [cell for cell in cells if cell]
    if filled and all(map(_is_number, filled)):
        return "number", lambda cell: json.loads(cell) if cell else None
    if filled and all(cell in ("true", "false") for cell in filled):
        return "boolean", lambda cell: cell == "true" if cell else None
    return "string", lambda cell: cell or None


def _is_number(cell: str) -> bool:
    """Tell whether JSON and a double can hold it: an article's number such as 12e999 is text."""
    found = _NUMBER.match(cell)
    return found is not None and (found["more"] is None or math.isfinite(float(cell)))


def _unique(names: list[str]) -> list[str]:
    seen: set[str] = set()
    result = []
    for name in names:
        candidate, number = name, 2
        while candidate in seen:
            candidate, number = f"{name}_{number}", number + 1
        seen.add(candidate)
        result.append(candidate)
    return result

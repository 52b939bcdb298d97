"""Data on stdout: as a table for people, as JSON lines, JSON or CSV for programs."""

from __future__ import annotations

import csv
import errno
import json
import os
from abc import ABC, abstractmethod
from typing import IO, TYPE_CHECKING, Any, Self

from claro_async._plain import plain_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_TABLE_ROWS = 1000  # of one table; more are written as further tables
_LEAST_WIDTH = 8  # characters that a column of a table needs
_GAP = "  "


class Records(ABC):
    """Writes records of one kind; a context manager that writes what belongs around them.

    Args:
        stream: Where to.
        shown: The fields that a table shows; all when left out. The other forms have all.
    """

    def __init__(self, stream: IO[str] | None, shown: Sequence[str] | None = None) -> None:
        if stream is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF), "stdout")
        self._stream = stream
        self._shown = shown

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.end()

    @abstractmethod
    def add(self, record: Mapping[str, Any]) -> None:
        """Write a record."""

    def end(self) -> None:  # noqa: B027 - most forms have nothing to add
        """Write what comes after the last record."""


class JsonLines(Records):
    """A record a line."""

    def add(self, record: Mapping[str, Any]) -> None:
        """Write a record."""
        self._stream.write(as_json(record) + "\n")


class JsonArray(Records):
    """All records as one JSON array, a record a line; it stays open when something fails."""

    _is_first = True

    def add(self, record: Mapping[str, Any]) -> None:
        """Write a record."""
        self._stream.write(("[\n" if self._is_first else ",\n") + as_json(record))
        self._is_first = False

    def end(self) -> None:
        """Close the array."""
        self._stream.write("[]\n" if self._is_first else "\n]\n")


class CsvTable(Records):
    """Records below a header, which the first one gives; what is nested is JSON text."""

    _names: list[str] | None = None

    def add(self, record: Mapping[str, Any]) -> None:
        """Write a record."""
        writer = csv.writer(self._stream, lineterminator="\n")
        if self._names is None:
            self._names = list(record)
            writer.writerow(self._names)
        writer.writerow([_as_csv(record.get(name)) for name in self._names])

    def end(self) -> None:
        """Write the header where there was no record."""
        if self._names is None and self._shown:
            csv.writer(self._stream, lineterminator="\n").writerow(self._shown)


class TextTable(Records):
    """Records in columns of plain text, nothing cut off."""

    def __init__(self, stream: IO[str] | None, shown: Sequence[str] | None = None) -> None:
        super().__init__(stream, shown)
        self._rows: list[list[str]] = []

    def add(self, record: Mapping[str, Any]) -> None:
        """Keep a record until the table is written."""
        if self._shown is None:
            self._shown = list(record)
        self._rows.append([as_text(record.get(name)) for name in self._shown])
        if len(self._rows) == _TABLE_ROWS:
            self.end()

    def end(self) -> None:
        """Write the table."""
        if self._rows and self._shown:
            self._write_table(self._shown, self._rows)
        self._rows = []

    def _write_table(self, names: Sequence[str], rows: list[list[str]]) -> None:
        columns = zip(names, *rows, strict=True)
        widths = [max(map(len, column)) for column in columns]
        for row in (names, *rows):
            cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
            self._stream.write(_GAP.join(cells).rstrip() + "\n")


class TerminalTable(TextTable):
    """Records as a table on a terminal, wrapped to its width."""

    def _write_table(self, names: Sequence[str], rows: list[list[str]]) -> None:
        # rich takes a while to import
        from rich.box import SIMPLE_HEAD  # noqa: PLC0415
        from rich.console import Console  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        plain = bool(os.environ.get("NO_COLOR"))
        console = Console(file=self._stream, highlight=False, markup=False, emoji=False)
        if len(names) * _LEAST_WIDTH > console.width:
            self._write_upright(names, rows)
            return
        style = "" if plain else "bold"
        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style=style)
        for name, *texts in zip(names, *rows, strict=True):
            whole = max(map(len, texts)) if name.endswith("Id") else None
            table.add_column(Text(name), overflow="fold", min_width=whole)
        for row in rows:
            table.add_row(*map(Text, row))
        console.print(table)

    def _write_upright(self, names: Sequence[str], rows: list[list[str]]) -> None:
        """Write a line a field where the columns have no room beside each other."""
        width = max(map(len, names))
        for row in rows:
            for name, text in zip(names, row, strict=True):
                self._stream.write(f"{name.ljust(width)}{_GAP}{text}\n")
            self._stream.write("\n")


def choose_format(wanted: str | None, *, terminal: bool, agent: bool) -> str:
    """The form of the data: ``table``, ``json``, ``jsonl`` or ``csv``.

    Args:
        wanted: What was asked for.
        terminal: Whether stdout is a terminal.
        agent: Whether the program is run by an agent.
    """
    if wanted in {"table", "json", "jsonl", "csv"}:
        return str(wanted)
    return "table" if terminal and not agent and wanted != "agent" else "jsonl"


def records(
    form: str, stream: IO[str] | None, shown: Sequence[str] | None, *, terminal: bool
) -> Records:
    """What writes many records in a form.

    Args:
        form: One of :func:`choose_format`.
        stream: Where to.
        shown: The fields that a table shows.
        terminal: Whether that is a terminal.
    """
    table = TerminalTable if terminal else TextTable
    kinds: Mapping[str, Callable[..., Records]] = {
        "jsonl": JsonLines,
        "json": JsonArray,
        "csv": CsvTable,
        "table": table,
    }
    return kinds[form](stream, shown)


def write_record(
    form: str, stream: IO[str] | None, record: Mapping[str, Any], *, terminal: bool
) -> None:
    """Write a single record: as an object in JSON, a line a field in a table."""
    if form == "json" and stream is not None:
        stream.write(as_json(record, indent=2) + "\n")
        return
    if form == "table":
        fields = [{"field": name, "value": value} for name, value in record.items()]
        with records(form, stream, ("field", "value"), terminal=terminal) as table:
            for each in fields:
                table.add(each)
        return
    with records(form, stream, list(record), terminal=terminal) as lines:
        lines.add(record)


def as_json(value: Any, indent: int | None = None) -> str:
    """A record as JSON text, letters of all languages as they are."""
    return json.dumps(value, ensure_ascii=False, indent=indent, default=plain_value)


def as_text(value: Any) -> str:
    """A value on one line, without anything that a terminal takes for an order."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else as_json(value)
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _as_csv(value: Any) -> Any:
    if isinstance(value, bool) or not (value is None or isinstance(value, str | int | float)):
        return as_json(value)
    return value

"""Comma-separated values (RFC 4180), with any delimiter, a line at a time.

A parser of its own, since the one of the standard library has a limit to the length of a field that
can only be changed for the whole process, and does not say where a record began.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

from claro_async.tables.json_files import decode_json
from claro_async.tables.lines import MAX_CHARS, open_text, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claro_async.tables.source import TableSource

_QUOTE = '"'
_DELIMITERS = (",", ";", "\t", "|")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_DECLARED = re.compile(r"sep=(.)")  # what spreadsheets understand as a first line


@attrs.frozen(kw_only=True)
class Dialect:
    """How values are separated.

    Attributes:
        delimiter: What stands between two values; None for what the header has most of.
        quoting: Whether a value in quotation marks may hold anything.
        encoding: The file's encoding, or None.
        json_columns: Columns whose texts are JSON; an empty one is null.
    """

    delimiter: str | None
    quoting: bool
    encoding: str | None
    json_columns: frozenset[str] = frozenset()


def read_delimited(source: TableSource, dialect: Dialect) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a file, each with the number of its first line.

    Raises:
        TableFileError: The file is no table; it says where, and what can be done.
        OSError: The file cannot be read.
    """
    with source.open() as file, open_text(file, dialect.encoding) as text:
        lines = read_lines(text, source)
        number, first = _next_filled(lines)
        if not first:
            source.fail("the file is empty: its first line names the columns")
        delimiter = dialect.delimiter
        if delimiter is None and (declared := _DECLARED.fullmatch(first.strip())):
            delimiter = declared[1]
            number, first = _next_filled(lines)
        delimiter = delimiter or _likely_delimiter(first)
        parser = Parser(source, lines, delimiter, quoting=dialect.quoting)
        names = parser.fields(number, first)
        check_names(source, names, number)
        width = len(names)
        json_columns = dialect.json_columns.intersection(names)
        for number, line in lines:
            if not line.strip("\r\n"):
                continue
            fields = parser.fields(number, line)
            if len(fields) != width:
                _fail_ragged(source, number, len(fields), width)
            row: dict[str, Any] = dict(zip(names, fields, strict=True))
            for name in json_columns:
                row[name] = _as_json(source, row[name], name, number)
            yield number, row


def _as_json(source: TableSource, text: str, name: str, number: int) -> Any:
    try:
        return decode_json(text) if text.strip() else None
    except (ValueError, RecursionError):
        source.fail(f"the column {name!r} holds JSON, and {text!r:.80} is none", number)


def _next_filled(lines: Iterator[tuple[int, str]]) -> tuple[int, str]:
    """The next line that is not blank; an empty text where there is none."""
    return next(((number, line) for number, line in lines if line.strip()), (1, ""))


def check_names(source: TableSource, names: list[str], number: int | None = None) -> None:
    """Refuse columns without a name, and two of one name.

    Raises:
        TableFileError: There is one.
    """
    seen: set[str] = set()
    for place, name in enumerate(names, 1):
        if not name.strip():
            source.fail(f"column {place} has no name: name it, or take it out", number)
        if name in seen:
            source.fail(f"two columns are named {name!r}: rename one, or take it out", number)
        seen.add(name)


def _likely_delimiter(header: str) -> str:
    bare = _QUOTED.sub("", header)
    return max(_DELIMITERS, key=bare.count)


def _fail_ragged(source: TableSource, number: int, found: int, wanted: int) -> None:
    source.fail(
        f"{found} value{'s' * (found != 1)}, and the header has {wanted}: put a value that holds"
        " the delimiter in quotation marks, or name the delimiter (delimiter=';')",
        number,
    )


class Parser:
    """Takes lines apart; a value in quotation marks may go on over further lines.

    Args:
        source: What the lines are of.
        lines: The lines that follow.
        delimiter: What stands between two values.
        quoting: Whether quotation marks count.
    """

    def __init__(
        self,
        source: TableSource,
        lines: Iterator[tuple[int, str]],
        delimiter: str,
        *,
        quoting: bool,
    ) -> None:
        self._source = source
        self._lines = lines
        self._delimiter = delimiter
        self._quoting = quoting

    def fields(self, number: int, line: str) -> list[str]:
        """The values of the record that begins with a line.

        Raises:
            TableFileError: A quotation mark is not closed, or followed by text.
        """
        if not self._quoting or _QUOTE not in line:
            return line.rstrip("\r\n").split(self._delimiter)
        found: list[str] = []
        at = 0
        while True:
            if line.startswith(_QUOTE, at):
                value, number, line, at = self._quoted(number, line, at + 1)
                found.append(value)
                if line.startswith(self._delimiter, at):
                    at += 1
                elif line[at:].strip("\r\n"):
                    self._fail_after_quote(number, at)
                else:
                    return found
            else:
                end = line.find(self._delimiter, at)
                if end < 0:
                    return [*found, line[at:].rstrip("\r\n")]
                found.append(line[at:end])
                at = end + 1

    def _quoted(self, number: int, line: str, at: int) -> tuple[str, int, str, int]:
        """A value up to its closing mark; the line that has it, and what comes after it."""
        first, column = number, at
        parts: list[str] = []
        size = 0
        while True:
            end = line.find(_QUOTE, at)
            if end < 0:
                parts.append(line[at:])
                size += len(line) - at
                number, line, at = self._next_line(first, column, size)
            elif line.startswith(_QUOTE, end + 1):
                parts.append(line[at : end + 1])
                at = end + 2
            else:
                parts.append(line[at:end])
                return "".join(parts), number, line, end + 1

    def _next_line(self, first: int, column: int, size: int) -> tuple[int, str, int]:
        if size > MAX_CHARS:
            self._source.fail(
                f"the value that begins here has more than {MAX_CHARS:,} characters: is its closing"
                " quotation mark missing?",
                first,
                column,
            )
        following = next(self._lines, None)
        if following is None:
            self._source.fail(
                "the value that begins here has no closing quotation mark: the file may be cut off,"
                " or its quotation marks count for nothing (quoting=False)",
                first,
                column,
            )
        number, line = following
        return number, line, 0

    def _fail_after_quote(self, number: int, at: int) -> None:
        self._source.fail(
            'text after a closing quotation mark: double a mark inside a value (""), or name the'
            " delimiter",
            number,
            at + 1,
        )

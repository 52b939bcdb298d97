"""JSON lines, and JSON arrays that are read an object at a time."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NoReturn

from claro_async.tables.lines import MAX_CHARS, check_text, open_text, read_lines

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

    from claro_async.tables.source import TableSource

_BLOCK = 1 << 16
_BLANK = " \t\r\n"
_BLANKS = re.compile(r"[ \t\r\n]*")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the name {twice!r} twice")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON; null may be meant")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse)


def decode_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: It is none, or an object has a name twice.
        RecursionError: It is nested too deep.
    """
    return _DECODER.decode(text.strip(_BLANK))


def read_json_lines(
    source: TableSource, encoding: str | None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a file of JSON lines, each with the number of its line.

    Raises:
        TableFileError: A line is no JSON object; it says where.
        OSError: The file cannot be read.
    """
    with source.open() as file, open_text(file, encoding) as text:
        for number, line in read_lines(text, source):
            if not line.strip(_BLANK):
                continue
            try:
                value = decode_json(line)
            except json.JSONDecodeError as error:
                indent = len(line) - len(line.lstrip(" \t"))
                source.fail(
                    f"{error.msg}: a line holds one JSON object, and the last one may be cut off",
                    number,
                    indent + error.colno,
                )
            except (ValueError, RecursionError) as error:
                source.fail(_what(error), number)
            yield number, _object(source, value, number)


def read_json_array(
    source: TableSource, encoding: str | None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a file with one JSON array, each with the number of the line it begins in.

    Raises:
        TableFileError: The file is no array of objects; it says where.
        OSError: The file cannot be read.
    """
    with source.open() as file, open_text(file, encoding) as text:
        buffer = _Buffer(text, source)
        if buffer.take() != "[":
            buffer.fail("rows are an array of objects: [{…}, …]; for an object a line, jsonl")
        is_first = True
        while not (is_first and buffer.peek() == "]"):
            is_first = False
            buffer.peek()
            number = buffer.line
            yield number, _object(source, buffer.value(), number)
            mark = buffer.take()
            if mark == "]":
                break
            if mark != ",":
                buffer.fail("the array is not closed: the file may be cut off")
        else:
            buffer.take()
        if buffer.peek():
            buffer.fail("something follows the array")


def _object(source: TableSource, value: Any, number: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        source.fail(f"a row is a JSON object, not {json.dumps(value)[:40]}", number)
    return value


def _what(error: Exception) -> str:
    return "nested too deep" if isinstance(error, RecursionError) else str(error)


class _Buffer:
    """A text of which a piece is in memory, with its line."""

    def __init__(self, text: io.TextIOWrapper, source: TableSource) -> None:
        self.line = 1
        self._text = text
        self._source = source
        self._held = ""
        self._at = 0
        self._is_whole = False

    def peek(self) -> str:
        """The next character that is no blank; an empty text at the end."""
        while True:
            blanks = _BLANKS.match(self._held, self._at)
            self._move(blanks.end() if blanks else self._at)
            if self._at < len(self._held) or not self._grow():
                return self._held[self._at : self._at + 1]

    def take(self) -> str:
        """As :meth:`peek`, and go past it."""
        found = self.peek()
        self._at += len(found)
        return found

    def value(self) -> Any:
        """The next value."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._held, self._at)
            except json.JSONDecodeError as error:
                if len(self._held) - self._at > MAX_CHARS:
                    self.fail(f"a row of more than {MAX_CHARS:,} characters, or no JSON")
                if not self._grow():
                    self._move(error.pos)
                    self.fail(f"{error.msg}: the file is no JSON, or cut off")
            except (ValueError, RecursionError) as error:
                self._source.fail(_what(error), self.line)
            else:
                self._move(end)
                return value

    def fail(self, text: str) -> NoReturn:
        """Say what is wrong here."""
        self._source.fail(text, self.line, self._at - self._held.rfind("\n", 0, self._at))

    def _move(self, at: int) -> None:
        self.line += self._held.count("\n", self._at, at)
        self._at = at

    def _grow(self) -> bool:
        """Read on, as much again as there is; returns whether there was more."""
        kept = self._held[self._at :]
        try:
            more = self._text.read(max(_BLOCK, len(kept)))
        except UnicodeDecodeError as error:
            self._source.fail(f"not {self._text.encoding}, or cut off ({error.reason})", self.line)
        check_text(more, self.line + kept.count("\n"), self._text.encoding, self._source)
        self._held, self._at = kept + more, 0
        return bool(more)

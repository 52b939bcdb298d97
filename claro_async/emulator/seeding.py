"""Reading files into tables: CSV, TSV, JSON, JSONL, PDF and text.

The list of kinds is from Claro's upload page; how each becomes rows is inferred.
"""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from claro_async.emulator.delimited import Table, read_csv, read_tsv

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pypdf import PageObject

MAX_ROWS: Final = 1_000_000

CONTENT_TYPES: Final[Mapping[str, str]] = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
    ".pdf": "application/pdf",
    ".txt": "text/plain",
}
"""Content types by the ending of a file's name."""

_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")


class UnreadableFileError(Exception):
    """A file is not what its content type says; the message begins with the file's name."""


class MissingExtraError(ImportError):
    """A part of the emulator needs the extra ``claro-async[emulator]``."""

    def __init__(self, part: str, package: str) -> None:
        super().__init__(f'{part} needs {package}: pip install "claro-async[emulator]"')


def content_type_of(file_name: str, declared: str | None = None) -> str | None:
    """Tell a file's content type by its name's ending, else by what was declared.

    Args:
        file_name: The file's name.
        declared: A content type given with the file.

    Returns:
        One of `CONTENT_TYPES`' values, or None for a kind that Claro does not take.
    """
    by_name = CONTENT_TYPES.get(Path(file_name).suffix.lower())
    if by_name is not None:
        return by_name
    plain = (declared or "").partition(";")[0].strip().lower()
    return plain if plain in CONTENT_TYPES.values() else None


def read_table(path: Path, content_type: str) -> Table:
    """Read a file into rows.

    Args:
        path: The file.
        content_type: One of `CONTENT_TYPES`' values.

    Returns:
        The table.

    Raises:
        UnreadableFileError: When the file is not what it should be or has too many rows.
        MissingExtraError: When a PDF is read without the ``[emulator]`` extra.
    """
    try:
        if content_type == "application/pdf":
            return _read_pdf(path)
        # decoded from bytes: reading in text mode would turn CRLF inside quoted values into LF
        table = _READERS[content_type](path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UnreadableFileError(f"{path.name}: not UTF-8") from error
    except (ValueError, RecursionError, csv.Error) as error:
        raise UnreadableFileError(f"{path.name}: {error}") from error
    if len(table.rows) > MAX_ROWS:
        raise UnreadableFileError(f"{path.name}: more than {MAX_ROWS} rows")
    return table


def _read_json(text: str) -> Table:
    value = _loads(text)
    if isinstance(value, dict):
        lists = [item for item in value.values() if isinstance(item, list)]
        value = lists[0] if len(value) == 1 and lists else [value]
    return _from_records(value if isinstance(value, list) else [value])


def _read_lines(text: str) -> Table:
    lines = (line for line in text.split("\n") if line.strip())
    return _from_records([_loads(line) for line in lines])


def _loads(text: str) -> Any:
    """Read JSON that can be written again.

    Raises:
        ValueError: It is none, or has numbers beyond a double's range or lone surrogates.
    """
    value = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    if _SURROGATE.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("text holds a lone surrogate") from None
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"the number {text} is out of range")
    return value


def _from_records(records: list[Any]) -> Table:
    objects = [record if isinstance(record, dict) else {"value": record} for record in records]
    names = list(dict.fromkeys(name for record in objects for name in record))
    rows = [[record.get(name) for name in names] for record in objects]
    types = [_json_type([row[place] for row in rows]) for place in range(len(names))]
    return Table(list(zip(names, types, strict=True)), rows)


def _json_type(values: list[Any]) -> str:
    kinds = {_kind(value) for value in values if value is not None}
    return kinds.pop() if len(kinds) == 1 else "string"


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "object"


def _read_text(text: str) -> Table:
    # not str.splitlines, which also splits at form feeds and at U+2028
    lines = _LINE_END.split(text)
    if not lines[-1]:
        lines.pop()
    rows: list[list[Any]] = [[number, line] for number, line in enumerate(lines, 1)]
    return Table([("line", "number"), ("text", "text")], rows)


def _read_pdf(path: Path) -> Table:
    try:
        from pypdf import PdfReader  # noqa: PLC0415 - an extra, wanted for PDF files only
        from pypdf.errors import PyPdfError  # noqa: PLC0415 - the same
    except ImportError as error:
        raise MissingExtraError("reading a PDF file", "pypdf") from error
    try:
        reader = PdfReader(path)
        rows: list[list[Any]] = [
            [number, _text_of(page)] for number, page in enumerate(reader.pages, 1)
        ]
    except (PyPdfError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnreadableFileError(f"{path.name}: not a readable PDF file: {error}") from error
    return Table([("page", "number"), ("text", "text")], rows)


def _text_of(page: PageObject) -> str:
    # a font's table may map a glyph to half of a surrogate pair, which cannot be written
    return page.extract_text().encode("utf-8", "replace").decode()


_READERS: Final[Mapping[str, Callable[[str], Table]]] = {
    "text/csv": read_csv,
    "text/tab-separated-values": read_tsv,
    "application/json": _read_json,
    "application/x-ndjson": _read_lines,
    "text/plain": _read_text,
}

"""The lines of a text file, with their numbers, in whatever encoding it is written."""

from __future__ import annotations

import codecs
import io
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

    from claro_async.tables.source import TableSource

MAX_CHARS = 1 << 24
"""Characters of a line, or of a value: more is no table, or a quotation mark is missing."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as the mark of UTF-16 does, so it comes first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNDECODED = re.compile("[\udc80-\udcff]")
_UTF8_NAMES = frozenset({"utf-8", "utf-8-sig"})


def open_text(file: BufferedReader, encoding: str | None) -> io.TextIOWrapper:
    """A binary file as text; bytes that are none become surrogates, for :func:`check_text`.

    Args:
        file: The file.
        encoding: Its encoding; by its byte order mark, else UTF-8, when left out.
    """
    head = file.peek(4)[:4]
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    if encoding is None or codecs.lookup(encoding).name in _UTF8_NAMES:
        encoding = marked or "utf-8"
    return io.TextIOWrapper(file, encoding, errors="surrogateescape", newline="")


def read_lines(text: io.TextIOWrapper, source: TableSource) -> Iterator[tuple[int, str]]:
    """Each line with its number from 1, and with its end.

    Raises:
        TableFileError: A line is too long, holds a NUL, or bytes of another encoding.
    """
    number = 0
    try:
        while line := text.readline(MAX_CHARS):
            number += 1
            if len(line) == MAX_CHARS and line[-1] not in "\r\n":
                source.fail(f"longer than {MAX_CHARS:,} characters: is it a text file?", number)
            if "\0" in line or not line.isascii():
                check_text(line, number, text.encoding, source)
            yield number, line
    except UnicodeDecodeError as error:
        source.fail(f"not {text.encoding}, or cut off ({error.reason})", number + 1)


def check_text(text: str, number: int, encoding: str, source: TableSource) -> None:
    """Refuse what is no text in the encoding.

    Args:
        text: The text.
        number: The number of its first line.
        encoding: How the file was read.
        source: What the text is of.

    Raises:
        TableFileError: It holds a NUL, or bytes of another encoding.
    """
    nul = text.find("\0")
    if nul >= 0:
        source.fail(
            "a NUL character: the file is binary, or in UTF-16 without a byte order mark"
            " (encoding='utf-16-le')",
            *_position(text, nul, number),
        )
    found = _UNDECODED.search(text)
    if found is not None:
        byte = ord(found[0]) - 0xDC00
        source.fail(
            f"the byte 0x{byte:02x} is not {encoding}: save the file as UTF-8, or name its"
            " encoding (encoding='cp1252' is what Excel writes)",
            *_position(text, found.start(), number),
        )


def _position(text: str, at: int, number: int) -> tuple[int, int]:
    """Line and column of a place in a text that begins at the start of a line."""
    return number + text.count("\n", 0, at), at - text.rfind("\n", 0, at)

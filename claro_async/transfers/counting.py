"""Rows of a file counted as its bytes go by, in blocks of any size."""

from __future__ import annotations

import re
from typing import IO, TYPE_CHECKING, Protocol

from claro_async.errors import TransferError
from claro_async.storage.blocks import BLOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BOM = b"\xef\xbb\xbf"
SPACE = b" \t\r\n"

_ESCAPED = re.compile(rb'\\["\\]')
_INNERMOST = re.compile(rb"\{,*\}|\[,*\]")
_STRUCTURE = bytes(each for each in range(256) if each not in b"[]{},")  # all else


class RowCounter(Protocol):
    """Counts rows."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""

    @property
    def rows(self) -> int | None:
        """Rows so far; None for what has none."""


class CsvCounter:
    """Records of CSV (RFC 4180), whatever is quoted in them.

    Args:
        header: Whether the first record is none.
    """

    def __init__(self, *, header: bool = True) -> None:
        self._header = header
        self._records = 0
        self._inside = 0  # 1 within quotes
        self._ends = True  # whether what came so far ends with a record

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        parts = data.split(b'"')
        self._records += sum(part.count(b"\n") for part in parts[self._inside :: 2])
        self._inside ^= (len(parts) - 1) & 1
        if data:
            self._ends = data.endswith(b"\n")

    @property
    def ends(self) -> bool:
        """Whether what came so far ends with a line end."""
        return self._ends

    @property
    def rows(self) -> int:
        """Records so far, without the header."""
        return max(0, self._records + (not self._ends) - self._header)


class JsonCounter:
    """Elements of a JSON array.

    Text is left out by its quotes, and what is nested by its brackets, so that only the commas
    between the elements remain.
    """

    def __init__(self) -> None:
        self._head = b""
        self._is_array: bool | None = None  # not known before the first bracket
        self._is_empty = True
        self._commas = 0
        self._inside = 0  # 1 within quotes
        self._backslash = b""
        self._rest = b""  # brackets that are open, with the commas behind them

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        if self._is_array is None:
            data = self._begin(data)
        if not self._is_array:
            return
        if self._is_empty:
            data = data.lstrip(SPACE)
            self._is_empty = data[:1] in {b"", b"]"}
        data = self._backslash + data
        cut = len(data) - (len(data) - len(data.rstrip(b"\\"))) % 2
        data, self._backslash = data[:cut], data[cut:]
        parts = _ESCAPED.sub(b"", data).split(b'"')
        outside = b"".join(parts[self._inside :: 2])
        self._inside ^= (len(parts) - 1) & 1
        self._count(self._rest + outside.translate(None, _STRUCTURE))

    @property
    def rows(self) -> int | None:
        """Elements so far; None for what is no array."""
        if not self._is_array:
            return None
        return 0 if self._is_empty else self._commas + 1

    def _begin(self, data: bytes) -> bytes:
        self._head += data
        text = self._head.removeprefix(BOM).lstrip(SPACE)
        if text and text != BOM[: len(text)]:
            self._is_array = text.startswith(b"[")
            self._head = b""
        return text[1:]

    def _count(self, structure: bytes) -> None:
        found = 1
        while found:
            structure, found = _INNERMOST.subn(b"", structure)
        opened = re.search(rb"[\[{]", structure)
        at = len(structure) if opened is None else opened.start()
        self._commas += structure.count(b",", 0, at)
        self._rest = structure[at:]


COUNTERS: Mapping[str, Callable[[], RowCounter]] = {"csv": CsvCounter, "json": JsonCounter}
"""By the format's name."""


def count_rows(file: IO[bytes], format_name: str) -> int | None:
    """Count the rows of a file; None where its format does not tell. Blocks.

    Raises:
        TransferError: It cannot be read.
    """
    if format_name not in COUNTERS:
        return None
    counter = COUNTERS[format_name]()
    try:
        file.seek(0)
        while block := file.read(BLOCK):
            counter.feed(block)
    except OSError as error:
        raise TransferError(f"the file cannot be read again: {error.strerror}") from None
    return counter.rows

"""Where the bytes of a table come from: a file, a pipe or standard input."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path
from shutil import copyfileobj
from typing import IO, TYPE_CHECKING, NoReturn

import attrs

from claro_async.errors import TableFileError

if TYPE_CHECKING:
    from io import BufferedReader

STANDARD_INPUT = "-"
_SPOOLED = 1 << 20  # bytes that are kept in memory of what cannot be read twice


@attrs.define
class TableSource:
    """The bytes of a table.

    Attributes:
        path: The file, or ``-`` for standard input.
        unit: What a number in an error counts: ``line`` or ``row``.
    """

    path: str
    unit: str
    _is_read: bool = False

    @property
    def name(self) -> str:
        """What it is called in errors."""
        return "standard input" if self.path == STANDARD_INPUT else os.path.basename(self.path)  # noqa: PTH119 - of a str

    @property
    def may_block(self) -> bool:
        """Whether reading may wait for whoever writes, and there is nothing to read twice."""
        if self.path == STANDARD_INPUT:
            return True
        try:
            return not stat.S_ISREG(os.stat(self.path).st_mode)  # noqa: PTH116 - of a str
        except OSError:
            return False  # opening it says what is wrong

    def open(self) -> BufferedReader:
        """Open it from its beginning.

        Raises:
            TableFileError: It is standard input, and was read before.
            OSError: It cannot be opened.
        """
        if self.path != STANDARD_INPUT:
            return Path(self.path).open("rb")
        if self._is_read:
            raise TableFileError("standard input was read before: give a file that can be reread")
        self._is_read = True
        # a file of its own: one that a thread still waits for would hold up the program's end
        return os.fdopen(os.dup(sys.__stdin__.fileno() if sys.__stdin__ else 0), "rb")

    def place(self, number: int) -> str:
        """Where a row stands, in words."""
        return f"{self.name}, {self.unit} {number}"

    def fail(self, text: str, number: int | None = None, column: int | None = None) -> NoReturn:
        """Say what is wrong with the file.

        Args:
            text: In words.
            number: The line, or the row, from 1.
            column: The character in that line, from 1.

        Raises:
            TableFileError: Always.
        """
        place = self.name if number is None else self.place(number)
        if column is not None:
            place += f", column {column}"
        raise TableFileError(
            f"{place}: {text}", path=self.path, line=number, column=column
        ) from None


def seekable(file: BufferedReader) -> IO[bytes]:
    """A file that can be read from any place: this one, or a copy that is gone once closed."""
    if file.seekable():
        return file
    with file:
        copy = tempfile.SpooledTemporaryFile(_SPOOLED)  # noqa: SIM115 - the caller closes it
        copyfileobj(file, copy)
        copy.seek(0)
        return copy

"""A file of rows as something to iterate over, in a loop or beside an event loop."""

from __future__ import annotations

import codecs
import os
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from claro_async._checks import check_bool, check_columns, check_path
from claro_async.formats import readable_format
from claro_async.storage.threads import in_daemon_thread, in_thread
from claro_async.tables.delimited import Dialect, read_delimited
from claro_async.tables.json_files import read_json_array, read_json_lines
from claro_async.tables.source import TableSource

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator

    from claro_async.formats import FileFormat
    from claro_async.options import TableFormatName

T = TypeVar("T")

_TABS = (".tsv", ".tab")
_CHUNK = 1000  # rows that a thread reads at once


class TableReader:
    """The rows of a file as dicts by column name, read as they are asked for.

    ``for row in reader`` reads in the present thread, ``async for row in reader`` in another one.
    Memory does not grow with the file. A file can be iterated over any number of times, standard
    input once. See :func:`read_rows`.

    Attributes:
        name: The file's name, as errors have it.
        format: The name of its format.
    """

    def __init__(self, source: TableSource, file_format: FileFormat, dialect: Dialect) -> None:
        self.name: str = source.name
        self.format: str = file_format.name
        self._source = source
        self._dialect = dialect

    def __repr__(self) -> str:
        return f"TableReader({self.name!r}, format={self.format!r})"

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for _, row in self.numbered():
            yield row

    async def __aiter__(self) -> AsyncGenerator[dict[str, Any], None]:
        chunks = self.chunks(lambda _, row: row)
        try:
            async for chunk in chunks:
                for row in chunk:
                    yield row
        finally:
            await chunks.aclose()

    def numbered(self) -> Generator[tuple[int, dict[str, Any]], None, None]:
        """Each row with the line that it begins in, from 1; with its number in a columnar file.

        Raises:
            TableFileError: The file is damaged, cut off, or no table; it says where.
            OSError: The file cannot be read.
        """
        source, encoding = self._source, self._dialect.encoding
        if self.format == "csv":
            yield from read_delimited(source, self._dialect)
        elif self.format == "jsonl":
            yield from read_json_lines(source, encoding)
        elif self.format == "json":
            yield from read_json_array(source, encoding)
        else:
            from claro_async.tables.arrow_files import read_arrow_file  # noqa: PLC0415 - an extra

            yield from read_arrow_file(source, self.format)

    def place(self, number: int) -> str:
        """Where a row stands, such as ``products.csv, line 7``, by the number it came with."""
        return self._source.place(number)

    async def chunks(
        self, make: Callable[[int, dict[str, Any]], T], size: int = _CHUNK
    ) -> AsyncGenerator[list[T], None]:
        """Rows in lists, read in a thread, so that the event loop goes on.

        Args:
            make: Called there with each row's number and the row; its results are what is listed.
            size: Rows a list.

        Raises:
            TableFileError: See :meth:`numbered`.
            OSError: The file cannot be read.
        """
        rows = self.numbered()
        run = in_daemon_thread if self._source.may_block else in_thread
        take = partial(_take, rows, make, size)
        try:
            while chunk := await run(take):
                yield chunk
        finally:
            with suppress(ValueError):  # a thread still waits for a pipe, and ends with the program
                rows.close()


def _take(
    rows: Iterator[tuple[int, dict[str, Any]]], make: Callable[[int, dict[str, Any]], T], size: int
) -> list[T]:
    return [make(number, row) for number, row in islice(rows, size)]


def read_rows(  # noqa: PLR0913 - what a file does not say by itself
    path: str | os.PathLike[str],
    format: TableFormatName | None = None,  # noqa: A002 - the word that exports have for it
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    quoting: bool = True,
    json_columns: Iterable[str] = (),
) -> TableReader:
    """The rows of a CSV, JSON, JSON lines, Parquet or Arrow file; nothing is read yet.

    The first line of a CSV file names the columns, and all of its values are texts. A JSON file is
    an array of objects. ``update_from`` and ``plan_from`` match rows by a key column;
    ``update_cells`` takes a file with the columns ``cell_id`` and ``value``, or ``row_id``,
    ``column`` and ``value``.

    Args:
        path: The file, or ``-`` for standard input.
        format: ``csv``, ``json``, ``jsonl``, ``parquet`` or ``arrow``; by the path's suffix when
            left out. The last two need the extra ``claro-async[arrow]``.
        encoding: Of a text file; by its byte order mark, else UTF-8, when left out.
        delimiter: What separates the values of a CSV file, one character; a tab where the suffix is
            ``.tsv``, else what the header has most of: a comma, a semicolon, a tab or a bar.
        quoting: Whether a value of a CSV file in quotation marks may hold delimiters and line ends.
        json_columns: Columns of a CSV file whose texts are JSON: ``5`` is a number there, and
            ``"5"`` a text; an empty one is null.

    Raises:
        ImportError: The format needs pyarrow.
        TypeError: An argument of another type.
        ValueError: No such format or encoding, or a delimiter that cannot be one.
    """
    check_path("path", path)
    text = os.fspath(path)
    file_format = readable_format(text, format)
    check_bool("quoting", quoting)
    if encoding is not None:
        try:
            codecs.lookup(encoding)
        except LookupError:
            raise ValueError(f"encoding must be one that Python knows, not {encoding!r}") from None
    if delimiter is None and text.lower().endswith(_TABS):
        delimiter = "\t"
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise ValueError(f"delimiter must be one character, and no quotation mark: {delimiter!r}")
    unit = "row" if file_format.package else "line"
    dialect = Dialect(
        delimiter=delimiter,
        quoting=quoting,
        encoding=encoding,
        json_columns=frozenset(check_columns("json_columns", json_columns) if json_columns else ()),
    )
    return TableReader(TableSource(text, unit), file_format, dialect)

"""The edits of a file: rows with the columns ``cell_id,value`` or ``row_id,column,value``."""

from __future__ import annotations

import os
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from claro_async.bulk.edits import StagedEdit, as_items, stage
from claro_async.bulk.store import BATCH
from claro_async.bulk.values import cell_value, iso_text
from claro_async.errors import TableFileError
from claro_async.formats import names_format
from claro_async.tables import TableReader, read_rows

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Iterable

    from claro_async.bulk.edits import Edits

_BY_CELL = ("cell_id", "value")
_BY_ROW = ("row_id", "column", "value")


class FileEdits:
    """Edits that are read from a file as they are staged; one that is none raises.

    Args:
        reader: The rows of the file.
    """

    def __init__(self, reader: TableReader) -> None:
        self._reader = reader

    async def __aiter__(self) -> AsyncGenerator[StagedEdit, None]:
        async with aclosing(self.batches()) as batches:
            async for batch in batches:
                for edit in batch:
                    yield edit

    def batches(self) -> AsyncGenerator[list[StagedEdit], None]:
        """The edits in order, in batches that a thread has read and checked.

        Raises:
            TableFileError: A row is no edit; it says which.
            OSError: The file cannot be read.
        """
        return self._reader.chunks(self._stage, BATCH)

    def _stage(self, number: int, row: dict[str, Any]) -> StagedEdit:
        names = _BY_CELL if "cell_id" in row else _BY_ROW
        place = self._reader.place(number)
        if row.keys() != set(names):
            raise TableFileError(
                f"{place}: an edit has the columns cell_id and value, or row_id, column and value,"
                f" not {', '.join(map(str, row))}; rows that are matched by a key column are for"
                " update_from(path, key=…)",
                line=number,
            )
        try:
            value = iso_text(cell_value(row["value"], "value", nan_is_null=False))
            return stage((*(row[name] for name in names[:-1]), value))
        except (TypeError, ValueError) as error:
            raise TableFileError(f"{place}: {error}", line=number) from None


def reader_of(source: Any) -> TableReader | None:
    """The reader of a file that is given by its path, or as a reader; None for anything else.

    A text whose suffix names no format is no path: it may be an id, by mistake.

    Raises:
        ImportError: The format needs pyarrow.
        ValueError: The path does not name a format that rows are read from.
    """
    if isinstance(source, TableReader):
        return source
    is_path = isinstance(source, os.PathLike) or (isinstance(source, str) and names_format(source))
    return read_rows(source) if is_path else None


def as_input(edits: Edits) -> Iterable[object] | AsyncIterable[object]:
    """The input of a bulk update as something to iterate over.

    Raises:
        ImportError: The format of a file needs pyarrow.
        TypeError: Not iterable, or a data frame.
        ValueError: A path that does not name a format that rows are read from.
    """
    reader = reader_of(edits)
    return as_items(edits) if reader is None else FileEdits(reader)

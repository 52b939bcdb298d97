"""Files that are made here from the row stream, a page at a time."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Protocol

import msgspec

from claro_async.storage.blocks import write_all

if TYPE_CHECKING:
    from claro_async.columnar.pages import CellParts, ColumnarPage
    from claro_async.storage.atomic import AtomicFile


class RowFile(Protocol):
    """Takes pages and makes a file of them; the memory it takes does not grow with the rows."""

    async def add(self, page: ColumnarPage) -> None:
        """Add a page's rows."""

    async def finish(self) -> None:
        """Write what is left and end the file."""

    async def aclose(self) -> None:
        """Let go of what is open; after `finish` there is nothing."""


class JsonLines:
    """One JSON object a row, values as the API gave them, in UTF-8."""

    def __init__(self, part: AtomicFile, parts: CellParts) -> None:
        self._part = part
        self._parts = parts
        self._encode = msgspec.json.Encoder().encode_lines

    async def add(self, page: ColumnarPage) -> None:
        """Add a page's rows."""
        await self._part.run(lambda file: self._write(file, page))

    async def finish(self) -> None:
        """Nothing is left to write."""

    async def aclose(self) -> None:
        """Nothing is open."""

    def _write(self, file: IO[bytes], page: ColumnarPage) -> None:
        names = [name for name, _ in page.column_types(self._parts)]
        columns = page.column_values(self._parts)
        rows = zip(*columns, strict=True)
        write_all(file, self._encode([dict(zip(names, row, strict=True)) for row in rows]))

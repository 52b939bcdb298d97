"""The rows of a dataset by the server's own JSON exports: few requests, and memory that stays flat.

Each export is fetched into a file of its own, as safely as any download, while the one before it is
read in blocks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING

import attrs

from claro_async.paging.rows import ColumnIndex
from claro_async.storage.threads import in_thread, open_in_thread
from claro_async.transfers.joining import ChangedError
from claro_async.transfers.records import RecordDecoder, RecordPage, first_difference
from claro_async.transfers.saving import fetch_into
from claro_async.transfers.splitting import ArraySplitter, LayoutError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from pathlib import Path

    from claro_async.columnar.pages import ColumnarPage, Fields
    from claro_async.models import DatasetColumn, DatasetDetails
    from claro_async.paging.pages import Page
    from claro_async.storage.growing import ScratchFile
    from claro_async.transfers.fetching import Fetch

_BLOCK = 1 << 17  # bytes of JSON that are decoded at once; more would scatter memory


@attrs.frozen(kw_only=True)
class Windows:
    """The exports that hold a dataset's rows.

    Attributes:
        fetch: An export of the rows from one on.
        scratch: Makes a file for one.
        starts: Where each begins.
        total: Rows in all, of which each export must have its part; None for one export that may
            have any number.
        ahead: How many are under way at once.
    """

    fetch: Callable[[int], Fetch]
    scratch: Callable[[], ScratchFile]
    starts: range
    total: int | None
    ahead: int

    async def pages(self, decoder: RecordDecoder) -> AsyncGenerator[RecordPage, None]:
        """The records in order.

        Raises:
            ChangedError: An export has another number of rows than it should.
            LayoutError: An export cannot be read as records of these columns.
            ClaroError: An export cannot be had.
        """
        to_come = iter(self.starts)
        coming: deque[asyncio.Task[Path]] = deque()
        done = 0
        try:
            while True:
                while len(coming) < self.ahead and (start := next(to_come, None)) is not None:
                    coming.append(asyncio.create_task(self._fetch(start)))
                if not coming:
                    return
                path = await coming.popleft()
                found = 0
                async with aclosing(read_export(path, decoder)) as pages:
                    async for page in pages:
                        found += len(page)
                        yield page
                await in_thread(path.unlink)
                self._check(found, done)
                done += self.starts.step
        finally:
            for task in coming:
                task.cancel()
            await asyncio.gather(*coming, return_exceptions=True)

    async def _fetch(self, start: int) -> Path:
        async with self.scratch() as whole:
            await fetch_into(whole, self.fetch(start), None)
            await whole.flush()
        return whole.path

    def _check(self, found: int, done: int) -> None:
        if self.total is None:
            return
        rows = min(self.starts.step, self.total - done)
        if found != rows:
            raise ChangedError(f"a chunk of {rows:,} rows came with {found:,}")


async def read_export(path: Path, decoder: RecordDecoder) -> AsyncGenerator[RecordPage, None]:
    """The records of an export in a file, in memory that does not grow with it.

    Raises:
        LayoutError: It cannot be read as records of these columns.
    """
    file = await open_in_thread(lambda: _ExportFile(path, decoder), _ExportFile.close)
    try:
        while (page := await in_thread(file.read)) is not None:
            yield page
    finally:
        file.close()


class _ExportFile:
    """A JSON export that is read block by block; blocks."""

    def __init__(self, path: Path, decoder: RecordDecoder) -> None:
        self._file = path.open("rb", buffering=0)
        self._splitter = ArraySplitter()
        self._decoder = decoder
        self._has_ended = False

    def read(self) -> RecordPage | None:
        """The next records; None after the last."""
        while not self._has_ended:
            block = self._file.read(_BLOCK)
            self._has_ended = not block
            elements = self._splitter.feed(block) if block else self._splitter.finish()
            if elements:
                return self._decoder.decode(elements)
        return None

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def decoder_of_page(page: Page) -> RecordDecoder:
    """What reads records whose columns are those of a page of rows."""
    columns = [(column.column_id, column.name) for column in page.columns]
    return RecordDecoder(page.column_types(), columns)


def decoder_of_details(details: DatasetDetails, wanted: Sequence[str] | None) -> RecordDecoder:
    """What reads records of a dataset's columns, all of them or those of some ids.

    Raises:
        LayoutError: The details do not name such a column.
    """
    columns = [(column.column_id, column.name) for column in _columns(details, wanted)]
    return RecordDecoder(fields_of_details(details, wanted), columns)


def fields_of_details(details: DatasetDetails, wanted: Sequence[str] | None) -> Fields:
    """Key and type of columns as pages of rows have them.

    Raises:
        LayoutError: The details do not name such a column.
    """
    columns = _columns(details, wanted)
    index = ColumnIndex((column.column_id, column.name) for column in columns)
    return list(zip(index.keys, (str(column.type) for column in columns), strict=True))


def _columns(details: DatasetDetails, wanted: Sequence[str] | None) -> list[DatasetColumn]:
    there = {column.column_id: column for column in details.columns}
    missing = [each for each in wanted or () if each not in there]
    if missing:
        raise LayoutError(f"the dataset's details do not name the columns {missing}")
    return list(there.values()) if wanted is None else [there[each] for each in wanted]


async def compared(
    records: AsyncGenerator[RecordPage, None], page: ColumnarPage
) -> AsyncGenerator[RecordPage, None]:
    """Records, held back until the first ones are known to be those of a page of rows.

    Args:
        records: The records of all rows.
        page: The first page of rows.

    Raises:
        LayoutError: They differ; says where.
    """
    held: list[RecordPage] = []
    at, size = 0, len(page)
    async with aclosing(records):
        async for each in records:
            count = min(len(each), size - at)
            if count > 0:
                difference = first_difference(page, at, each, count)
                if difference is not None:
                    raise LayoutError(difference)
                at += count
            held.append(each)
            if at >= size:
                for ready in held:
                    yield ready
                held = []
    if at < size:
        raise LayoutError(f"rows have {size:,} rows on their first page, the export has {at:,}")

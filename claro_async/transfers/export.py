"""A whole dataset as one file, of any number of rows.

Claro API v2, "Manage Dataset", section "Export Dataset": the server writes CSV, JSON and XLSX, up
to 100,000 rows an export, so a larger dataset is cut into chunks of ``skip`` and ``rowCount``.
JSON lines, Arrow and Parquet are made here from the pages of "Get Dataset Data".
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import defaultdict
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from claro_async.errors import TransferError
from claro_async.models import ExportFormat
from claro_async.progress import ProgressMeter
from claro_async.storage.atomic import AtomicFile
from claro_async.storage.blocks import read_blocks
from claro_async.storage.target import TargetKind
from claro_async.storage.threads import in_thread
from claro_async.transfers.counting import COUNTERS, count_rows
from claro_async.transfers.fetching import Fetch, base_name
from claro_async.transfers.joining import ChangedError, CsvJoin, JsonJoin
from claro_async.transfers.rowfiles import JsonLines
from claro_async.transfers.saving import fetch_blocks, fetch_into, together
from claro_async.transfers.sinks import Sink, open_target
from claro_async.transfers.transfer import ExportResult

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from claro_async.formats import FileFormat
    from claro_async.models import DatasetDetails, SignedLink
    from claro_async.paging.pages import Page
    from claro_async.paging.rows import Row
    from claro_async.paging.stream import PagedStream
    from claro_async.storage.blocks import Writable
    from claro_async.storage.growing import ScratchFile
    from claro_async.transfer_options import ExportOptions
    from claro_async.transfers.fetching import Downloader
    from claro_async.transfers.rowfiles import RowFile

MAX_EXPORT_ROWS = 100_000
MAX_PAGE_ROWS = 1000
_MAX_TRIES = 3
_TICK = 2.0
"""Seconds after which a change shows in ``updatedAt``, which counts whole seconds."""


class Exportable(Protocol):
    """What an export reads."""

    def get(self) -> Awaitable[DatasetDetails]:
        """The details."""

    def rows(
        self,
        *,
        columns: Sequence[str] | None = None,
        include_metadata: bool | None = None,
        read_ahead: int = 2,
    ) -> PagedStream[Page, Row]:
        """The rows."""

    def create_export(
        self,
        *,
        format: ExportFormat,  # noqa: A002 - the documents' own name
        row_count: int,
        column_ids: Sequence[str] | None = None,
        skip: int | None = None,
        include_metadata: bool | None = None,
    ) -> Awaitable[SignedLink]:
        """An export that the server writes."""


class Export:
    """One export under way.

    Args:
        dataset: The dataset.
        downloader: Fetches what signed URLs lead to.
        server_now: The server's time in epoch seconds.
        format: What to write.
        options: How to export.
    """

    def __init__(
        self,
        dataset: Exportable,
        downloader: Downloader,
        server_now: Callable[[], float],
        format: FileFormat,  # noqa: A002 - the documents' own name
        options: ExportOptions,
    ) -> None:
        self._dataset = dataset
        self._downloader = downloader
        self._server_now = server_now
        self._format = format
        self._options = options
        self._meter = ProgressMeter(options.on_progress, "rows", downloader.clock.monotonic)
        self._rows_done = 0
        self._read_at = 0.0  # by the server's clock, before the details were asked for

    async def to(self, target: str | os.PathLike[str] | Writable) -> ExportResult:
        """Export to a path, into a folder, or to a file object, pipe or device."""
        place = await open_target(target)
        if isinstance(place, Sink):
            path = Path(target) if isinstance(target, str | os.PathLike) else None
            async with place:
                details = await self._read_details()
                async with aclosing(self._blocks(details)) as blocks:
                    async for block in blocks:
                        await place.write(block)
                return self._result(path, place.size, details)
        if place.kind is TargetKind.FOLDER:
            details = await self._read_details()
            path = place.path / f"{base_name(details.name, 'dataset')}.{self._format.name}"
            async with AtomicFile(path) as part:
                return await self._into(part, details)
        async with AtomicFile(place.path) as part:
            return await self._into(part, await self._read_details())

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The export's bytes."""
        details = await self._read_details()
        async with aclosing(self._blocks(details)) as blocks:
            async for block in blocks:
                yield block

    async def _into(self, part: AtomicFile, details: DatasetDetails) -> ExportResult:
        details = await self._fill(part, details)
        size = await part.commit()
        return self._result(part.target, size, details)

    def _result(self, path: Path | None, size: int, details: DatasetDetails) -> ExportResult:
        return ExportResult(
            path=path,
            format=self._format.name,
            rows=self._rows_done,
            size=size,
            updated_at=details.updated_at,
            read_at=datetime.fromtimestamp(self._read_at, UTC),
        )

    async def _blocks(self, details: DatasetDetails) -> AsyncGenerator[bytes, None]:
        if self._format.by_server and self._is_one_reply(details):
            async with aclosing(self._stream_chunk(details)) as blocks:
                async for block in blocks:
                    yield block
            return
        # made whole first: a change of the dataset shows only at the end
        with tempfile.TemporaryDirectory(prefix="claro-export-") as folder:
            async with AtomicFile(Path(folder) / "export") as part:
                await self._fill(part, details)
                await part.commit(durable=False)
            async with aclosing(read_blocks(part.target)) as blocks:
                async for block in blocks:
                    yield block

    async def _stream_chunk(self, details: DatasetDetails) -> AsyncGenerator[bytes, None]:
        """What the server writes as one file, counted as it goes by."""
        counter = COUNTERS[self._format.name]() if self._format.name in COUNTERS else None
        async with aclosing(fetch_blocks(self._chunk(0, MAX_EXPORT_ROWS), None)) as pieces:
            async for piece in pieces:
                if counter is not None:
                    await in_thread(counter.feed, piece)
                yield piece
        try:
            await self._check_single(None if counter is None else counter.rows, details)
        except ChangedError as change:
            raise self._changed_error(change) from None

    async def _read_details(self) -> DatasetDetails:
        """The details, at a moment from which on a change will show."""
        details = await self._get()
        if (
            self._format.by_server
            and not self._format.can_be_joined
            and _rows_of(details) > MAX_EXPORT_ROWS
        ):
            raise TransferError(
                f"the dataset has {_rows_of(details):,} rows; the API writes"
                f" {MAX_EXPORT_ROWS:,} to a workbook, and workbooks cannot be joined without"
                " reading them whole: choose csv or parquet"
            )
        age = self._server_now() - details.updated_at.timestamp()
        if self._is_one_reply(details) or not self._strict or age >= _TICK:
            return details
        await self._downloader.clock.sleep(min(_TICK, _TICK - age))
        return await self._get()

    async def _get(self) -> DatasetDetails:
        monotonic = self._downloader.clock.monotonic
        began = monotonic()
        details = await self._dataset.get()
        self._read_at = self._server_now() - (monotonic() - began)
        return details

    @property
    def _strict(self) -> bool:
        return self._options.on_change != "ignore"

    def _is_one_reply(self, details: DatasetDetails) -> bool:
        """Whether all rows fit into one reply, which is one state by itself."""
        limit = MAX_EXPORT_ROWS if self._format.by_server else MAX_PAGE_ROWS
        return _rows_of(details) <= limit

    async def _fill(self, part: AtomicFile, details: DatasetDetails) -> DatasetDetails:
        """Make the file; returns the details of the state that it holds."""
        change = ChangedError()
        for _ in range(_MAX_TRIES):
            try:
                await self._make(part, details)
                if self._strict and not self._is_one_reply(details):
                    await self._compare(details)
            except ChangedError as error:
                if self._options.on_change != "restart":
                    raise self._changed_error(error) from None
                change = error
                await part.rewind()
                details = await self._read_details()
            else:
                return details
        raise TransferError(
            f"the dataset changed during each of {_MAX_TRIES} tries to export it: {change}"
        )

    def _changed_error(self, change: ChangedError) -> TransferError:
        return TransferError(
            f"the dataset changed while it was exported: {change}; on_change='restart' tries again"
        )

    async def _compare(self, before: DatasetDetails) -> None:
        after = await self._dataset.get()
        if _rows_of(after) != _rows_of(before):
            raise ChangedError(f"{_rows_of(before):,} rows before, {_rows_of(after):,} after")
        if after.updated_at != before.updated_at:
            raise ChangedError(f"it was updated at {after.updated_at:%Y-%m-%d %H:%M:%S %Z}")

    async def _make(self, part: AtomicFile, details: DatasetDetails) -> None:
        self._rows_done = 0
        if not self._format.by_server:
            await self._write_rows(part, details)
        elif self._is_one_reply(details):
            await fetch_into(part, self._chunk(0, MAX_EXPORT_ROWS), None)
            found = await part.run(partial(count_rows, format_name=self._format.name))
            await self._check_single(found, details)
        else:
            await self._join_chunks(part, details)

    async def _check_single(self, found: int | None, details: DatasetDetails) -> None:
        """See that one reply held all rows; they may have become more or fewer meanwhile.

        Raises:
            ChangedError: It did not.
        """
        rows = _rows_of(details) if found is None else found
        if self._strict and (rows < _rows_of(details) or rows >= MAX_EXPORT_ROWS):
            after = await self._dataset.get()
            if _rows_of(after) != rows:
                raise ChangedError(f"the server wrote {rows:,} of {_rows_of(after):,} rows")
        self._progress(rows, rows)

    async def _write_rows(self, part: AtomicFile, details: DatasetDetails) -> None:
        """Make the file from pages."""
        options = self._options
        stream = self._dataset.rows(
            columns=options.columns,
            include_metadata=options.include_metadata or None,
            read_ahead=options.max_concurrency,
        )
        file = self._row_file(part)
        fields = None
        pages_read = 0
        try:
            async with aclosing(stream.pages()) as pages:
                async for page in pages:
                    fields = fields or page.column_types()
                    if fields != page.column_types():
                        raise ChangedError("the columns are others than before")
                    await file.add(page)
                    pages_read += 1
                    self._progress(len(page), page.pagination.total)
            self._check_pages(pages_read, details)
            await file.finish()
        finally:
            await file.aclose()

    def _check_pages(self, pages_read: int, details: DatasetDetails) -> None:
        if not self._strict:
            return
        if self._is_one_reply(details):
            if pages_read > 1:  # and so no state by itself
                raise ChangedError(f"{_rows_of(details):,} rows became {self._rows_done:,}")
        elif self._rows_done != _rows_of(details):
            raise ChangedError(f"{_rows_of(details):,} rows before, {self._rows_done:,} read")

    def _row_file(self, part: AtomicFile) -> RowFile:
        options = self._options
        if self._format.name == "jsonl":
            return JsonLines(part, include_metadata=options.include_metadata)
        from claro_async.transfers.arrowfiles import ArrowFile  # noqa: PLC0415 - brings pyarrow in

        return ArrowFile(
            part,
            self._format.name,
            options.on_type_error,
            include_metadata=options.include_metadata,
        )

    async def _join_chunks(self, part: AtomicFile, details: DatasetDetails) -> None:
        """Fetch chunks, some at once, and join them in their order."""
        join = CsvJoin() if self._format.name == "csv" else JsonJoin()
        total = _rows_of(details)
        starts = range(0, total, MAX_EXPORT_ROWS)
        # made when one of both sides needs it: the server's count of rows sizes nothing
        fetched: defaultdict[int, asyncio.Future[ScratchFile]] = defaultdict(asyncio.Future)
        coming = iter(enumerate(starts))
        ahead = asyncio.Semaphore(self._options.max_concurrency)

        async def fetch() -> None:
            for number, skip in coming:
                await ahead.acquire()
                async with part.scratch() as whole:
                    await fetch_into(whole, self._chunk(skip, total - skip), None)
                    await whole.flush()
                fetched[number].set_result(whole)

        async def append() -> None:
            for number, skip in enumerate(starts):
                chunk = await fetched[number]
                del fetched[number]
                count = min(MAX_EXPORT_ROWS, total - skip) if self._strict else None
                found = await part.run(partial(join.add, chunk=chunk.path, rows=count))
                await in_thread(chunk.path.unlink)
                ahead.release()
                self._progress(found, total)
            await part.run(join.finish)

        chunks = -(-total // MAX_EXPORT_ROWS)
        fetches = [fetch() for _ in range(min(self._options.max_concurrency, chunks))]
        await together([append(), *fetches])

    def _chunk(self, skip: int, count: int) -> Fetch:
        """The rows from one on; up to so many, and no more than the server writes at once."""
        options = self._options

        async def new_link() -> SignedLink:
            return await self._dataset.create_export(
                format=ExportFormat(self._format.name),
                row_count=min(MAX_EXPORT_ROWS, count),
                skip=skip or None,
                column_ids=options.columns,
                include_metadata=options.include_metadata or None,
            )

        return Fetch(self._downloader, new_link)

    def _progress(self, rows: int, total: int) -> None:
        self._rows_done += rows
        self._meter(self._rows_done, total)


def _rows_of(details: DatasetDetails) -> int:
    """How many rows there are; an export needs to know."""
    if details.row_count is None:
        raise TransferError("the dataset's details do not say how many rows it has")
    return details.row_count

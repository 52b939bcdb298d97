"""A whole dataset as one file, of any number of rows.

Claro API v2, "Manage Dataset", section "Export Dataset": the server writes CSV, JSON and XLSX, up
to 100,000 rows an export, so a larger dataset is cut into chunks of ``skip`` and ``rowCount``.
JSON lines, Arrow and Parquet are made here.
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
from typing import TYPE_CHECKING

from claro_async.columnar.pages import CellParts
from claro_async.errors import TransferError
from claro_async.progress import ProgressMeter
from claro_async.storage.atomic import AtomicFile
from claro_async.storage.blocks import read_blocks
from claro_async.storage.target import TargetKind
from claro_async.storage.threads import in_thread
from claro_async.transfers.counting import COUNTERS, count_rows
from claro_async.transfers.fetching import base_name
from claro_async.transfers.joining import ChangedError, CsvJoin, JsonJoin
from claro_async.transfers.reading import MAX_EXPORT_ROWS, DatasetReader, changed_error, rows_of
from claro_async.transfers.rowfiles import JsonLines
from claro_async.transfers.saving import fetch_blocks, fetch_into, together
from claro_async.transfers.sinks import Sink, open_target
from claro_async.transfers.splitting import LayoutError
from claro_async.transfers.transfer import ExportResult

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from claro_async.formats import FileFormat
    from claro_async.models import DatasetDetails
    from claro_async.storage.blocks import Writable
    from claro_async.storage.growing import ScratchFile
    from claro_async.transfer_options import ExportOptions
    from claro_async.transfers.fetching import Downloader, Fetch
    from claro_async.transfers.reading import Exportable
    from claro_async.transfers.rowfiles import RowFile

_MAX_TRIES = 3


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
        self._reader = DatasetReader(
            dataset, downloader, server_now, options, by_server=format.by_server
        )
        self._format = format
        self._options = options
        self._meter = ProgressMeter(options.on_progress, "rows", downloader.clock.monotonic)
        self._rows_done = 0

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
            read_at=datetime.fromtimestamp(self._reader.read_at, UTC),
            via="export" if self._reader.by_exports(details) else "rows",
        )

    async def _blocks(self, details: DatasetDetails) -> AsyncGenerator[bytes, None]:
        if self._format.by_server and self._reader.is_one_reply(details):
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
            raise changed_error(change) from None

    async def _read_details(self) -> DatasetDetails:
        """The details, at a moment from which on a change will show."""
        details = await self._reader.details()
        if (
            self._format.by_server
            and not self._format.can_be_joined
            and rows_of(details) > MAX_EXPORT_ROWS
        ):
            raise TransferError(
                f"the dataset has {rows_of(details):,} rows; the API writes"
                f" {MAX_EXPORT_ROWS:,} to a workbook, and workbooks cannot be joined without"
                " reading them whole: choose csv or parquet"
            )
        return await self._reader.aged(details)

    async def _fill(self, part: AtomicFile, details: DatasetDetails) -> DatasetDetails:
        """Make the file; returns the details of the state that it holds."""
        change = ChangedError()
        tries = 0
        while tries < _MAX_TRIES:
            try:
                await self._make(part, details)
            except LayoutError as error:
                self._reader.read_rows_instead(error)
                await part.rewind()
                details = await self._reader.aged(details)
            except ChangedError as error:
                tries += 1
                if self._options.on_change != "restart":
                    raise changed_error(error) from None
                change = error
                await part.rewind()
                details = await self._read_details()
            else:
                return details
        raise TransferError(
            f"the dataset changed during each of {_MAX_TRIES} tries to export it: {change}"
        )

    async def _make(self, part: AtomicFile, details: DatasetDetails) -> None:
        self._rows_done = 0
        if not self._format.by_server:
            await self._write_pages(part, details)
        elif self._reader.is_one_reply(details):
            await fetch_into(part, self._chunk(0, MAX_EXPORT_ROWS), None)
            found = await part.run(partial(count_rows, format_name=self._format.name))
            await self._check_single(found, details)
        else:
            await self._join_chunks(part, details)
            if self._reader.strict:
                await self._reader.compare(details)

    async def _check_single(self, found: int | None, details: DatasetDetails) -> None:
        rows = rows_of(details) if found is None else found
        await self._reader.check_single(rows, details)
        self._progress(rows, rows)

    async def _write_pages(self, part: AtomicFile, details: DatasetDetails) -> None:
        """Make the file here."""
        total = rows_of(details)
        file = self._row_file(part)
        try:
            async with aclosing(self._reader.pages(details, part.scratch)) as pages:
                async for page in pages:
                    await file.add(page)
                    self._progress(len(page), max(total, self._rows_done + len(page)))
                    del page  # see `PagedStream.pages`
            await file.finish()
        finally:
            await file.aclose()

    def _row_file(self, part: AtomicFile) -> RowFile:
        options = self._options
        parts = CellParts(include_metadata=options.include_metadata, cell_ids=options.cell_ids)
        if self._format.name == "jsonl":
            return JsonLines(part, parts)
        from claro_async.transfers.arrowfiles import ArrowFile  # noqa: PLC0415 - brings pyarrow in

        return ArrowFile(part, self._format.name, options.on_type_error, parts)

    async def _join_chunks(self, part: AtomicFile, details: DatasetDetails) -> None:
        """Fetch chunks, some at once, and join them in their order."""
        join = CsvJoin() if self._format.name == "csv" else JsonJoin()
        total = rows_of(details)
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
                count = min(MAX_EXPORT_ROWS, total - skip) if self._reader.strict else None
                found = await part.run(partial(join.add, chunk=chunk.path, rows=count))
                await in_thread(chunk.path.unlink)
                ahead.release()
                self._progress(found, total)
            await part.run(join.finish)

        chunks = -(-total // MAX_EXPORT_ROWS)
        fetches = [fetch() for _ in range(min(self._options.max_concurrency, chunks))]
        await together([append(), *fetches])

    def _chunk(self, skip: int, count: int) -> Fetch:
        return self._reader.chunk(self._format.name, skip, count)

    def _progress(self, rows: int, total: int) -> None:
        self._rows_done += rows
        self._meter(self._rows_done, total)

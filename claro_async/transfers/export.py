"""A whole dataset as one file, of any number of rows.

Claro API v2, "Manage Dataset", section "Export Dataset": the server writes CSV, JSON and XLSX, up
to 100,000 rows an export, so a larger dataset is cut into windows of ``skip`` and ``rowCount``.
JSON lines, Arrow and Parquet are made here from the pages of "Get Dataset Data".
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs

from claro_async.errors import TransferError
from claro_async.transfers.fetching import Fetch, base_name
from claro_async.transfers.files import PartFile, path_in, read_blocks, write_all
from claro_async.transfers.joining import ChangedError, CsvJoin, JsonJoin
from claro_async.transfers.rowfiles import JsonLines
from claro_async.transfers.saving import fetch_blocks, fetch_into, together
from claro_async.transfers.transfer import ExportResult

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from claro_async.columnar.arrow import OnTypeError
    from claro_async.dataset import Dataset
    from claro_async.models import DatasetDetails, SignedLink
    from claro_async.transfers.fetching import Downloader
    from claro_async.transfers.files import Writable
    from claro_async.transfers.rowfiles import RowFile

OnChange: TypeAlias = Literal["raise", "restart", "ignore"]

MAX_EXPORT_ROWS = 100_000
_MAX_TRIES = 3
_TICK = 2.0
"""Seconds after which a change shows in ``updatedAt``, which counts whole seconds."""

_BY_SERVER = ("csv", "json", "xlsx")
FORMATS = (*_BY_SERVER, "jsonl", "parquet", "arrow")
_BY_SUFFIX = {
    **{f".{name}": name for name in FORMATS},
    ".ndjson": "jsonl",
    ".feather": "arrow",
    ".pq": "parquet",
}


@attrs.frozen
class ExportOptions:
    """How a dataset is to be exported; see ``Dataset.export``."""

    format: str
    columns: Sequence[str] | None
    include_metadata: bool
    max_concurrency: int
    on_change: OnChange
    on_type_error: OnTypeError
    on_progress: Callable[[int, int], None] | None


def format_of(target: object, wanted: str | None) -> str:
    """The format asked for, or the one that a path's suffix names.

    Raises:
        ImportError: The format needs pyarrow, which is missing.
        ValueError: Not one of the formats, or none can be told.
    """
    if wanted is None:
        suffix = Path(target).suffix.lower() if isinstance(target, str | os.PathLike) else ""
        wanted = _BY_SUFFIX.get(suffix)
        if wanted is None:
            raise ValueError(f"format is needed where the path does not tell: {', '.join(FORMATS)}")
    wanted = str(getattr(wanted, "value", wanted))
    if wanted not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, not {wanted!r}")
    if wanted in {"parquet", "arrow"}:
        import claro_async.columnar.arrow  # noqa: F401, PLC0415 - says what to install
    return wanted


class Export:
    """One export under way.

    Args:
        dataset: The dataset.
        downloader: Fetches what signed URLs lead to.
        server_now: The server's time in epoch seconds.
        options: How to export.
    """

    def __init__(
        self,
        dataset: Dataset,
        downloader: Downloader,
        server_now: Callable[[], float],
        options: ExportOptions,
    ) -> None:
        self._dataset = dataset
        self._downloader = downloader
        self._server_now = server_now
        self._options = options
        self._rows_done = 0

    async def to(self, target: str | os.PathLike[str] | Writable) -> ExportResult:
        """Export to a path, into a folder, or to a file object."""
        details = await self._look()
        if not isinstance(target, str | os.PathLike):
            size = 0
            async with aclosing(self._blocks(details)) as blocks:
                async for block in blocks:
                    size += len(block)
                    await asyncio.to_thread(write_all, target, block)
            return ExportResult(None, self._options.format, self._rows_done, size)
        path = path_in(target, f"{base_name(details.name, 'dataset')}.{self._options.format}")
        async with PartFile(path) as part:
            await self._fill(part, details)
            size = await part.commit()
        return ExportResult(path, self._options.format, self._rows_done, size)

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The export's bytes."""
        details = await self._look()
        async with aclosing(self._blocks(details)) as blocks:
            async for block in blocks:
                yield block

    async def _blocks(self, details: DatasetDetails) -> AsyncGenerator[bytes, None]:
        if self._options.format in _BY_SERVER and details.row_count <= MAX_EXPORT_ROWS:
            fetch = self._window(0, details.row_count)
            async with aclosing(fetch_blocks(fetch, None)) as pieces:
                async for piece in pieces:
                    yield piece
            self._progress(details.row_count, details.row_count)
            return
        # made whole first: a change of the dataset shows only at the end
        with tempfile.TemporaryDirectory(prefix="claro-export-") as folder:
            async with PartFile(Path(folder) / "export") as part:
                await self._fill(part, details)
                await part.commit(durable=False)
            async with aclosing(read_blocks(part.target)) as blocks:
                async for block in blocks:
                    yield block

    async def _look(self) -> DatasetDetails:
        """The details, at a moment from which on a change will show."""
        details = await self._dataset.get()
        if details.row_count > MAX_EXPORT_ROWS and self._options.format == "xlsx":
            raise TransferError(
                f"the dataset has {details.row_count:,} rows; the API writes"
                f" {MAX_EXPORT_ROWS:,} to a workbook, and workbooks cannot be joined without"
                " reading them whole: choose csv or parquet"
            )
        age = self._server_now() - details.updated_at.timestamp()
        if self._is_one_reply(details) or self._options.on_change == "ignore" or age >= _TICK:
            return details
        await self._downloader.clock.sleep(min(_TICK, _TICK - age))
        return await self._dataset.get()

    def _is_one_reply(self, details: DatasetDetails) -> bool:
        by_server = self._options.format in _BY_SERVER
        return details.row_count <= (MAX_EXPORT_ROWS if by_server else 1000)

    async def _fill(self, part: PartFile, details: DatasetDetails) -> None:
        for _ in range(_MAX_TRIES):
            try:
                await self._make(part, details)
                if self._is_one_reply(details) or self._options.on_change == "ignore":
                    return
                await self._compare(details)
            except ChangedError as change:
                if self._options.on_change != "restart":
                    raise TransferError(
                        f"the dataset changed while it was exported: {change};"
                        " on_change='restart' tries again"
                    ) from None
                await part.rewind()
                details = await self._look()
            else:
                return
        raise TransferError(f"the dataset changed during each of {_MAX_TRIES} tries to export it")

    async def _compare(self, before: DatasetDetails) -> None:
        after = await self._dataset.get()
        if after.row_count != before.row_count:
            raise ChangedError(f"{before.row_count:,} rows before, {after.row_count:,} after")
        if after.updated_at != before.updated_at:
            raise ChangedError(f"it was updated at {after.updated_at:%Y-%m-%d %H:%M:%S %Z}")

    async def _make(self, part: PartFile, details: DatasetDetails) -> None:
        self._rows_done = 0
        if self._options.format not in _BY_SERVER:
            await self._write_rows(part, details)
        elif details.row_count <= MAX_EXPORT_ROWS:
            await fetch_into(part, self._window(0, details.row_count), None)
            self._progress(details.row_count, details.row_count)
        else:
            await self._join_windows(part, details)

    async def _write_rows(self, part: PartFile, details: DatasetDetails) -> None:
        """Make the file from pages."""
        options = self._options
        stream = self._dataset.rows(
            columns=options.columns,
            include_metadata=options.include_metadata or None,
            read_ahead=options.max_concurrency,
        )
        file = self._row_file(part)
        fields = None
        try:
            async with aclosing(stream.pages()) as pages:
                async for page in pages:
                    fields = fields or page.column_types()
                    if fields != page.column_types():
                        raise ChangedError("the columns are others than before")
                    await file.add(page)
                    self._progress(len(page), page.pagination.total)
            if self._rows_done != details.row_count and not self._is_one_reply(details):
                self._changed(f"{details.row_count:,} rows before, {self._rows_done:,} read")
            await file.finish()
        finally:
            file.close()

    def _row_file(self, part: PartFile) -> RowFile:
        options = self._options
        if options.format == "jsonl":
            return JsonLines(part, include_metadata=options.include_metadata)
        from claro_async.transfers.arrowfiles import ArrowFile  # noqa: PLC0415 - brings pyarrow in

        return ArrowFile(
            part,
            options.format,
            options.on_type_error,
            include_metadata=options.include_metadata,
        )

    async def _join_windows(self, part: PartFile, details: DatasetDetails) -> None:
        """Fetch windows, some at once, and join them in their order."""
        join = CsvJoin() if self._options.format == "csv" else JsonJoin()
        strict = self._options.on_change != "ignore"
        total = details.row_count
        starts = range(0, total, MAX_EXPORT_ROWS)
        ready = [asyncio.Event() for _ in starts]
        coming = iter(enumerate(starts))
        ahead = asyncio.Semaphore(self._options.max_concurrency)

        async def fetch() -> None:
            for number, skip in coming:
                await ahead.acquire()
                window = self._window(skip, min(MAX_EXPORT_ROWS, total - skip))
                async with PartFile(part.scratch(str(number))) as whole:
                    await fetch_into(whole, window, None)
                    await whole.commit(durable=False)
                ready[number].set()

        async def append() -> None:
            for number, skip in enumerate(starts):
                await ready[number].wait()
                count = min(MAX_EXPORT_ROWS, total - skip)
                path = part.scratch(str(number))
                wanted = count if strict else None
                await part.run(partial(join.add, window=path, rows=wanted))
                path.unlink()
                ahead.release()
                self._progress(count, total)
            await part.run(join.finish)

        fetches = [fetch() for _ in range(min(self._options.max_concurrency, len(ready)))]
        await together([append(), *fetches])

    def _window(self, skip: int, count: int) -> Fetch:
        options = self._options

        async def new_link() -> SignedLink:
            return await self._dataset.create_export(
                format=options.format,
                row_count=max(1, count),
                skip=skip or None,
                column_ids=options.columns,
                include_metadata=options.include_metadata or None,
            )

        return Fetch(self._downloader, new_link)

    def _changed(self, how: str) -> None:
        if self._options.on_change != "ignore":
            raise ChangedError(how)

    def _progress(self, rows: int, total: int) -> None:
        self._rows_done += rows
        if self._options.on_progress is not None:
            self._options.on_progress(self._rows_done, total)

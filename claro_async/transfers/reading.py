"""How a whole dataset is read: by the server's exports or page by page, and of one state.

Claro API v2, "Manage Dataset": section "Export Dataset" gives up to 100,000 rows a request, and
section "Get Dataset Data" up to 1,000. What takes several requests can be torn by a change
meanwhile, so row count and ``updatedAt`` are compared before and after.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

from claro_async.errors import TransferError
from claro_async.models import ExportFormat
from claro_async.transfers.fetching import Fetch
from claro_async.transfers.joining import ChangedError
from claro_async.transfers.windows import Windows, compared, decoder_of_details, decoder_of_page
from claro_async.transport import logs
from claro_async.transport.events import ExportNotUsed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from claro_async.columnar.pages import ColumnarPage
    from claro_async.models import DatasetDetails, SignedLink
    from claro_async.paging.pages import Page
    from claro_async.paging.rows import Row
    from claro_async.paging.stream import PagedStream
    from claro_async.storage.growing import ScratchFile
    from claro_async.transfer_options import ExportOptions
    from claro_async.transfers.fetching import Downloader
    from claro_async.transfers.records import RecordPage
    from claro_async.transfers.splitting import LayoutError

MAX_EXPORT_ROWS = 100_000
MAX_PAGE_ROWS = 1000
TICK = 2.0
"""Seconds after which a change shows in ``updatedAt``, which counts whole seconds."""


class Exportable(Protocol):
    """What an export reads."""

    @property
    def dataset_id(self) -> str:
        """The id."""

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
        columns: Sequence[str] | None = None,
        skip: int | None = None,
        include_metadata: bool | None = None,
    ) -> Awaitable[SignedLink]:
        """An export that the server writes."""


class DatasetReader:
    """Reads a whole dataset.

    Args:
        dataset: The dataset.
        downloader: Fetches what signed URLs lead to.
        server_now: The server's time in epoch seconds.
        options: How to export.
        by_server: Whether files of the server's are wanted as they are, in whatever format.

    Attributes:
        read_at: The server's time before the details were asked for.
    """

    def __init__(
        self,
        dataset: Exportable,
        downloader: Downloader,
        server_now: Callable[[], float],
        options: ExportOptions,
        *,
        by_server: bool = False,
    ) -> None:
        self._dataset = dataset
        self._downloader = downloader
        self._server_now = server_now
        self._options = options
        self._by_server = by_server
        self._reads_rows = False  # since the server's exports are laid out in another way
        self.read_at: float = 0.0

    @property
    def strict(self) -> bool:
        """Whether a change meanwhile counts."""
        return self._options.on_change != "ignore"

    async def details(self) -> DatasetDetails:
        """The details as they are now."""
        monotonic = self._downloader.clock.monotonic
        began = monotonic()
        details = await self._dataset.get()
        self.read_at = self._server_now() - (monotonic() - began)
        return details

    async def aged(self, details: DatasetDetails) -> DatasetDetails:
        """The details, of a moment from which on a change will show."""
        age = self._server_now() - details.updated_at.timestamp()
        if self.is_one_reply(details) or not self.strict or age >= TICK:
            return details
        await self._downloader.clock.sleep(min(TICK, TICK - age))
        return await self.details()

    def by_exports(self, details: DatasetDetails) -> bool:
        """Whether the rows come by files of the server's, rather than page by page."""
        options = self._options
        if self._by_server or options.via == "export":
            return True
        if self._reads_rows or options.via == "rows" or options.needs_pages:
            return False
        rows = rows_of(details)
        return 1 + -(-rows // MAX_EXPORT_ROWS) < -(-rows // MAX_PAGE_ROWS)  # 1 to compare

    def is_one_reply(self, details: DatasetDetails) -> bool:
        """Whether all rows fit into one reply, which is one state by itself."""
        limit = MAX_EXPORT_ROWS if self.by_exports(details) else MAX_PAGE_ROWS
        return rows_of(details) <= limit

    def chunk(self, form: str, skip: int, count: int) -> Fetch:
        """The rows from one on; up to so many, and no more than the server writes at once."""
        options = self._options

        async def new_link() -> SignedLink:
            return await self._dataset.create_export(
                format=ExportFormat(form),
                row_count=min(MAX_EXPORT_ROWS, count),
                skip=skip or None,
                columns=options.columns,
                include_metadata=options.include_metadata or None,
            )

        return Fetch(self._downloader, new_link)

    async def pages(
        self, details: DatasetDetails, scratch: Callable[[], ScratchFile]
    ) -> AsyncGenerator[ColumnarPage, None]:
        """All rows.

        Args:
            details: The details.
            scratch: Makes files for exports.

        Raises:
            ChangedError: The dataset changed meanwhile.
            LayoutError: The server's exports do not hold what rows do: see `read_rows_instead`.
        """
        read = self._records(details, scratch) if self.by_exports(details) else self._rows(details)
        async with aclosing(read) as pages:
            async for page in pages:
                yield page
                del page  # see `PagedStream.pages`
        if self.strict and not self.is_one_reply(details):
            await self.compare(details)

    def read_rows_instead(self, error: LayoutError) -> None:
        """From now on, read page by page; an event says why.

        Raises:
            TransferError: It has to be exports.
        """
        if self._options.via == "export":
            raise TransferError(
                f"the server's JSON export cannot be taken for the rows: {error}; via='rows' reads"
                " them page by page"
            ) from None
        self._reads_rows = True
        dataset_id, observer = self._dataset.dataset_id, self._downloader.observer
        logs.export_not_used(dataset_id)
        if observer is not None:
            observer.hook(ExportNotUsed(dataset_id=dataset_id, reason=str(error)))

    async def compare(self, before: DatasetDetails) -> None:
        """See that the dataset is as it was.

        Raises:
            ChangedError: It is not.
        """
        after = await self._dataset.get()
        if rows_of(after) != rows_of(before):
            raise ChangedError(f"{rows_of(before):,} rows before, {rows_of(after):,} after")
        if after.updated_at != before.updated_at:
            raise ChangedError(f"it was updated at {after.updated_at:%Y-%m-%d %H:%M:%S %Z}")

    async def check_single(self, rows: int, details: DatasetDetails) -> None:
        """See that one reply held all rows; they may have become more or fewer meanwhile.

        Raises:
            ChangedError: It did not.
        """
        if self.strict and (rows < rows_of(details) or rows >= MAX_EXPORT_ROWS):
            after = await self._dataset.get()
            if rows_of(after) != rows:
                raise ChangedError(f"the server wrote {rows:,} of {rows_of(after):,} rows")

    async def _records(
        self, details: DatasetDetails, scratch: Callable[[], ScratchFile]
    ) -> AsyncGenerator[RecordPage, None]:
        total, step = rows_of(details), MAX_EXPORT_ROWS
        is_one = self.is_one_reply(details)
        windows = Windows(
            fetch=lambda start: self.chunk("json", start, step if is_one else total - start),
            scratch=scratch,
            starts=range(0, max(1, total), step),
            total=None if is_one or not self.strict else total,
            ahead=self._options.max_concurrency,
        )
        done = 0
        async with aclosing(await self._understood(windows, details)) as pages:
            async for page in pages:
                done += len(page)
                yield page
        if is_one:
            await self.check_single(done, details)

    async def _understood(
        self, windows: Windows, details: DatasetDetails
    ) -> AsyncGenerator[RecordPage, None]:
        columns = self._options.columns
        if self._options.via == "export":
            return windows.pages(decoder_of_details(details, columns))
        page = await self._dataset.rows(columns=columns).first()
        return compared(windows.pages(decoder_of_page(page)), page)

    async def _rows(self, details: DatasetDetails) -> AsyncGenerator[Page, None]:
        options = self._options
        stream = self._dataset.rows(
            columns=options.columns,
            include_metadata=options.include_metadata or None,
            read_ahead=options.max_concurrency,
        )
        fields = None
        pages_read = done = 0
        async with aclosing(stream.pages()) as pages:
            async for page in pages:
                fields = fields or page.column_types()
                if fields != page.column_types():
                    raise ChangedError("the columns are others than before")
                pages_read += 1
                done += len(page)
                yield page
                del page  # see `PagedStream.pages`
        if not self.strict:
            return
        if self.is_one_reply(details):
            if pages_read > 1:  # and so no state by itself
                raise ChangedError(f"{rows_of(details):,} rows became {done:,}")
        elif done != rows_of(details):
            raise ChangedError(f"{rows_of(details):,} rows before, {done:,} read")


def rows_of(details: DatasetDetails) -> int:
    """How many rows there are; an export needs to know."""
    if details.row_count is None:
        raise TransferError("the dataset's details do not say how many rows it has")
    return details.row_count


def changed_error(change: ChangedError) -> TransferError:
    """What a user is to know of a change."""
    return TransferError(
        f"the dataset changed while it was exported: {change}; on_change='restart' tries again"
    )

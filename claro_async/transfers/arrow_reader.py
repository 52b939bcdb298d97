"""The rows of a dataset as a ``pyarrow.RecordBatchReader``, which is read by blocking calls.

The requests run in the client's event loop where it has one, and else in a loop in a thread of the
reader's own. A few batches are made ahead of who reads; whoever stops early ends the requests, too.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import attrs
import pyarrow as pa

from claro_async.columnar.arrow import Batches, arrow_schema
from claro_async.columnar.pages import CellParts, wide_fields
from claro_async.errors import ClientStateError, TransferError
from claro_async.storage.growing import ScratchFile
from claro_async.transfers.blocking import Handover, LoopThread, check_blocking_call
from claro_async.transfers.joining import ChangedError
from claro_async.transfers.reading import changed_error
from claro_async.transfers.splitting import LayoutError
from claro_async.transfers.windows import fields_of_details

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
    from contextlib import AbstractContextManager

    from claro_async.columnar.pages import ColumnarPage, Fields
    from claro_async.models import DatasetDetails
    from claro_async.transfer_options import ExportOptions
    from claro_async.transfers.reading import DatasetReader

    HandOver: TypeAlias = Callable[[Any], Awaitable[None]]


class ReadingClient(Protocol):
    """A client whose dataset is read, in the loop that it belongs to."""

    def reader(self, options: ExportOptions) -> DatasetReader:
        """What reads the dataset."""

    def working(self) -> AbstractContextManager[None]:
        """Work of many calls."""

    async def aclose(self) -> None:
        """Close it."""


@attrs.frozen(kw_only=True)
class ReaderSource:
    """Where a reader's rows come from.

    Attributes:
        loop: The client's event loop; None where it was not opened.
        client: The client that was opened.
        new_client: Makes one of the same settings, for a loop of its own.
        options: What to read.
    """

    loop: asyncio.AbstractEventLoop | None
    client: ReadingClient
    new_client: Callable[[], ReadingClient]
    options: ExportOptions


def open_reader(source: ReaderSource) -> pa.RecordBatchReader:
    """A reader of all rows; blocks until the schema is known.

    Raises:
        ClientStateError: An event loop runs in this thread; or that of the client does not run.
        ClaroError: The dataset cannot be read.
    """
    check_blocking_call("open_reader")
    if source.loop is None:
        client = source.new_client()
        own = LoopThread(client.aclose)
        make = partial(_make, client, source.options)
        batches = _Batches(Handover(own.loop, make, own.stop))
    elif source.loop.is_running():
        make = partial(_make, source.client, source.options)
        batches = _Batches(Handover(source.loop, make))
    else:
        raise ClientStateError("the client was opened in an event loop that does not run any more")
    return pa.RecordBatchReader.from_batches(batches.schema, batches)


class _Batches:
    """The batches, one by one; what is not read is not made, once nobody holds this any more."""

    def __init__(self, handover: Handover[Any]) -> None:
        self._handover = handover
        try:
            self.schema: pa.Schema = handover.take()
        except BaseException:
            handover.close()
            raise

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self

    def __next__(self) -> pa.RecordBatch:
        batch = self._handover.take()
        if batch is None:
            raise StopIteration
        return batch

    def __del__(self) -> None:
        self._handover.close()


async def _make(client: ReadingClient, options: ExportOptions, hand_over: HandOver) -> None:
    """Hand the schema over, and then all batches."""
    with client.working(), tempfile.TemporaryDirectory(prefix="claro-reader-") as folder:
        await _read(client.reader(options), options, Path(folder), hand_over)


async def _read(
    reader: DatasetReader, options: ExportOptions, folder: Path, hand_over: HandOver
) -> None:
    parts = CellParts(include_metadata=options.include_metadata, cell_ids=options.cell_ids)
    details = await reader.aged(await reader.details())
    fields = fields_of(details, options)
    batches = Batches(fields, options.on_type_error)
    await hand_over(batches.schema)
    pages = _pages(reader, details, lambda: ScratchFile(partial(_new_file, folder)))
    try:
        async with aclosing(pages):
            async for page in pages:
                _check_columns(page.column_types(parts), fields)
                await hand_over(batches.batch(page.column_values(parts)))
                del page  # see `PagedStream.pages`
    except ChangedError as change:
        raise changed_error(change) from None


def _check_columns(found: Fields, fields: Fields) -> None:
    if found != fields:
        raise ChangedError("the columns are others than before")


async def _pages(
    reader: DatasetReader, details: DatasetDetails, scratch: Callable[[], ScratchFile]
) -> AsyncGenerator[ColumnarPage, None]:
    """The pages; where exports show at once that they cannot be used, by rows."""
    given = False
    try:
        async with aclosing(reader.pages(details, scratch)) as pages:
            async for page in pages:
                given = True
                yield page
                del page  # see `PagedStream.pages`
            return
    except LayoutError as error:
        if given:
            raise TransferError(
                f"an export is laid out in another way than those before: {error}; via='rows'"
                " reads page by page"
            ) from None
        reader.read_rows_instead(error)
    async with aclosing(reader.pages(await reader.aged(details), scratch)) as pages:
        async for page in pages:
            yield page
            del page


def _new_file(folder: Path) -> Path:
    descriptor, path = tempfile.mkstemp(dir=folder)
    os.close(descriptor)
    return Path(path)


def fields_of(details: DatasetDetails, options: ExportOptions) -> Fields:
    """Name and type of each column that is read, in the API's words.

    Raises:
        TransferError: The details do not name a column.
    """
    parts = CellParts(include_metadata=options.include_metadata, cell_ids=options.cell_ids)
    try:
        return wide_fields(fields_of_details(details, options.columns), parts)
    except LayoutError as error:
        raise TransferError(str(error)) from None


async def schema_of(reader: DatasetReader, options: ExportOptions) -> pa.Schema:
    """The schema that a reader, a table or a file has."""
    return arrow_schema(fields_of(await reader.details(), options))

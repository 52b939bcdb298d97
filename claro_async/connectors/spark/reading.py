"""What the driver and the tasks of a Spark read of a dataset do."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar, cast

from pyspark.sql.datasource import DataSourceReader
from pyspark.sql.pandas.types import from_arrow_schema

from claro_async.columnar.arrow import Batches, arrow_schema
from claro_async.connectors.spark.planning import (
    Columns,
    PagesPart,
    WindowPart,
    exported,
    first_page,
    plan,
)
from claro_async.errors import TransferError
from claro_async.transfers.splitting import LayoutError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence

    import pyarrow as pa
    from pyspark.sql.datasource import InputPartition
    from pyspark.sql.types import StructType

    from claro_async.connectors.spark.options import OnTypeError, ReadOptions
    from claro_async.connectors.spark.planning import Part
    from claro_async.dataset import Dataset

T = TypeVar("T")


def find_schema(options: ReadOptions) -> StructType:
    """The columns of the frame, from one request.

    Raises:
        ConfigurationError: The dataset lacks a column that is asked for.
        ClaroError: The dataset cannot be read.
    """

    async def find() -> StructType:
        async with options.client.client() as claro:
            page = await first_page(claro.dataset(options.dataset), 1)
            return schema_of(Columns.of(page.columns, options))

    return asyncio.run(find())


def schema_of(columns: Columns) -> StructType:
    """The schema of a frame of these columns."""
    return from_arrow_schema(arrow_schema(columns.fields))


class ClaroReader(DataSourceReader):
    """Reads a dataset; made on the driver, and copied to each task."""

    def __init__(self, options: ReadOptions, schema: StructType) -> None:
        self._options = options
        self._schema = schema

    def partitions(self) -> Sequence[InputPartition]:
        """The parts, from one or two requests.

        Raises:
            TransferError: The dataset has other columns than the frame.
            ClaroError: The dataset cannot be read.
        """
        parts = asyncio.run(self._plan())
        found = [(each.name, each.dataType) for each in schema_of(parts[0].columns)]
        if found != [(each.name, each.dataType) for each in self._schema]:
            raise TransferError(
                f"dataset {self._options.dataset} has the columns"
                f" {', '.join(name for name, _ in found)}, and the frame has"
                f" {', '.join(self._schema.names)}, or of other types: load it again, without a"
                " schema of your own"
            )
        return parts

    async def _plan(self) -> list[PagesPart] | list[WindowPart]:
        async with self._options.client.client() as claro:
            return await plan(claro.dataset(self._options.dataset), self._options)

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """The rows of a part, in a task, a batch at a time.

        Raises:
            TransferError: The dataset changed since the read was planned, or a value does not fit.
            ClaroError: The rows cannot be read.
        """
        return each_of(self._batches(cast("Part", partition)))

    async def _batches(self, part: Part) -> AsyncGenerator[pa.RecordBatch, None]:
        options = self._options
        batches = Batches(part.columns.fields, _policy(options))
        async with options.client.client() as claro:
            dataset = claro.dataset(options.dataset)
            if isinstance(part, WindowPart):
                read = _of_window(dataset, part, batches)
            else:
                read = _of_pages(dataset, cast("PagesPart", part), batches)
            async with aclosing(read):
                async for batch in read:
                    yield batch


async def _of_pages(
    dataset: Dataset, part: PagesPart, batches: Batches
) -> AsyncGenerator[pa.RecordBatch, None]:
    columns = part.columns
    rows = dataset.rows(
        columns=columns.wanted,
        include_metadata=columns.parts.include_metadata or None,
        start_page=part.first,
        end_page=part.last,
    )
    async with aclosing(rows.pages()) as pages:
        async for page in pages:
            _check_total(dataset, page.pagination.total, part)
            columns.check_same(page.columns)
            yield batches.batch(columns.values(page))
            del page  # see `PagedStream.pages`


async def _of_window(
    dataset: Dataset, part: WindowPart, batches: Batches
) -> AsyncGenerator[pa.RecordBatch, None]:
    """The rows of an export, which is fetched into a file first.

    One export is one state of the dataset. Of several, each is followed by a look at the number
    of rows: a change of it before the last look shows in one of them.
    """
    wanted = part.rows + 1 if part.shows_growth else part.rows
    found = 0
    async with exported(dataset, part.columns, part.skip, wanted) as records:
        if not part.shows_growth:
            _check_total(dataset, (await first_page(dataset, 1)).pagination.total, part)
        try:
            async for page in records:
                found += len(page)
                yield batches.batch(page.column_values())
        except LayoutError as error:
            raise TransferError(
                f"an export of dataset {dataset.dataset_id} is laid out in another way than the"
                f" first rows were: {error}; option via=pages reads page by page"
            ) from None
    if found != part.rows:
        raise TransferError(
            f"dataset {dataset.dataset_id} had {part.total} rows when the read was planned, and an"
            f" export of {wanted} rows from row {part.skip + 1} on came with {found}: it changed"
            " meanwhile, read it again"
        )


def _check_total(dataset: Dataset, total: int, part: Part) -> None:
    """See that there are as many rows as when the read was planned.

    Raises:
        TransferError: There are not.
    """
    if total != part.total:
        raise TransferError(
            f"dataset {dataset.dataset_id} had {part.total} rows when the read was planned and has"
            f" {total} now: read it again"
        )


def each_of(values: AsyncGenerator[T, None]) -> Iterator[T]:
    """What a generator gives, one by one, in an event loop of this thread's own."""
    with asyncio.Runner() as runner:
        try:
            while (value := runner.run(_next(values))) is not None:
                yield value
        finally:
            runner.run(values.aclose())


async def _next(values: AsyncGenerator[T, None]) -> T | None:
    return await anext(values, None)


def _policy(options: ReadOptions) -> OnTypeError:
    """With ``string`` all columns are text from the beginning, which takes everything."""
    return "raise" if options.on_type_error == "string" else options.on_type_error

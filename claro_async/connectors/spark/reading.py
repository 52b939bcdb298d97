"""What the driver and the tasks of a Spark read do."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, cast

import attrs
from pyspark.sql.datasource import DataSourceReader, InputPartition
from pyspark.sql.pandas.types import from_arrow_schema

from claro_async.columnar.arrow import Batches
from claro_async.columnar.pages import cell_columns
from claro_async.connectors.spark.options import PAGE_ROWS
from claro_async.errors import ConfigurationError, TransferError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence

    import pyarrow as pa
    from pyspark.sql.types import StructType

    from claro_async.connectors.spark.options import OnTypeError, ReadOptions
    from claro_async.models import DatasetColumn
    from claro_async.paging.pages import Page

_TEXT = "json"  # a type of a column that holds anything, as text


@attrs.frozen(kw_only=True)
class Columns:
    """The columns that a read has.

    Attributes:
        ids: Their ids in the dataset.
        fields: Name and type of each column of the frame.
        cell_ids: Whether each is followed by one of cell ids.
    """

    ids: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]
    cell_ids: bool

    @classmethod
    def of(cls, found: Sequence[DatasetColumn], options: ReadOptions) -> Columns:
        """The columns that the options choose.

        Raises:
            ConfigurationError: The dataset lacks one, or has one of the name twice.
        """
        chosen = list(found)
        if options.columns is not None:
            by_name: dict[str, list[DatasetColumn]] = {}
            for each in found:
                by_name.setdefault(each.name, []).append(each)
            for name in options.columns:
                if len(by_name.get(name, ())) != 1:
                    raise ConfigurationError(
                        f"option 'columns' names {name!r}, and the dataset has"
                        f" {len(by_name.get(name, ()))} columns of that name; there are"
                        f" {', '.join(by_name)}"
                    )
            chosen = [by_name[name][0] for name in options.columns]
        if len({each.name.lower() for each in chosen}) < len(chosen):
            raise ConfigurationError(
                "two columns have names that Spark does not tell apart: choose by option 'columns'"
            )
        fields: list[tuple[str, str]] = []
        for each in chosen:
            is_text = options.on_type_error == "string"
            fields.append((each.name, _TEXT if is_text else each.type or _TEXT))
            if options.cell_ids:
                fields.append((f"{each.name}_cell_id", "string"))
        return cls(
            ids=tuple(each.column_id for each in chosen),
            fields=tuple(fields),
            cell_ids=options.cell_ids,
        )

    def values(self, page: Page) -> list[list[object]]:
        """The values of a page, a list for each column of the frame."""
        lists: list[list[object]] = []
        for cells in cell_columns([row.structs for row in page], self.ids):
            lists.append([None if cell is None else cell.value for cell in cells])
            if self.cell_ids:
                lists.append([None if cell is None else cell.cell_id for cell in cells])
        return lists


@attrs.frozen(kw_only=True)
class Part(InputPartition):
    """The pages that a task reads.

    Attributes:
        first: The first page, from 1.
        last: The last one.
        total: Rows of the dataset when the read was planned.
    """

    first: int
    last: int
    total: int

    value: object = None  # Spark's own partition has one


def find_schema(options: ReadOptions) -> StructType:
    """The columns of the frame, from one request.

    Raises:
        ConfigurationError: The dataset lacks a column that is asked for.
        ClaroError: The dataset cannot be read.
    """
    page = asyncio.run(_first_page(options))
    columns = Columns.of(page.columns, options)
    return from_arrow_schema(Batches(columns.fields, "raise").schema)


async def _first_page(options: ReadOptions) -> Page:
    async with options.client.client() as claro:
        return await claro.dataset(options.dataset).rows(limit=1)


class ClaroReader(DataSourceReader):
    """Reads a dataset; made on the driver, and copied to each task."""

    def __init__(self, options: ReadOptions) -> None:
        self._options = options

    def partitions(self) -> Sequence[InputPartition]:
        """Ranges of pages, from one request."""
        page = asyncio.run(_first_page(self._options))
        total = page.pagination.total
        pages = max(1, -(-total // PAGE_ROWS))
        step = self._options.window_rows // PAGE_ROWS
        return [
            Part(first=first, last=min(first + step - 1, pages), total=total)
            for first in range(1, pages + 1, step)
        ]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """The rows of a range, in a task, a page at a time.

        Raises:
            TransferError: The dataset changed since the read was planned, or a value does not fit.
            ClaroError: A page cannot be read.
        """
        part = cast("Part", partition)
        with asyncio.Runner() as runner:
            pages = self._batches(part)
            try:
                while (batch := runner.run(_next(pages))) is not None:
                    yield batch
            finally:
                runner.run(pages.aclose())

    async def _batches(self, part: Part) -> AsyncGenerator[pa.RecordBatch, None]:
        options = self._options
        async with options.client.client() as claro:
            rows = claro.dataset(options.dataset).rows(start_page=part.first, end_page=part.last)
            batches: Batches | None = None
            async with aclosing(rows.pages()) as pages:
                async for page in pages:
                    if page.pagination.total != part.total:
                        raise TransferError(
                            f"dataset {options.dataset} had {part.total} rows when the read was"
                            f" planned and has {page.pagination.total} now: read it again"
                        )
                    columns = Columns.of(page.columns, options)
                    batches = batches or Batches(columns.fields, _policy(options))
                    yield batches.batch(columns.values(page))


async def _next(batches: AsyncGenerator[pa.RecordBatch, None]) -> pa.RecordBatch | None:
    return await anext(batches, None)


def _policy(options: ReadOptions) -> OnTypeError:
    """With ``string`` all columns are text from the beginning, which takes everything."""
    return "raise" if options.on_type_error == "string" else options.on_type_error

"""What the driver and the tasks of a Spark read of comments do.

Communications Mining API v1, "Datasets", section "Export a dataset". Time is cut into ranges, a
task each. A comment belongs to the range that its own time is in, the moment where two ranges meet
to the later one; so it is in one task, whatever the server makes of that moment. Within a task it
comes once by its uid.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import attrs
import pyarrow as pa
from pyspark.sql.datasource import DataSourceReader, InputPartition
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

from claro_async.communications_mining.columns import row_of
from claro_async.communications_mining.known_uids import StoredUids
from claro_async.communications_mining.parquet import SCHEMA
from claro_async.connectors.spark.reading import each_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence
    from datetime import datetime

    from pyspark.sql.types import StructType

    from claro_async.communications_mining.comments import ExportedComment
    from claro_async.connectors.spark.mining_options import MiningOptions

_MARGIN = timedelta(seconds=1)
"""How much more than its range a task asks for: a server may compare times otherwise than to the
digits that it writes."""


@attrs.frozen(kw_only=True)
class RangePart(InputPartition):
    """The comments of a time range.

    Attributes:
        start: Where the range before ends; None for the first.
        end: Where the next begins; None for the last.
    """

    start: datetime | None
    end: datetime | None

    value: object = None  # Spark's own partition has one

    def holds(self, time: datetime | None) -> bool:
        """Whether a comment of a time is one of these; of one without, only the server can say."""
        if time is None:
            return True
        return (self.start is None or time >= self.start) and (self.end is None or time < self.end)


def comment_schema(options: MiningOptions) -> StructType:
    """The columns of the frame, without a request."""
    return from_arrow_schema(pa.schema([SCHEMA.field(name) for name in options.columns]))


class MiningReader(DataSourceReader):
    """Reads comments; made on the driver, and copied to each task."""

    def __init__(self, options: MiningOptions) -> None:
        self._options = options

    def partitions(self) -> Sequence[InputPartition]:
        """The time ranges, from up to 11 requests.

        Raises:
            ClaroError: The dataset cannot be read.
        """
        ranges = asyncio.run(self._ranges())
        last = len(ranges) - 1
        return [
            RangePart(start=start if at > 0 else None, end=end if at < last else None)
            for at, (start, end) in enumerate(ranges)
        ]

    async def _ranges(self) -> list[tuple[datetime | None, datetime | None]]:
        options = self._options
        async with options.client() as mining:
            return await options.dataset(mining).time_ranges(options.windows, **options.selection)

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """The comments of a time range, in a task, a page at a time.

        Raises:
            ClaroError: They cannot be read.
        """
        return each_of(self._batches(cast("RangePart", partition)))

    async def _batches(self, part: RangePart) -> AsyncGenerator[pa.RecordBatch, None]:
        options = self._options
        schema = to_arrow_schema(comment_schema(options), timezone="UTC")  # as Spark compares it
        selection = options.selection
        if part.start is not None:
            selection["from_"] = part.start - _MARGIN
        if part.end is not None:
            selection["to"] = part.end + _MARGIN
        known = StoredUids()
        async with options.client() as mining:
            stream = options.dataset(mining).export(**selection)
            async with aclosing(stream.pages()) as pages:
                async for page in pages:
                    rows = [row_of(each.to_json()) for each in await self._own(page, part, known)]
                    if rows:
                        yield pa.RecordBatch.from_pylist(rows, schema)

    async def _own(
        self, page: list[ExportedComment], part: RangePart, known: StoredUids
    ) -> list[ExportedComment]:
        """The comments of a page that are of this part, and did not come before."""
        order = self._options.order_by
        own = [each for each in page if part.holds(each.sorting_time(order))]
        again = await known.add([each.uid for each in own])
        return [each for each in own if each.uid not in again]

"""Arrow and Parquet files made from the row stream, with the extra ``claro-async[arrow]``.

Pages become batches at once, and batches go to the file when they fill a row group.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import parquet as pq

from claro_async.columnar.arrow import Batches
from claro_async.storage.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from claro_async.columnar.arrow import OnTypeError
    from claro_async.columnar.pages import CellParts, ColumnarPage
    from claro_async.storage.atomic import AtomicFile

_GROUP_ROWS = 1 << 15  # more would take more memory, and gain readers little
_GROUP_BYTES = 1 << 23


class ArrowFile:
    """An Arrow IPC file (Feather V2) or a Parquet file.

    A file has one schema. When a value turns a column into one of text (``on_type_error`` is
    ``string``), what was written is read back and written anew.
    """

    def __init__(
        self,
        part: AtomicFile,
        kind: str,
        on_type_error: OnTypeError,
        parts: CellParts,
        *,
        about: Mapping[str, str] | None = None,
    ) -> None:
        """Make a file.

        Args:
            part: The file to make.
            kind: ``parquet`` or ``arrow``.
            on_type_error: What becomes of a value that does not fit.
            parts: What becomes columns, beside the values.
            about: What the file says of itself.
        """
        self._part = part
        self._on_type_error = on_type_error
        self._kind = kind
        self._parts = parts
        self._about = about
        self._batches: Batches | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._path: Path
        self._sink: pa.OSFile | None = None
        self._writer: Any = None
        self._schema: pa.Schema = None

    async def add(self, page: ColumnarPage) -> None:
        """Add a page's rows."""
        await self._part.run(lambda _: self._add(page))

    async def finish(self) -> None:
        """Write what is left and end the file."""
        await self._part.run(lambda _: self._finish())
        await self._part.adopt(self._path)

    async def aclose(self) -> None:
        """Give the file up."""
        if self._writer is not None:
            await in_thread(self._close)

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        sink, self._sink = self._sink, None
        try:
            if writer is not None:
                writer.close()
        finally:
            if sink is not None:
                sink.close()

    def _add(self, page: ColumnarPage) -> None:
        fields = page.column_types(self._parts)
        if self._batches is None:
            self._batches = Batches(fields, self._on_type_error)
        values = page.column_values(self._parts)
        self._waiting.append(self._batches.batch(values))
        rows = sum(batch.num_rows for batch in self._waiting)
        if rows >= _GROUP_ROWS or sum(batch.nbytes for batch in self._waiting) >= _GROUP_BYTES:
            self._write_group()

    def _write_group(self) -> None:
        batches = self._batches
        if batches is None:
            return
        if self._writer is None:
            self._open(batches.schema)
        elif self._schema != batches.schema:
            self._rewrite()
        self._write([batches.conform(batch) for batch in self._waiting])
        self._waiting = []
        pa.default_memory_pool().release_unused()  # which else keeps the most that it ever held

    def _write(self, made: Sequence[pa.RecordBatch]) -> None:
        # one row group, or one batch: small ones cost whoever reads the file
        group = pa.Table.from_batches(made, self._schema)
        if self._kind == "parquet":
            self._writer.write_table(group, row_group_size=max(1, group.num_rows))
        else:
            self._writer.write_table(group.combine_chunks())

    def _open(self, schema: pa.Schema) -> None:
        self._schema = schema if self._about is None else schema.with_metadata(self._about)
        self._path = self._part.make_scratch()
        # an open file: a path with a colon would be taken for a URI
        self._sink = pa.OSFile(str(self._path), "wb")
        make = pq.ParquetWriter if self._kind == "parquet" else pa.ipc.new_file
        self._writer = make(self._sink, self._schema)

    def _rewrite(self) -> None:
        """Bring what was written into the new schema, group by group."""
        batches = self._batches
        if batches is None:
            return
        self._close()
        before = self._path
        self._open(batches.schema)
        if self._kind == "parquet":
            with pa.OSFile(str(before), "rb") as source, pq.ParquetFile(source) as old:
                for group in range(old.num_row_groups):
                    made = old.read_row_group(group).combine_chunks().to_batches()
                    self._write([batches.conform(batch) for batch in made])
        else:
            with pa.OSFile(str(before), "rb") as source, pa.ipc.open_file(source) as old:
                for number in range(old.num_record_batches):
                    self._write([batches.conform(old.get_batch(number))])
        before.unlink()

    def _finish(self) -> None:
        if self._waiting or self._writer is None:
            self._write_group()
        self._close()

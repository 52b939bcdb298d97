"""Parquet and Arrow files, a batch of rows at a time, with the extra ``claro-async[arrow]``."""

from __future__ import annotations

from contextlib import closing
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import ipc
from pyarrow import parquet as pq

from claro_async.tables.delimited import check_names
from claro_async.tables.source import seekable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claro_async.tables.source import TableSource

_ROWS = 1000  # that become Python values at once
_MAGIC = b"ARROW1"


def read_arrow_file(source: TableSource, kind: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a file, each with its number from 1.

    Args:
        source: The file.
        kind: ``parquet``, or ``arrow`` for an IPC file (Feather V2) or stream.

    Raises:
        TableFileError: The file is damaged, cut off, or something else.
        OSError: The file cannot be opened.
    """
    number = 0
    with closing(seekable(source.open())) as file:
        try:
            for batch in _parquet(file, source) if kind == "parquet" else _arrow(file, source):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
        except (pa.ArrowException, OSError, ValueError) as error:
            if type(error).__module__.startswith("claro_async"):
                raise
            source.fail(f"not a whole {kind} file: {error!s:.200}", number + 1 if number else None)


def _parquet(file: IO[bytes], source: TableSource) -> Iterator[pa.RecordBatch]:
    table = pq.ParquetFile(file)
    check_names(source, table.schema_arrow.names)
    yield from table.iter_batches(batch_size=_ROWS)


def _arrow(file: IO[bytes], source: TableSource) -> Iterator[pa.RecordBatch]:
    head = file.read(len(_MAGIC))
    file.seek(0)
    if head == _MAGIC:
        table = ipc.open_file(file)
        batches = map(table.get_batch, range(table.num_record_batches))
    else:
        table = batches = ipc.open_stream(file)
    check_names(source, table.schema.names)
    for batch in batches:
        for first in range(0, batch.num_rows, _ROWS):
            yield batch.slice(first, _ROWS)

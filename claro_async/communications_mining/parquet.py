"""Exported comments as a Parquet file; needs pyarrow, the extra ``[arrow]``.

A Parquet file cannot be continued, so it is made of the JSON lines when these are whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import parquet

from claro_async.communications_mining.columns import COLUMNS, FreeForm, Wrapped, row_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from threading import Event

    from claro_async.communications_mining.columns import Form

_ROWS_A_GROUP = 8192
_PLAIN = {
    str: pa.string(),
    bool: pa.bool_(),
    float: pa.float64(),
    datetime: pa.timestamp("us", "UTC"),
    Wrapped(): pa.string(),
    FreeForm(): pa.string(),
}


def _type_of(form: Form) -> pa.DataType:
    if isinstance(form, list):
        return pa.list_(_type_of(form[0]))
    if isinstance(form, Mapping):
        return pa.struct([(name, _type_of(each)) for name, each in form.items()])
    return _PLAIN[form]


SCHEMA = pa.schema(
    [pa.field(name, _type_of(form), nullable=name != "uid") for name, form in COLUMNS.items()]
)
"""The columns; times are in microseconds."""


def write(lines: Iterable[bytes], target: IO[bytes], stop: Event) -> None:
    """Write comments, in memory that does not grow with them; blocks, so it is for a thread.

    Args:
        lines: The comments, each as JSON.
        target: Where to; what it gets is no whole file where the writing was stopped.
        stop: Set to end early.
    """
    rows = (row_of(line) for line in lines)
    # closed by this thread alone: a writer that is closed while it writes ends the interpreter
    with parquet.ParquetWriter(target, SCHEMA) as writer:
        while not stop.is_set() and (group := list(islice(rows, _ROWS_A_GROUP))):
            writer.write_batch(_batch(group))


def _batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, SCHEMA)

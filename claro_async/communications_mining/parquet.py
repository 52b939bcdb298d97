"""Exported comments as a Parquet file; needs pyarrow, the extra ``[arrow]``.

The columns are the documented fields (Communications Mining API v1, "Datasets", section "Export a
dataset"), flat where that is possible. A Parquet file cannot be continued, so it is made of the
JSON lines when these are whole.
"""

from __future__ import annotations

import asyncio
import os
import threading
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from claro_async.errors import TransferError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

try:
    import pyarrow as pa
    from pyarrow import parquet
except ImportError as error:
    raise ImportError('Parquet files need pyarrow: pip install "claro-async[arrow]"') from error

_ROWS_A_GROUP = 8192
_MOMENT = pa.timestamp("us", "UTC")
_LABEL = [("name", pa.string())]

SCHEMA = pa.schema(
    [
        pa.field("uid", pa.string(), nullable=False),
        ("id", pa.string()),
        ("source_id", pa.string()),
        ("timestamp", _MOMENT),
        ("created_at", _MOMENT),
        ("last_modified", _MOMENT),
        ("thread_id", pa.string()),
        ("context", pa.string()),
        ("text_format", pa.string()),
        ("has_annotations", pa.bool_()),
        ("user_properties", pa.string()),
        (
            "messages",
            pa.list_(
                pa.struct(
                    [
                        ("from", pa.string()),
                        ("to", pa.list_(pa.string())),
                        ("sent_at", _MOMENT),
                        ("subject", pa.string()),
                        ("body", pa.string()),
                    ]
                )
            ),
        ),
        ("assigned_labels", pa.list_(pa.struct([*_LABEL, ("sentiment", pa.string())]))),
        (
            "predicted_labels",
            pa.list_(
                pa.struct([*_LABEL, ("probability", pa.float64()), ("sentiment", pa.float64())])
            ),
        ),
        (
            "label_properties",
            pa.list_(
                pa.struct(
                    [
                        ("property_id", pa.string()),
                        ("property_name", pa.string()),
                        ("value", pa.float64()),
                    ]
                )
            ),
        ),
    ]
)
"""The columns. ``user_properties`` is JSON text; times are UTC, in microseconds."""

_PLAIN = ("uid", "id", "source_id", "thread_id", "context", "text_format", "has_annotations")
_MOMENTS = ("timestamp", "created_at", "last_modified")


async def convert(lines: Path, target: Path) -> None:
    """Write a file of JSON lines anew as Parquet, in memory that does not grow with it.

    Raises:
        TransferError: A comment that does not fit the columns.
    """
    stop = threading.Event()
    work = asyncio.ensure_future(asyncio.to_thread(_convert, lines, target, stop))
    try:
        await asyncio.shield(work)
    finally:
        stop.set()
        await asyncio.gather(work, return_exceptions=True)


def _convert(lines: Path, target: Path, stop: threading.Event) -> None:
    decode = msgspec.json.Decoder().decode
    with lines.open("rb") as source, parquet.ParquetWriter(target, SCHEMA) as writer:
        rows = (_row(decode(line)) for line in source)
        while not stop.is_set() and (group := list(islice(rows, _ROWS_A_GROUP))):
            writer.write_batch(_batch(group))
    with target.open("rb+") as file:
        os.fsync(file.fileno())


def _batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    try:
        return pa.RecordBatch.from_pylist(rows, SCHEMA)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise TransferError(
            f"a comment does not fit the columns of a Parquet file: {error}"
        ) from None


def _row(exported: dict[str, Any]) -> dict[str, Any]:
    comment = exported["comment"]
    annotations, predictions = exported.get("annotations") or {}, exported.get("predictions") or {}
    properties = comment.get("user_properties")
    return {
        **{name: comment.get(name) for name in _PLAIN},
        **{name: _moment(comment.get(name)) for name in _MOMENTS},
        "user_properties": None if properties is None else msgspec.json.encode(properties).decode(),
        "messages": list(_messages(comment)),
        "assigned_labels": (annotations.get("labels") or {}).get("assigned"),
        "predicted_labels": predictions.get("labels"),
        "label_properties": predictions.get("label_properties"),
    }


def _messages(comment: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for message in comment.get("messages") or ():
        yield {
            "from": message.get("from"),
            "to": message.get("to"),
            "sent_at": _moment(message.get("sent_at")),
            "subject": (message.get("subject") or {}).get("text"),
            "body": (message.get("body") or {}).get("text"),
        }


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)

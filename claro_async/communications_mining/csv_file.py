"""Exported comments as CSV (RFC 4180): the columns of `columns`, nested ones as JSON text."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any

from claro_async.communications_mining.columns import COLUMNS, as_json, row_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from threading import Event


def write(lines: Iterable[bytes], target: IO[bytes], stop: Event) -> None:
    """Write comments as UTF-8, with a header; null is an empty field. Blocks.

    Args:
        lines: The comments, each as JSON.
        target: Where to.
        stop: Set to end early.
    """
    text = io.TextIOWrapper(target, "utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for line in lines:
        if stop.is_set():
            break
        writer.writerow([_field(value) for value in row_of(line).values()])
    text.detach()


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    return as_json(value)

"""The Parquet file of a column's backup, read; all of it blocks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import compute, parquet

from claro_async.errors import TransferError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


def check_whole(path: Path, cells: int) -> None:
    """See that a file that was just written holds so many cells, each with an id of its own.

    Raises:
        TransferError: It does not.
    """
    try:
        with pa.OSFile(os.fspath(path), "rb") as file:
            table = parquet.read_table(file, columns=["cell_id", "value"])
    except (OSError, pa.ArrowException) as error:
        raise TransferError(f"the backup cannot be read back: {error}; nothing was wiped") from None
    ids = table.column("cell_id")
    values = table.column("value")
    if len(ids) != cells or ids.null_count or values.null_count:
        raise TransferError(f"the backup holds {len(ids):,} of {cells:,} cells: nothing was wiped")
    if compute.count_distinct(ids).as_py() != cells:
        raise TransferError("two cells of the backup have one id: nothing was wiped")


def head_of(path: Path) -> bytes:
    """What a backup says of itself, as JSON; empty for another file.

    Raises:
        FileNotFoundError: There is no such file.
    """
    try:
        with pa.OSFile(os.fspath(path), "rb") as file:
            about = parquet.read_schema(file).metadata or {}
    except pa.ArrowInvalid:
        return b""
    found: bytes = about.get(b"claro", b"")
    return found


def groups_of(path: Path) -> Generator[list[tuple[str, str]], None, None]:
    """The ids and values of a backup, as JSON text, by row group."""
    with pa.OSFile(os.fspath(path), "rb") as file, parquet.ParquetFile(file) as source:
        for group in range(source.num_row_groups):
            table = source.read_row_group(group, columns=["cell_id", "value"])
            ids, values = (table.column(name).to_pylist() for name in ("cell_id", "value"))
            yield list(zip(ids, values, strict=True))

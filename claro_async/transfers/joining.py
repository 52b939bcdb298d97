"""Several exports of one dataset, a chunk of rows each, joined into one file."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING

from claro_async.errors import TransferError
from claro_async.storage.blocks import BLOCK, write_all
from claro_async.transfers.counting import BOM, SPACE, CsvCounter, JsonCounter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAX_HEADER = 1 << 24


class ChangedError(Exception):
    """The parts are not of one and the same state of the dataset."""


class CsvJoin:
    """CSV with one header (RFC 4180), whatever line ends the server writes."""

    def __init__(self) -> None:
        self._header = b""

    def add(self, target: IO[bytes], chunk: Path, rows: int | None) -> int:
        """Append a chunk; returns how many rows it has.

        Args:
            target: The whole.
            chunk: A file with a header.
            rows: Rows that it must have; None for any.

        Raises:
            ChangedError: It has another header than the first, or another number of rows.
        """
        with chunk.open("rb", buffering=0) as file:
            header = _read_header(file)
            if not self._header:
                self._header = header
                write_all(target, header)
            elif header != self._header:
                raise ChangedError("the columns are others than before")
            file.seek(len(header))
            return _checked(_copy_records(file, target), rows)

    def finish(self, target: IO[bytes]) -> None:
        """Nothing is left to write."""


def _read_header(file: IO[bytes]) -> bytes:
    """The first record with its line end, which may hold line ends within quotes."""
    head = b""
    at = -1
    while block := file.read(BLOCK):
        head += block
        while (at := head.find(b"\n", at + 1)) >= 0:
            if head.count(b'"', 0, at) % 2 == 0:
                return head[: at + 1]
        at = len(head) - 1
        if len(head) > _MAX_HEADER:
            raise TransferError("the export has no end of a header where one should be")
    return head if not head or head.endswith(b"\n") else head + b"\r\n"


def _copy_records(file: IO[bytes], target: IO[bytes]) -> int:
    """Copy the rest of a file; returns how many records that were."""
    counter = CsvCounter(header=False)
    for block in _blocks(file):
        write_all(target, block)
        counter.feed(block)
    if not counter.ends:
        write_all(target, b"\r\n")
    return counter.rows


def _checked(found: int, rows: int | None) -> int:
    if rows is not None and found != rows:
        raise ChangedError(f"a chunk of {rows:,} rows came with {found:,}")
    return found


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block


class JsonJoin:
    """One JSON array."""

    def __init__(self) -> None:
        self._between = b"["

    def add(self, target: IO[bytes], chunk: Path, rows: int | None) -> int:
        """Append the elements of a chunk that is an array itself; returns how many they are.

        Args:
            target: The whole.
            chunk: A file.
            rows: Elements that it must have; None for any.

        Raises:
            ChangedError: It has another number of elements.
            TransferError: It is no array.
        """
        counter = JsonCounter()
        counter.feed(b"[")
        with chunk.open("rb", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            start, end = _inside_brackets(file, size)
            if start < end:
                write_all(target, self._between)
                self._between = b","
            file.seek(start)
            while start < end and (block := file.read(min(BLOCK, end - start))):
                write_all(target, block)
                counter.feed(block)
                start += len(block)
        return _checked(counter.rows or 0, rows)

    def finish(self, target: IO[bytes]) -> None:
        """End the array."""
        write_all(target, b"[]\n" if self._between == b"[" else b"]\n")


def _inside_brackets(file: IO[bytes], size: int) -> tuple[int, int]:
    """Where the elements of an array begin and end; the same for an empty one."""
    file.seek(0)
    head = file.read(BLOCK)
    start = len(BOM) if head.startswith(BOM) else 0
    start += len(head[start:]) - len(head[start:].lstrip(SPACE))
    if head[start : start + 1] != b"[":
        raise TransferError("a JSON export is no array, so several cannot be joined")
    start += 1
    if size <= len(head):
        start += len(head[start:]) - len(head[start:].lstrip(SPACE))
    at = max(0, size - BLOCK)
    file.seek(at)
    tail = file.read(BLOCK).rstrip(SPACE)
    if not tail.endswith(b"]"):
        raise TransferError("a JSON export does not end as an array, so several cannot be joined")
    return start, max(start, at + len(tail[:-1].rstrip(SPACE)))

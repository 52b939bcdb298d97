"""Chunks of an export, joined."""

from __future__ import annotations

import csv
import io
import json
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claro_async import TransferError
from claro_async.transfers.counting import CsvCounter, JsonCounter
from claro_async.transfers.joining import ChangedError, CsvJoin, JsonJoin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXT = st.text(st.sampled_from('ab,"\\[]{}\r\n é\U0001f600'), max_size=6)
TABLES = st.lists(st.lists(st.tuples(TEXT, TEXT), max_size=4), min_size=1, max_size=4)


def join(
    joiner: CsvJoin | JsonJoin, chunks: list[bytes], folder: Path, counts: list[int] | None = None
) -> bytes:
    """Join chunks by way of files."""
    target = io.BytesIO()
    for number, chunk in enumerate(chunks):
        path = folder / "chunk"
        path.write_bytes(chunk)
        joiner.add(target, path, None if counts is None else counts[number])
    joiner.finish(target)
    return target.getvalue()


def as_csv(rows: list[tuple[str, ...]], line_end: str = "\r\n") -> bytes:
    """Rows as RFC 4180 has them."""
    text = io.StringIO(newline="")
    if line_end == "\r\n":
        csv.writer(text).writerows(rows)
    else:
        csv.writer(text, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue().encode()


@given(header=st.tuples(TEXT, TEXT), tables=TABLES, line_end=st.sampled_from(["\n", "\r\n"]))
def test_csv_chunks_read_as_one_table(
    tmp_path_factory: pytest.TempPathFactory,
    header: tuple[str, str],
    tables: list[list[tuple[str, str]]],
    line_end: str,
) -> None:
    """Whatever is quoted, in the header, too: the rows of the whole are those of the chunks."""
    folder = tmp_path_factory.getbasetemp()
    chunks = [as_csv([header, *rows], line_end) for rows in tables]
    whole = join(CsvJoin(), chunks, folder, [len(rows) for rows in tables])
    read = list(csv.reader(io.StringIO(whole.decode(), newline="")))
    assert read == [list(row) for row in [header, *chain(*tables)]]


def test_csv_chunks_without_a_last_line_end(tmp_path: Path) -> None:
    """A last record without its line end does not run into the next chunk's first."""
    chunks = [b"a,b\n1,2", b"a,b\n3,4", b"a,b\n5,6\n"]
    assert join(CsvJoin(), chunks, tmp_path, [1, 1, 1]) == b"a,b\n1,2\r\n3,4\r\n5,6\n"


def test_csv_chunks_with_a_byte_order_mark(tmp_path: Path) -> None:
    """The mark stays at the beginning and is nowhere else."""
    chunks = ["\ufeffa\n1\n".encode(), "\ufeffa\n2\n".encode()]
    assert join(CsvJoin(), chunks, tmp_path) == "\ufeffa\n1\n2\n".encode()


def test_a_header_alone_without_a_line_end(tmp_path: Path) -> None:
    """A chunk without rows may be a header and nothing else."""
    assert join(CsvJoin(), [b"a,b", b"a,b"], tmp_path, [0, 0]) == b"a,b\r\n"


def test_csv_chunks_larger_than_a_block(tmp_path: Path) -> None:
    """Quotes are kept account of over the blocks that a file is read in."""
    rows = [("x\r\n" * 300_000, "1"), ("y" * 2_000_000, '"')]
    chunks = [as_csv([("a", "b" * 1_500_000), *rows])] * 2
    whole = join(CsvJoin(), chunks, tmp_path, [2, 2])
    before = csv.field_size_limit(10_000_000)
    try:
        assert len(list(csv.reader(io.StringIO(whole.decode(), newline="")))) == 5
    finally:
        csv.field_size_limit(before)


@pytest.mark.parametrize(
    ("second", "reason"),
    [(b"a,c\n1,2\n", "columns"), (b"a,b\n", "came with 0"), (b"a,b\n1,2\n3,4\n", "came with 2")],
)
def test_csv_chunks_that_do_not_belong_together(second: bytes, reason: str, tmp_path: Path) -> None:
    """Another header, or another number of rows than asked for, shows a change."""
    with pytest.raises(ChangedError, match=reason):
        join(CsvJoin(), [b"a,b\n1,2\n", second], tmp_path, [1, 1])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


@given(
    tables=st.lists(st.lists(VALUES, max_size=3), min_size=1, max_size=4),
    indent=st.sampled_from([None, 0, 2]),
    around=st.sampled_from(["", " \n", "\ufeff"]),
)
def test_json_chunks_read_as_one_array(
    tmp_path_factory: pytest.TempPathFactory,
    tables: list[list[Any]],
    indent: int | None,
    around: str,
) -> None:
    """Arrays of any layout become one array of all their elements."""
    folder = tmp_path_factory.getbasetemp()
    tail = around.replace("\ufeff", "")
    chunks = [(around + json.dumps(table, indent=indent) + tail).encode() for table in tables]
    whole = join(JsonJoin(), chunks, folder, [len(table) for table in tables])
    assert json.loads(whole) == list(chain(*tables))


def test_json_chunks_larger_than_a_block(tmp_path: Path) -> None:
    """What lies between the brackets is copied whole."""
    table = ["x" * 700_000, "]", "y" * 700_000]
    chunk = json.dumps(table).encode()
    assert json.loads(join(JsonJoin(), [chunk] * 3, tmp_path, [3, 3, 3])) == table * 3


@pytest.mark.parametrize("chunk", [b'{"rows": []}', b"[1, 2", b"", b"null"])
def test_json_that_is_no_array(chunk: bytes, tmp_path: Path) -> None:
    """What cannot be joined is not joined."""
    with pytest.raises(TransferError, match="array"):
        join(JsonJoin(), [chunk], tmp_path)


def test_a_json_chunk_that_is_empty_too_early(tmp_path: Path) -> None:
    """A chunk that should have rows and has none shows a change."""
    with pytest.raises(ChangedError, match="came with 0"):
        join(JsonJoin(), [b"[1]", b"[]"], tmp_path, [1, 1])


@given(
    table=st.lists(VALUES, max_size=5),
    indent=st.sampled_from([None, 0, 2]),
    size=st.integers(1, 7),
    escaped=st.sampled_from([json.dumps, partial(json.dumps, ensure_ascii=False)]),
)
def test_elements_are_counted_in_blocks_of_any_size(
    table: list[Any], indent: int | None, size: int, escaped: Callable[..., str]
) -> None:
    """Commas, brackets, quotes and backslashes in text do not count, wherever a block ends."""
    text = escaped(table, indent=indent).encode()
    counter = JsonCounter()
    for at in range(0, len(text), size):
        counter.feed(text[at : at + size])
    assert counter.rows == len(table)


@pytest.mark.parametrize("text", [b'{"a": [1, 2]}', b"null", b"", b"\xef\xbb\xbf 5"])
def test_what_is_no_array_has_no_elements(text: bytes) -> None:
    """Rows of what is no array cannot be found."""
    counter = JsonCounter()
    counter.feed(text)
    assert counter.rows is None


@given(rows=st.lists(st.tuples(TEXT, TEXT), max_size=5), size=st.integers(1, 7))
def test_records_are_counted_in_blocks_of_any_size(rows: list[tuple[str, str]], size: int) -> None:
    """Line ends in quotes do not count, wherever a block ends."""
    text = as_csv([("a", "b"), *rows])
    counter = CsvCounter()
    for at in range(0, len(text), size):
        counter.feed(text[at : at + size])
    assert counter.rows == len(rows)

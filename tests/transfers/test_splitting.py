"""A JSON array, cut into runs of whole elements as its bytes come."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claro_async.transfers import splitting
from claro_async.transfers.splitting import ArraySplitter, LayoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TEXT = st.text(st.sampled_from('ab,"\\[]{}\r\n é\U0001f600:'), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e300, 1e300) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def read(blocks: Iterable[bytes]) -> list[Any]:
    """The elements, decoded run by run."""
    splitter = ArraySplitter()
    found: list[Any] = []
    for run in (*map(splitter.feed, blocks), splitter.finish()):
        if run:
            found += msgspec.json.decode(b"[%b]" % run)
    return found


def in_blocks(text: bytes, size: int) -> list[bytes]:
    """Bytes in blocks of a size."""
    return [text[at : at + size] for at in range(0, len(text), size)]


@pytest.fixture(params=[1, 7, 1 << 12])
def tail(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the last bytes that are looked at one by one were so many."""
    monkeypatch.setattr(splitting, "_SHORTEST_TAIL", request.param)


@pytest.mark.usefixtures("tail")
@given(
    table=st.lists(VALUES, max_size=6),
    indent=st.sampled_from([None, 0, 2]),
    around=st.sampled_from(["", " \n", "\ufeff", "\ufeff\t"]),
    size=st.integers(1, 40),
    escaped=st.sampled_from([json.dumps, partial(json.dumps, ensure_ascii=False)]),
)
def test_elements_come_whole_whatever_the_layout(
    table: list[Any], indent: int | None, around: str, size: int, escaped: Callable[..., str]
) -> None:
    """Commas, brackets, quotes and backslashes in text part nothing, wherever a block ends."""
    text = (around + escaped(table, indent=indent) + around.replace("\ufeff", "")).encode()
    assert read(in_blocks(text, size)) == table


@pytest.mark.usefixtures("tail")
def test_a_cut_at_every_byte() -> None:
    """Two blocks, cut at each place there is, give the same elements."""
    table = [
        {"a": 'x"},{"', "b\\": [1, [2, {}], "]"], "c": "\\", "d": None},
        {"é,": '\\\\"', "e": {"f": [",", "}"]}},
        "\u2028 \\u0022",
        [],
        -1.5e-7,
    ]
    for text in (json.dumps(table).encode(), json.dumps(table, indent=1).encode()):
        for at in range(len(text) + 1):
            assert read([text[:at], text[at:]]) == table, at
        assert read(in_blocks(text, 1)) == table


@pytest.mark.usefixtures("tail")
@given(
    rows=st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1), max_size=8),
    nested=st.booleans(),
    indent=st.sampled_from([None, 1]),
    size=st.integers(20, 90),
)
def test_records_come_whole_where_what_parts_them_is_known(
    rows: list[dict[str, Any]], *, nested: bool, indent: int | None, size: int
) -> None:
    """Records that begin alike, also within each other, are cut between records alone."""
    table = [{"a": rows if nested else 1, **row} for row in rows]
    assert read(in_blocks(json.dumps(table, indent=indent).encode(), size)) == table


def test_most_cuts_need_no_look_at_the_structure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many blocks of records, the structure of the first alone is gone over."""
    scanned: list[int] = []
    scan = ArraySplitter._scan

    def count(self: ArraySplitter, block: bytes) -> int:
        scanned.append(len(block))
        return scan(self, block)

    monkeypatch.setattr(ArraySplitter, "_scan", count)
    table = [{"name": f"row {n}", "list": [{"x": n}]} for n in range(5000)]
    assert read(in_blocks(json.dumps(table).encode(), 4096)) == table
    assert len(scanned) == 1


@pytest.mark.usefixtures("tail")
def test_a_record_larger_than_many_blocks() -> None:
    """What does not end within a block is kept until it does, of whatever it is made."""
    huge = {"text": '\\",' * 50_000, "list": [{"n": n, "s": "]"} for n in range(20_000)]}
    table = [{"small": 1}, huge, {"small": 2}, huge]
    text = json.dumps(table).encode()
    for size in (1 << 10, 1 << 16, len(text)):
        assert read(in_blocks(text, size)) == table


def test_memory_is_bounded_by_the_largest_element() -> None:
    """Nothing is held back but the element that is not whole yet."""
    table = [{"n": n, "text": "x" * 100} for n in range(2000)]
    text = json.dumps(table).encode()
    splitter = ArraySplitter()
    given_out = 0
    for at, block in enumerate(in_blocks(text, 4096), 1):
        given_out += len(splitter.feed(block))
        assert at * 4096 - given_out < 4096 + 2 * 130 + at  # a comma a run is left out


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"null",
        b'{"rows": []}',
        b'"[]"',
        b"[",
        b"[1",
        b'["a',
        b"[1, 2",
        b"[1]]",
        b"[1] 2",
        b"[1],[2, 3]",
        b"[1,]",
        b"[,1]",
        b"[1,,2]",
        b"[1 2]",
        b"[{]}",
        b'{"n":1}\n{"n":2}\n',
        b"\xef\xbb",
        b'["\\]',
    ],
)
@pytest.mark.parametrize("size", [1, 2, 100])
def test_what_is_no_array(text: bytes, size: int) -> None:
    """What no JSON decoder takes for an array is an error, in blocks of any size."""
    with pytest.raises((LayoutError, msgspec.DecodeError)):
        read(in_blocks(text, size))


@given(
    text=st.lists(
        st.sampled_from(['"', "\\", ",", "[", "]", "{", "}", "1", " ", ":"]), max_size=12
    ),
    size=st.integers(1, 5),
)
def test_nothing_is_read_that_is_not_there(text: list[str], size: int) -> None:
    """Of any bytes, either the array comes that a decoder sees in the whole, or an error."""
    content = "".join(text).encode()
    try:
        whole = msgspec.json.decode(content, type=list[Any])
    except msgspec.MsgspecError:
        with pytest.raises((LayoutError, msgspec.MsgspecError)):
            read(in_blocks(content, size))
    else:
        assert read(in_blocks(content, size)) == whole

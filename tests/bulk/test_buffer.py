"""The buffer of edits that were read ahead, step by step."""

from __future__ import annotations

from claro_async.bulk.buffer import EditBuffer
from claro_async.bulk.edits import Entry


def entry(seq: int, cell: str) -> Entry:
    """An edit."""
    return Entry(seq, cell, b"0")


def taken(buffer: EditBuffer) -> int | None:
    """The place of the edit that is taken next."""
    found = buffer.take()
    return None if found is None else found.seq


def test_edits_are_taken_in_the_order_of_the_input() -> None:
    """The first cell offered is the first taken; an empty buffer gives nothing."""
    buffer = EditBuffer(10)
    assert taken(buffer) is None
    buffer.offer(entry(0, "a"))
    buffer.offer(entry(1, "b"))
    assert (taken(buffer), taken(buffer), taken(buffer)) == (0, 1, None)


def test_a_later_edit_of_a_cell_supersedes_one_that_is_ready() -> None:
    """The value changes, the place in the order stays."""
    buffer = EditBuffer(10)
    assert buffer.offer(entry(0, "a")) is None
    assert buffer.offer(entry(1, "b")) is None
    superseded = buffer.offer(entry(2, "a"))
    assert superseded is not None
    assert superseded.seq == 0
    assert buffer.ready == 2
    assert (taken(buffer), taken(buffer)) == (2, 1)


def test_an_edit_of_a_cell_under_way_is_held() -> None:
    """It cannot be taken before the other is finished; a later one supersedes it meanwhile."""
    buffer = EditBuffer(10)
    buffer.offer(entry(0, "a"))
    buffer.take()
    assert buffer.offer(entry(1, "a")) is None
    superseded = buffer.offer(entry(2, "a"))
    assert superseded is not None
    assert superseded.seq == 1
    assert (buffer.ready, buffer.is_empty, taken(buffer)) == (0, False, None)
    buffer.finish("a")
    assert (buffer.ready, taken(buffer)) == (1, 2)
    assert buffer.is_empty


def test_held_edits_count_for_the_size() -> None:
    """A buffer is full by ready and held edits together; those under way do not count."""
    buffer = EditBuffer(2)
    buffer.offer(entry(0, "a"))
    buffer.take()
    full = []
    for seq, cell in enumerate("abc", 1):
        full.append(buffer.is_full)
        buffer.offer(entry(seq, cell))
    assert [*full, buffer.is_full] == [False, False, True, True]


def test_drain_counts_and_drops_held_edits_too() -> None:
    """After a drain nothing is ready, held or taken later; what is under way stays so."""
    buffer = EditBuffer(10)
    buffer.offer(entry(0, "a"))
    buffer.take()
    buffer.offer(entry(1, "a"))
    buffer.offer(entry(2, "b"))
    assert buffer.drain() == 2
    assert buffer.is_empty
    assert (buffer.ready, buffer.under_way, taken(buffer)) == (0, 1, None)
    buffer.finish("a")
    assert (buffer.ready, buffer.under_way) == (0, 0)


def test_the_oldest_under_way_is_known() -> None:
    """Edits are numbered as they are taken, from 1; the oldest is the lowest not finished."""
    buffer = EditBuffer(10)
    assert buffer.oldest_under_way == 1
    for seq, cell in enumerate("abc"):
        buffer.offer(entry(seq, cell))
        buffer.take()
    assert [buffer.number_of(cell) for cell in "abc"] == [1, 2, 3]
    assert buffer.oldest_under_way == 1
    buffer.finish("b")
    assert buffer.oldest_under_way == 1
    buffer.finish("a")
    assert buffer.oldest_under_way == 3
    buffer.finish("c")
    assert buffer.oldest_under_way == 4

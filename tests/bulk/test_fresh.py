"""Edits that need not be read from their table to be sent are those that the table has."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claro_async.bulk import fresh
from claro_async.bulk.edits import StagedEdit
from claro_async.bulk.failures import INTERRUPTED
from claro_async.bulk.sqlite_store import SqliteStore
from claro_async.bulk.states import State

if TYPE_CHECKING:
    from claro_async.bulk.edits import Entry


def staged(*cells: str | None) -> list[StagedEdit]:
    """Edits of these cells; None for one by row and column."""
    return [
        StagedEdit(cell, None if cell else "r1", None if cell else "x", b"%d" % at)
        for at, cell in enumerate(cells)
    ]


async def entries_of(store: SqliteStore) -> tuple[list[Entry], bool]:
    """What a store has to send, and whether it knew that without its table."""
    await store.begin_sending()
    known = store._fresh.to_send(-1) is not None
    found, after = [], -1
    while entries := await store.planned(after):
        found += entries
        after = entries[-1].seq
    store._fresh = fresh.FreshEdits()  # knows nothing
    read, after = [], -1
    while entries := await store.planned(after):
        read += entries
        after = entries[-1].seq
    assert found == read
    await store.aclose()
    return found, known


Steps = list[tuple[str, list[int]]]
NAMES = st.sampled_from([*"abcdefgh"])
CELLS = st.lists(NAMES, unique=True) | st.lists(NAMES | st.none(), max_size=12)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["same", "differs", "fail", "fail unseen", "resolve", "move"]),
        st.lists(st.integers(0, 7), max_size=4),
    ),
    max_size=4,
)


async def after_steps(cells: list[str | None], steps: Steps, *, keeps: bool) -> None:
    """Stage edits, take steps, and compare what is known of the edits with their table."""
    store = await SqliteStore.temporary()
    store.keeps_values = keeps
    await store.insert(0, staged(*cells[:5]))
    await store.insert(len(cells[:5]), staged(*cells[5:]))
    await store.finish_staging()
    for step, places in steps:
        planned = {entry.seq for entry in await store.find("abcdefgh", State.PLANNED)}
        chosen = [seq for seq in places if seq in planned]
        if step == "same":
            await store.compare([(State.UNCHANGED, b"0", seq) for seq in chosen])
        elif step == "differs":
            await store.compare([(State.PLANNED, b"0", seq) for seq in chosen])
        elif step == "fail":
            await store.fail([(seq, INTERRUPTED) for seq in chosen])
        elif step == "fail unseen":
            await store.fail_unseen(INTERRUPTED, only_unresolved=bool(chosen))
        elif step == "resolve":
            rows = await store.find_unresolved(["r1"])
            await store.resolve([("a", row.seq) for row in rows[:1]])
        else:
            await store.move(State.FAILED, State.RESEND)
    await store.finish_planning()
    await entries_of(store)


@given(cells=CELLS, steps=STEPS, keeps=st.booleans())
def test_what_is_known_of_edits_is_what_their_table_says(
    *, cells: list[str | None], steps: Steps, keeps: bool
) -> None:
    """Whatever befalls edits between staging and sending, those that are sent are the table's."""
    asyncio.run(after_steps(cells, steps, keeps=keeps))


async def test_edits_of_a_small_job_are_not_read_again() -> None:
    """Edits that were staged, and compared, are sent from memory; others from the table."""
    cells = [f"c{at}" for at in range(1200)]
    store = await SqliteStore.temporary()
    await store.insert(0, staged(*cells[:1000]))
    await store.insert(1000, staged(*cells[1000:]))
    await store.finish_staging()
    await store.compare([(State.UNCHANGED, b"0", 3), (State.PLANNED, b"7", 4)])
    found, known = await entries_of(store)
    assert known
    assert [entry.seq for entry in found] == [0, 1, 2, *range(4, 1200)]
    assert [entry.expected for entry in found[2:5]] == [None, b"7", None]


@pytest.mark.parametrize("cells", [["a", "b", "a"], ["a", None]], ids=["superseded", "by row"])
async def test_edits_of_which_more_is_to_know_are_read(cells: list[str | None]) -> None:
    """Where an edit was overtaken, or names no cell, the table says what is sent."""
    store = await SqliteStore.temporary()
    await store.insert(0, staged(*cells))
    await store.finish_staging()
    _, known = await entries_of(store)
    assert not known


async def test_edits_that_take_much_memory_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a size the table is read, from the first edit on."""
    monkeypatch.setattr(fresh, "_ROOM", 1000)
    store = await SqliteStore.temporary()
    await store.insert(0, staged("a", "b", "c"))
    await store.insert(3, staged("d"))
    await store.finish_staging()
    found, known = await entries_of(store)
    assert (len(found), known) == (4, False)
    assert not store._fresh._edits

"""Looking into journals."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec

from claro_async.bulk.journal import Commits, Journal
from claro_async.bulk.states import Result, State
from claro_async.transport.clock import SystemClock

if TYPE_CHECKING:
    from pathlib import Path

ALONE = Commits(workers=1, clock=SystemClock())


async def states(path: Path) -> dict[State, int]:
    """How many edits of a journal are in each state."""
    async with await Journal.open(path, ALONE) as journal:
        return await journal.edits.counts()


def states_by_cell(path: Path) -> dict[str, State]:
    """The state of each edit of a journal, by its cell, read without a journal's own methods."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT seq, cell_id, state FROM edits").fetchall()
        log = connection.execute("SELECT entries FROM edits_log ORDER BY number").fetchall()
    found = {seq: State(state) for seq, _, state in rows}
    for (entries,) in log:
        intents, results = msgspec.msgpack.decode(entries, type=tuple[list[int], list[Result]])
        found |= dict.fromkeys(intents, State.SENT)
        found |= {result.seq: result.state for result in results}
    return {cell: found[seq] for seq, cell, _ in rows}

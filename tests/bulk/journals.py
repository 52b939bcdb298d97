"""Looking into journals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claro_async.bulk.journal import Commits, Journal
from claro_async.transport.clock import SystemClock

if TYPE_CHECKING:
    from pathlib import Path

    from claro_async.bulk.states import State

ALONE = Commits(workers=1, clock=SystemClock())


async def states(path: Path) -> dict[State, int]:
    """How many edits of a journal are in each state."""
    async with await Journal.open(path, ALONE) as journal:
        return await journal.edits.counts()

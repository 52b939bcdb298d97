"""A journal of what was done elsewhere, so that it can be set back as any job."""

from __future__ import annotations

from itertools import count, islice
from typing import TYPE_CHECKING, NamedTuple

from claro_async.bulk.database import Each
from claro_async.bulk.job import job_meta
from claro_async.bulk.journal import Commits, new_journal
from claro_async.bulk.states import State
from claro_async.bulk.store import BATCH, StoredEdit
from claro_async.options import BulkOptions
from claro_async.transport.clock import SystemClock

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

_PREVIOUS = "UPDATE edits SET previous = ? WHERE seq = ?"


class WrittenCell(NamedTuple):
    """What a cell was given.

    Attributes:
        cell_id: The cell.
        value: The value that it was given last, as JSON.
        previous: What it held before, as JSON; None where that is not certain.
        is_certain: Whether the value was certainly applied.
    """

    cell_id: str
    value: bytes
    previous: bytes | None
    is_certain: bool


async def write_journal(
    path: str | os.PathLike[str], base_url: str, dataset_id: str, cells: Iterable[WrittenCell]
) -> None:
    """Write the journal of a job that is over.

    Raises:
        JournalError: The file exists already, or cannot be written.
    """
    meta = job_meta(base_url, dataset_id, BulkOptions(skip_unchanged=False))
    async with new_journal(path, meta, Commits(workers=1, clock=SystemClock())) as journal:
        numbers, rest = count(), iter(cells)
        while chunk := list(islice(rest, BATCH)):
            rows = list(zip(numbers, chunk, strict=False))
            await journal.edits.load([_stored(seq, cell) for seq, cell in rows])
            await journal.edits.database.write(
                Each(_PREVIOUS, [(cell.previous, seq) for seq, cell in rows])
            )
        await journal.edits.finish_staging()
        await journal.edits.finish_planning()


def _stored(seq: int, cell: WrittenCell) -> StoredEdit:
    state = State.UPDATED if cell.is_certain else State.UNKNOWN
    return StoredEdit(seq, cell.cell_id, None, None, cell.value, state, None, None)

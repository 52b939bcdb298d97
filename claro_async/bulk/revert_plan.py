"""What a revert plans, in the tables of its job's journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from claro_async.bulk.database import Each, One
from claro_async.bulk.states import IN_DOUBT, State
from claro_async.bulk.store import BATCH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from claro_async.bulk.journal import Journal
    from claro_async.bulk.report import RevertReport


class Written(NamedTuple):
    """An edit that was applied, and whose earlier value is certain.

    Attributes:
        seq: Its place in the input.
        cell_id: Its cell.
        value: JSON that it wrote.
        previous: JSON that the cell held before.
        was_sent: Whether an earlier pass may have set the cell back.
    """

    seq: int
    cell_id: str
    value: bytes
    previous: bytes
    was_sent: bool  # 0 or 1, as SQLite has it


class RevertPlan:
    """A pass of a revert: decided page by page, and written down in the journal."""

    def __init__(self, journal: Journal) -> None:
        self._database = journal.undo.database

    async def begin(self) -> None:
        """Forget what an earlier pass had planned or given up; keep what it may have sent."""
        await self._database.write(
            One("DELETE FROM skipped"),
            One(f"DELETE FROM undo WHERE state NOT IN ({_SENT}) AND state != {State.UPDATED:d}"),
            One(f"UPDATE undo SET state = {State.UNKNOWN:d} WHERE state IN ({_SENT})"),
            One(_SKIP_UNCERTAIN),
        )

    async def written(self, cells: Iterable[str]) -> list[Written]:
        """The edits of these cells that are to be decided on."""
        ids = msgspec.json.encode(list(cells)).decode()
        rows = await self._database.fetch(_WRITTEN, ids)
        return [Written(*row) for row in rows]

    async def add(
        self, steps: Sequence[tuple[Written, State]], skipped: Sequence[tuple[Written, str]]
    ) -> None:
        """Write down what is decided for the edits of a page."""
        await self._database.write(
            Each(
                _ADD,
                [
                    (each.seq, each.cell_id, each.previous, state, each.value)
                    for each, state in steps
                ],
            ),
            Each(
                "INSERT INTO skipped VALUES (?, ?, ?)", [(e.seq, e.cell_id, r) for e, r in skipped]
            ),
            Each("DELETE FROM undo WHERE seq = ?", [(each.seq,) for each, _ in skipped]),
        )

    async def count_unseen(self) -> int:
        """How many edits no page has shown."""
        ((count,),) = await self._database.fetch(f"SELECT count(*) FROM ({_UNSEEN})")
        return int(count)

    async def give_up_unseen(self, reason: str) -> None:
        """Leave out the edits that no page has shown."""
        await self._database.write(
            One(f"INSERT INTO skipped SELECT seq, cell_id, ? FROM ({_UNSEEN})", (reason,)),
            One(f"DELETE FROM undo WHERE state = {State.UNKNOWN:d}"),
        )

    async def report_skipped(self, report: RevertReport) -> None:
        """Name in a report what is left as it is."""
        after = -1
        while rows := await self._database.fetch(_SKIPPED, after):
            for after, cell_id, reason in rows:  # noqa: B007 - the last one counts
                report.skip(cell_id, reason)


_SENT = ", ".join(str(int(state)) for state in IN_DOUBT)
_CERTAIN = f"e.state = {State.UPDATED:d} AND e.previous IS NOT NULL AND e.previous != e.value"
_DECIDED = f"u.state IS NOT NULL AND u.state != {State.UNKNOWN:d}"
_WRITTEN = (
    "SELECT e.seq, e.cell_id, e.value, e.previous, u.state IS NOT NULL"
    " FROM json_each(?) p JOIN edits e ON e.cell_id = p.value"
    " LEFT JOIN undo u ON u.seq = e.seq LEFT JOIN skipped s ON s.seq = e.seq"
    f" WHERE {_CERTAIN} AND NOT ({_DECIDED}) AND s.seq IS NULL"
)
_UNSEEN = (
    "SELECT e.seq, e.cell_id FROM edits e"
    " LEFT JOIN undo u ON u.seq = e.seq LEFT JOIN skipped s ON s.seq = e.seq"
    f" WHERE {_CERTAIN} AND NOT ({_DECIDED}) AND s.seq IS NULL"
)
_ADD = "INSERT OR REPLACE INTO undo (seq, cell_id, value, state, expected) VALUES (?, ?, ?, ?, ?)"
_SKIPPED = f"SELECT seq, cell_id, reason FROM skipped WHERE seq > ? ORDER BY seq LIMIT {BATCH}"
_SKIP_UNCERTAIN = f"""
INSERT INTO skipped
SELECT seq, cell_id,
    CASE state WHEN {State.UPDATED:d} THEN 'the value before is not known: the first reply was lost'
    ELSE 'it may have been applied, and the value before is not known' END
FROM edits
WHERE cell_id IS NOT NULL AND (state = {State.UPDATED:d} AND previous IS NULL OR state IN ({_SENT}))
"""

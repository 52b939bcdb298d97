"""The edits of a job in memory: of a list that memory takes easily, or of a stream as it passes.

A list is there as a whole anyway, and planning it here takes a third of the time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from claro_async.bulk.edits import Entry
from claro_async.bulk.states import SENDABLE, Failure, FailureReason, State, Tally
from claro_async.bulk.store import BATCH, RECORDED, StoredEdit, StoredOutcome, Unresolved

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Iterator, Sequence

    from claro_async.bulk.edits import StagedEdit
    from claro_async.bulk.states import Result

MOST_IN_MEMORY = 500_000
"""Edits; more are staged in a temporary database."""


_SENT = State.SENT  # at hand for every edit: to find a member of an enum takes a while


class StreamStore:
    """The record of a stream: counts, and the places of the edits under way.

    It stays small however long the stream is. There is nothing to plan, and nothing to go on from.
    """

    def __init__(self) -> None:
        self.tally: Tally = Tally()
        self.keeps_values: bool = False

    def intend(self, entry: Entry) -> Awaitable[None]:
        """Count an edit as sent."""
        self.tally.intend(entry)
        return RECORDED

    def withdraw(self, entry: Entry) -> None:
        """Count an edit as not sent after all."""
        self.tally.withdraw(entry.seq)

    def record(self, result: Result) -> None:
        """Count what became of an edit."""
        self.tally.record(result)

    async def finish(self) -> None:
        """Count what is under way as unknown."""
        self.tally.interrupt()


class _Edit(msgspec.Struct, gc=False):
    """An edit and how far it is; the same as a row of :class:`SqliteStore`."""

    cell_id: str | None
    row_id: str | None
    column: str | None
    content: bytes
    state: State = State.PLANNED
    expected: bytes | None = None
    attempts: int = 0
    failure: Failure | None = None

    @property
    def name(self) -> str:
        """The cell, or the row and column where that is not known; empty where there is none."""
        return self.cell_id or (f"{self.row_id} / {self.column}" if self.row_id else "")

    @property
    def is_unseen(self) -> bool:
        """Whether it is planned, and no page has shown its cell."""
        return self.state is State.PLANNED and (self.cell_id is None or self.expected is None)


class MemoryStore:
    """The edits of a list, by their place in it; none of its methods blocks."""

    def __init__(self) -> None:
        self._edits: list[_Edit] = []
        self._by_cell: dict[str, int] = {}
        self._unresolved: dict[str, list[int]] = {}
        self._tally = Tally()
        self.is_planned: bool = False
        self.keeps_values: bool = False

    @property
    def tally(self) -> Tally:
        """How many edits are in each state, while the job sends."""
        return self._tally

    async def insert(self, first: int, edits: Sequence[StagedEdit]) -> None:
        """Add edits, the first of which has this place in the input; the last of a cell stands."""
        for seq, staged in enumerate(edits, first):
            cell_id, row_id = staged.cell_id, staged.row_id
            self._edits.append(_Edit(cell_id, row_id, staged.column, staged.content))
            if cell_id is None:
                self._unresolved.setdefault(row_id or "", []).append(seq)
            elif cell_id in self._by_cell:
                self._stand(cell_id, seq)
            else:
                self._by_cell[cell_id] = seq

    async def insert_failed(self, failed: Sequence[tuple[int, Failure]]) -> None:
        """Add items that cannot be sent, with their places."""
        for _, failure in failed:
            self._edits.append(_Edit(None, None, None, b"", State.FAILED, failure=failure))

    def _stand(self, cell_id: str, seq: int) -> None:
        other = self._by_cell.get(cell_id, seq)
        if other != seq:
            self._edits[min(seq, other)].state = State.SUPERSEDED
        self._by_cell[cell_id] = max(seq, other)

    async def finish_staging(self) -> None:
        """There is nothing to finish."""

    async def counts(self) -> dict[State, int]:
        """How many edits are in each state."""
        await asyncio.sleep(0)  # it looks at all edits: others may run first
        return dict(Counter(edit.state for edit in self._edits))

    async def count_unresolved(self) -> int:
        """How many planned edits name a row and a column, and have no cell yet."""
        await asyncio.sleep(0)  # it looks at all edits: others may run first
        places = chain.from_iterable(self._unresolved.values())
        return sum(self._edits[seq].state is State.PLANNED for seq in places)

    async def count_unseen(self) -> int:
        """How many planned edits have a cell, or row and column, that no page has shown yet."""
        await asyncio.sleep(0)  # it looks at all edits: others may run first
        return sum(edit.is_unseen for edit in self._edits)

    async def find(self, cells: Iterable[str], state: State) -> list[Entry]:
        """The edits of these cells that are in a state."""
        edits, by_cell = self._edits, self._by_cell
        found = []
        for cell_id in cells:
            seq = by_cell.get(cell_id)
            if seq is not None and (edit := edits[seq]).state is state:
                found.append(Entry(seq, cell_id, edit.content, edit.expected))
        return found

    async def find_unresolved(self, rows: Iterable[str]) -> list[Unresolved]:
        """The planned edits of these rows that have no cell yet."""
        return [
            Unresolved(seq, row_id, self._edits[seq].column or "")
            for row_id in rows
            for seq in self._unresolved.get(row_id, ())
            if self._edits[seq].state is State.PLANNED
        ]

    async def resolve(self, cells: Sequence[tuple[str, int]]) -> None:
        """Write down the cells of edits, as (cell id, place); the last edit of each cell stands."""
        for cell_id, seq in cells:
            edit = self._edits[seq]
            edit.cell_id = cell_id
            self._unresolved[edit.row_id or ""].remove(seq)
            self._stand(cell_id, seq)

    async def compare(self, results: Sequence[tuple[State, bytes, int]]) -> None:
        """Write down what a page showed, as (state, value read, place)."""
        for state, present, seq in results:
            edit = self._edits[seq]
            edit.state, edit.expected = state, present

    async def fail(self, failed: Sequence[tuple[int, Failure]]) -> None:
        """Mark planned edits, by their places, as failed."""
        for seq, failure in failed:
            edit = self._edits[seq]
            edit.state, edit.failure = State.FAILED, failure

    async def fail_unseen(self, failure: Failure, *, only_unresolved: bool) -> None:
        """Mark the planned edits that no page has shown as failed."""
        await asyncio.sleep(0)  # it looks at all edits: others may run first
        for edit in self._edits:
            if edit.is_unseen and not (only_unresolved and edit.cell_id is not None):
                edit.state, edit.failure = State.FAILED, failure

    async def finish_planning(self) -> None:
        """All is resolved and compared; the last edit of each cell stands at any time."""
        await asyncio.sleep(0)  # it looks at all edits: others may run first
        self.is_planned = True

    async def begin_sending(self) -> Tally:
        """Count what there is to send; from here on the tally is kept."""
        await asyncio.sleep(0)  # it looks at all edits: others may run first
        self._tally = Tally(await self.counts())
        return self._tally

    async def planned(self, after: int) -> list[Entry]:
        """The next edits to send, in the order of the input."""
        found: list[Entry] = []
        for seq in range(after + 1, len(self._edits)):
            edit = self._edits[seq]
            if edit.state in SENDABLE and edit.cell_id is not None:
                in_doubt = edit.state is State.RESEND
                found.append(Entry(seq, edit.cell_id, edit.content, edit.expected, in_doubt))
                if len(found) == BATCH:
                    break
        return found

    def intend(self, entry: Entry) -> Awaitable[None]:
        """Mark an edit as sent."""
        self._tally.intend(entry)
        self._edits[entry.seq].state = _SENT
        return RECORDED

    def withdraw(self, entry: Entry) -> None:
        """Mark an edit as not sent after all."""
        self._edits[entry.seq].state = self._tally.withdraw(entry.seq)

    def record(self, result: Result) -> None:
        """Write down what became of an edit."""
        self._tally.record(result)
        edit = self._edits[result.seq]
        edit.state, edit.failure = result.state, result.failure
        edit.attempts += result.attempts

    async def finish(self) -> None:
        """What is under way is unknown."""
        for seq in self._tally.interrupt():
            self._edits[seq].state = State.UNKNOWN

    async def outcomes(self, state: State, after: int) -> list[StoredOutcome]:
        """The next edits in a state, in the order of the input."""
        await asyncio.sleep(0)  # it looks at all edits: others may run first
        found = []
        for seq in range(after + 1, len(self._edits)):
            edit = self._edits[seq]
            if edit.state is state:
                content, attempts = edit.content, edit.attempts
                found.append(StoredOutcome(seq, edit.name, content, attempts, edit.failure))
                if len(found) == BATCH:
                    break
        return found

    async def missing(self) -> list[str]:
        """Cells, or rows and columns, that edits name and that the dataset does not have."""
        await asyncio.sleep(0)  # it looks at all edits: others may run first
        reason = FailureReason.NOT_FOUND_BY_READING
        return [
            edit.name
            for edit in self._edits
            if edit.failure is not None and edit.failure.reason is reason
        ]

    def changes(self) -> Iterator[tuple[str, bytes, bytes | None]]:
        """Cell, new value and value read of all edits that would be sent."""
        for edit in self._edits:
            if edit.state in SENDABLE and edit.cell_id is not None:
                yield edit.cell_id, edit.content, edit.expected

    async def edits(self, after: int) -> list[StoredEdit]:
        """The next edits, whatever their state."""
        chosen = self._edits[after + 1 : after + 1 + BATCH]
        return [
            StoredEdit(
                seq=seq,
                cell_id=edit.cell_id,
                row_id=edit.row_id,
                column=edit.column,
                value=edit.content,
                state=edit.state,
                expected=edit.expected,
                failure=edit.failure,
            )
            for seq, edit in enumerate(chosen, after + 1)
        ]

    async def load(self, edits: Sequence[StoredEdit]) -> None:
        """Add edits with all that is known of them."""
        for each in edits:
            address = (each.cell_id, each.row_id, each.column, each.value or b"")
            self._edits.append(
                _Edit(*address, each.state, expected=each.expected, failure=each.failure)
            )
            if each.cell_id is not None:
                self._stand(each.cell_id, each.seq)

    async def aclose(self) -> None:
        """There is nothing to close."""

    def close(self) -> None:
        """There is nothing to close."""

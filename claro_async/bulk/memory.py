"""The edits of a list in memory: what :class:`EditStore` does, for as many as memory takes easily.

A list is at hand as a whole anyway, and planning it here takes a third of the time.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from claro_async.bulk.edits import Entry
from claro_async.bulk.store import BATCH, State, StoredOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from claro_async.bulk.edits import StagedEdit
    from claro_async.bulk.store import EditStore

MOST_IN_MEMORY = 500_000
"""Edits; more are staged in a temporary database."""


class _Edit(msgspec.Struct, gc=False):
    """An edit and how far it is; the same as a row of :class:`EditStore`."""

    cell_id: str | None
    row_id: str | None
    col: str | None
    content: bytes
    state: State = State.PLANNED
    expected: bytes | None = None
    error_type: str | None = None
    error: str | None = None

    @property
    def name(self) -> str:
        """The cell, or the row and column where that is not known; empty where there is none."""
        return self.cell_id or (f"{self.row_id} / {self.col}" if self.row_id else "")


class MemoryStore:
    """The edits of a list, by their place in it; none of its methods blocks."""

    def __init__(self) -> None:
        self._edits: list[_Edit] = []
        self._by_cell: dict[str, int] = {}
        self._unresolved: dict[str, list[int]] = {}

    def close(self) -> None:
        """There is nothing to close."""

    def insert(self, first: int, edits: Sequence[StagedEdit]) -> None:
        """Add edits, the first of which has this place in the input; the last of a cell stands."""
        for seq, staged in enumerate(edits, first):
            self._edits.append(_Edit(*staged))
            cell_id, row_id, _, _ = staged
            if cell_id is None:
                self._unresolved.setdefault(row_id or "", []).append(seq)
            elif cell_id in self._by_cell:
                self._stand(cell_id, seq)
            else:
                self._by_cell[cell_id] = seq

    def insert_failed(self, failed: Sequence[tuple[int, str, str]]) -> None:
        """Add items that cannot be sent, as (place, type of the error, its text)."""
        for _, kind, text in failed:
            nothing = (None, None, None, b"")
            self._edits.append(_Edit(*nothing, State.FAILED, error_type=kind, error=text))

    def _stand(self, cell_id: str, seq: int) -> None:
        other = self._by_cell.get(cell_id, seq)
        if other != seq:
            self._edits[min(seq, other)].state = State.SUPERSEDED
        self._by_cell[cell_id] = max(seq, other)

    def finish_staging(self) -> None:
        """There is nothing to finish."""

    def coalesce(self) -> None:
        """There is nothing left to mark: the last edit of a cell stands at any time."""

    def counts(self) -> dict[State, int]:
        """How many edits are in each state."""
        return dict(Counter(edit.state for edit in self._edits))

    def count_unresolved(self) -> int:
        """How many edits are addressed by row and column, and have no cell yet."""
        places = (seq for seqs in self._unresolved.values() for seq in seqs)
        return sum(self._edits[seq].state is State.PLANNED for seq in places)

    def planned(self, after: int) -> list[Entry]:
        """The next edits to send, in the order of the input."""
        found: list[Entry] = []
        for seq in range(after + 1, len(self._edits)):
            edit = self._edits[seq]
            if edit.state is State.PLANNED and edit.cell_id is not None:
                found.append(Entry(seq, edit.cell_id, edit.content, edit.expected))
                if len(found) == BATCH:
                    break
        return found

    def find(self, cells: Iterable[str], state: State) -> list[Entry]:
        """The edits of these cells that are in a state."""
        edits, by_cell = self._edits, self._by_cell
        found = []
        for cell_id in cells:
            seq = by_cell.get(cell_id)
            if seq is not None and (edit := edits[seq]).state is state:
                found.append(Entry(seq, cell_id, edit.content, edit.expected))
        return found

    def find_unresolved(self, rows: Iterable[str]) -> list[tuple[int, str, str]]:
        """Place, row and column of the edits of these rows that have no cell yet."""
        return [
            (seq, row_id, self._edits[seq].col or "")
            for row_id in rows
            for seq in self._unresolved.get(row_id, ())
        ]

    def resolve(self, cells: Sequence[tuple[str, int]]) -> None:
        """Write down the cells of edits, as (cell id, place)."""
        for cell_id, seq in cells:
            edit = self._edits[seq]
            edit.cell_id = cell_id
            if edit.row_id is not None:
                self._unresolved[edit.row_id].remove(seq)
            self._stand(cell_id, seq)

    def compare(self, results: Sequence[tuple[State, bytes, int]]) -> None:
        """Write down what a reading showed, as (state, value read, place)."""
        for state, present, seq in results:
            edit = self._edits[seq]
            edit.state, edit.expected = state, present

    def fail_unread(self, reason: str) -> None:
        """A complete reading is over: what it did not meet does not exist."""
        for edit in self._edits:
            if edit.state is State.PLANNED and edit.expected is None:
                edit.state, edit.error_type, edit.error = State.FAILED, "CellNotFoundError", reason

    def outcomes(self, state: State, after: int) -> list[StoredOutcome]:
        """The next edits in a state, in the order of the input."""
        found = []
        for seq in range(after + 1, len(self._edits)):
            edit = self._edits[seq]
            if edit.state is state:
                kind, error = edit.error_type, edit.error
                found.append(StoredOutcome(seq, edit.name, edit.content, 0, kind, error))
                if len(found) == BATCH:
                    break
        return found

    def missing(self) -> list[str]:
        """Cells that edits name and that do not exist."""
        return [edit.name for edit in self._edits if edit.error_type == "CellNotFoundError"]

    def changes(self) -> Iterator[tuple[str, bytes, bytes | None]]:
        """Cell, new value and value read of all edits that would be sent."""
        for edit in self._edits:
            if edit.state is State.PLANNED and edit.cell_id is not None:
                yield edit.cell_id, edit.content, edit.expected

    def copy_to(self, other: EditStore) -> None:
        """Copy all edits into an empty store."""
        other.load(
            (
                *(seq, edit.cell_id, edit.row_id, edit.col, edit.content, edit.state),
                *(edit.expected, None, 0, 0, edit.error_type, edit.error),
            )
            for seq, edit in enumerate(self._edits)
        )

"""The edits that have been read and are not finished: pure, and small however long the input is."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from claro_async.bulk.edits import Entry


class EditBuffer:
    """Hands out edits in the order of the input, never two of one cell at a time.

    An edit whose cell has a request under way is held until that request is over. An edit that is
    ready or held is superseded by a later one of the same cell: only the last value counts.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._order: deque[str] = deque()
        self._ready: dict[str, Entry] = {}
        self._held: dict[str, Entry] = {}
        self._under_way: dict[str, int] = {}
        self._taken = 0

    @property
    def is_full(self) -> bool:
        """Whether no more should be read for now."""
        return len(self._ready) + len(self._held) >= self._size

    @property
    def is_empty(self) -> bool:
        """Whether no edit is ready or held."""
        return not self._ready and not self._held

    @property
    def ready(self) -> int:
        """How many edits could be taken just now."""
        return len(self._order)

    @property
    def under_way(self) -> int:
        """How many edits have been taken and are not finished."""
        return len(self._under_way)

    @property
    def oldest_under_way(self) -> int:
        """The number of the edit that was taken first of those under way, from 1.

        Where none is under way, the number that the next one will have.
        """
        return next(iter(self._under_way.values()), self._taken + 1)

    def number_of(self, cell: str) -> int:
        """The number of the edit under way of a cell, in the order of taking, from 1."""
        return self._under_way[cell]

    def offer(self, entry: Entry) -> Entry | None:
        """Take an edit in; returns the one that it supersedes, if any."""
        cell = entry.cell_id
        if cell in self._under_way:
            superseded = self._held.get(cell)
            self._held[cell] = entry
            return superseded
        superseded = self._ready.get(cell)
        self._ready[cell] = entry
        if superseded is None:
            self._order.append(cell)
        return superseded

    def take(self) -> Entry | None:
        """The next edit that may be sent, or None if none may just now."""
        if not self._order:
            return None
        cell = self._order.popleft()
        self._taken += 1
        self._under_way[cell] = self._taken
        return self._ready.pop(cell)

    def finish(self, cell: str) -> None:
        """The request of a cell is over: an edit that was held for it is ready."""
        del self._under_way[cell]
        held = self._held.pop(cell, None)
        if held is not None:
            self._ready[cell] = held
            self._order.append(cell)

    def drain(self) -> int:
        """Drop all that is ready or held; returns how many edits that were."""
        count = len(self._ready) + len(self._held)
        self._order.clear()
        self._ready.clear()
        self._held.clear()
        return count

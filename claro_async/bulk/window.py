"""The edits that have been read and are not finished: pure, and small however long the input is."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from claro_async.bulk.edits import Entry


class EditWindow:
    """Hands out edits in the order of the input, never two of one cell at a time.

    An edit whose cell has a request under way waits for that request. An edit that waits is
    overtaken by a later one of the same cell: only the last value counts.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._order: deque[str] = deque()
        self._ready: dict[str, Entry] = {}
        self._held: dict[str, Entry] = {}
        self._under_way: set[str] = set()

    @property
    def is_full(self) -> bool:
        """Whether no more should be read for now."""
        return len(self._ready) + len(self._held) >= self._size

    @property
    def waiting(self) -> int:
        """How many edits could be handed out just now."""
        return len(self._order)

    @property
    def under_way(self) -> int:
        """How many edits have been handed out and are not finished."""
        return len(self._under_way)

    def offer(self, entry: Entry) -> Entry | None:
        """Take an edit in; returns the one that it overtakes, if any."""
        cell = entry.cell_id
        if cell in self._under_way:
            overtaken = self._held.get(cell)
            self._held[cell] = entry
            return overtaken
        overtaken = self._ready.get(cell)
        self._ready[cell] = entry
        if overtaken is None:
            self._order.append(cell)
        return overtaken

    def take(self) -> Entry | None:
        """The next edit that may be sent, or None if none may just now."""
        if not self._order:
            return None
        cell = self._order.popleft()
        self._under_way.add(cell)
        return self._ready.pop(cell)

    def finish(self, cell: str) -> None:
        """The request of a cell is over: an edit that was held for it may follow."""
        self._under_way.remove(cell)
        held = self._held.pop(cell, None)
        if held is not None:
            self._ready[cell] = held
            self._order.append(cell)

    def drain(self) -> int:
        """Drop everything that waits; returns how many edits that were."""
        count = len(self._ready) + len(self._held)
        self._order.clear()
        self._ready.clear()
        self._held.clear()
        return count

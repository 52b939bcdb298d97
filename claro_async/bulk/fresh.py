"""Edits that were staged just now, and need not be read from their table to be sent."""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING

from claro_async.bulk.store import BATCH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claro_async.bulk.edits import Entry
    from claro_async.bulk.states import State

_ROOM = 8 << 20  # bytes that may be kept
_OVERHEAD = 300  # bytes an edit takes beside its value
_place = attrgetter("seq")


class FreshEdits:
    """The edits of a table, as they were added to it; nothing where they take much memory.

    Some of them may have ended since, but no edit of the table that waits to be sent is missing:
    where they are as many as those, they are the same.
    """

    def __init__(self) -> None:
        self._edits: list[Entry] | None = []
        self._by_place: dict[int, Entry] | None = None
        self._to_send: list[Entry] | None = None
        self._room = _ROOM

    def add(self, edits: Sequence[Entry]) -> None:
        """Edits were added to the table, in the order of the input."""
        self._room -= sum(len(edit.content) for edit in edits) + _OVERHEAD * len(edits)
        if self._room < 0:
            self.forget()
        elif self._edits is not None:
            self._edits += edits

    def compare(
        self, unchanged: Sequence[int], changes: Sequence[tuple[State, bytes, int]]
    ) -> None:
        """A page was compared: the places of edits that need no request, and the others."""
        if self._edits is None:
            return
        if self._by_place is None:
            self._by_place = {edit.seq: edit for edit in self._edits}
        for seq in unchanged:
            self._by_place.pop(seq, None)
        for _, present, seq in changes:
            if (entry := self._by_place.get(seq)) is not None:
                entry.expected = present

    def forget(self) -> None:
        """Something else became of edits: the table is to be read."""
        self._edits = self._by_place = None

    def confirm(self, waiting: int) -> None:
        """So many edits of the table wait to be sent; from here on all that happens is sending."""
        edits = self._edits if self._by_place is None else list(self._by_place.values())
        if edits is not None and len(edits) == waiting:
            self._to_send = edits
        self.forget()

    def to_send(self, after: int) -> list[Entry] | None:
        """The next edits to send, in the order of the input; None where the table is to be read."""
        if self._to_send is None:
            return None
        begin = bisect_right(self._to_send, after, key=_place)
        return self._to_send[begin : begin + BATCH]

"""What changed each cell: requests, by the ledger, and edits by hand."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from claro_async.emulator.ledger import AppliedEdit, AppliedLink, AppliedUpload

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from claro_async.emulator.ledger import Applied, Ledger

_EDITS_BY_HAND_KEPT: Final = 10_000


class Change(NamedTuple):
    """A change of a single cell.

    Attributes:
        what: ``edit``, ``link`` or ``upload``.
        request: The index of the request that made it; None by hand.
        at: Epoch seconds, where they are known.
    """

    what: str
    dataset_id: str
    cell_id: str
    value: Any
    previous: Any
    request: int | None
    datasource: str | None = None
    at: float | None = None


class _ByHand(NamedTuple):
    position: int
    change: Change


class Changes:
    """An index of the ledger's changes, made as far as it is asked for.

    Args:
        ledger: The ledger.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._by_hand: deque[_ByHand] = deque(maxlen=_EDITS_BY_HAND_KEPT)
        self._counts_by_hand: dict[str, Counter[str]] = {}
        self._begin()

    def _begin(self) -> None:
        self._cleared = self._ledger.times_cleared
        self._position = 0
        self._counts: dict[str, dict[str, int]] = {}
        self._files: Counter[tuple[str, str]] = Counter()
        self._twice: dict[tuple[str, str], int] = {}

    def edit_by_hand(self, change: Change) -> None:
        """Note an edit that no request made."""
        self._by_hand.append(_ByHand(len(self._ledger.applied), change))
        self._counts_by_hand.setdefault(change.dataset_id, Counter())[change.cell_id] += 1

    def forget(self) -> None:
        """Forget the edits by hand: the world is another one."""
        self._by_hand.clear()
        self._counts_by_hand.clear()

    def catch_up(self) -> None:
        """Count what the ledger has got since the last time."""
        if self._cleared != self._ledger.times_cleared:
            self._begin()
            by_hand = [each._replace(position=0) for each in self._by_hand]
            self._by_hand = deque(by_hand, maxlen=_EDITS_BY_HAND_KEPT)
        applied = self._ledger.applied
        for place in range(self._position, len(applied)):
            entry = applied[place]
            if isinstance(entry, AppliedEdit):
                counts = self._counts.setdefault(entry.dataset_id, {})
                count = counts.get(entry.cell_id, 0) + 1
                counts[entry.cell_id] = count
                if count > 1:
                    self._twice[entry.dataset_id, entry.cell_id] = count
            elif isinstance(entry, AppliedLink | AppliedUpload):
                self._files[entry.dataset_id, entry.cell_id] += 1
        self._position = len(applied)

    def edits(self, dataset_id: str) -> int:
        """Count the edits of a dataset by requests."""
        return sum(self._counts.get(dataset_id, {}).values())

    def counts(self, dataset_id: str) -> Mapping[str, int]:
        """Tell how often each cell of a dataset was edited, by requests and by hand."""
        by_requests = self._counts.get(dataset_id, {})
        by_hand = self._counts_by_hand.get(dataset_id)
        return Counter(by_requests) + by_hand if by_hand else by_requests

    def count(self, dataset_id: str, cell_id: str) -> int:
        """Count the changes of a cell: edits by requests and by hand, links and uploads."""
        return (
            self._counts.get(dataset_id, {}).get(cell_id, 0)
            + self._counts_by_hand.get(dataset_id, Counter())[cell_id]
            + self._files[dataset_id, cell_id]
        )

    @property
    def written_twice(self) -> dict[tuple[str, str], int]:
        """The cells that requests wrote more than once, and how often."""
        return self._twice

    def of_cell(self, dataset_id: str, cell_id: str, most: int) -> list[Change]:
        """Read the last changes of a cell, newest first."""
        wanted = (dataset_id, cell_id)
        found = [
            each
            for each in self._by_hand
            if (each.change.dataset_id, each.change.cell_id) == wanted
        ]
        changes: list[Change] = []
        for place in range(len(self._ledger.applied) - 1, -1, -1):
            entry = self._ledger.applied[place]
            if getattr(entry, "cell_id", None) != cell_id:
                continue
            while found and found[-1].position > place:
                changes.append(found.pop().change)
            change = change_of(entry)
            if change is not None and change.dataset_id == dataset_id:
                changes.append(change)
            if len(changes) >= most:
                return changes[:most]
        return (changes + [each.change for each in reversed(found)])[:most]

    def of_request(self, index: int) -> Iterator[Applied]:
        """Find what a request changed."""
        return (entry for entry in reversed(self._ledger.applied) if entry.request_index == index)


def change_of(entry: Applied) -> Change | None:
    """Read an entry of the ledger as a change of a single cell; None where it is none."""
    if isinstance(entry, AppliedEdit):
        ids = entry.dataset_id, entry.cell_id
        return Change("edit", *ids, entry.value, entry.previous_value, entry.request_index)
    if isinstance(entry, AppliedLink | AppliedUpload):
        what = "link" if isinstance(entry, AppliedLink) else "upload"
        index = entry.request_index
        return Change(what, entry.dataset_id, entry.cell_id, None, None, index, entry.datasource_id)
    return None

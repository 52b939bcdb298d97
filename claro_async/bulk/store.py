"""What a store of a job's edits can do: the one record that every report is made from.

Three hold it: :class:`~claro_async.bulk.memory.StreamStore` the edits under way of an input without
an end, :class:`~claro_async.bulk.memory.MemoryStore` a list, and
:class:`~claro_async.bulk.sqlite_store.SqliteStore` any number in a table, of its own or of a
:class:`~claro_async.bulk.journal.Journal`. Which steps an edit can take stands in
:mod:`claro_async.bulk.states`, for all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator, Iterable, Iterator, Sequence

    from claro_async.bulk.edits import Entry, StagedEdit
    from claro_async.bulk.states import Failure, Result, State, Tally

BATCH = 1000
"""Edits that a store takes or gives at once."""


class StoredOutcome(NamedTuple):
    """What became of an edit, as it was written down."""

    seq: int
    name: str
    value: bytes | None
    attempts: int
    failure: Failure | None


class StoredEdit(NamedTuple):
    """All that is known of an edit."""

    seq: int
    cell_id: str | None
    row_id: str | None
    column: str | None
    value: bytes | None
    state: State
    expected: bytes | None
    failure: Failure | None


class Unresolved(NamedTuple):
    """An edit that names a row and a column, and whose cell is not known yet."""

    seq: int
    row_id: str
    column: str


class _Recorded:
    """Awaited by those who need not wait."""

    def __await__(self) -> Generator[None, None, None]:
        return cast("Generator[None, None, None]", iter(()))


RECORDED = _Recorded()
"""What :meth:`Record.intend` returns where the intent is safe at once."""


class Record(Protocol):
    """Where it stands what is about to be sent, and what became of it.

    Attributes:
        keeps_values: Whether values are kept once edits are done: with them, those of before.
    """

    keeps_values: bool

    @property
    def tally(self) -> Tally:
        """How many edits are in each state, while the job sends."""

    def intend(self, entry: Entry) -> Awaitable[None]:
        """Record that this edit is about to be sent.

        Returns:
            What is done when that is safe on record; before, the edit must not be sent. Whoever
            waits no longer takes the intent back by :meth:`withdraw`.

        Raises:
            JournalError: It cannot be recorded. Awaiting may raise it.
        """

    def withdraw(self, entry: Entry) -> None:
        """Take an intent back: certainly no request was sent for the edit since."""

    def record(self, result: Result) -> None:
        """Record what became of an edit; on disk it stands with the next commit."""

    async def finish(self) -> None:
        """The job sends nothing more: what is under way is unknown, and all is written down.

        Raises:
            JournalError: It cannot be written; the tally is right all the same.
        """


class EditStore(Record, Protocol):
    """All edits of a job, in the order of the input.

    A job takes three steps: it stages its input, it plans (rows and columns are resolved to cells,
    the last edit of each cell stands, present values are compared), and it sends. Nothing is sent
    before :meth:`finish_planning`, and nothing is planned again after it.

    Any method raises :class:`JournalError` where the store is a file that cannot be used.
    """

    @property
    def is_planned(self) -> bool:
        """Whether :meth:`finish_planning` was called, in this run or an earlier one."""

    async def insert(self, first: int, edits: Sequence[StagedEdit]) -> None:
        """Add edits, the first of which has this place in the input."""

    async def insert_failed(self, failed: Sequence[tuple[int, Failure]]) -> None:
        """Add items that cannot be sent, with their places."""

    async def finish_staging(self) -> None:
        """All edits are in: from here on nothing but the store is needed."""

    async def counts(self) -> dict[State, int]:
        """How many edits are in each state."""

    async def count_unresolved(self) -> int:
        """How many planned edits name a row and a column, and have no cell yet."""

    async def count_unseen(self) -> int:
        """How many planned edits have a cell, or row and column, that no page has shown yet."""

    async def find(self, cells: Iterable[str], state: State) -> list[Entry]:
        """The edits of these cells that are in a state."""

    async def find_unresolved(self, rows: Iterable[str]) -> list[Unresolved]:
        """The planned edits of these rows that have no cell yet."""

    async def resolve(self, cells: Sequence[tuple[str, int]]) -> None:
        """Write down the cells of edits, as (cell id, place); the last edit of each cell stands."""

    async def compare(self, results: Sequence[tuple[State, bytes, int]]) -> None:
        """Write down what a page showed, as (state, value read, place)."""

    async def fail(self, failed: Sequence[tuple[int, Failure]]) -> None:
        """Mark planned edits, by their places, as failed."""

    async def fail_unseen(self, failure: Failure, *, only_unresolved: bool) -> None:
        """Mark the planned edits that no page has shown as failed.

        Args:
            failure: Why.
            only_unresolved: Whether that is said only of edits by row and column; the others can
                be sent, and then the server tells.
        """

    async def finish_planning(self) -> None:
        """All is resolved and compared, and the last edit of each cell stands, for good."""

    async def begin_sending(self) -> Tally:
        """Count what there is to send; from here on the tally is kept."""

    async def planned(self, after: int) -> list[Entry]:
        """The next edits to send, in the order of the input."""

    async def outcomes(self, state: State, after: int) -> list[StoredOutcome]:
        """The next edits in a state, in the order of the input."""

    async def missing(self) -> list[str]:
        """Cells, or rows and columns, that edits name and that the dataset does not have."""

    def changes(self) -> Iterator[tuple[str, bytes, bytes | None]]:
        """Cell, new value and value read of all edits that would be sent; blocks for moments."""

    async def edits(self, after: int) -> list[StoredEdit]:
        """The next edits, whatever their state."""

    async def load(self, edits: Sequence[StoredEdit]) -> None:
        """Add edits with all that is known of them."""

    async def aclose(self) -> None:
        """Let go of what the store holds."""

    def close(self) -> None:
        """As :meth:`aclose`, outside of an event loop; blocks for a moment."""


async def copy_edits(source: EditStore, target: EditStore) -> None:
    """Copy all edits into an empty store."""
    after = -1
    while edits := await source.edits(after):
        await target.load(edits)
        after = edits[-1].seq

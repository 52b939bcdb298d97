"""A table of edits: filled, planned, gone on with and read; how they are sent is above it.

Values are JSON texts. What runs in the thread of the table's database stands in
:mod:`claro_async.bulk.statements`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from claro_async.bulk import statements as sql
from claro_async.bulk.database import Database, Each, One
from claro_async.bulk.edits import Entry
from claro_async.bulk.failures import INTERRUPTED, without_values
from claro_async.bulk.fresh import FreshEdits
from claro_async.bulk.states import ENDED, Failure, FailureReason, State
from claro_async.bulk.store import StoredEdit, StoredOutcome, Unresolved

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from claro_async.bulk.database import Step
    from claro_async.bulk.edits import StagedEdit


_NO_FAILURE = (None, None, None, None)


class SqliteTable:
    """A table of edits; what its methods do stands at :class:`EditStore`.

    Args:
        database: Where the table is.
        table: Its name.
        keeps_values: Whether values stay in it once their edits are done.
    """

    def __init__(
        self, database: Database, table: str = "edits", *, keeps_values: bool = True
    ) -> None:
        self.database = database
        self.is_staged: bool = False
        self.is_planned: bool = False
        self.table = table
        self.keeps_values: bool = keeps_values
        self._fresh = FreshEdits()

    def _sql(self, text: str) -> str:
        return text.replace("{edits}", self.table)

    async def _fetch(self, text: str, *parameters: Any) -> list[Any]:
        return await self.database.fetch(self._sql(text), *parameters)

    def _one(self, text: str, *parameters: Any) -> One:
        return One(self._sql(text), parameters)

    def _each(self, text: str, rows: Sequence[Any]) -> Each:
        return Each(self._sql(text), rows)

    # --- staging

    async def insert(self, first: int, edits: Sequence[StagedEdit]) -> None:
        """Add edits, the first of which has this place in the input."""
        cells: list[Any] = []
        others: list[Any] = []
        fresh: list[Entry] = []
        for seq, edit in enumerate(edits, first):
            if (cell_id := edit.cell_id) is None:
                others.append((seq, edit.row_id, edit.column, edit.content))
            else:
                content = edit.content
                cells += (seq, cell_id, content.decode())
                fresh.append(Entry(seq, cell_id, content))
        if others:
            self._fresh.forget()
        else:
            self._fresh.add(fresh)
        width = 3 * sql.CELLS_AT_ONCE
        groups = [cells[at : at + width] for at in range(0, len(cells), width)]
        texts = {size: self._sql(sql.insert_cells(size // 3)) for size in set(map(len, groups))}
        await self.database.write(
            *(One(texts[len(group)], group) for group in groups),
            self._each(sql.INSERT_BY_ROW, others),
        )

    async def insert_failed(self, failed: Sequence[tuple[int, Failure]]) -> None:
        """Add items that cannot be sent, with their places."""
        rows = [(seq, State.FAILED, *self._columns(failure)) for seq, failure in failed]
        await self.database.write(self._each(sql.INSERT_FAILED, rows))

    async def finish_staging(self) -> None:
        """All edits are in: make them findable, and let the last of each cell stand."""
        await self.database.write(
            *(self._one(index) for index in sql.INDEXES),
            self._one(sql.SUPERSEDE_ALL, State.SUPERSEDED, *sql.OVERTAKEN),
            *self._wipe_all(),
            self._note("staged"),
        )
        self.is_staged = True

    def _note(self, name: str) -> One:
        return One("INSERT OR REPLACE INTO meta VALUES (?, 'yes')", (f"{self.table}.{name}",))

    def _cleaned(self, failure: Failure) -> Failure:
        """A failure as it can be kept."""
        kept = failure if self.keeps_values else without_values(failure)
        text = kept.text.encode("utf-8", "replace").decode()  # no half of an emoji
        return kept._replace(text=text)

    def _columns(self, failure: Failure | None) -> tuple[Any, ...]:
        """A failure as the columns of a row."""
        if failure is None:
            return _NO_FAILURE
        reason, *rest = self._cleaned(failure)
        return (str(reason), *rest)

    def _wipe(self, places: Sequence[int]) -> tuple[Step, ...]:
        """Values of these edits, which have ended, go where none are kept."""
        if self.keeps_values or not places:
            return ()
        return (self._one(sql.WIPE, as_json(places)),)

    def _wipe_all(self) -> tuple[Step, ...]:
        return () if self.keeps_values else (self._one(sql.WIPE_ALL),)

    # --- planning

    async def counts(self) -> dict[State, int]:
        """How many edits are in each state."""
        rows = await self._fetch(sql.COUNT)
        return {State(state): count for state, count in rows}

    async def count_unresolved(self) -> int:
        """How many planned edits name a row and a column, and have no cell yet."""
        ((count,),) = await self._fetch(sql.COUNT_UNRESOLVED, State.PLANNED)
        return int(count)

    async def count_unseen(self) -> int:
        """How many planned edits have a cell, or row and column, that no page has shown yet."""
        ((count,),) = await self._fetch(sql.COUNT_UNSEEN, State.PLANNED)
        return int(count)

    async def find(self, cells: Iterable[str], state: State) -> list[Entry]:
        """The edits of these cells that are in a state."""
        rows = await self._fetch(sql.FIND, as_json(list(cells)), state)
        in_doubt = state is not State.PLANNED
        return [
            Entry(seq, cell_id, value, expected, in_doubt) for seq, cell_id, value, expected in rows
        ]

    async def find_unresolved(self, rows: Iterable[str]) -> list[Unresolved]:
        """The planned edits of these rows that have no cell yet."""
        found = await self._fetch(sql.FIND_UNRESOLVED, as_json(list(rows)), State.PLANNED)
        return [Unresolved(*row) for row in found]

    async def resolve(self, cells: Sequence[tuple[str, int]]) -> None:
        """Write down the cells of edits, as (cell id, place); the last edit of each cell stands."""
        if cells:
            self._fresh.forget()
            ids = as_json([cell_id for cell_id, _ in cells])
            await self.database.write(
                self._each("UPDATE {edits} SET cell_id = ? WHERE seq = ?", cells),
                self._one(sql.SUPERSEDE, State.SUPERSEDED, ids, *sql.OVERTAKEN),
            )

    async def compare(self, results: Sequence[tuple[State, bytes, int]]) -> None:
        """Write down what a page showed, as (state, value read, place).

        The value read is kept where another one will be written.
        """
        if not self.keeps_values:
            results = [(state, b"", seq) for state, _, seq in results]
        unchanged = [seq for state, _, seq in results if state is State.UNCHANGED]
        changes = [each for each in results if each[0] is not State.UNCHANGED]
        self._fresh.compare(unchanged, changes)
        await self.database.write(
            self._one(sql.MARK, State.UNCHANGED, as_json(unchanged)),
            self._each("UPDATE {edits} SET state = ?, expected = ? WHERE seq = ?", changes),
            *self._wipe(unchanged),
        )

    async def fail(self, failed: Sequence[tuple[int, Failure]]) -> None:
        """Mark planned edits, by their places, as failed."""
        rows = [(*self._columns(failure), State.FAILED, seq) for seq, failure in failed]
        places = [seq for seq, _ in failed]
        await self.database.write(self._each(sql.FAIL, rows), *self._wipe(places))

    async def fail_unseen(self, failure: Failure, *, only_unresolved: bool) -> None:
        """Mark the planned edits that no page has shown as failed."""
        parameters = (*self._columns(failure), State.FAILED, State.PLANNED)
        text = sql.FAIL_UNRESOLVED if only_unresolved else sql.FAIL_UNSEEN
        await self.database.write(self._one(text, *parameters), *self._wipe_all())

    async def finish_planning(self) -> None:
        """All is resolved and compared, and the last edit of each cell stands, for good."""
        await self.database.write(*self._wipe_all(), self._note("planned"))
        self.is_planned = True

    # --- going on after an end

    async def recover(self) -> None:
        """What was under way when the process ended is unknown."""
        failure = self._columns(INTERRUPTED)
        await self.database.write(self._one(sql.RECOVER, State.UNKNOWN, *failure, State.SENT))

    async def record_read(self, states: Sequence[tuple[State, int]]) -> None:
        """Write down what a page says of edits whose outcome was unknown, as (state, place)."""
        ended = [seq for state, seq in states if state in ENDED]
        await self.database.write(self._each(sql.RECORD_READ, states), *self._wipe(ended))

    async def move(self, old: State, new: State) -> None:
        """Put all edits of one state into another."""
        self._fresh.forget()
        await self.database.write(
            self._one("UPDATE {edits} SET state = ? WHERE state = ?", new, old)
        )

    async def attempts(self) -> int:
        """Requests that were sent for edits, in all runs."""
        ((number,),) = await self._fetch("SELECT coalesce(sum(attempts), 0) FROM {edits}")
        return int(number)

    # --- the account

    async def outcomes(self, state: State, after: int) -> list[StoredOutcome]:
        """The next edits in a state, in the order of the input."""
        rows = await self._fetch(sql.OUTCOMES, state, after)
        return [
            StoredOutcome(seq, name, value, attempts, _failure(failure))
            for seq, name, value, attempts, *failure in rows
        ]

    async def missing(self) -> list[str]:
        """Cells, or rows and columns, that edits name and that the dataset does not have."""
        reason = FailureReason.NOT_FOUND_BY_READING
        return [name for (name,) in await self._fetch(sql.MISSING, str(reason))]

    def changes(self) -> Iterator[tuple[str, bytes, bytes | None]]:
        """Cell, new value and value read of all edits that would be sent; blocks for moments."""
        after = -1
        while rows := self.database.fetch_now(self._sql(sql.PLANNED), State.RESEND, after):
            for after, cell_id, value, expected, _ in rows:  # noqa: B007 - the last one counts
                yield cell_id, value, expected

    async def edits(self, after: int) -> list[StoredEdit]:
        """The next edits, whatever their state."""
        rows = await self._fetch(sql.ALL, after)
        return [_stored(*row) for row in rows]

    async def load(self, edits: Sequence[StoredEdit]) -> None:
        """Add edits with all that is known of them."""
        self._fresh.forget()
        rows = [(*each[:-1], *self._columns(each.failure)) for each in edits]
        await self.database.write(self._each(sql.LOAD, rows))

    async def aclose(self) -> None:
        """Close the database."""
        await self.database.aclose()

    def close(self) -> None:
        """Close the database; blocks for a moment."""
        self.database.close()


def as_json(values: Sequence[Any]) -> str:
    """Values as a parameter for ``json_each``, or to be kept."""
    return msgspec.json.encode(values).decode()


def _stored(*row: Any) -> StoredEdit:
    seq, cell_id, row_id, column, value, state, expected, *failure = row
    address = (seq, cell_id, row_id, column)
    return StoredEdit(*address, value, State(state), expected, _failure(failure))


def _failure(row: Sequence[Any]) -> Failure | None:
    reason, text, status, code = row
    return None if reason is None else Failure(FailureReason(reason), text or "", status, code)

"""The edits of a job in a table: in a private temporary database, or in a journal.

Memory stays flat however many edits there are. Values are JSON texts. All methods block, and are
run in one thread of their own (:class:`StoreThread`).
"""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from claro_async.bulk.edits import EditStatus, Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from claro_async.bulk.edits import StagedEdit

R = TypeVar("R")
S = TypeVar("S", bound="EditStore")
BATCH = 1000


class State(IntEnum):
    """How far an edit is."""

    PLANNED = 0
    SENT = 1
    UPDATED = 2
    UNCHANGED = 3
    SUPERSEDED = 4
    FAILED = 5
    UNKNOWN = 6


STATUS_OF: Mapping[State, EditStatus] = {
    State.PLANNED: EditStatus.NOT_SENT,
    State.SENT: EditStatus.UNKNOWN,
    State.UPDATED: EditStatus.UPDATED,
    State.UNCHANGED: EditStatus.UNCHANGED,
    State.SUPERSEDED: EditStatus.SUPERSEDED,
    State.FAILED: EditStatus.FAILED,
    State.UNKNOWN: EditStatus.UNKNOWN,
}

SCHEMA = """
CREATE TABLE edits (
    seq INTEGER PRIMARY KEY,      -- place in the input, from 0
    cell_id TEXT,                 -- null until a row and column are resolved
    row_id TEXT, col TEXT,        -- as given, for an edit addressed by row and column
    value BLOB,                   -- JSON; null once it is wiped
    state INTEGER NOT NULL DEFAULT 0,
    expected BLOB,                -- JSON read before; null if not read
    previous BLOB,                -- JSON that the cell held before, where that is certain
    conflict INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    error_type TEXT, error TEXT
);
"""
INDEXES = """
CREATE INDEX IF NOT EXISTS edits_by_cell ON edits (cell_id) WHERE cell_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS edits_by_row ON edits (row_id) WHERE row_id IS NOT NULL;
"""


_SETTLE = """
UPDATE edits SET
    state = p.state, previous = coalesce(p.previous, edits.previous), conflict = p.conflict,
    attempts = edits.attempts + p.attempts, error_type = p.error_type, error = p.error
FROM (
    SELECT
        json_extract(value, '$[0]') AS state, CAST(json_extract(value, '$[1]') AS BLOB) AS previous,
        json_extract(value, '$[2]') AS conflict, json_extract(value, '$[3]') AS attempts,
        json_extract(value, '$[4]') AS error_type, json_extract(value, '$[5]') AS error,
        json_extract(value, '$[6]') AS seq
    FROM json_each(?)
) AS p
WHERE edits.seq = p.seq
"""


class Settled(NamedTuple):
    """What became of an edit that was sent, as it is written down."""

    state: State
    previous: bytes | None
    conflict: bool
    attempts: int
    error_type: str | None
    error: str | None
    seq: int


class StoredOutcome(NamedTuple):
    """What became of an edit, as it was written down."""

    seq: int
    cell_id: str
    value: bytes | None
    attempts: int
    error_type: str | None
    error: str | None


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode()


class EditStore:
    """A table of edits."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    @classmethod
    def temporary(cls) -> EditStore:
        """A store that leaves nothing behind; large ones spill to the temporary folder."""
        connection = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        connection.execute("PRAGMA cache_size = -8192")
        store = cls(connection)
        connection.executescript(SCHEMA)
        return store

    def close(self) -> None:
        """Close the database."""
        self.connection.close()

    def insert(self, first: int, edits: Sequence[StagedEdit]) -> None:
        """Add edits, the first of which has this place in the input."""
        with transaction(self.connection) as run:
            run.executemany(
                "INSERT INTO edits (seq, cell_id, row_id, col, value) VALUES (?, ?, ?, ?, ?)",
                ((first + at, *edit) for at, edit in enumerate(edits)),
            )

    def insert_failed(self, failed: Sequence[tuple[int, str, str]]) -> None:
        """Add items that cannot be sent, as (place, type of the error, its text)."""
        with transaction(self.connection) as run:
            run.executemany(
                "INSERT INTO edits (seq, state, error_type, error) VALUES (?, ?, ?, ?)",
                ((seq, State.FAILED, kind, text) for seq, kind, text in failed),
            )

    def insert_revert(self, first: int, edits: Sequence[tuple[StagedEdit, bytes]]) -> None:
        """Add edits with what their cells are known to hold."""
        self.insert(first, [edit for edit, _ in edits])
        self.compare(
            [(State.PLANNED, present, first + at) for at, (_, present) in enumerate(edits)]
        )

    def finish_staging(self) -> None:
        """All edits are in: make them findable, and let the last of each cell stand."""
        self.connection.executescript(INDEXES)
        self.coalesce()

    def coalesce(self) -> None:
        """Mark edits that a later one of the same cell overtakes."""
        with transaction(self.connection) as run:
            run.execute(
                "UPDATE edits SET state = ? WHERE state = ? AND cell_id IN ("
                "  SELECT cell_id FROM edits WHERE cell_id IS NOT NULL"  # most jobs have none
                "  GROUP BY cell_id HAVING COUNT(*) > 1)"
                " AND EXISTS (SELECT 1 FROM edits later"
                "  WHERE later.cell_id = edits.cell_id AND later.seq > edits.seq)",
                (State.SUPERSEDED, State.PLANNED),
            )

    def counts(self) -> dict[State, int]:
        """How many edits are in each state."""
        rows = self.connection.execute("SELECT state, COUNT(*) FROM edits GROUP BY state")
        return {State(state): count for state, count in rows}

    def count_unresolved(self) -> int:
        """How many edits are addressed by row and column, and have no cell yet."""
        (count,) = self.connection.execute(
            "SELECT COUNT(*) FROM edits WHERE cell_id IS NULL AND state = ?", (State.PLANNED,)
        ).fetchone()
        return int(count)

    def planned(self, after: int) -> list[Entry]:
        """The next edits to send, in the order of the input."""
        rows = self.connection.execute(
            "SELECT seq, cell_id, value, expected FROM edits"
            " WHERE state = ? AND seq > ? AND cell_id IS NOT NULL ORDER BY seq LIMIT ?",
            (State.PLANNED, after, BATCH),
        )
        return [Entry(*row) for row in rows]

    def find(self, cells: Iterable[str], state: State) -> list[Entry]:
        """The edits of these cells that are in a state."""
        rows = self.connection.execute(
            "SELECT e.seq, e.cell_id, e.value, e.expected FROM json_each(?) p"
            " JOIN edits e ON e.cell_id = p.value WHERE e.state = ?",
            (msgspec.json.encode(list(cells)).decode(), state),
        )
        return [Entry(*row) for row in rows]

    def find_unresolved(self, rows: Iterable[str]) -> list[tuple[int, str, str]]:
        """Place, row and column of the edits of these rows that have no cell yet."""
        found = self.connection.execute(
            "SELECT e.seq, e.row_id, e.col FROM json_each(?) p"
            " JOIN edits e ON e.row_id = p.value WHERE e.state = ? AND e.cell_id IS NULL",
            (msgspec.json.encode(list(rows)).decode(), State.PLANNED),
        )
        return found.fetchall()

    def resolve(self, cells: Sequence[tuple[str, int]]) -> None:
        """Write down the cells of edits, as (cell id, place)."""
        with transaction(self.connection) as run:
            run.executemany("UPDATE edits SET cell_id = ? WHERE seq = ?", cells)

    def compare(self, results: Sequence[tuple[State, bytes, int]]) -> None:
        """Write down what a reading showed, as (state, value read, place).

        The value read is kept where another one will be written.
        """
        unchanged = [seq for state, _, seq in results if state is State.UNCHANGED]
        changes = [result for result in results if result[0] is not State.UNCHANGED]
        with transaction(self.connection) as run:
            run.execute(
                "UPDATE edits SET state = ? WHERE seq IN (SELECT value FROM json_each(?))",
                (State.UNCHANGED, msgspec.json.encode(unchanged).decode()),
            )
            run.executemany("UPDATE edits SET state = ?, expected = ? WHERE seq = ?", changes)

    def fail_unread(self, reason: str) -> None:
        """A complete reading is over: what it did not meet does not exist."""
        with transaction(self.connection) as run:
            run.execute(
                "UPDATE edits SET state = ?, error_type = 'CellNotFoundError', error = ?"
                " WHERE state = ? AND expected IS NULL",
                (State.FAILED, reason, State.PLANNED),
            )

    def move(self, old: State, new: State) -> None:
        """Put all edits of one state into another."""
        with transaction(self.connection) as run:
            run.execute("UPDATE edits SET state = ? WHERE state = ?", (new, old))

    def settle_states(self, states: Sequence[tuple[State, int]]) -> None:
        """Write down what a reading says of edits whose outcome was unknown, as (state, place)."""
        with transaction(self.connection) as run:
            run.executemany(
                "UPDATE edits SET state = ?, error_type = NULL, error = NULL WHERE seq = ?", states
            )

    def settle(self, settled: Sequence[Settled]) -> None:
        """Write down what became of edits; inside the caller's transaction."""
        # one statement for all: between two, the interpreter's lock would change hands
        rows = [(each.state, _text(each.previous), *each[2:]) for each in settled]
        self.connection.execute(_SETTLE, (msgspec.json.encode(rows).decode(),))

    def mark_sent(self, places: Sequence[int]) -> None:
        """Write down that edits are about to be sent; inside the caller's transaction."""
        self.connection.execute(
            "UPDATE edits SET state = ? WHERE seq IN (SELECT value FROM json_each(?))",
            (State.SENT, msgspec.json.encode(places).decode()),
        )

    def outcomes(self, state: State, after: int) -> list[StoredOutcome]:
        """The next edits in a state, in the order of the input."""
        rows = self.connection.execute(
            "SELECT seq, coalesce(cell_id, row_id || ' / ' || col, ''), value, attempts,"
            " error_type, error FROM edits WHERE state = ? AND seq > ? ORDER BY seq LIMIT ?",
            (state, after, BATCH),
        )
        return [StoredOutcome(*row) for row in rows]

    def missing(self) -> list[str]:
        """Cells that edits name and that do not exist."""
        rows = self.connection.execute(
            "SELECT coalesce(cell_id, row_id || ' / ' || col) FROM edits"
            " WHERE state = ? AND error_type = 'CellNotFoundError' ORDER BY seq",
            (State.FAILED,),
        )
        return [cell for (cell,) in rows]

    def copy_to(self, other: EditStore) -> None:
        """Copy all edits into an empty store."""
        other.load(self.connection.execute("SELECT * FROM edits"))

    def load(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add whole rows of the table."""
        with transaction(self.connection) as run:
            run.executemany("INSERT INTO edits VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def changes(self) -> Iterator[tuple[str, bytes, bytes | None]]:
        """Cell, new value and value read of all edits that would be sent."""
        after = -1
        while entries := self.planned(after):
            for entry in entries:
                yield entry.cell_id, entry.content, entry.expected
            after = entries[-1].seq


class transaction:  # noqa: N801 - reads as a statement
    """``BEGIN IMMEDIATE`` … ``COMMIT``, or ``ROLLBACK`` where the block raises."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> sqlite3.Connection:
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection

    def __exit__(self, kind: object, *_: object) -> None:
        self._connection.execute("COMMIT" if kind is None else "ROLLBACK")


class StoreThread:
    """Runs what blocks on a store in a thread of its own, one call after the other."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="claro-store")

    async def run(self, function: Callable[..., R], *arguments: Any) -> R:
        """Call a function there and wait for it."""
        return await asyncio.wrap_future(self.submit(function, *arguments))

    def submit(self, function: Callable[..., R], *arguments: Any) -> Future[R]:
        """Call a function there as soon as it is free."""
        return self._pool.submit(function, *arguments)

    async def open(self, make: Callable[..., S], *arguments: Any) -> S:
        """Make a store there; closes it again where nobody waits for it any more."""
        future = self.submit(make, *arguments)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            self.close()
            if not future.cancelled() and future.exception() is None:
                future.result().close()
            raise

    def close(self) -> None:
        """Wait for what is running there, and end the thread."""
        self._pool.shutdown(wait=True)

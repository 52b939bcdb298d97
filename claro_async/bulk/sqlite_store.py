"""The edits of a job in a table: of a private temporary database, or of a journal.

Memory stays flat however many edits there are. Values are JSON texts. The store owns the one thread
that uses its database; statements are built here and run there.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from claro_async.bulk.edits import Entry
from claro_async.bulk.failures import INTERRUPTED, without_values
from claro_async.bulk.states import ENDED, SENDABLE, Failure, FailureReason, Result, State, Tally
from claro_async.bulk.store import BATCH, StoredEdit, StoredOutcome, Unresolved
from claro_async.errors import JournalError
from claro_async.storage.threads import OwnThread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeAlias

    from claro_async.bulk.commits import GroupCommit
    from claro_async.bulk.edits import StagedEdit

_EDITS = """
CREATE TABLE {table} (
    seq INTEGER PRIMARY KEY,      -- place in the input, from 0
    cell_id TEXT,                 -- null until a row and column are resolved
    row_id TEXT, col TEXT,        -- as given, for an edit addressed by row and column
    value BLOB,                   -- JSON; null once it is wiped
    state INTEGER NOT NULL DEFAULT 0,
    expected BLOB,                -- JSON read before; null if not read
    previous BLOB,                -- JSON that the cell held before, where that is certain
    conflict INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    reason TEXT, text TEXT, status INTEGER, code TEXT  -- why it was not applied
);
"""
_META = "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"


def schema(*tables: str) -> str:
    """Statements that make tables of edits, and the one of what is known of the job."""
    return _META + "".join(_EDITS.format(table=table) for table in tables)


def _listed(states: Iterable[State]) -> str:
    return ", ".join(str(int(state)) for state in states)


class Each(NamedTuple):
    """A statement that runs once for each row of parameters."""

    sql: str
    rows: Sequence[Any]


class One(NamedTuple):
    """A statement that runs once."""

    sql: str
    parameters: Sequence[Any] = ()


Step: TypeAlias = "Each | One"


class Database:
    """A connection, and the one thread that uses it.

    Args:
        connection: In autocommit mode.
        thread: The thread.
        name: What errors call it.
        shut: Closes the connection, and whatever belongs to it.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        thread: OwnThread,
        name: str,
        shut: Callable[[], object],
    ) -> None:
        self._connection = connection
        self._thread = thread
        self._name = name
        self._shut = shut

    @classmethod
    async def temporary(cls, *tables: str) -> Database:
        """A database that leaves nothing behind; a large one spills to the temporary folder."""
        thread = OwnThread("claro-store")

        def make() -> sqlite3.Connection:
            connection = sqlite3.connect("", check_same_thread=False, isolation_level=None)
            connection.execute("PRAGMA cache_size = -8192")
            connection.executescript(schema(*tables))
            return connection

        try:
            connection = await thread.open(make, sqlite3.Connection.close)
        except BaseException:
            await thread.aclose()
            raise
        return cls(connection, thread, "the temporary database", connection.close)

    async def fetch(self, sql: str, *parameters: Any) -> list[Any]:
        """All rows of a query.

        Raises:
            JournalError: It cannot be read.
        """
        return await self._thread.run(self._fetch, sql, parameters)

    def fetch_now(self, sql: str, *parameters: Any) -> list[Any]:
        """As :meth:`fetch`; blocks."""
        return self._thread.submit(self._fetch, sql, parameters).result()

    async def write(self, *steps: Step) -> None:
        """Run statements in one transaction.

        Raises:
            JournalError: It cannot be written; nothing of this stands in it.
        """
        await self._thread.run(self._write, steps)

    def _fetch(self, sql: str, parameters: Sequence[Any]) -> list[Any]:
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise JournalError(f"{self._name} cannot be read: {error}") from None

    def _write(self, steps: Sequence[Step]) -> None:
        run = self._connection
        try:
            run.execute("BEGIN IMMEDIATE")
            try:
                for step in steps:
                    if isinstance(step, One):
                        run.execute(step.sql, step.parameters)
                    else:
                        run.executemany(step.sql, step.rows)
                run.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite has done so itself after some errors
                    run.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise JournalError(f"{self._name} cannot be written: {error}") from None

    async def aclose(self) -> None:
        """Close it after all that its thread has to do; goes on to the end when cancelled."""
        self._thread.submit(self._shut)
        await self._thread.aclose()

    def close(self) -> None:
        """As :meth:`aclose`; blocks."""
        self._thread.submit(self._shut)
        self._thread.close()


class SqliteStore:
    """A table of edits; what its methods do stands at :class:`EditStore`.

    Args:
        database: Where the table is.
        table: Its name.
        keeps_values: Whether values stay in it once their edits are done.
        commits: Writes intents before their requests are sent; without, nothing waits for a disk.
    """

    def __init__(
        self,
        database: Database,
        table: str = "edits",
        *,
        keeps_values: bool = True,
        commits: Callable[[SqliteStore], GroupCommit] | None = None,
    ) -> None:
        self.database = database
        self.is_staged = False
        self.is_planned = False
        self.table = table
        self._keeps_values = keeps_values
        self._tally = Tally()
        self._results: list[Result] = []
        self._make_commits = commits
        self._commits: GroupCommit | None = None

    @classmethod
    async def temporary(cls) -> SqliteStore:
        """A store that leaves nothing behind."""
        return cls(await Database.temporary("edits"))

    @property
    def tally(self) -> Tally:
        """How many edits are in each state, while the job sends."""
        return self._tally

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
        rows = [(first + at, *edit) for at, edit in enumerate(edits)]
        await self.database.write(self._each(_INSERT, rows))

    async def insert_failed(self, failed: Sequence[tuple[int, Failure]]) -> None:
        """Add items that cannot be sent, with their places."""
        rows = [(seq, State.FAILED, *self._storable(failure)) for seq, failure in failed]
        await self.database.write(self._each(_INSERT_FAILED, rows))

    async def finish_staging(self) -> None:
        """All edits are in: make them findable, and let the last of each cell stand."""
        await self.database.write(
            *(self._one(index) for index in _INDEXES),
            self._one(_SUPERSEDE_ALL, State.SUPERSEDED, *_OVERTAKEN),
            *self._wipe_all(),
            self._note("staged"),
        )
        self.is_staged = True

    def _note(self, name: str) -> One:
        return One("INSERT OR REPLACE INTO meta VALUES (?, 'yes')", (f"{self.table}.{name}",))

    def _storable(self, failure: Failure | None) -> tuple[Any, ...]:
        if failure is None:
            return (None, None, None, None)
        kept = failure if self._keeps_values else without_values(failure)
        text = kept.text.encode("utf-8", "replace").decode()  # no half of an emoji
        return (str(kept.reason), text, kept.status, kept.code)

    def _wipe(self, places: Sequence[int]) -> tuple[Step, ...]:
        """Values of ended edits among these go, where none are kept."""
        if self._keeps_values or not places:
            return ()
        return (self._one(_WIPE, _json(places)),)

    def _wipe_all(self) -> tuple[Step, ...]:
        return () if self._keeps_values else (self._one(_WIPE_ALL),)

    # --- planning

    async def counts(self) -> dict[State, int]:
        """How many edits are in each state."""
        rows = await self._fetch("SELECT state, COUNT(*) FROM {edits} GROUP BY state")
        return {State(state): count for state, count in rows}

    async def count_unresolved(self) -> int:
        """How many planned edits name a row and a column, and have no cell yet."""
        ((count,),) = await self._fetch(_COUNT_UNRESOLVED, State.PLANNED)
        return int(count)

    async def count_unseen(self) -> int:
        """How many planned edits have a cell, or row and column, that no page has shown yet."""
        ((count,),) = await self._fetch(_COUNT_UNSEEN, State.PLANNED)
        return int(count)

    async def find(self, cells: Iterable[str], state: State) -> list[Entry]:
        """The edits of these cells that are in a state."""
        rows = await self._fetch(_FIND, _json(list(cells)), state)
        in_doubt = state is not State.PLANNED
        return [
            Entry(seq, cell_id, value, expected, in_doubt) for seq, cell_id, value, expected in rows
        ]

    async def find_unresolved(self, rows: Iterable[str]) -> list[Unresolved]:
        """The planned edits of these rows that have no cell yet."""
        found = await self._fetch(_FIND_UNRESOLVED, _json(list(rows)), State.PLANNED)
        return [Unresolved(*row) for row in found]

    async def resolve(self, cells: Sequence[tuple[str, int]]) -> None:
        """Write down the cells of edits, as (cell id, place); the last edit of each cell stands."""
        if cells:
            ids = _json([cell_id for cell_id, _ in cells])
            await self.database.write(
                self._each("UPDATE {edits} SET cell_id = ? WHERE seq = ?", cells),
                self._one(_SUPERSEDE, State.SUPERSEDED, ids, *_OVERTAKEN),
            )

    async def compare(self, results: Sequence[tuple[State, bytes, int]]) -> None:
        """Write down what a page showed, as (state, value read, place).

        The value read is kept where another one will be written.
        """
        unchanged = [seq for state, _, seq in results if state is State.UNCHANGED]
        changes = [
            (state, present if self._keeps_values else b"", seq)
            for state, present, seq in results
            if state is not State.UNCHANGED
        ]
        await self.database.write(
            self._one(_MARK, State.UNCHANGED, _json(unchanged)),
            self._each("UPDATE {edits} SET state = ?, expected = ? WHERE seq = ?", changes),
            *self._wipe(unchanged),
        )

    async def fail(self, failed: Sequence[tuple[int, Failure]]) -> None:
        """Mark planned edits, by their places, as failed."""
        rows = [(*self._storable(failure), State.FAILED, seq) for seq, failure in failed]
        await self.database.write(self._each(_FAIL, rows), *self._wipe([seq for seq, _ in failed]))

    async def fail_unseen(self, failure: Failure, *, only_unresolved: bool) -> None:
        """Mark the planned edits that no page has shown as failed."""
        parameters = (*self._storable(failure), State.FAILED, State.PLANNED)
        text = _FAIL_UNRESOLVED if only_unresolved else _FAIL_UNSEEN
        await self.database.write(self._one(text, *parameters), *self._wipe_all())

    async def finish_planning(self) -> None:
        """All is resolved and compared, and the last edit of each cell stands, for good."""
        await self.database.write(*self._wipe_all(), self._note("planned"))
        self.is_planned = True

    # --- sending

    async def begin_sending(self) -> Tally:
        """Count what there is to send; from here on the tally is kept."""
        self._tally = Tally(await self.counts())
        if self._make_commits is not None:
            self._commits = self._make_commits(self)
        return self._tally

    async def planned(self, after: int) -> list[Entry]:
        """The next edits to send, in the order of the input."""
        return [Entry(*row) for row in await self._fetch(_PLANNED, State.RESEND, after)]

    async def intend(self, entry: Entry) -> None:
        """Return when it is safe on record that this edit is about to be sent."""
        self._tally.intend(entry)
        if self._commits is None:
            return
        try:
            await self._commits.intend(entry.seq)
        except BaseException:  # it is not sent: also where the task was cancelled meanwhile
            self.withdraw(entry)
            raise

    def withdraw(self, entry: Entry) -> None:
        """Take an intent back: certainly no request was sent for the edit since."""
        self._write_later(Result(entry.seq, self._tally.withdraw(entry.seq)))

    def record(self, result: Result) -> None:
        """Record what became of an edit; it is written down with the next commit."""
        self._tally.record(result)
        self._write_later(result)

    def _write_later(self, result: Result) -> None:
        if self._commits is not None:
            self._commits.record(result)
        else:
            self._results.append(result)

    async def finish(self) -> None:
        """The job sends nothing more: what is under way is unknown, and all is written down."""
        for seq in self._tally.interrupt():
            self._write_later(Result(seq, State.UNKNOWN, failure=INTERRUPTED))
        if self._commits is not None:
            commits, self._commits = self._commits, None
            await commits.close()
        else:
            results, self._results = self._results, []
            await self.write_down((), results)

    async def write_down(self, intents: Sequence[int], results: Sequence[Result]) -> None:
        """Write down, in one transaction, what is about to be sent and what became of what was."""
        # one statement for all: between two, the interpreter's lock would change hands
        rows = [
            (
                *(each.seq, each.state, each.attempts, each.conflict),
                None if each.previous is None or not self._keeps_values else each.previous.decode(),
                *self._storable(each.failure),
            )
            for each in results
        ]
        await self.database.write(
            self._one(_MARK_SENT, _json(intents)),
            self._one(_RECORD, _json(rows)),
            *self._wipe([each.seq for each in results]),
        )

    # --- going on after an end

    async def recover(self) -> None:
        """What was under way when the process ended is unknown."""
        failure = self._storable(INTERRUPTED)
        await self.database.write(self._one(_RECOVER, State.UNKNOWN, *failure, State.SENT))

    async def record_read(self, states: Sequence[tuple[State, int]]) -> None:
        """Write down what a page says of edits whose outcome was unknown, as (state, place)."""
        await self.database.write(
            self._each(_RECORD_READ, states), *self._wipe([seq for _, seq in states])
        )

    async def move(self, old: State, new: State) -> None:
        """Put all edits of one state into another."""
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
        rows = await self._fetch(_OUTCOMES, state, after)
        return [
            StoredOutcome(seq, name, value, attempts, _failure(failure))
            for seq, name, value, attempts, *failure in rows
        ]

    async def missing(self) -> list[str]:
        """Cells, or rows and columns, that edits name and that the dataset does not have."""
        reason = FailureReason.NOT_FOUND_BY_READING
        return [name for (name,) in await self._fetch(_MISSING, str(reason))]

    def changes(self) -> Iterator[tuple[str, bytes, bytes | None]]:
        """Cell, new value and value read of all edits that would be sent; blocks for moments."""
        after = -1
        while rows := self.database.fetch_now(self._sql(_PLANNED), State.RESEND, after):
            for after, cell_id, value, expected, _ in rows:  # noqa: B007 - the last one counts
                yield cell_id, value, expected

    async def edits(self, after: int) -> list[StoredEdit]:
        """The next edits, whatever their state."""
        rows = await self._fetch(_ALL, after)
        return [_stored(*row) for row in rows]

    async def load(self, edits: Sequence[StoredEdit]) -> None:
        """Add edits with all that is known of them."""
        rows = [(*each[:-1], *self._storable(each.failure)) for each in edits]
        await self.database.write(self._each(_LOAD, rows))

    async def aclose(self) -> None:
        """Close the database."""
        await self.database.aclose()

    def close(self) -> None:
        """Close the database; blocks for a moment."""
        self.database.close()


def _json(values: Sequence[Any]) -> str:
    return msgspec.json.encode(values).decode()


def _stored(*row: Any) -> StoredEdit:
    seq, cell_id, row_id, column, value, state, expected, *failure = row
    address = (seq, cell_id, row_id, column)
    return StoredEdit(*address, value, State(state), expected, _failure(failure))


def _failure(row: Sequence[Any]) -> Failure | None:
    reason, text, status, code = row
    return None if reason is None else Failure(FailureReason(reason), text or "", status, code)


_OVERTAKEN = (State.PLANNED, State.UNCHANGED)
_INSERT = "INSERT INTO {edits} (seq, cell_id, row_id, col, value) VALUES (?, ?, ?, ?, ?)"
_INSERT_FAILED = (
    "INSERT INTO {edits} (seq, state, reason, text, status, code) VALUES (?, ?, ?, ?, ?, ?)"
)
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS {edits}_by_cell ON {edits} (cell_id) WHERE cell_id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS {edits}_by_row ON {edits} (row_id) WHERE row_id IS NOT NULL",
)
_LATER = (
    " AND state IN (?, ?) AND EXISTS (SELECT 1 FROM {edits} later"
    " WHERE later.cell_id = {edits}.cell_id AND later.seq > {edits}.seq)"
)
_SUPERSEDE = (
    "UPDATE {edits} SET state = ? WHERE cell_id IN (SELECT value FROM json_each(?))" + _LATER
)
_SUPERSEDE_ALL = (
    "UPDATE {edits} SET state = ? WHERE cell_id IN ("
    " SELECT cell_id FROM {edits} WHERE cell_id IS NOT NULL"  # most jobs have none
    " GROUP BY cell_id HAVING COUNT(*) > 1)" + _LATER
)
_MARK = "UPDATE {edits} SET state = ? WHERE seq IN (SELECT value FROM json_each(?))"
_COUNT_UNRESOLVED = "SELECT COUNT(*) FROM {edits} WHERE cell_id IS NULL AND state = ?"
_UNSEEN = " state = ? AND (expected IS NULL OR cell_id IS NULL)"
_COUNT_UNSEEN = "SELECT COUNT(*) FROM {edits} WHERE" + _UNSEEN
_SET_FAILURE = "UPDATE {edits} SET reason = ?, text = ?, status = ?, code = ?, state = ? WHERE"
_FAIL = _SET_FAILURE + " seq = ?"
_FAIL_UNSEEN = _SET_FAILURE + _UNSEEN
_FAIL_UNRESOLVED = _SET_FAILURE + " state = ? AND cell_id IS NULL"
_FIND = (
    "SELECT e.seq, e.cell_id, e.value, e.expected FROM json_each(?) p"
    " JOIN {edits} e ON e.cell_id = p.value WHERE e.state = ?"
)
_FIND_UNRESOLVED = (
    "SELECT e.seq, e.row_id, e.col FROM json_each(?) p"
    " JOIN {edits} e ON e.row_id = p.value WHERE e.state = ? AND e.cell_id IS NULL"
)
_PLANNED = (
    "SELECT seq, cell_id, value, expected, state = ? FROM {edits}"
    f" WHERE state IN ({_listed(SENDABLE)}) AND seq > ? AND cell_id IS NOT NULL"
    f" ORDER BY seq LIMIT {BATCH}"
)
_MARK_SENT = (
    f"UPDATE {{edits}} SET state = {State.SENT:d}"
    " WHERE seq IN (SELECT value FROM json_each(?))"
    f" AND state IN ({_listed((*SENDABLE, State.SENT))})"
)
_RECORD = f"""
UPDATE {{edits}} SET
    state = p.state, previous = coalesce(p.previous, {{edits}}.previous), conflict = p.conflict,
    attempts = {{edits}}.attempts + p.attempts,
    reason = p.reason, text = p.text, status = p.status, code = p.code
FROM (
    SELECT
        json_extract(value, '$[0]') AS seq, json_extract(value, '$[1]') AS state,
        json_extract(value, '$[2]') AS attempts, json_extract(value, '$[3]') AS conflict,
        CAST(json_extract(value, '$[4]') AS BLOB) AS previous,
        json_extract(value, '$[5]') AS reason, json_extract(value, '$[6]') AS text,
        json_extract(value, '$[7]') AS status, json_extract(value, '$[8]') AS code
    FROM json_each(?)
) AS p
WHERE {{edits}}.seq = p.seq AND {{edits}}.state NOT IN ({_listed(ENDED)})
"""
_RECOVER = (
    "UPDATE {edits} SET state = ?, reason = ?, text = ?, status = ?, code = ? WHERE state = ?"
)
_RECORD_READ = (
    "UPDATE {edits} SET state = ?, reason = NULL, text = NULL, status = NULL, code = NULL"
    " WHERE seq = ?"
)
_WIPE_SET = "UPDATE {edits} SET value = NULL, expected = NULL WHERE"
_WIPE = (
    f"{_WIPE_SET} seq IN (SELECT value FROM json_each(?)) AND state IN ({_listed(ENDED)})"
    " AND (value IS NOT NULL OR expected IS NOT NULL)"
)
_WIPE_ALL = (
    f"{_WIPE_SET} state IN ({_listed(ENDED)}) AND (value IS NOT NULL OR expected IS NOT NULL)"
)
_NAME = "coalesce(cell_id, row_id || ' / ' || col, '')"
_OUTCOMES = (
    f"SELECT seq, {_NAME}, value, attempts, reason, text, status, code FROM {{edits}}"
    f" WHERE state = ? AND seq > ? ORDER BY seq LIMIT {BATCH}"
)
_MISSING = f"SELECT {_NAME} FROM {{edits}} WHERE reason = ? ORDER BY seq"
_WHOLE = "seq, cell_id, row_id, col, value, state, expected, reason, text, status, code"
_ALL = f"SELECT {_WHOLE} FROM {{edits}} WHERE seq > ? ORDER BY seq LIMIT {BATCH}"
_LOAD = f"INSERT INTO {{edits}} ({_WHOLE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

"""The statements of a table of edits; ``{edits}`` stands for its name.

They are put together from constants. Whatever comes from outside is a parameter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from claro_async.bulk.states import ENDED, SENDABLE, State
from claro_async.bulk.store import BATCH

if TYPE_CHECKING:
    from collections.abc import Iterable

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
CREATE TABLE {table}_log (        -- written down while sending, and not in the table yet
    number INTEGER PRIMARY KEY,
    entries BLOB NOT NULL,        -- MessagePack: places of edits about to be sent, and results
    counts TEXT NOT NULL          -- JSON: how many edits are in each state with it
);
"""
_META = "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"


def schema(*tables: str) -> str:
    """Statements that make tables of edits, and the one of what is known of the job."""
    return _META + "".join(_EDITS.format(table=table) for table in tables)


# One row a commit, and none of the edits is touched: to update a row takes ten times as long.
APPEND = "INSERT INTO {edits}_log (entries, counts) VALUES (?, ?)"
LOG = "SELECT number, entries FROM {edits}_log ORDER BY number LIMIT 16"
FORGET = "DELETE FROM {edits}_log WHERE number <= ?"
# What the log says last; without one, what the table says. All rows of a table are counted without
# a look at any, and most are planned.
COUNT = f"""
WITH unsaid AS (SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM {{edits}}_log)),
others AS (SELECT state, count(*) AS number FROM unsaid, {{edits}}
    WHERE state <> {State.PLANNED:d} GROUP BY state),
planned AS (SELECT (SELECT count(*) FROM {{edits}})
    - (SELECT coalesce(sum(number), 0) FROM others) AS number FROM unsaid)
SELECT key, value FROM json_each(
    (SELECT counts FROM {{edits}}_log ORDER BY number DESC LIMIT 1)
) WHERE value > 0
UNION ALL SELECT state, number FROM others
UNION ALL SELECT {State.PLANNED:d}, number FROM planned WHERE number > 0
"""


def _listed(states: Iterable[State]) -> str:
    return ", ".join(str(int(state)) for state in states)


CELLS_AT_ONCE = 100


def insert_cells(number: int) -> str:
    """The statement that adds so many edits by cell: less work than one for each."""
    # A parameter that is no str and no int takes Python's sqlite3 longer than SQLite the whole row.
    rows = ["(?, ?, CAST(? AS BLOB))"] * number
    return f"INSERT INTO {{edits}} (seq, cell_id, value) VALUES {', '.join(rows)}"


OVERTAKEN = (State.PLANNED, State.UNCHANGED)
INSERT_BY_ROW = "INSERT INTO {edits} (seq, row_id, col, value) VALUES (?, ?, ?, ?)"
INSERT_FAILED = (
    "INSERT INTO {edits} (seq, state, reason, text, status, code) VALUES (?, ?, ?, ?, ?, ?)"
)
INDEXES = (
    "CREATE INDEX IF NOT EXISTS {edits}_by_cell ON {edits} (cell_id) WHERE cell_id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS {edits}_by_row ON {edits} (row_id) WHERE row_id IS NOT NULL",
)
_LATER = (
    " AND state IN (?, ?) AND EXISTS (SELECT 1 FROM {edits} later"
    " WHERE later.cell_id = {edits}.cell_id AND later.seq > {edits}.seq)"
)
SUPERSEDE = (
    "UPDATE {edits} SET state = ? WHERE cell_id IN (SELECT value FROM json_each(?))" + _LATER
)
_CELLS = "FROM {edits} WHERE cell_id IS NOT NULL"
SUPERSEDE_ALL = (
    # most jobs have none, which takes half the time to see
    f"WITH several AS (SELECT 1 WHERE (SELECT count(*) {_CELLS})"
    f" > (SELECT count(DISTINCT cell_id) {_CELLS}))"
    " UPDATE {edits} SET state = ? WHERE cell_id IN (SELECT cell_id FROM several, {edits}"
    " WHERE cell_id IS NOT NULL GROUP BY cell_id HAVING count(*) > 1)" + _LATER
)
MARK = "UPDATE {edits} SET state = ? WHERE seq IN (SELECT value FROM json_each(?))"
COUNT_UNRESOLVED = (  # by the index of rows, which most jobs have none of
    "SELECT COUNT(*) FROM {edits} WHERE row_id IS NOT NULL AND cell_id IS NULL AND state = ?"
)
_UNSEEN = " state = ? AND (expected IS NULL OR cell_id IS NULL)"
COUNT_UNSEEN = "SELECT COUNT(*) FROM {edits} WHERE" + _UNSEEN
_SET_FAILURE = "UPDATE {edits} SET reason = ?, text = ?, status = ?, code = ?, state = ? WHERE"
FAIL = _SET_FAILURE + " seq = ?"
FAIL_UNSEEN = _SET_FAILURE + _UNSEEN
FAIL_UNRESOLVED = _SET_FAILURE + " state = ? AND cell_id IS NULL"
FIND = (
    "SELECT e.seq, e.cell_id, e.value, e.expected FROM json_each(?) p"
    " JOIN {edits} e ON e.cell_id = p.value WHERE e.state = ?"
)
FIND_UNRESOLVED = (
    "SELECT e.seq, e.row_id, e.col FROM json_each(?) p"
    " JOIN {edits} e ON e.row_id = p.value WHERE e.state = ? AND e.cell_id IS NULL"
)
PLANNED = (
    "SELECT seq, cell_id, value, expected, state = ? FROM {edits}"
    f" WHERE state IN ({_listed(SENDABLE)}) AND seq > ? AND cell_id IS NOT NULL"
    f" ORDER BY seq LIMIT {BATCH}"
)
MARK_SENT = (
    f"UPDATE {{edits}} SET state = {State.SENT:d}"
    f" WHERE seq = ? AND state IN ({_listed((*SENDABLE, State.SENT))})"
)
RECORD = (
    "UPDATE {edits} SET state = ?, attempts = attempts + ?, previous = coalesce(?, previous),"
    " conflict = ?, reason = ?, text = ?, status = ?, code = ?"
    f" WHERE seq = ? AND state NOT IN ({_listed(ENDED)})"
)
RECOVER = "UPDATE {edits} SET state = ?, reason = ?, text = ?, status = ?, code = ? WHERE state = ?"
RECORD_READ = (
    "UPDATE {edits} SET state = ?, reason = NULL, text = NULL, status = NULL, code = NULL"
    " WHERE seq = ?"
)
_WIPE_SET = "UPDATE {edits} SET value = NULL, expected = NULL WHERE"
WIPE = f"{_WIPE_SET} seq IN (SELECT value FROM json_each(?))"
WIPE_ALL = (
    f"{_WIPE_SET} state IN ({_listed(ENDED)}) AND (value IS NOT NULL OR expected IS NOT NULL)"
)
_NAME = "coalesce(cell_id, row_id || ' / ' || col, '')"
OUTCOMES = (
    f"SELECT seq, {_NAME}, value, attempts, reason, text, status, code FROM {{edits}}"
    f" WHERE state = ? AND seq > ? ORDER BY seq LIMIT {BATCH}"
)
MISSING = f"SELECT {_NAME} FROM {{edits}} WHERE reason = ? ORDER BY seq"
_WHOLE = "seq, cell_id, row_id, col, value, state, expected, reason, text, status, code"
ALL = f"SELECT {_WHOLE} FROM {{edits}} WHERE seq > ? ORDER BY seq LIMIT {BATCH}"
LOAD = f"INSERT INTO {{edits}} ({_WHOLE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

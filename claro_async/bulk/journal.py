"""The journal: a file in which an edit's intent stands before its request is sent.

SQLite in WAL mode with ``synchronous=FULL``: what is committed survives a kill and a power cut. One
process at a time has it open. It never holds a key, a token or a signed URL.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from claro_async.bulk.store import INDEXES, SCHEMA, EditStore, Settled, State, transaction
from claro_async.errors import JournalError, JournalIncompleteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from claro_async.bulk.store import StoreThread
    from claro_async.transport.clock import Clock

_APPLICATION_ID = 0x434C524A  # "CLRJ"
_VERSION = 1
_META = "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
_MET = "CREATE TEMP TABLE IF NOT EXISTS met (cell_id TEXT PRIMARY KEY) WITHOUT ROWID"
_SETTLED_KEPT = 512  # outcomes that may wait for the next commit
_GATHER = 0.002  # seconds that a commit waits for further workers, so that it serves many


class Journal(EditStore):
    """A store in a file, with what the job is about.

    Attributes:
        path: The file.
        meta: ``kind`` (``update`` or ``revert``), ``base_url``, ``dataset_id``, ``values``
            (``kept`` or ``dropped``), ``skip_unchanged``, and whether the whole input is in
            (``staged``) and the present values were read (``looked``).
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, meta: dict[str, str]) -> None:
        super().__init__(connection)
        self.path = path
        self.meta = meta

    @property
    def keeps_values(self) -> bool:
        """Whether values stay in the file once their edits are done."""
        return self.meta["values"] == "kept"

    @classmethod
    def create(cls, path: str | os.PathLike[str], meta: Mapping[str, str]) -> Self:
        """Make a new journal, readable by its owner only.

        Raises:
            JournalError: The file exists already, or cannot be written.
        """
        file = Path(path)
        try:
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            raise JournalError(
                f"{file} exists already: go on with resume_updates({str(file)!r}),"
                " or choose another name"
            ) from None
        except OSError as error:
            raise JournalError(f"{file} cannot be made: {error.strerror}") from None
        connection = _connect(file, is_new=True)
        connection.executescript(
            f"PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {_VERSION};"
        )
        if meta["values"] == "dropped":
            connection.execute("PRAGMA secure_delete = ON")
        connection.executescript(SCHEMA + _META)
        journal = cls(connection, file, {})
        journal.note({**meta, "staged": "no"})
        return journal

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Open a journal that exists.

        Raises:
            JournalError: There is none, it is something else, damaged, or open elsewhere.
        """
        file = Path(path)
        if not file.is_file():
            raise JournalError(f"{file}: no such journal")
        connection = _connect(file, is_new=False)
        try:
            meta = _read_meta(connection, file)
        except sqlite3.DatabaseError as error:
            connection.close()
            raise JournalError(f"{file} is damaged, and left as it is: {error}") from None
        except JournalError:
            connection.close()
            raise
        if meta["values"] == "dropped":
            connection.execute("PRAGMA secure_delete = ON")
        return cls(connection, file, meta)

    def note(self, meta: Mapping[str, str]) -> None:
        """Write down what the job is about."""
        with transaction(self.connection) as run:
            run.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta.items())
        self.meta.update(meta)

    def finish_staging(self) -> None:
        """All edits are in: from here on a resume needs nothing but the file."""
        super().finish_staging()
        self.note({"staged": "yes"})

    def compare(self, results: Sequence[tuple[State, bytes, int]]) -> None:
        """Write down what a reading showed, without the values where those are not kept."""
        if not self.keeps_values:
            results = [(state, b"", seq) for state, _, seq in results]
        super().compare(results)

    def applied(self, cells: Iterable[str]) -> list[tuple[str, bytes, bytes]]:
        """Cell, value written and value before, of applied edits of these cells; marks them met."""
        self.connection.execute(_MET)
        ids = msgspec.json.encode(list(cells)).decode()
        self.connection.execute("INSERT OR IGNORE INTO met SELECT value FROM json_each(?)", (ids,))
        return self.connection.execute(
            "SELECT e.cell_id, e.value, e.previous FROM json_each(?) p"
            " JOIN edits e ON e.cell_id = p.value"
            " WHERE e.state = ? AND e.previous IS NOT NULL AND e.previous != e.value",
            (ids, State.UPDATED),
        ).fetchall()

    def not_met(self) -> list[str]:
        """Cells of applied edits that :meth:`applied` was never asked about."""
        self.connection.execute(_MET)
        rows = self.connection.execute(
            "SELECT cell_id FROM edits WHERE state = ? AND previous IS NOT NULL"
            " AND previous != value AND cell_id NOT IN (SELECT cell_id FROM met)",
            (State.UPDATED,),
        )
        return [cell for (cell,) in rows]

    def not_revertible(self) -> list[tuple[str, str]]:
        """Cells that may have been changed and cannot be set back, with the reason."""
        return self.connection.execute(
            "SELECT cell_id, CASE state WHEN ? THEN"
            " 'the value before is not known: the first reply was lost'"
            " ELSE 'the outcome is not known: resume the job first' END"
            " FROM edits WHERE state = ? AND previous IS NULL OR state IN (?, ?) ORDER BY seq",
            (State.UPDATED, State.UPDATED, State.SENT, State.UNKNOWN),
        ).fetchall()

    def commit(self, intents: Sequence[int], settled: Sequence[Settled]) -> None:
        """Write down, in one transaction, what is about to be sent and what became of what was.

        Raises:
            JournalError: The file cannot be written; nothing of this stands in it.
        """
        if not self.keeps_values:
            settled = [outcome._replace(previous=None) for outcome in settled]
        try:
            with transaction(self.connection) as run:
                self.mark_sent(intents)
                self.settle(settled)
                if not self.keeps_values:
                    run.executemany(
                        "UPDATE edits SET value = NULL WHERE seq = ? AND state IN (?, ?)",
                        ((each.seq, State.UPDATED, State.FAILED) for each in settled),
                    )
        except sqlite3.Error as error:
            raise JournalError(f"{self.path} cannot be written: {error}") from None


def _connect(file: Path, *, is_new: bool) -> sqlite3.Connection:
    uri = f"{file.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(
        uri, uri=True, timeout=0, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        if not is_new:
            _check_identity(connection, file)  # before anything could change the file
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -8192")
        connection.execute("BEGIN EXCLUSIVE")  # takes the lock, which is then kept
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        connection.close()
        if "locked" in str(error):
            raise JournalError(f"{file} is in use by another process or job") from None
        raise JournalError(f"{file} cannot be opened: {error}") from None
    except sqlite3.DatabaseError:
        connection.close()
        raise JournalError(f"{file} is not a journal, and left as it is") from None
    except JournalError:
        connection.close()
        raise
    return connection


def _check_identity(connection: sqlite3.Connection, file: Path) -> None:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application_id != _APPLICATION_ID:
        raise JournalError(f"{file} is another program's database, and left as it is")
    if version != _VERSION:
        raise JournalError(f"{file} was written by another version of this package ({version})")


def _read_meta(connection: sqlite3.Connection, file: Path) -> dict[str, str]:
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise JournalError(f"{file} is damaged, and left as it is: {verdict}")
    meta = dict(connection.execute("SELECT name, value FROM meta"))
    if meta.get("staged") != "yes":
        raise JournalIncompleteError(
            f"{file}: the job ended before its whole input was written down, and before anything"
            " was sent; remove the file and start again"
        )
    connection.executescript(INDEXES)
    return meta


class GroupCommit:
    """Commits the intents of all workers that wait together, with the outcomes since.

    Args:
        journal: Where they are written down.
        thread: Where that is done.
        workers: How many may wait at the most.
        clock: Time.
    """

    def __init__(self, journal: Journal, thread: StoreThread, workers: int, clock: Clock) -> None:
        self._journal = journal
        self._thread = thread
        self._workers = workers
        self._clock = clock
        self._intents: list[tuple[int, asyncio.Future[None]]] = []
        self._settled: list[Settled] = []
        self._task: asyncio.Task[None] | None = None

    async def intend(self, seq: int) -> None:
        """Return when it stands in the journal that this edit is about to be sent.

        Raises:
            JournalError: It cannot be written; the edit must not be sent.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._intents.append((seq, future))
        self._start()
        await future

    def settle(self, settled: Settled) -> None:
        """Note what became of an edit; it is written down with the next commit."""
        self._settled.append(settled)
        if len(self._settled) >= _SETTLED_KEPT:
            self._start()

    def _start(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._commit())

    async def _commit(self) -> None:
        while self._intents or len(self._settled) >= _SETTLED_KEPT:
            if len(self._intents) < self._workers:
                await self._clock.sleep(_GATHER)  # others may be about to come
            intents, self._intents = self._intents, []
            settled, self._settled = self._settled, []
            error: JournalError | None = None
            work = self._thread.submit(self._journal.commit, [seq for seq, _ in intents], settled)
            try:
                await asyncio.wrap_future(work)
            except asyncio.CancelledError:
                if work.cancelled():  # it was not begun
                    self._settled = settled + self._settled
                raise
            except JournalError as failure:
                error = failure
                self._settled = settled + self._settled
            for _, waiting in intents:
                if waiting.done():
                    continue
                if error is None:
                    waiting.set_result(None)
                else:
                    waiting.set_exception(error)
            if error is not None:
                return

    def close(self) -> None:
        """Write down what is left, at once, and note what was under way as unknown.

        Blocks for a moment: so it is done whatever happens to the task that waits for it.

        Raises:
            JournalError: It cannot be written.
        """
        if self._task is not None:
            self._task.cancel()
        self._thread.close()
        settled, self._settled = self._settled, []
        self._journal.commit([], settled)
        self._journal.move(State.SENT, State.UNKNOWN)

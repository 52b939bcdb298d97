"""The journal: a file in which an edit's intent stands before its request is sent.

SQLite in WAL mode with ``synchronous=FULL``: what is committed survives a kill and a power cut. One
process at a time has it, by a lock that only closing it gives up. It never holds a key, a token or
a signed URL. A job and its revert share a file: what belongs together cannot be mixed up.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sqlite3
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, TypeAlias

import attrs

from claro_async._checks import check_path
from claro_async.bulk.commits import GroupCommit
from claro_async.bulk.database import Database, Each
from claro_async.bulk.sqlite_store import SqliteStore
from claro_async.bulk.statements import schema
from claro_async.bulk.states import IN_DOUBT, OPEN, State
from claro_async.errors import JournalError, JournalIncompleteError
from claro_async.storage.sqlite import DatabaseKind, LockedSqlite, Trouble
from claro_async.storage.threads import OwnThread, in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path
    from typing import Self

    from claro_async.transport.clock import Clock

Opened: TypeAlias = "tuple[LockedSqlite, dict[str, str]]"

_SKIPPED = """
CREATE TABLE skipped (            -- edits whose cells a revert leaves as they are
    seq INTEGER PRIMARY KEY,
    cell_id TEXT NOT NULL,
    reason TEXT NOT NULL
);
"""


def _error(trouble: Trouble, file: Path, text: str) -> JournalError:
    """The error for what is wrong with a journal's file."""
    if trouble is Trouble.UNBORN:
        return JournalIncompleteError(incomplete(file))
    return JournalError(f"{file} {_TEXTS[trouble].format(path=str(file), text=text)}")


_TEXTS: Mapping[Trouble, str] = {
    Trouble.MISSING: "cannot be opened: no such journal",
    Trouble.EXISTS: "exists already: go on with resume_updates({path!r}) if it is this job's"
    " journal, or choose another name",
    Trouble.IN_USE: "is in use by another process or job: journal_status({path!r}) says how far"
    " that is",
    Trouble.FOREIGN: "is not a journal, and left as it is: {text}",
    Trouble.OTHER_VERSION: "was written by another version of this package ({text}): go on with it"
    " by that version",
    Trouble.DAMAGED: "is damaged, and left as it is: {text}",
    Trouble.UNUSABLE: "cannot be used: {text}",
}


def incomplete(file: Path) -> str:
    """What is said of a journal whose job ended before its input was in."""
    return (
        f"{file}: the job ended before its whole input was written down, and before anything was"
        " sent; remove the file and start again, or update with resume=True"
    )


KIND = DatabaseKind(
    application_id=0x434C524A,  # "CLRJ"
    version=3,
    schema=schema("edits", "undo") + _SKIPPED,
    settings=("PRAGMA synchronous = FULL", "PRAGMA cache_size = -8192"),
    error=_error,
)


def _error_of_new(trouble: Trouble, file: Path, text: str) -> JournalError:
    """As :func:`_error`, for a file that was to be made: whatever is there is in the way."""
    if trouble is Trouble.MISSING:
        return JournalError(f"{file} cannot be made: its folder does not exist")
    is_there = trouble in {Trouble.FOREIGN, Trouble.OTHER_VERSION, Trouble.DAMAGED}
    return _error(Trouble.EXISTS if is_there else trouble, file, text)


_NEW = attrs.evolve(KIND, error=_error_of_new)


@attrs.frozen(kw_only=True)
class Commits:
    """How a journal commits.

    Attributes:
        workers: How many wait for a commit at the most.
        clock: Time.
    """

    workers: int
    clock: Clock

    def of(self, store: SqliteStore) -> GroupCommit:
        """Commits for a table."""
        return GroupCommit(store.write_down, workers=self.workers, clock=self.clock)


class Journal:
    """The edits of a job in a file, those of its revert, and what the job is about.

    Attributes:
        path: The file.
        meta: ``job_id``, ``kind`` (``update`` or ``sync``), ``base_url``, ``dataset_id``,
            ``values`` (``kept`` or ``dropped``), ``skip_unchanged``, ``equal`` (``default`` or
            ``given``), ``digest`` of the input, and ``began``, ``ended``, ``set_back`` as seconds
            since 1970.
        edits: The edits of the job.
        undo: Those of its revert, at the places of the edits that they set back.
    """

    def __init__(
        self, file: LockedSqlite, thread: OwnThread, meta: dict[str, str], commits: Commits
    ) -> None:
        self.path: Path = file.path
        self.meta = meta
        keeps = self.keeps_values
        self._file = file
        self._clock = commits.clock
        self._is_discarded = False
        self._database = Database(file.connection, thread, f"the journal {file.path}", self._shut)
        self.edits: SqliteStore = SqliteStore(
            self._database, keeps_values=keeps, commits=commits.of
        )
        self.edits.is_staged, self.edits.is_planned = STAGED in meta, PLANNED in meta
        self.undo: SqliteStore = SqliteStore(
            self._database, "undo", keeps_values=keeps, commits=commits.of
        )
        self.undo.is_planned = True  # by each revert anew

    @property
    def keeps_values(self) -> bool:
        """Whether values stay in the file once their edits are done."""
        return self.meta["values"] == "kept"

    @classmethod
    async def create(
        cls, path: str | os.PathLike[str], meta: Mapping[str, str], commits: Commits
    ) -> Self:
        """Make a new journal, readable by its owner only.

        Raises:
            JournalError: The file exists already, or cannot be written.
        """
        about = {
            "job_id": secrets.token_hex(8),
            "began": repr(commits.clock.time()),
            **meta,
        }

        def make() -> Opened:
            file = LockedSqlite.open(path, _NEW, "create")
            try:
                _leave_no_traces(file, about)
                with file.transaction():
                    file.execute_many("INSERT INTO meta VALUES (?, ?)", list(about.items()))
            except BaseException:
                file.close(remove=True)
                raise
            return file, about

        return await cls._opened(make, commits, is_new=True)

    @classmethod
    async def open(cls, path: str | os.PathLike[str], commits: Commits) -> Self:
        """Open a journal that exists.

        Raises:
            JournalIncompleteError: Its job ended before its input was in.
            JournalError: There is none, it is something else, damaged, or open elsewhere.
        """
        check_path("journal", path)

        def make() -> Opened:
            file = LockedSqlite.open(path, KIND, "open", check=True)
            try:
                meta = read_meta(file)
                _leave_no_traces(file, meta)
            except BaseException:
                file.close()
                raise
            return file, meta

        journal = await cls._opened(make, commits)
        try:
            await journal.edits.catch_up()
            await journal.undo.catch_up()
        except BaseException:
            await journal.edits.aclose()
            raise
        return journal

    @classmethod
    async def open_if_any(cls, path: str | os.PathLike[str], commits: Commits) -> Self | None:
        """As :meth:`open`; None where there is no file."""
        if not await asyncio.to_thread(os.path.lexists, path):
            return None
        return await cls.open(path, commits)

    @staticmethod
    async def remove_incomplete(path: str | os.PathLike[str]) -> None:
        """Remove a journal whose job ended before its input was in.

        Raises:
            JournalError: The input is in after all, or the file is in use.
        """

        def remove() -> None:
            file = LockedSqlite.open(path, KIND, "open or create")
            is_whole = bool(file.execute("SELECT 1 FROM meta WHERE name = ?", (STAGED,)))
            file.close(remove=not is_whole)
            if is_whole:
                raise _error(Trouble.EXISTS, file.path, "")

        await in_thread(remove)

    @classmethod
    async def _opened(
        cls, make: Callable[[], Opened], commits: Commits, *, is_new: bool = False
    ) -> Self:
        def undo(opened: Opened) -> None:
            opened[0].close(remove=is_new)

        thread = OwnThread("claro-store")
        try:
            file, meta = await thread.open(make, undo)
        except BaseException:
            await thread.aclose()
            raise
        return cls(file, thread, meta, commits)

    async def note(self, **meta: str) -> None:
        """Write down what the job is about, or how far it is.

        Raises:
            JournalError: The file cannot be written.
        """
        await self._database.write(Each(_NOTE, list(meta.items())))
        self.meta.update(meta)

    async def was_set_back(self) -> bool:
        """Whether a revert sent anything: then the job is over, and not gone on with."""
        counts = await self.undo.counts()
        return any(counts.get(state) for state in (State.UPDATED, *IN_DOUBT))

    async def aclose(self) -> None:
        """Close the file, and let others have it."""
        try:
            with suppress(JournalError):  # a file that cannot be written is closed all the same
                await self._note_end()
        finally:
            await self._database.aclose()

    async def _note_end(self) -> None:
        """Write down when there was nothing left to do, once that is so."""
        counts = await self.edits.counts()
        if "ended" not in self.meta and not any(map(counts.get, OPEN)):
            await self.note(ended=repr(self._clock.time()))

    async def discard(self) -> None:
        """Close the file and remove it: nothing was sent, and its input is not in."""
        self._is_discarded = True
        await self._database.aclose()

    def _shut(self) -> None:
        if not self.keeps_values:
            with suppress(sqlite3.Error):  # what the log still holds of values goes
                self._file.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._file.close(remove=self._is_discarded)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


@asynccontextmanager
async def new_journal(
    path: str | os.PathLike[str], meta: Mapping[str, str], commits: Commits
) -> AsyncIterator[Journal]:
    """A new journal for as long as the block takes.

    It is removed at the end where its input is not in: then nothing was sent, and the name is free
    for another try.
    """
    journal = await Journal.create(path, meta, commits)
    try:
        yield journal
    finally:
        if journal.edits.is_staged:
            await journal.aclose()
        else:
            await journal.discard()


STAGED, PLANNED = "edits.staged", "edits.planned"
"""What stands in the journal once its input is in, and once it is decided what is sent."""
READ_META = "SELECT name, value FROM meta"
_NOTE = "INSERT OR REPLACE INTO meta VALUES (?, ?)"


def _leave_no_traces(file: LockedSqlite, meta: Mapping[str, str]) -> None:
    """Where no values are kept, what is overwritten is not to be found in the file either."""
    if meta["values"] == "dropped":
        file.execute("PRAGMA secure_delete = ON")


def read_meta(file: LockedSqlite) -> dict[str, str]:
    """What a journal says of its job.

    Raises:
        JournalIncompleteError: Its job ended before its input was in.
    """
    meta = dict(file.execute(READ_META))
    if STAGED not in meta:
        raise JournalIncompleteError(incomplete(file.path))
    return meta

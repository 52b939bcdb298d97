"""The edits of a job in SQLite: a table, and a log of what becomes of them while the job sends.

The table is of a private temporary database, or of a journal. Memory stays flat however many edits
there are. The store owns the one thread that uses its database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from claro_async.bulk import statements as sql
from claro_async.bulk.database import Database
from claro_async.bulk.edits import Entry
from claro_async.bulk.failures import INTERRUPTED
from claro_async.bulk.sqlite_table import SqliteTable, as_json
from claro_async.bulk.states import ENDED, SENDABLE, Result, State, Tally
from claro_async.bulk.store import RECORDED

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Sequence

    from claro_async.bulk.commits import GroupCommit
    from claro_async.bulk.database import Step


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[list[int], list[Result]]).decode


class SqliteStore(SqliteTable):
    """A table of edits that are sent; what its methods do stands at :class:`EditStore`.

    While a job with a journal sends, what becomes of its edits is appended to a log, and the table
    stays as it is; :meth:`catch_up` brings it up to date when the file is opened the next time.
    What becomes of the edits of a temporary table, which nobody reads again, is only counted.

    Args:
        database: Where the table is.
        table: Its name.
        keeps_values: Whether values stay in it once their edits are done.
        commits: Writes intents before their requests are sent, and what became of them; without,
            the table is temporary.
    """

    def __init__(
        self,
        database: Database,
        table: str = "edits",
        *,
        keeps_values: bool = True,
        commits: Callable[[SqliteStore], GroupCommit] | None = None,
    ) -> None:
        super().__init__(database, table, keeps_values=keeps_values)
        self._tally = Tally()
        self._make_commits = commits
        self._commits: GroupCommit | None = None
        self._write_later: Callable[[Result], object] = _drop
        self._is_counted = False

    @classmethod
    async def temporary(cls) -> SqliteStore:
        """A store that leaves nothing behind."""
        return cls(await Database.temporary("edits"))

    @property
    def tally(self) -> Tally:
        """How many edits are in each state, while the job sends."""
        return self._tally

    async def counts(self) -> dict[State, int]:
        """How many edits are in each state."""
        if self._is_counted:
            return {state: number for state in State if (number := self._tally.of(state))}
        return await super().counts()

    async def begin_sending(self) -> Tally:
        """Count what there is to send; from here on the tally is kept."""
        counts = await self.counts()
        self._fresh.confirm(sum(counts.get(state, 0) for state in SENDABLE))
        self._tally = Tally(counts)
        if self._make_commits is None:
            self._is_counted = True
        else:
            self._commits = self._make_commits(self)
            self._write_later = self._commits.record
        return self._tally

    async def planned(self, after: int) -> list[Entry]:
        """The next edits to send, in the order of the input."""
        fresh = self._fresh.to_send(after)
        if fresh is not None:
            return fresh
        return [Entry(*row) for row in await self._fetch(sql.PLANNED, State.RESEND, after)]

    def intend(self, entry: Entry) -> Awaitable[None]:
        """Record that this edit is about to be sent; what is returned is done when that is safe."""
        self._tally.intend(entry)
        return RECORDED if self._commits is None else self._commits.intend(entry.seq)

    def withdraw(self, entry: Entry) -> None:
        """Take an intent back: certainly no request was sent for the edit since."""
        self._write_later(Result(entry.seq, self._tally.withdraw(entry.seq)))

    def record(self, result: Result) -> None:
        """Record what became of an edit; it is written down with the next commit."""
        self._tally.record(result)
        self._write_later(result)

    async def finish(self) -> None:
        """The job sends nothing more: what is under way is unknown, and all is written down."""
        for seq in self._tally.interrupt():
            self._write_later(Result(seq, State.UNKNOWN, failure=INTERRUPTED))
        if self._commits is not None:
            commits, self._commits = self._commits, None
            await commits.close()

    def write_down(self, intents: Sequence[int], results: Sequence[Result]) -> asyncio.Future[None]:
        """Write down, in one transaction, what is about to be sent and what became of what was."""
        keeps = self.keeps_values
        kept = [
            each if keeps and each.failure is None else self._storable(each) for each in results
        ]
        ended = [] if keeps else [each.seq for each in results if each.state in ENDED]
        counts = self._tally.counts()  # now: until it is written, more may be intended
        append = self._one(sql.APPEND, _pack((intents, kept)), as_json(counts))
        return self.database.write(append, *self._wipe(ended))

    def _storable(self, result: Result) -> Result:
        """A result as it can be kept."""
        failure = None if result.failure is None else self._cleaned(result.failure)
        previous = result.previous if self.keeps_values else None
        return msgspec.structs.replace(result, previous=previous, failure=failure)

    async def catch_up(self) -> None:
        """Bring the table up to date; the log is empty then.

        A part at a time, in the order in which it was written: whoever is killed meanwhile leaves
        the rest to the next.
        """
        while rows := await self._fetch(sql.LOG):
            steps: list[Step] = []
            for _, entries in rows:
                intents, results = _unpack(entries)
                steps += (
                    self._each(sql.MARK_SENT, [(seq,) for seq in intents]),
                    self._each(sql.RECORD, [self._recorded(result) for result in results]),
                )
            await self.database.write(*steps, self._one(sql.FORGET, rows[-1][0]))

    def _recorded(self, result: Result) -> tuple[Any, ...]:
        of_request = (result.state, result.attempts, result.previous, result.conflict)
        return (*of_request, *self._columns(result.failure), result.seq)


def _drop(result: Result) -> None:
    """Nobody reads what becomes of an edit of a temporary table."""
    del result

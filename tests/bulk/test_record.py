"""The record of a job: states, counts, and commits that reach whoever waits for them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claro_async import JournalError
from claro_async.bulk.commits import GroupCommit
from claro_async.bulk.edits import EditStatus, Entry, StagedEdit
from claro_async.bulk.failures import INTERRUPTED, error_of, failure_of
from claro_async.bulk.journal import Journal
from claro_async.bulk.memory import MemoryStore
from claro_async.bulk.sqlite_store import SqliteStore
from claro_async.bulk.states import Failure, FailureReason, Result, State, Tally
from claro_async.errors import (
    CellNotFoundError,
    ConnectionFailedError,
    DecodeError,
    NotFoundByReadingError,
    OutcomeUnknownError,
    PermissionDeniedError,
)
from claro_async.transport.clock import SystemClock
from tests.bulk.journals import ALONE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from claro_async.bulk.store import EditStore

ENDS = (State.UPDATED, State.FAILED, State.UNKNOWN, State.PLANNED)


@given(
    st.lists(st.tuples(st.sampled_from(["add", "send", "end", "withdraw", "stop"]), st.booleans()))
)
def test_counts_sum_to_what_was_added(steps: list[tuple[str, bool]]) -> None:
    """Whatever happens to edits in whatever order, no count is negative, and none is lost."""
    tally, added = Tally({State.RESEND: 3}), 3
    waiting = [Entry(-number, "c", b"1", None, maybe_applied=True) for number in (1, 2, 3)]
    under_way: list[Entry] = []
    for step, chosen in steps:
        if step == "add":
            tally.add()
            waiting.append(Entry(added, "c", b"1"))
            added += 1
        elif step == "send" and waiting:
            under_way.append(waiting.pop())
            tally.intend(under_way[-1])
        elif step == "end" and under_way:
            tally.record(Result(under_way.pop().seq, ENDS[chosen]))
        elif step == "withdraw" and under_way:
            waiting.append(under_way.pop())
            tally.withdraw(waiting[-1].seq)
        elif step == "stop":
            assert len(tally.interrupt()) == len(under_way)
            under_way.clear()
        statuses = tally.statuses()
        assert min(statuses.values()) >= 0
        assert sum(statuses.values()) == tally.total == added
        never_sent = sum(not each.maybe_applied for each in waiting)
        assert statuses[EditStatus.NOT_SENT] == never_sent


async def stores(tmp_path: Path) -> list[EditStore]:
    """An empty store of each kind."""
    journal = await Journal.create(tmp_path / "j", {"values": "kept"}, ALONE)
    return [MemoryStore(), await SqliteStore.temporary(), journal.edits]


async def test_stores_of_all_kinds_agree(tmp_path: Path) -> None:
    """The same edits, resolved, compared and sent the same way, end the same in every store."""
    found = []
    for store in await stores(tmp_path):
        await store.insert(
            0,
            [
                StagedEdit("a", None, None, b"1"),
                StagedEdit(None, "r1", "x", b"2"),
                StagedEdit("a", None, None, b"3"),
                StagedEdit("b", None, None, b"4"),
                StagedEdit("c", None, None, b"5"),
                StagedEdit(None, "r2", "x", b"6"),
            ],
        )
        await store.insert_failed([(6, Failure(FailureReason.NOT_AN_EDIT, "no edit"))])
        await store.finish_staging()
        assert await store.count_unresolved() == 2
        unresolved = await store.find_unresolved(["r1", "r3"])
        await store.resolve([("b", each.seq) for each in unresolved])
        planned = await store.find(["a", "b", "c", "e"], State.PLANNED)
        await store.compare(
            [
                (State.UNCHANGED if entry.cell_id == "b" else State.PLANNED, b"0", entry.seq)
                for entry in planned
                if entry.cell_id != "c"
            ]
        )
        assert await store.count_unseen() == 2
        await store.fail_unseen(
            Failure(FailureReason.NOT_FOUND_BY_READING, "gone"), only_unresolved=True
        )
        await store.finish_planning()
        tally = await store.begin_sending()
        for entry in await store.planned(-1):
            await store.intend(entry)
            if entry.cell_id == "a":
                store.record(Result(entry.seq, State.UPDATED, 1, previous=b"0"))
        await store.finish()
        counts = await store.counts()
        assert tally.statuses() == Tally(counts).statuses()
        names = [each.name for each in await store.outcomes(State.SUPERSEDED, -1)]
        found.append((counts, names, await store.missing(), store.is_planned))
        await store.aclose()
    assert found[0] == found[1] == found[2]
    assert found[0][0] == {
        State.SUPERSEDED: 2,
        State.UPDATED: 1,
        State.UNCHANGED: 1,
        State.UNKNOWN: 1,
        State.FAILED: 2,
    }
    assert found[0][1:3] == (["a", "b"], ["r2 / x"])


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TypeError("no edit"), TypeError),
        (ValueError("no value"), ValueError),
        (NotFoundByReadingError("gone"), NotFoundByReadingError),
        (OutcomeUnknownError("lost"), OutcomeUnknownError),
        (DecodeError("garbled"), DecodeError),
        (ConnectionFailedError("nobody"), ConnectionFailedError),
        (CellNotFoundError("gone", status=404, code="CELL_NOT_FOUND"), CellNotFoundError),
        (PermissionDeniedError("no", status=403), PermissionDeniedError),
    ],
)
def test_a_stored_failure_comes_back_as_its_error(error: Exception, kind: type[Exception]) -> None:
    """What is stored of an error is enough for one of the same kind, text, status and code."""
    restored = error_of(failure_of(error), attempts=2)
    assert type(restored) is kind
    assert str(restored) == str(error)
    for name in ("status", "code"):
        assert getattr(restored, name, None) == getattr(error, name, None)


def test_no_status_is_made_up() -> None:
    """What no server said has no status: neither what reading did not find nor a lost request."""
    missing = Failure(FailureReason.NOT_FOUND_BY_READING, "gone")
    for failure in (missing, INTERRUPTED):
        assert failure.status is None
        assert not hasattr(error_of(failure), "status")


@pytest.mark.parametrize(
    "error",
    [JournalError("full"), OSError("full"), UnicodeDecodeError("utf-8", b"x", 0, 1, "no")],
    ids=["ours", "system", "coding"],
)
async def test_a_commit_that_fails_reaches_all_who_wait(error: Exception) -> None:
    """Whatever a commit raises, its waiters and all later ones get a JournalError, at once."""
    written: list[tuple[list[int], list[Result]]] = []
    is_full = True

    async def write(intents: Sequence[int], results: Sequence[Result]) -> None:
        await asyncio.sleep(0)
        if is_full:
            raise error
        written.append((list(intents), list(results)))

    commits = GroupCommit(write, workers=3, clock=SystemClock())
    outcomes: list[Any] = await asyncio.gather(
        *(commits.intend(seq) for seq in range(3)), return_exceptions=True
    )
    assert [type(each) for each in outcomes] == [JournalError] * 3
    with pytest.raises(JournalError):
        await commits.intend(3)
    commits.record(Result(7, State.UPDATED))
    is_full = False
    await commits.close()
    assert written == [([], [Result(7, State.UPDATED)])]


class Arrivals(SystemClock):
    """A clock on which another worker comes while a commit waits, so many times."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.waits = 0
        self.come: Callable[[int], object] = lambda _: None

    async def sleep(self, seconds: float) -> None:
        """Nobody waits in truth."""
        del seconds
        await asyncio.sleep(0)
        self.waits += 1
        if self.left:
            self.left -= 1
            self.come(self.waits)


@pytest.mark.parametrize(
    ("workers", "arrivals", "waits", "first"),
    [(9, 0, 1, 1), (9, 2, 3, 3), (3, 2, 2, 3), (9, 8, 5, 6), (1, 0, 0, 1)],
    ids=["alone", "some", "all", "too many", "one worker"],
)
async def test_a_commit_waits_while_workers_come(
    workers: int, arrivals: int, waits: int, first: int
) -> None:
    """It serves all that come one soon after the other, and waits neither in vain nor for ever."""
    written: list[int] = []
    clock = Arrivals(arrivals)

    async def write(intents: Sequence[int], _: Sequence[Result]) -> None:
        written.append(len(intents))
        clock.left = 0
        waited.append(clock.waits)

    waited: list[int] = []
    commits = GroupCommit(write, workers=workers, clock=clock)
    clock.come = commits.intend
    await commits.intend(0)
    assert (written[0], waited[0]) == (first, waits)
    await commits.close()


async def test_results_of_all_kinds_are_written_in_one_commit(tmp_path: Path) -> None:
    """What results have in common is written once for many; each keeps what is its own."""
    failure = Failure(FailureReason.REJECTED, "no", 404, "CELL_NOT_FOUND")
    results = [
        Result(0, State.UPDATED, 1, b'"\\u00e9"'),
        Result(1, State.UPDATED, 1, b"null"),
        Result(2, State.FAILED, 1, failure=failure),
        Result(3, State.UPDATED, 1),
        Result(4, State.UPDATED, 3),
        Result(5, State.UPDATED, 1, b"5", conflict=True),
    ]
    async with await Journal.create(tmp_path / "j", {"values": "kept"}, ALONE) as journal:
        edits = journal.edits
        await edits.insert(0, [StagedEdit(f"c{at}", None, None, b'"\xc3\xa9"') for at in range(6)])
        await edits.finish_staging()
        await edits.write_down(list(range(6)), [])
        await edits.write_down([], results)
        await edits.catch_up()
        rows = await edits.database.fetch(
            "SELECT seq, state, attempts, previous, conflict, reason, value FROM edits"
        )
    reasons = {2: "rejected"}
    assert rows == [
        (
            *(each.seq, each.state, each.attempts, each.previous, each.conflict),
            *(reasons.get(each.seq), b'"\xc3\xa9"'),
        )
        for each in results
    ]


async def test_a_log_says_what_the_table_will(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts are the same before, amid and after the table is brought up to date, part by part."""
    number = 100
    async with await Journal.create(tmp_path / "j", {"values": "kept"}, ALONE) as journal:
        edits = journal.edits
        await edits.insert(0, [StagedEdit(f"c{at}", None, None, b"1") for at in range(number)])
        await edits.finish_staging()
        await edits.finish_planning()
        tally = await edits.begin_sending()
        for entry in await edits.planned(-1):
            await edits.intend(entry)  # alone, so each makes a row of the log
            if entry.seq % len(ENDS):
                edits.record(Result(entry.seq, ENDS[entry.seq % len(ENDS)], 1))
        await edits.finish()
        counted = {state: tally.of(state) for state in State if tally.of(state)}
        assert counted == {
            state: number // len(ENDS) + (state is State.UNKNOWN) * number // len(ENDS)
            for state in ENDS[1:]
        }
        assert await edits.counts() == counted

        write, parts = edits.database.write, 0

        async def write_once(*steps: Any) -> None:
            nonlocal parts
            parts += 1
            if parts > 1:
                raise JournalError("full")
            await write(*steps)

        with monkeypatch.context() as patched:
            patched.setattr(edits.database, "write", write_once)
            with pytest.raises(JournalError, match="full"):
                await edits.catch_up()
        assert parts > 1
        assert await edits.counts() == counted
        await edits.catch_up()
        assert await edits.counts() == counted
        assert await edits.database.fetch("SELECT count(*) FROM edits_log") == [(0,)]
        assert await edits.attempts() == number - number // len(ENDS)


async def test_results_that_could_not_be_written_stop_nobody_from_ending() -> None:
    """Where even the last commit fails, closing says so and does not hang."""

    async def write(_: Sequence[int], results: Sequence[Result]) -> None:
        if results:
            raise JournalError("full")

    commits = GroupCommit(write, workers=1, clock=SystemClock())
    await commits.intend(1)
    commits.record(Result(1, State.UPDATED))
    with pytest.raises(JournalError, match="full"):
        await commits.close()


async def test_an_intent_that_was_cancelled_was_not_sent(tmp_path: Path) -> None:
    """A worker that is cancelled while its intent is committed leaves an edit that was not sent."""
    async with await Journal.create(tmp_path / "j", {"values": "kept"}, ALONE) as journal:
        edits = journal.edits
        await edits.insert(
            0, [StagedEdit("a", None, None, b"1"), StagedEdit("b", None, None, b"2")]
        )
        await edits.finish_staging()
        await edits.finish_planning()
        tally = await edits.begin_sending()
        first, second = await edits.planned(-1)
        waiting = asyncio.ensure_future(edits.intend(first))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        edits.withdraw(first)
        await edits.intend(second)
        await edits.finish()
        assert tally.statuses()[EditStatus.NOT_SENT] == 1
        assert await edits.counts() == {State.PLANNED: 1, State.UNKNOWN: 1}


async def test_results_of_a_temporary_database_are_counted_only() -> None:
    """What becomes of a long list is neither kept in memory nor written down as it is sent."""
    store, edits = await SqliteStore.temporary(), 3500
    await store.insert(0, [StagedEdit(f"c{at}", None, None, b"1") for at in range(edits)])
    await store.finish_staging()
    await store.finish_planning()
    await store.begin_sending()
    after = -1
    while entries := await store.planned(after):
        for entry in entries:
            await store.intend(entry)
            store.record(Result(entry.seq, State.UPDATED, 1))
        after = entries[-1].seq
    await store.finish()
    assert await store.counts() == {State.UPDATED: edits}
    assert await store.database.fetch("SELECT count(*) FROM edits_log") == [(0,)]
    await store.aclose()

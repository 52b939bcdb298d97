"""Going on with a job: doubt stays, what was decided stays, and inputs are told apart."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import (
    ClaroError,
    EditStatus,
    JobPhase,
    JournalError,
    OutcomeUnknownError,
    journal_status,
)
from claro_async.testing import json_reply
from tests.bulk.journals import states
from tests.bulk.table import LOST, Asked, Table, dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from claro_async.testing import HttpReply

EXPIRED = json_reply({"error": "the key has expired", "code": "UNAUTHORIZED"}, status=401)


def lose(*cells: str) -> Callable[[Asked], HttpReply | None]:
    """An answer that loses every request for these cells."""

    def answer(asked: Asked) -> HttpReply | None:
        if asked.place in cells:
            raise LOST
        return None

    return answer


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (EXPIRED, "unknown"),
        (json_reply({"error": "no"}, status=403), "unknown"),
        (json_reply({"error": "gone", "code": "CELL_NOT_FOUND"}, status=404), "failed"),
    ],
    ids=["key expired", "forbidden", "no such cell"],
)
async def test_doubt_stays_until_a_reply_ends_it(
    tmp_path: Path, reply: HttpReply, status: str
) -> None:
    """After a lost request, a rejection counts as failed only where it rules that request out."""
    table = Table(3)
    table.answer = lose("r0.c1")
    async with table.client() as claro:
        first = await dataset(claro).update_cells(
            table.edits("new", range(1)), journal=tmp_path / "j"
        )
        assert first.unknown == 1
        table.answer = lambda asked: reply if asked.method == "PATCH" else None
        for _ in range(2):
            report = await claro.resume_updates(tmp_path / "j")
            assert getattr(report, status) == report.total == 1


async def test_a_value_before_is_not_taken_from_a_second_send(tmp_path: Path) -> None:
    """A cell that was sent in doubt, read, and sent again is named by the revert, not set back."""
    table = Table(4, value="original")
    table.answer = lose("r0.c1", "r1.c1")
    async with table.client() as claro:
        await dataset(claro).update_cells(table.edits("new"), journal=tmp_path / "j")

        def page_made(_: int) -> None:  # the first request of r0 is carried out late
            table.cells["r0.c1"] = "new"

        table.answer, table.page_made = (lambda _: None), page_made
        resumed = await claro.resume_updates(tmp_path / "j")
        report = await claro.revert_updates(tmp_path / "j")
    assert (resumed.updated, report.updated) == (4, 2)
    assert {skip.cell_id for skip in report.skipped} == {"r0.c1", "r1.c1"}
    assert table.cells["r2.c1"] == table.cells["r3.c1"] == "original"


async def test_an_interrupted_edit_is_in_doubt_with_its_reason(tmp_path: Path) -> None:
    """What was under way at a cancellation is unknown, says why, and is looked up by a resume."""
    table = Table(2)
    held = asyncio.Event()

    async def hold(asked: Asked) -> HttpReply:
        held.set()
        await asyncio.sleep(60)
        raise AssertionError(asked)

    table.answer = lambda asked: hold(asked) if asked.place == "r1.c1" else None
    async with table.client() as claro:
        job = asyncio.ensure_future(
            dataset(claro).update_cells(
                table.edits("new"), journal=tmp_path / "j", skip_unchanged=False, max_concurrency=1
            )
        )
        await held.wait()
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)
        assert job.cancelled()
        status = journal_status(tmp_path / "j")
        assert (status.counts[EditStatus.UNKNOWN], status.phase) == (1, JobPhase.SENDING)
        table.answer = lambda asked: EXPIRED if asked.method == "GET" else None
        report = await claro.resume_updates(tmp_path / "j")
        (failure,) = report.failures
        assert isinstance(failure.error, OutcomeUnknownError)
        assert "the job ended" in str(failure.error)
        table.answer = lambda _: None
        report = await claro.resume_updates(tmp_path / "j")
    assert (report.updated, report.total) == (2, 2)


async def test_a_report_says_what_earlier_runs_sent(tmp_path: Path) -> None:
    """After a resume the counts are of the whole job, and the requests of this run."""
    table = Table(6)
    table.answer = lambda _: EXPIRED if len(table.writes) == 4 else None
    async with table.client() as claro:
        first = await dataset(claro).update_cells(
            table.edits("new"), journal=tmp_path / "j", max_concurrency=1, skip_unchanged=False
        )
        assert first.earlier_requests == 0
        table.answer = lambda _: None
        report = await claro.resume_updates(tmp_path / "j")
    assert (report.updated, report.requests, report.earlier_requests) == (6, 2, first.requests)
    assert report.to_dict()["earlier_requests"] == first.requests


# --- equal


def strict(present: Any, new: Any) -> bool:
    """Whether two values look the same."""
    return repr(present) == repr(new)


async def test_a_job_with_a_comparison_of_its_own_asks_for_it(tmp_path: Path) -> None:
    """A resume that has to compare again asks for ``equal``, and with it does the job."""
    table = Table(1100, value=1)

    def lose_second_page(asked: Asked) -> None:
        if (asked.method, asked.place, asked.number) == ("GET", "2", 1):
            raise LOST

    table.answer = lose_second_page
    edits = {**dict(table.edits(1.0, range(5))), "r1050.c1": 1}
    async with table.client() as claro:
        with pytest.raises(ClaroError):
            await dataset(claro).update_cells(
                edits, journal=tmp_path / "j", skip_unchanged=True, equal=strict
            )
        with pytest.raises(JournalError, match="equal="):
            await claro.resume_updates(tmp_path / "j")
        assert not table.writes
        report = await claro.resume_updates(tmp_path / "j", equal=strict)
    assert (report.updated, report.unchanged) == (5, 1)


async def test_what_a_comparison_decided_is_written_down(tmp_path: Path) -> None:
    """Once all is compared, a resume needs no ``equal``: what it called different is sent."""
    table = Table(60, value=1)
    table.answer = lambda asked: EXPIRED if asked.method == "PATCH" else None
    async with table.client() as claro:
        await dataset(claro).update_cells(
            table.edits(1.0), journal=tmp_path / "j", skip_unchanged=True, equal=strict
        )
        table.answer = lambda _: None
        report = await claro.resume_updates(tmp_path / "j")
    assert report.updated == 60


async def test_a_lost_edit_is_looked_up_strictly_without_the_comparison(tmp_path: Path) -> None:
    """Where ``equal`` is not given again, a lost edit counts as applied only by the same text."""
    table = Table(60, value=1)
    table.answer = lose("r7.c1")
    async with table.client() as claro:
        await dataset(claro).update_cells(
            table.edits(1.0), journal=tmp_path / "j", skip_unchanged=True, equal=strict
        )
        table.answer = lambda _: None
        report = await claro.resume_updates(tmp_path / "j")
    assert report.updated == 60
    assert ("r7.c1", 1.0) in table.writes


@pytest.mark.parametrize("error", [StopIteration, StopAsyncIteration, GeneratorExit, KeyError])
async def test_what_a_comparison_raises_ends_the_job(
    tmp_path: Path, error: type[BaseException]
) -> None:
    """Whatever leaves ``equal`` is an error of that job, and never a hang."""
    table = Table(60)

    def equal(_: Any, __: Any) -> bool:
        raise error

    async with table.client() as claro:
        for place in (None, tmp_path / "j"):
            with pytest.raises((RuntimeError, KeyError)):
                await dataset(claro).update_cells(table.edits("new"), journal=place, equal=equal)
        with pytest.raises((RuntimeError, KeyError)):
            await dataset(claro).update_from([{"name": "old", "c1": "x"}], key="name", equal=equal)
    assert not table.writes


# --- resume=True


async def test_an_input_is_gone_on_with_by_itself(tmp_path: Path) -> None:
    """With ``resume=True`` the same call begins a job, goes on, and then finds nothing to do."""
    table = Table(9)
    table.answer = lambda _: EXPIRED if len(table.writes) == 4 else None

    def edits() -> Iterator[Any]:
        yield from table.edits("new")
        yield "no edit"

    async with table.client() as claro:

        async def run(items: Any) -> Any:
            return await dataset(claro).update_cells(
                items, journal=tmp_path / "j", resume=True, max_concurrency=1, skip_unchanged=False
            )

        assert (await run(edits())).stopped_by is not None
        table.answer = lambda _: None
        report = await run(edits())
        assert (report.updated, report.failed, report.total) == (9, 1, 10)
        assert (await run(edits())).requests == 0
        with pytest.raises(JournalError, match="holds a job with other edits"):
            await run([*table.edits("new")])
        other = claro.dataset("other").update_cells(edits(), journal=tmp_path / "j", resume=True)
        with pytest.raises(JournalError, match="on the dataset 'd', not 'other'"):
            await other
    assert len(table.writes) == 9


async def test_the_digest_knows_edits_and_not_batches(tmp_path: Path) -> None:
    """A list and a generator with the same edits are one input; one other value makes another."""
    table = Table(2500)
    edits = table.edits("new")
    async with table.client() as claro:
        await dataset(claro).update_cells(iter(edits), journal=tmp_path / "j", skip_unchanged=False)
        report = await dataset(claro).update_cells(edits, journal=tmp_path / "j", resume=True)
        assert (report.updated, report.requests) == (2500, 0)
        edits[1234] = (edits[1234][0], "other")
        with pytest.raises(JournalError, match="other edits"):
            await dataset(claro).update_cells(edits, journal=tmp_path / "j", resume=True)


# --- status


async def test_the_status_of_a_job_at_each_step(tmp_path: Path) -> None:
    """The status tells how far a job is, while it runs and in between, and disturbs nobody."""
    table, path = Table(60), tmp_path / "j"
    seen = []

    def look(_: Asked) -> HttpReply | None:
        seen.append(journal_status(path))
        return EXPIRED if len(table.writes) == 30 else None

    table.answer = look
    async with table.client() as claro:
        await dataset(claro).update_cells(table.edits("new"), journal=path, max_concurrency=1)
        assert [each.phase for each in seen[:2]] == [JobPhase.PLANNING, JobPhase.SENDING]
        assert all(each.in_use and each.total == 60 for each in seen)
        status = await claro.journal_status(path)
        assert (status.phase, status.in_use, status.ended) == (JobPhase.SENDING, False, None)
        assert (status.counts[EditStatus.UPDATED], status.counts[EditStatus.NOT_SENT]) == (30, 30)
        assert "sends 30" in status.next_step
        table.answer = lambda _: None
        await claro.resume_updates(path)
        status = journal_status(path)
        assert (status.phase, status.dataset_id, status.kind) == (JobPhase.DONE, "d", "update")
        assert status.ended is not None
        assert status.ended >= status.began
        await claro.revert_updates(path)
        status = journal_status(path)
        assert (status.phase, status.set_back) == (JobPhase.SET_BACK, 60)
        assert status.to_dict()["counts"]["updated"] == 60
    assert os.listdir(tmp_path) == ["j"]  # noqa: PTH208 - blocks no more than the rest
    with pytest.raises(JournalError, match="no such journal"):
        journal_status(tmp_path / "nothing")


async def test_a_resume_after_a_kill_between_runs_is_exact(tmp_path: Path) -> None:
    """A job that is stopped again and again ends with each edit applied once."""
    table = Table(40)
    async with table.client() as claro:
        for stop in (0, 7, 8, 30):
            table.answer = lambda asked, stop=stop: (  # type: ignore[misc]
                EXPIRED if asked.method == "PATCH" and len(table.writes) >= stop else None
            )
            with suppress(ClaroError):
                await dataset(claro).update_cells(
                    table.edits("new"), journal=tmp_path / "j", resume=True, max_concurrency=3
                )
        table.answer = lambda _: None
        report = await claro.resume_updates(tmp_path / "j")
    assert report.updated == 40
    assert len(table.writes) == 40
    assert sum((await states(tmp_path / "j")).values()) == 40

"""Setting back: a revert belongs to its job, can be run again, and overwrites nobody."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import ClaroError, JobPhase, JournalError, journal_status
from claro_async.testing import json_reply
from tests.bulk.table import LOST, Asked, Table, dataset

if TYPE_CHECKING:
    from pathlib import Path

    from claro_async import ClaroClient
    from claro_async.testing import HttpReply

EXPIRED = json_reply({"error": "the key has expired", "code": "UNAUTHORIZED"}, status=401)
INVALID = json_reply({"error": "no", "code": "INVALID_PARAMETERS"}, status=422)


async def done(claro: ClaroClient, table: Table, journal: Path, value: Any = "new") -> None:
    """A job that is done."""
    await dataset(claro).update_cells(table.edits(value), journal=journal, skip_unchanged=False)


async def test_jobs_of_one_name_do_not_share_a_revert(tmp_path: Path) -> None:
    """Whatever was set back under a name before, a new job of that name is set back by itself."""
    table, path = Table(4, value="day 0"), tmp_path / "nightly"
    async with table.client() as claro:
        for day in (1, 3, 5):
            await done(claro, table, path, f"day {day}")
            if day == 3:  # this revert is stopped half way
                table.answer = lambda _: EXPIRED if len(table.writes) % 4 == 2 else None
            await claro.revert_updates(path, max_concurrency=1)
            table.answer = lambda _: None
            path.unlink()
            table.cells = dict.fromkeys(table.cells, f"day {day + 1}")
            table.writes.clear()
        await done(claro, table, path, "day 7")
        report = await claro.revert_updates(path)
    assert report.updated == 4
    assert set(table.cells.values()) == {"day 6"}


async def test_a_job_that_was_set_back_is_over(tmp_path: Path) -> None:
    """After a revert that sent anything, going on is refused by name, and the revert goes on."""
    table, path = Table(6), tmp_path / "j"
    table.answer = lambda _: EXPIRED if len(table.writes) == 4 else None
    async with table.client() as claro:
        await dataset(claro).update_cells(
            table.edits("new"), journal=path, skip_unchanged=False, max_concurrency=1
        )
        table.answer = lambda _: EXPIRED if len(table.writes) == 6 else None
        first = await claro.revert_updates(path, max_concurrency=1)
        assert (first.updated, first.not_sent) == (2, 2)
        assert journal_status(path).phase is JobPhase.SETTING_BACK
        table.answer = lambda _: None
        for again in (
            claro.resume_updates(path),
            dataset(claro).update_cells(table.edits("new"), journal=path, resume=True),
        ):
            with pytest.raises(JournalError, match="was set back"):
                await again
        report = await claro.revert_updates(path)
    assert (report.updated, report.total) == (4, 4)
    assert set(table.cells.values()) == {"old"}


async def test_a_revert_that_set_nothing_back_leaves_the_job_as_it_was(tmp_path: Path) -> None:
    """A revert before anything was applied does not stop the job, nor the revert after it."""
    table, path = Table(3), tmp_path / "j"
    table.answer = lambda asked: EXPIRED if asked.method == "PATCH" else None
    async with table.client() as claro:
        await done(claro, table, path)
        assert (await claro.revert_updates(path)).nothing_to_do
        table.answer = lambda _: None
        assert (await claro.resume_updates(path)).updated == 3
        report = await claro.revert_updates(path)
    assert report.updated == 3
    assert set(table.cells.values()) == {"old"}


@pytest.mark.parametrize("page", [1, 2])
async def test_a_revert_that_cannot_read_can_be_run_again(tmp_path: Path, page: int) -> None:
    """A page that could not be read, the first or a later one, leaves nothing in the way."""
    table, path = Table(1500), tmp_path / "j"
    async with table.client() as claro:
        await done(claro, table, path)
        table.asked.clear()

        def answer(asked: Asked) -> None:
            if (asked.method, asked.place, asked.number) == ("GET", str(page), 1):
                raise LOST

        table.answer = answer
        with pytest.raises(ClaroError):
            await claro.revert_updates(path)
        report = await claro.revert_updates(path)
    assert report.updated == 1500
    assert set(table.cells.values()) == {"old"}


async def test_what_failed_is_set_back_by_another_run(tmp_path: Path) -> None:
    """Cells whose revert was rejected or lost are set back by the next one; the rest is left."""
    table, path = Table(5), tmp_path / "j"

    def answer(asked: Asked) -> HttpReply | None:
        if asked.place == "r1.c1":
            return INVALID
        if asked.place == "r2.c1":
            raise LOST
        if asked.place == "r3.c1":  # its reply is lost
            table.apply(asked)
            raise LOST
        return None

    async with table.client() as claro:
        await done(claro, table, path)
        table.answer = answer
        first = await claro.revert_updates(path)
        assert (first.updated, first.failed, first.unknown) == (2, 1, 2)
        table.answer = lambda _: None
        writes = len(table.writes)
        report = await claro.revert_updates(path)
        assert (report.updated, report.total) == (5, 5)
        assert len(table.writes) - writes == 2
        assert (await claro.revert_updates(path)).nothing_to_do
    assert set(table.cells.values()) == {"old"}


async def test_a_continued_revert_leaves_alone_what_changed_meanwhile(tmp_path: Path) -> None:
    """What people wrote, deleted or set back themselves between two runs is theirs, and named."""
    table, path = Table(6), tmp_path / "j"
    held = asyncio.Event()

    async def hold() -> HttpReply:
        held.set()
        await asyncio.sleep(60)
        return INVALID

    async with table.client() as claro:
        await done(claro, table, path)
        table.answer = lambda asked: hold() if asked.method == "PATCH" else None
        reverting = asyncio.ensure_future(claro.revert_updates(path, max_concurrency=2))
        await held.wait()
        reverting.cancel()
        await asyncio.gather(reverting, return_exceptions=True)
        assert reverting.cancelled()
        table.answer = lambda _: None
        table.cells.update({"r0.c1": "theirs", "r4.c1": "theirs", "r5.c1": "old"})
        table.delete("r3")
        report = await claro.revert_updates(path)
        again = await claro.revert_updates(path)
    assert (report.updated, report.unchanged) == (2, 1)
    named = {skip.cell_id: skip.reason for skip in report.skipped}
    assert set(named) == {"r0.c1", "r3.c1", "r4.c1"}
    assert "does not exist" in named["r3.c1"]
    assert {skip.cell_id for skip in again.skipped} == {"*", *named}
    assert table.cells["r0.c1"] == table.cells["r4.c1"] == "theirs"


async def test_a_revert_finds_rows_that_move(tmp_path: Path) -> None:
    """A cell whose row moves while the revert reads is set back, and not called gone."""
    table, path = Table(2100), tmp_path / "j"
    async with table.client() as claro:
        await dataset(claro).update_cells(
            [("r1000.c1", "new"), ("r2099.c1", "new")], journal=path, skip_unchanged=False
        )
        table.asked.clear()

        def page_made(page: int) -> None:
            if page == 1 and table.pages() == ["1"]:
                table.delete("r5")

        table.page_made = page_made
        report = await claro.revert_updates(path)
    assert (report.updated, report.skipped_count) == (2, 0)


async def test_a_revert_is_of_the_api_of_its_job(tmp_path: Path) -> None:
    """A journal of a job on one API is not set back on another."""
    table, path = Table(2), tmp_path / "j"
    async with table.client() as claro:
        await done(claro, table, path)
    async with table.client(base_url="https://other.example.invalid/api/v2") as elsewhere:
        with pytest.raises(JournalError, match="this client talks to"):
            await elsewhere.revert_updates(path)
    assert len(table.writes) == 2

"""Going on with a job that ended early, and setting one back, from nothing but its journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import msgspec

from claro_async.bulk.edits import StagedEdit
from claro_async.bulk.engine import STOPPING
from claro_async.bulk.equality import same_json
from claro_async.bulk.job import JobOptions, Target, job_meta, look, open_store, send_planned
from claro_async.bulk.journal import Journal
from claro_async.bulk.reading import read_pages, settle_by_reading
from claro_async.bulk.report import BulkReport, RevertReport
from claro_async.bulk.store import State, StoreThread
from claro_async.errors import JournalError

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator

    from claro_async.bulk.engine import EngineOptions
    from claro_async.bulk.store import EditStore
    from claro_async.dataset import Dataset
    from claro_async.paging.pages import Page

OpenTarget: TypeAlias = Callable[[str], Target]
"""Gives what a job on a dataset, by its id, is done to."""
_SKIP: dict[str, Literal["auto"] | bool] = {"auto": "auto", "true": True, "false": False}
_encode = msgspec.json.Encoder().encode


@asynccontextmanager
async def _open(path: str | os.PathLike[str]) -> AsyncIterator[tuple[Journal, StoreThread]]:
    thread = StoreThread()
    journal: Journal | None = None
    try:
        journal = await thread.open(Journal.open, path)
        yield journal, thread
    finally:
        thread.close()
        if journal is not None:
            journal.close()


def _target(journal: Journal, open_target: OpenTarget) -> Target:
    """The dataset that a journal is about.

    Raises:
        JournalError: It is at another API than the client's.
    """
    target = open_target(journal.meta["dataset_id"])
    here = target.base_url
    if journal.meta["base_url"] != here:
        raise JournalError(
            f"{journal.path} is of a job on {journal.meta['base_url']}, and this client talks to"
            f" {here}"
        )
    return target


async def resume(
    path: str | os.PathLike[str],
    open_target: OpenTarget,
    options: EngineOptions,
    report: BulkReport | None = None,
) -> BulkReport:
    """Go on with a job.

    What is done is not sent again. What was under way is looked up by reading pages, and sent only
    where the cell holds something else.

    Raises:
        JournalError: The journal cannot be used, or is of another API.
        BulkUpdateError: An edit failed, and ``on_error`` is ``raise``.
    """
    report = BulkReport() if report is None else report
    async with _open(path) as (journal, thread):
        target = _target(journal, open_target)
        try:
            await thread.run(journal.move, State.SENT, State.UNKNOWN)
            report.pages_read += await settle_by_reading(target.dataset, journal, thread)
            if journal.meta["looked"] == "no":
                skip = _SKIP[journal.meta["skip_unchanged"]]
                job = JobOptions(options, skip_unchanged=skip)
                await look(target.dataset, journal, thread, job, report)
        except STOPPING as error:
            report.stopped_by = error
        return await send_planned(target, journal, thread, options, report)


async def revert(
    path: str | os.PathLike[str],
    open_target: OpenTarget,
    options: EngineOptions,
) -> RevertReport:
    """Set back what a job wrote, where the cell still holds it and the value before is known.

    The revert has a journal of its own beside the job's, named ``….revert``; a revert that ended
    early is gone on with.

    Raises:
        JournalError: A journal cannot be used, or values were left out of it.
        BulkUpdateError: An edit failed, and ``on_error`` is ``raise``.
    """
    report = RevertReport()
    file = Path(path).with_name(Path(path).name + ".revert")
    if await asyncio.to_thread(file.exists):
        if await _is_done(file):
            report.skip("*", f"set back already: {file} is complete")
            return report
        await resume(file, open_target, options, report)
        return report
    async with _open(path) as (journal, thread):
        target = _target(journal, open_target)
        if not journal.keeps_values:
            raise JournalError(f"{path} was kept without values: there is nothing to set back to")
        meta = job_meta(target, JobOptions(options, skip_unchanged=False), "revert")
        async with open_store(file, meta) as (undo, undo_thread):
            stores = (journal, thread), (cast("EditStore", undo), undo_thread)
            await _stage_revert(target.dataset, *stores, report)
            await undo_thread.run(undo.finish_staging)
            await send_planned(target, undo, undo_thread, options, report)
    return report


async def _is_done(path: Path) -> bool:
    async with _open(path) as (journal, thread):
        counts = await thread.run(journal.counts)
    return not any(counts.get(state) for state in (State.PLANNED, State.SENT, State.UNKNOWN))


async def _stage_revert(
    dataset: Dataset,
    done: tuple[Journal, StoreThread],
    undo: tuple[EditStore, StoreThread],
    report: RevertReport,
) -> None:
    journal, thread = done
    store, store_thread = undo
    for cell_id, reason in await thread.run(journal.not_revertible):
        report.skip(cell_id, reason)
    staged = 0
    async with aclosing(read_pages(dataset)) as pages:
        async for page in pages:
            report.pages_read += 1
            edits = await thread.run(_to_set_back, journal, page, report)
            await store_thread.run(store.insert_revert, staged, edits)
            staged += len(edits)
    for cell_id in await thread.run(journal.not_met):
        report.skip(cell_id, "the cell does not exist any more")


def _to_set_back(
    journal: Journal, page: Page, report: RevertReport
) -> list[tuple[StagedEdit, bytes]]:
    cells = {cell.cell_id: cell for row in page for cell in row.structs}
    edits = []
    for cell_id, written, previous in journal.applied(cells):
        if same_json(_encode(cells[cell_id].value), written):
            edits.append((StagedEdit(cell_id, None, None, previous), written))
        else:
            report.skip(cell_id, "changed since: the cell does not hold what the job wrote")
    return edits

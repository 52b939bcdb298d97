"""Setting a job back, from nothing but its journal.

A revert stands in the file of its job, so it belongs to that job and to no other. Each call makes
one pass: it forgets what an earlier pass had planned and not sent, reads the dataset, and decides
anew what is set back and what is left alone. So a pass that ended early, at any point, is gone on
with by the next one, and a value that somebody wrote meanwhile is never overwritten.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import msgspec

from claro_async.bulk.equality import same_json
from claro_async.bulk.job import commits_of, send_planned
from claro_async.bulk.journal import Journal
from claro_async.bulk.reading import read_pages
from claro_async.bulk.report import RevertReport
from claro_async.bulk.resume import target_of
from claro_async.bulk.revert_plan import RevertPlan, Written
from claro_async.bulk.states import State
from claro_async.bulk.stopping import until_stopped
from claro_async.bulk.watching import watched_job
from claro_async.errors import JournalError

if TYPE_CHECKING:
    import os

    from claro_async.bulk.job import Service
    from claro_async.bulk.reading import RowReader
    from claro_async.options import SendOptions
    from claro_async.paging.pages import Page

_encode = msgspec.json.Encoder().encode
_CHANGED = "changed since: the cell does not hold what the job wrote"


async def revert(
    path: str | os.PathLike[str], service: Service, options: SendOptions
) -> RevertReport:
    """Set back what a job wrote, where the cell still holds it and the value before is known.

    Raises:
        JournalError: The journal cannot be used, or values were left out of it.
        BulkUpdateError: An edit failed, and ``on_error`` is ``raise``.
    """
    report = RevertReport()
    with report.on_exception():
        await _revert(path, service, options, report)
    return report


async def _revert(
    path: str | os.PathLike[str], service: Service, options: SendOptions, report: RevertReport
) -> None:
    async with await Journal.open(path, commits_of(service.transport, options)) as journal:
        target = target_of(journal, service)
        if not journal.keeps_values:
            raise JournalError(f"{path} was kept without values: there is nothing to set back to")
        plan = RevertPlan(journal)
        if "set_back" in journal.meta:
            report.skip("*", f"set back already: the revert in {journal.path} is complete")
            await plan.report_skipped(report)
            return
        await plan.begin()
        with watched_job(target.transport, "revert", target.dataset_id, report):
            if not await until_stopped(_plan(target.dataset, plan, report), options.stop, report):
                return
            await plan.report_skipped(report)
            try:
                await send_planned(target, journal.undo, options, report)
            finally:
                if report.updated and not (report.failed or report.not_sent or report.unknown):
                    await journal.note(set_back=repr(target.transport.clock.time()))


async def _plan(reader: RowReader, plan: RevertPlan, report: RevertReport) -> None:
    """Read what the cells hold, and decide what is set back.

    Rows can move between pages while they are read, so cells that were not seen are looked for in
    a second walk before they are called gone.
    """
    for _ in range(2):
        pages_read = 0
        async with aclosing(read_pages(reader)) as pages:
            async for page in pages:
                report.pages_read += 1
                pages_read += 1
                await _plan_page(plan, page)
                del page  # see `PagedStream.pages`
        if pages_read == 1 or not await plan.count_unseen():
            break
    await plan.give_up_unseen("the cell does not exist any more")


async def _plan_page(plan: RevertPlan, page: Page) -> None:
    cells = {cell.cell_id: cell for row in page for cell in row.structs}
    steps: list[tuple[Written, State]] = []
    skipped: list[tuple[Written, str]] = []
    for each in await plan.written(cells):
        present = _encode(cells[each.cell_id].value)
        if same_json(present, each.previous):
            # an earlier pass did it, where that is known to have sent something
            steps.append((each, State.UPDATED if each.was_sent else State.UNCHANGED))
        elif same_json(present, each.value):
            steps.append((each, State.RESEND if each.was_sent else State.PLANNED))
        else:
            skipped.append((each, _CHANGED))
    await plan.add(steps, skipped)

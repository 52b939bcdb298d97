"""``claro journal``: what a journal holds, going on with its job, and setting it back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from claro_async.cli.bulk import report_option, reserve_option
from claro_async.cli.commands import Group
from claro_async.cli.exits import Exit
from claro_async.cli.invocation import Invocation, runs

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from claro_async.bulk.report import BulkReport, RevertReport

_file = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
_NAMED = 5  # cells that are named on stderr


@click.group(cls=Group)
def journal() -> None:
    """Show the job that a journal holds, go on with it, or set it back."""


@journal.command("show")
@_file
@runs
async def show(cli: Invocation, file: Path) -> None:
    """Show what a journal holds, also while a process works on it; nothing is sent."""
    from claro_async.bulk.status import journal_status  # noqa: PLC0415 - brings the library in
    from claro_async.storage.threads import in_thread  # noqa: PLC0415 - as above

    status = await in_thread(journal_status, file)
    cli.record(status.to_dict())


@journal.command("resume")
@_file
@reserve_option
@report_option
@runs
async def resume(cli: Invocation, *, file: Path, reserve: float, report: Path | None) -> Exit:
    """Go on with a job that ended early, by nothing but its journal.

    What is done is not sent again. What was under way is looked up first.
    """
    from claro_async.bulk.status import journal_status  # noqa: PLC0415 - brings the library in
    from claro_async.cli import jobs  # noqa: PLC0415 - as above
    from claro_async.storage.threads import in_thread  # noqa: PLC0415 - as above

    status = await in_thread(journal_status, file)
    job = jobs.Job(
        command="journal resume",
        dataset_id=status.dataset_id,
        journal=file,
        page=report,
        reserve=reserve,
    )
    with cli.stop_on_interrupt() as stop:
        async with cli.claro() as claro:

            def send(display: Any) -> Awaitable[BulkReport]:
                return claro.resume_updates(file, stop=stop, reserve=reserve, on_progress=display)

            return await jobs.carry_out(cli, claro, job, send)


@journal.command("revert")
@_file
@reserve_option
@report_option
@runs
async def revert(cli: Invocation, *, file: Path, reserve: float, report: Path | None) -> Exit:
    """Set back the cells that still hold what a job wrote; their metadata cannot be restored.

    Called again, it goes on with a revert that ended early. A job that was set back is over.
    """
    from claro_async.bulk.status import journal_status  # noqa: PLC0415 - brings the library in
    from claro_async.cli import jobs  # noqa: PLC0415 - as above
    from claro_async.storage.threads import in_thread  # noqa: PLC0415 - as above

    status = await in_thread(journal_status, file)
    job = jobs.Job(
        command="journal revert", dataset_id=status.dataset_id, page=report, reserve=reserve
    )
    reports: list[RevertReport] = []
    with cli.stop_on_interrupt() as stop:
        async with cli.claro() as claro:

            async def send(display: Any) -> BulkReport:
                done = await claro.revert_updates(
                    file, stop=stop, reserve=reserve, on_progress=display
                )
                reports.append(done)
                return done

            ended = await jobs.carry_out(cli, claro, job, send)
    return _end_of_revert(cli, reports[0], ended)


def _end_of_revert(cli: Invocation, report: RevertReport, ended: Exit) -> Exit:
    """Name what was not set back; return the exit status."""
    if report.nothing_to_do and not report.stop_requested:
        cli.say("there is nothing to set back")
    for each in report.skipped[:_NAMED]:
        cli.say(f"{each.cell_id} is left as it is: {each.reason}")
    if report.skipped_count > _NAMED:
        cli.say(f"… and {report.skipped_count - _NAMED:,} more")
    is_partial = ended is Exit.DONE and report.skipped_count and not report.nothing_to_do
    return Exit.PARTLY if is_partial else ended

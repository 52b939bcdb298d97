"""Jobs of many edits: carried out, accounted for, and what goes on with one that ended early."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs

from claro_async.bulk.report import BulkReport
from claro_async.bulk.status import journal_status
from claro_async.cli.bulk import status_of
from claro_async.errors import JournalError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from claro_async.bulk.plan import UpdatePlan
    from claro_async.cli.exits import Exit
    from claro_async.cli.invocation import Invocation
    from claro_async.client import ClaroClient

_SHOWN = 5  # reasons of failures that are named on stderr


@attrs.frozen(kw_only=True)
class Job:
    """A job of edits at the command line.

    Attributes:
        command: What does it, such as ``cells set``, for the journal's name.
        dataset_id: The dataset.
        journal: The journal that was asked for, or None.
        page: Where to write the report as HTML, if it is wanted.
        reserve: The share of the quota to leave to others.
    """

    command: str
    dataset_id: str
    journal: Path | None = None
    page: Path | None = None
    reserve: float = 0.0


async def apply(
    cli: Invocation, claro: ClaroClient, plan: UpdatePlan, job: Job, stop: asyncio.Event
) -> Exit:
    """Do what is planned, with a journal where there is much of it; write the account.

    Args:
        cli: The invocation.
        claro: The client.
        plan: What is to be done.
        job: How.
        stop: What the first interrupt sets.

    Raises:
        ClaroError: The job cannot begin, or its journal cannot be written.
    """
    name = job.command.replace(" ", "-")
    journal = job.journal or cli.journal_for(name, job.dataset_id, plan.requests)
    if journal is not None:
        job = attrs.evolve(job, journal=journal)
        cli.say(f"after any interruption it goes on with: {resume_command(cli, job)}")

    def send(display: Any) -> Awaitable[BulkReport]:
        return plan.apply(journal=journal, stop=stop, reserve=job.reserve, on_progress=display)

    return await carry_out(cli, claro, job, send)


async def carry_out(
    cli: Invocation, claro: ClaroClient, job: Job, send: Callable[[Any], Awaitable[BulkReport]]
) -> Exit:
    """Send edits, and write the account of it whatever ends it; return the exit status.

    Args:
        cli: The invocation.
        claro: The client.
        job: What is done.
        send: Does it, and reports to what it is given.
    """
    try:
        async with cli.progress(job.command, claro) as display:
            report = await send(display)
    except BaseException as error:
        unfinished = getattr(error, "report", None)
        if isinstance(unfinished, BulkReport) and unfinished.total:
            _write_account(cli, unfinished, job)
        cli.warn(what_goes_on(cli, job))
        raise
    _write_account(cli, report, job)
    if report.not_sent or report.unknown or report.stop_requested:
        cli.warn(what_goes_on(cli, job))
    return status_of(report)


def _write_account(cli: Invocation, report: BulkReport, job: Job) -> None:
    if job.page is not None:
        report.write_html(job.page)
        cli.say(f"the report is {job.page}")
    record = report.to_dict()
    if cli.form == "table":  # what is a list stands on stderr, for people
        record = {name: value for name, value in record.items() if not isinstance(value, list)}
    cli.record(record)
    reasons = Counter(
        f"{each.status.value}: {each.error or 'the job ended before it was sent'}"
        for each in report.failures
    )
    for reason, number in reasons.most_common(_SHOWN):
        cli.say(reason if number == 1 else f"{reason} ({number:,} cells)")
    if len(reasons) > _SHOWN:
        cli.say(f"… and {len(reasons) - _SHOWN:,} more reasons")
    if report.stopped_by is not None:
        cli.warn(f"stopped: {report.stopped_by}")
    for note in report.notes:
        cli.say(note)


def what_goes_on(cli: Invocation, job: Job) -> str:
    """What to do after a job that ended early, in a line with the command."""
    if job.journal is not None and _holds_job(job.journal):
        return f"go on with: {resume_command(cli, job)}"
    return same_command()


def same_command() -> str:
    """What to do where nothing was sent, or what was sent is seen in the dataset."""
    words = shlex.join(["claro", *sys.argv[1:]])
    return f"go on with the same command, which leaves alone what is done: {words}"


def _holds_job(journal: Path) -> bool:
    try:
        journal_status(journal)
    except JournalError:
        return False  # its input was not written down, so nothing was sent
    return True


def resume_command(cli: Invocation, job: Job) -> str:
    """The command that goes on with the job of a journal, with the options that it needs."""
    words = ["claro", "journal", "resume", str(job.journal)]
    if job.reserve:
        words += ["--reserve", f"{job.reserve:g}"]
    if job.page is not None:
        words += ["--report", str(job.page)]
    for name in ("profile", "base_url", "quota", "proxy"):
        value = getattr(cli.options, name)
        if value is not None and "@" not in value:  # a password is not for the screen
            words += [f"--{name.replace('_', '-')}", value]
    return shlex.join(words)

"""What bulk commands share: their options, and what is said when they end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from claro_async._plain import plain_value
from claro_async.cli.exits import Exit
from claro_async.errors import (
    AuthenticationError,
    OutcomeUnknownError,
    PermissionDeniedError,
)

if TYPE_CHECKING:
    import asyncio

    from claro_async.bulk.report import BulkReport
    from claro_async.cli.commands import Decorator
    from claro_async.cli.invocation import Invocation
    from claro_async.transfers.batch import TransferReport

report_option: Decorator = click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the account as an HTML page, too.",
)
journal_option: Decorator = click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to keep the job in; by default one in the working folder for more than 1,000 edits.",
)
reserve_option: Decorator = click.option(
    "--reserve",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    help="Share of the quota to leave to others.",
)
yes_option: Decorator = click.option("--yes", is_flag=True, help="Do it without asking.")


def status_of(report: BulkReport) -> Exit:
    """The exit status that the account of a bulk command means."""
    if report.stop_requested:
        return Exit.INTERRUPTED
    if not (report.failed or report.not_sent or report.unknown):
        return Exit.DONE
    is_any_done = bool(report.updated or report.unchanged)
    if isinstance(report.stopped_by, AuthenticationError | PermissionDeniedError):
        return Exit.PARTLY if is_any_done else Exit.NOT_AUTHORISED
    return Exit.PARTLY if is_any_done else Exit.FAILED


def end_of_files(
    cli: Invocation,
    report: TransferReport[Any],
    *,
    stop: asyncio.Event | None = None,
    page: Path | None = None,
) -> Exit:
    """Write a record for each transfer or link, and the counts; return the exit status.

    Args:
        cli: The invocation.
        report: The account.
        stop: What an interrupt sets, where it stops the command.
        page: Where to write the HTML page, if it is wanted.
    """
    if page is not None:
        report.write_html(page)
        cli.say(f"the report is {page}")
    with cli.records() as records:
        for key, result in report.results.items():
            further = plain_value(result)
            records.add({"key": key, "outcome": "done", "error": None, **further})
        for failure in report.failures:
            unknown = isinstance(failure.error, OutcomeUnknownError)
            outcome = "unknown" if unknown else "failed"
            records.add({"key": failure.key, "outcome": outcome, "error": str(failure.error)})
    counts = {"done": report.succeeded, "failed": report.failed}
    counts |= {"unknown": report.unknown, "not sent": report.not_sent}
    for name in _FURTHER_COUNTS:
        counts[name.replace("_", " ")] = len(getattr(report, name, ()))
    cli.say(
        ", ".join(f"{number:,} {name}" for name, number in counts.items() if number) or "0 done"
    )
    for note in report.notes:
        cli.say(note)
    return status_of_files(report, stopped=stop is not None and stop.is_set())


_FURTHER_COUNTS = (
    "exported_before",
    "downloaded_before",
    "stale",
    "gone",
    "linked_before",
    "unmatched_files",
    "unmatched_keys",
    "rows_without_cell",
)
"""What reports list beyond the counts, by attribute."""


def status_of_files(report: TransferReport[Any], *, stopped: bool = False) -> Exit:
    """The exit status that the account of many transfers or links means."""
    if stopped and report.not_sent:
        return Exit.INTERRUPTED
    if not (report.failed or report.not_sent or report.unknown):
        return Exit.DONE
    if report.succeeded:
        return Exit.PARTLY
    causes = [outcome.error for outcome in report.failures]
    if causes and all(isinstance(each, AuthenticationError) for each in causes):
        return Exit.NOT_AUTHORISED
    return Exit.FAILED

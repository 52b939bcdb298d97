"""Going on with a job that ended early, from nothing but its journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

from claro_async.bulk.job import (
    commits_of,
    plan_edits,
    reads_pages,
    send_planned,
)
from claro_async.bulk.journal import Journal
from claro_async.bulk.reading import Scan, read_back
from claro_async.bulk.report import BulkReport
from claro_async.bulk.staging import digest_of
from claro_async.bulk.stopping import STOPPING, until_stopped
from claro_async.bulk.watching import watched_job
from claro_async.errors import JournalError, JournalIncompleteError

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterable, Iterable

    from claro_async.bulk.engine import Sink
    from claro_async.bulk.job import Service, Target
    from claro_async.bulk.journal import Commits
    from claro_async.options import BulkOptions

_SKIP: dict[str, Literal["auto"] | bool] = {"auto": "auto", "true": True, "false": False}


async def resume(
    path: str | os.PathLike[str], service: Service, options: BulkOptions
) -> BulkReport:
    """Go on with a job.

    What is done is not sent again. What was under way is looked up by reading pages, and sent only
    where the cell holds something else.

    Raises:
        JournalError: The journal cannot be used, is of another API, its job was set back, or it
            needs ``equal``.
        BulkUpdateError: An edit failed, and ``on_error`` is ``raise``.
    """
    commits = commits_of(service.transport, options)
    async with await Journal.open(path, commits) as journal:
        report = BulkReport()
        with report.on_exception():
            return await go_on(journal, target_of(journal, service), options, report)


def target_of(journal: Journal, service: Service) -> Target:
    """The dataset that a journal is about.

    Raises:
        JournalError: It is at another API than the client's.
    """
    target = service.target(journal.meta["dataset_id"])
    _check_api(journal, target)
    return target


def _check_api(journal: Journal, target: Target) -> None:
    if journal.meta["base_url"] != target.base_url:
        raise JournalError(
            f"{journal.path} is of a job on {journal.meta['base_url']}, and this client talks to"
            f" {target.base_url}: make it with the base URL of the job"
        )


async def go_on(
    journal: Journal,
    target: Target,
    options: BulkOptions,
    report: BulkReport,
    sink: Sink | None = None,
) -> BulkReport:
    """Go on with the job of an open journal.

    Raises:
        JournalError: The job was set back, or it needs ``equal``.
    """
    if await journal.was_set_back():
        raise JournalError(
            f"{journal.path}: the job was set back by revert_updates, so it is over: start another"
            " one, in another file; revert_updates goes on with a revert that ended early"
        )
    edits = journal.edits
    report.earlier_requests = await edits.attempts()
    options = attrs.evolve(options, skip_unchanged=_SKIP[journal.meta["skip_unchanged"]])
    is_equal_lost = journal.meta["equal"] == "given" and options.equal is None
    if is_equal_lost and not edits.is_planned and await reads_pages(edits, options):
        raise JournalError(
            f"{journal.path}: the job compares values in a way of its own, and was stopped before"
            " it was done with that: pass the same function as equal="
        )

    async def prepare() -> None:
        await edits.recover()
        scan = Scan(target.dataset)
        try:
            await read_back(scan, edits, is_equal_lost=is_equal_lost)
        finally:
            report.pages_read += scan.pages
        await plan_edits(target.dataset, edits, options, report)

    earlier = None if target.transport.observer is None else await edits.counts()
    with watched_job(target.transport, "resume", target.dataset_id, report, earlier):
        try:
            await until_stopped(prepare(), options.stop, report)
        except STOPPING as error:
            report.stopped_by = error
        return await send_planned(target, edits, options, report, sink)


async def open_for_same_input(
    path: str | os.PathLike[str],
    commits: Commits,
    target: Target,
    items: Iterable[object] | AsyncIterable[object],
) -> Journal | None:
    """The open journal of a job that has this very input; None where a job is to be begun.

    A journal whose job ended before its input was in is removed: nothing was sent.

    Raises:
        JournalError: The file is something else, in use, or holds another job.
    """
    try:
        journal = await Journal.open_if_any(path, commits)
    except JournalIncompleteError:
        await Journal.remove_incomplete(path)
        return None
    if journal is None:
        return None
    try:
        await _check_same_input(journal, target, items)
    except BaseException:
        await journal.aclose()
        raise
    return journal


async def _check_same_input(
    journal: Journal, target: Target, items: Iterable[object] | AsyncIterable[object]
) -> None:
    _check_api(journal, target)
    if journal.meta["dataset_id"] != target.dataset_id:
        raise JournalError(
            f"{journal.path} is of a job on the dataset {journal.meta['dataset_id']!r}, not"
            f" {target.dataset_id!r}: choose another name"
        )
    if journal.meta.get("digest") != await digest_of(items, target.transport.clock):
        raise JournalError(
            f"{journal.path} holds a job with other edits: go on with it by"
            f" resume_updates({str(journal.path)!r}), or choose another name"
        )

"""A bulk update from beginning to end.

An input without an end in sight is streamed. A list is staged in memory, or in a temporary database
where it is long; everything that has a journal is staged in that.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Sequence, Sized
from typing import TYPE_CHECKING

from claro_async.bulk.edits import EditStatus
from claro_async.bulk.engine import BulkEngine
from claro_async.bulk.file_edits import FileEdits, as_input
from claro_async.bulk.job import (
    commits_of,
    finish,
    job_meta,
    plan_edits,
    send_planned,
    size_of,
    temporarily,
)
from claro_async.bulk.journal import new_journal
from claro_async.bulk.memory import StreamStore
from claro_async.bulk.report import BulkReport
from claro_async.bulk.resume import go_on, open_for_same_input
from claro_async.bulk.staging import InputDigest, check_list, stage_items, stream_entries
from claro_async.bulk.stopping import STOPPING, until_stopped
from claro_async.bulk.watching import watched_job

if TYPE_CHECKING:
    import os

    from claro_async.bulk.edits import Edits
    from claro_async.bulk.engine import Sink
    from claro_async.bulk.job import Target
    from claro_async.bulk.journal import Journal
    from claro_async.bulk.store import EditStore
    from claro_async.options import BulkOptions, SendOptions


async def update(
    target: Target,
    edits: Edits,
    options: BulkOptions,
    *,
    sink: Sink | None = None,
    report: BulkReport | None = None,
) -> BulkReport:
    """Carry out a bulk update.

    Args:
        target: The dataset.
        edits: The input.
        options: How.
        sink: Takes every outcome, if any is wanted.
        report: An empty report to fill, for whoever looks at it before the end.

    Raises:
        BulkUpdateError: An edit failed, and ``on_error`` is ``raise``.
        JournalError: The journal cannot be used, or holds another job.
        TypeError: An item of a list is no edit.
        ValueError: An item of a list cannot be sent.
    """
    items = as_input(edits)
    report = BulkReport() if report is None else report
    with report.on_exception():
        if options.journal is not None and options.resume:
            commits = commits_of(target.transport, options)
            found = await open_for_same_input(options.journal, commits, target, items)
            if found is not None:
                async with found as journal:
                    return await go_on(journal, target, options, report, sink)
        with watched_job(target.transport, "update", target.dataset_id, report):
            finished = await _begin(target, items, options, report, sink)
            if report.stop_requested:  # perhaps before all of a list was written down
                size = len(items) if isinstance(items, Sized) else 0
                report.count(EditStatus.NOT_SENT, max(0, size - report.total))
            return finished


async def _begin(
    target: Target,
    items: Iterable[object] | AsyncIterable[object],
    options: BulkOptions,
    report: BulkReport,
    sink: Sink | None,
) -> BulkReport:
    if options.journal is not None:
        return await _journaled(target, items, options.journal, options, report, sink)
    if isinstance(items, Sequence | FileEdits) or options.skip_unchanged is True:
        async with temporarily(size_of(items)) as store:
            await until_stopped(_stage(target, store, items), options.stop, report)
            return await plan_and_send(target, store, options, report, sink)
    return await _stream(target, items, options, report, sink)


async def _stage(
    target: Target, store: EditStore, items: Iterable[object] | AsyncIterable[object]
) -> None:
    await stage_items(store, items, target.transport.clock)
    await store.finish_staging()


async def plan_and_send(
    target: Target,
    store: EditStore,
    options: BulkOptions,
    report: BulkReport,
    sink: Sink | None = None,
) -> BulkReport:
    """Plan what is staged, and send it."""
    try:
        if not report.stop_requested:
            plan = plan_edits(target.dataset, store, options, report)
            await until_stopped(plan, options.stop, report)
    except STOPPING as error:
        report.stopped_by = error
    return await send_planned(target, store, options, report, sink, begins=True)


async def _journaled(  # noqa: PLR0913, PLR0917 - the parts of a job
    target: Target,
    items: Iterable[object] | AsyncIterable[object],
    path: str | os.PathLike[str],
    options: BulkOptions,
    report: BulkReport,
    sink: Sink | None,
) -> BulkReport:
    commits = commits_of(target.transport, options)
    if isinstance(items, Sequence):
        await check_list(items, target.transport.clock)  # before a file is made
    meta = job_meta(target.base_url, target.dataset_id, options)
    async with new_journal(path, meta, commits) as journal:
        await until_stopped(_stage_journal(target, journal, items), options.stop, report)
        return await plan_and_send(target, journal.edits, options, report, sink)


async def _stage_journal(
    target: Target, journal: Journal, items: Iterable[object] | AsyncIterable[object]
) -> None:
    digest = InputDigest()
    await stage_items(journal.edits, items, target.transport.clock, digest)
    await journal.note(digest=digest.text)
    await journal.edits.finish_staging()


async def _stream(
    target: Target,
    items: Iterable[object] | AsyncIterable[object],
    options: SendOptions,
    report: BulkReport,
    sink: Sink | None,
) -> BulkReport:
    store = StreamStore()
    engine = BulkEngine(
        target.transport, target.dataset_id, options, report, record=store, sink=sink
    )
    total = len(items) if isinstance(items, Sized) else None
    # what is left of an input without a length is read to be counted, unless it may never end
    counts_rest = options.on_error == "collect" and isinstance(items, Iterable)
    source = stream_entries(items, store, target.transport.clock)
    try:
        await engine.run(source, total, counts_rest=counts_rest)
    finally:
        await store.finish()
        if total is not None:
            store.tally.add(max(0, total - store.tally.total))
        report.take_counts(store.tally.statuses())
    return finish(report, options)

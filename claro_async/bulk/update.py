"""A bulk update from beginning to end.

An input without an end in sight is streamed. A list is staged in memory, or in a temporary database
where it is long; everything that has a journal is staged in that.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Sequence, Sized
from typing import TYPE_CHECKING

from claro_async.bulk.edits import as_items, stage_all
from claro_async.bulk.engine import STOPPING, BulkEngine
from claro_async.bulk.job import (
    InputDigest,
    commits_of,
    finish,
    job_meta,
    plan_edits,
    send_planned,
    size_of,
    stage_items,
    stream_entries,
    temporarily,
)
from claro_async.bulk.journal import new_journal
from claro_async.bulk.memory import StreamStore
from claro_async.bulk.report import BulkReport
from claro_async.bulk.resume import go_on, open_for_same_input

if TYPE_CHECKING:
    import os

    from claro_async.bulk.edits import Edits
    from claro_async.bulk.engine import EngineOptions, Sink
    from claro_async.bulk.job import JobOptions, Target
    from claro_async.bulk.store import EditStore


async def update(
    target: Target, edits: Edits, options: JobOptions, sink: Sink | None = None
) -> BulkReport:
    """Carry out a bulk update.

    Raises:
        BulkUpdateError: An edit failed, and ``on_error`` is ``raise``.
        JournalError: The journal cannot be used, or holds another job.
        TypeError: An item of a list is no edit.
        ValueError: An item of a list cannot be sent.
    """
    items = as_items(edits)
    if options.journal is not None:
        return await _journaled(target, items, options.journal, options, sink)
    if isinstance(items, Sequence) or options.skip_unchanged is True:
        async with temporarily(size_of(items)) as store:
            await stage_items(store, items)
            await store.finish_staging()
            return await plan_and_send(target, store, options, sink)
    return await _stream(target, items, options.engine, sink)


async def plan_and_send(
    target: Target, store: EditStore, options: JobOptions, sink: Sink | None = None
) -> BulkReport:
    """Plan what is staged, and send it."""
    report = BulkReport()
    try:
        await plan_edits(target.dataset, store, options, report)
    except STOPPING as error:
        report.stopped_by = error
    return await send_planned(target, store, options.engine, report, sink)


async def _journaled(
    target: Target,
    items: Iterable[object] | AsyncIterable[object],
    path: str | os.PathLike[str],
    options: JobOptions,
    sink: Sink | None,
) -> BulkReport:
    commits = commits_of(target.transport, options.engine)
    if options.resume:
        found = await open_for_same_input(path, commits, target, items)
        if found is not None:
            async with found as journal:
                return await go_on(journal, target, options, sink=sink)
    if isinstance(items, Sequence):
        stage_all(items, 0)  # before a file is made
    digest = InputDigest()
    async with new_journal(path, job_meta(target, options), commits) as journal:
        await stage_items(journal.edits, items, digest)
        await journal.note(digest=digest.text)
        await journal.edits.finish_staging()
        return await plan_and_send(target, journal.edits, options, sink)


async def _stream(
    target: Target,
    items: Iterable[object] | AsyncIterable[object],
    options: EngineOptions,
    sink: Sink | None,
) -> BulkReport:
    report, store = BulkReport(), StreamStore()
    engine = BulkEngine(
        target.transport, target.dataset_id, options, report, record=store, sink=sink
    )
    total = len(items) if isinstance(items, Sized) else None
    # what is left of an input without a length is read to be counted, unless it may never end
    count_rest = options.on_error == "collect" and isinstance(items, Iterable)
    try:
        await engine.run(stream_entries(items, store), total, count_rest=count_rest)
    finally:
        await store.finish()
        report.take_counts(store.tally.statuses())
    return finish(report, options)

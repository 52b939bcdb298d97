"""Bulk updates from beginning to end: stage, look what is there already, send, report.

An input without an end in sight is streamed. Anything else is staged in a store first: a list that
is worth a look at the present values, and everything that has a journal.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence, Sized
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs
import msgspec

from claro_async import errors
from claro_async.bulk import memory
from claro_async.bulk.edits import (
    CellEdit,
    EditOutcome,
    EditStatus,
    Entry,
    StagedEdit,
    as_items,
    check_items,
    stage,
    stage_all,
)
from claro_async.bulk.engine import STOPPING, BulkEngine, EngineOptions
from claro_async.bulk.journal import GroupCommit, Journal
from claro_async.bulk.memory import MemoryStore
from claro_async.bulk.reading import Equal, compare_with_present
from claro_async.bulk.report import BulkReport
from claro_async.bulk.store import BATCH, STATUS_OF, EditStore, State, StoreThread

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Mapping

    from claro_async.bulk.edits import Edits
    from claro_async.bulk.engine import Sink, Source
    from claro_async.bulk.store import StoredOutcome
    from claro_async.dataset import Dataset
    from claro_async.transport.transport import Transport

Store: TypeAlias = EditStore | MemoryStore
SkipUnchanged: TypeAlias = Literal["auto"] | bool
WORTH_A_LOOK = 50
"""Edits from which on a page is read to see whether reading pays."""

_decode = msgspec.json.Decoder().decode


@attrs.frozen
class Target:
    """What a job is done to, and through what.

    Attributes:
        dataset: The dataset.
        transport: Carries the requests out.
        base_url: The API's root.
    """

    dataset: Dataset
    transport: Transport
    base_url: str

    @property
    def dataset_id(self) -> str:
        """The dataset's id."""
        return self.dataset.dataset_id


@attrs.frozen
class JobOptions:
    """How a bulk update is done.

    Attributes:
        engine: How edits are sent.
        skip_unchanged: Whether to read the present values first: always, never, or where it pays.
        equal: When a present value and a new one are the same, given both.
        journal: The file to keep the job in, or None.
        journal_values: Whether values stay in that file once their edits are done.
    """

    engine: EngineOptions = attrs.Factory(EngineOptions)
    skip_unchanged: SkipUnchanged = "auto"
    equal: Equal | None = None
    journal: str | os.PathLike[str] | None = None
    journal_values: bool = True


async def update(
    target: Target, edits: Edits, options: JobOptions, sink: Sink | None = None
) -> BulkReport:
    """Carry out a bulk update.

    Raises:
        BulkUpdateError: An edit failed, and ``on_error`` is ``raise``.
        JournalError: The journal cannot be used.
        TypeError: An item of a list is no edit.
        ValueError: An item of a list cannot be sent.
    """
    items = as_items(edits)
    if not _needs_store(items, options):
        if isinstance(items, Sequence):
            check_items(items)
        return await _stream(target, items, options.engine, sink)
    if isinstance(items, Sequence) and options.journal is not None:
        check_items(items)  # before a file is made
    meta = job_meta(target, options)
    async with open_store(options.journal, meta, size_of(items)) as (store, thread):
        await stage_items(store, thread, items)
        report = BulkReport()
        try:
            await look(target.dataset, store, thread, options, report)
        except STOPPING as error:
            report.stopped_by = error
        return await send_planned(target, store, thread, options.engine, report, sink)


def job_meta(target: Target, options: JobOptions, kind: str = "update") -> dict[str, str]:
    """What a journal says of its job."""
    return {
        "kind": kind,
        "base_url": target.base_url,
        "dataset_id": target.dataset_id,
        "values": "kept" if options.journal_values else "dropped",
        "skip_unchanged": str(options.skip_unchanged).lower(),
        "looked": "no",
    }


def _needs_store(items: object, options: JobOptions) -> bool:
    if options.journal is not None or options.skip_unchanged is True:
        return True
    if not isinstance(items, Sequence):
        return False
    worth = options.skip_unchanged == "auto" and len(items) > WORTH_A_LOOK
    return worth or any(len(item) == 3 for item in items)  # noqa: PLR2004 - row, column, value


async def _stream(
    target: Target,
    items: Iterable[object] | AsyncIterable[object],
    options: EngineOptions,
    sink: Sink | None,
) -> BulkReport:
    report = BulkReport()
    engine = BulkEngine(target.transport, target.dataset_id, options, report, sink=sink)
    total = len(items) if isinstance(items, Sized) else None
    # what is left of an input without a length is read to be counted, unless it may never end
    count_rest = total is None and options.on_error == "collect" and isinstance(items, Iterable)
    await engine.run(stream_entries(items), total, count_rest=count_rest)
    if total is not None:
        report.count(EditStatus.NOT_SENT, total - report.total)
    return finish(report, options)


def finish(report: BulkReport, options: EngineOptions) -> BulkReport:
    """The report, unless failures are to be raised."""
    if options.on_error == "raise":
        report.raise_for_failures()
    return report


async def stream_entries(items: Iterable[object] | AsyncIterable[object]) -> Source:
    """The input as entries; items that cannot be sent as outcomes."""
    if isinstance(items, AsyncIterable):
        index = 0
        async for item in items:
            yield _to_send(index, item)
            index += 1
    else:
        for index, item in enumerate(items):
            yield _to_send(index, item)


def _to_send(index: int, item: object) -> Entry | EditOutcome:
    try:
        staged = stage(item)
        if staged.cell_id is None:
            raise TypeError(  # noqa: TRY301 - one way for all that cannot be sent
                "edits by row and column need the dataset to be read first: pass a list,"
                " a journal, or skip_unchanged=True"
            )
    except (TypeError, ValueError) as error:
        return EditOutcome(index, item, EditStatus.FAILED, error)
    return Entry(index, staged.cell_id, staged.content)


async def _iterate(
    items: Iterable[object] | AsyncIterable[object],
) -> AsyncGenerator[object, None]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


@asynccontextmanager
async def open_store(
    journal: str | os.PathLike[str] | None, meta: Mapping[str, str], size: float = math.inf
) -> AsyncIterator[tuple[Store, StoreThread]]:
    """A store for a new job, and a thread to use it in.

    Args:
        journal: The journal to make, or None for a store that leaves nothing behind.
        meta: What the journal says of the job.
        size: How many edits there will be, at the most.
    """
    thread = StoreThread()
    store: Store | None = None
    try:
        if journal is not None:
            store = await thread.open(Journal.create, journal, meta)
        else:
            store = await temporary_store(thread, size)
        yield store, thread
    finally:
        thread.close()
        if store is not None:
            store.close()


async def temporary_store(thread: StoreThread, size: float) -> Store:
    """A store that leaves nothing behind: in memory, or for many edits in a database."""
    if size <= memory.MOST_IN_MEMORY:
        return MemoryStore()
    return await thread.open(EditStore.temporary)


def size_of(items: object) -> float:
    """How many edits a list has; no end is in sight for anything else."""
    return len(items) if isinstance(items, Sequence) else math.inf


async def stage_items(
    store: Store, thread: StoreThread, items: Iterable[object] | AsyncIterable[object]
) -> None:
    """Write the whole input down.

    Raises:
        TypeError: An item of a list is no edit, or its value has no form in JSON.
        ValueError: An item of a list cannot be sent.
    """
    if isinstance(items, Sequence):
        for first in range(0, len(items), BATCH):
            await thread.run(store.insert, first, stage_all(items[first : first + BATCH], first))
        await thread.run(store.finish_staging)
    else:
        await _stage_stream(store, thread, items)


async def _stage_stream(
    store: Store, thread: StoreThread, items: Iterable[object] | AsyncIterable[object]
) -> None:
    batch: list[StagedEdit] = []
    failed: list[tuple[int, str, str]] = []
    index = first = 0
    async for item in _iterate(items):
        try:
            staged = stage(item)
        except (TypeError, ValueError) as error:
            failed.append((index, type(error).__name__, str(error)))
        else:
            batch.append(staged)
        index += 1
        if failed or len(batch) >= BATCH:
            await thread.run(store.insert, first, batch)
            await thread.run(store.insert_failed, failed)
            batch, failed, first = [], [], index
    await thread.run(store.insert, first, batch)
    await thread.run(store.finish_staging)


async def look(
    dataset: Dataset,
    store: Store,
    thread: StoreThread,
    options: JobOptions,
    report: BulkReport,
) -> None:
    """Read the present values, as far as the options ask for it."""
    wanted = (await thread.run(store.counts)).get(State.PLANNED, 0)
    unresolved = await thread.run(store.count_unresolved)
    thorough = options.skip_unchanged is True
    if thorough or unresolved or (options.skip_unchanged == "auto" and wanted > WORTH_A_LOOK):
        report.pages_read += await compare_with_present(
            dataset, store, thread, thorough=thorough, equal=options.equal
        )
    if isinstance(store, Journal):
        await thread.run(store.note, {"looked": "yes"})


async def send_planned(  # noqa: PLR0913, PLR0917 - the parts of a run
    target: Target,
    store: Store,
    thread: StoreThread,
    options: EngineOptions,
    report: BulkReport,
    sink: Sink | None = None,
) -> BulkReport:
    """Send what a store has planned; the report covers all of its edits."""
    counts = await thread.run(store.counts)
    await _report_settled(store, thread, counts, report, sink)
    if report.stopped_by is None:
        recorder: GroupCommit | None = None
        if isinstance(store, Journal):
            clock = target.transport.clock
            recorder = GroupCommit(store, thread, options.max_concurrency, clock)
        engine = BulkEngine(
            target.transport,
            target.dataset_id,
            options,
            report,
            recorder=recorder,
            sink=sink,
        )
        total = sum(counts.values())
        try:
            await engine.run(_planned_entries(store, thread), total, count_rest=False)
        finally:
            if recorder is not None:
                recorder.close()
    report.count(EditStatus.NOT_SENT, sum(counts.values()) - report.total)
    return finish(report, options)


async def _planned_entries(store: Store, thread: StoreThread) -> Source:
    after = -1
    while entries := await thread.run(store.planned, after):
        for entry in entries:
            yield entry
        after = entries[-1].seq


async def _report_settled(
    store: Store,
    thread: StoreThread,
    counts: Mapping[State, int],
    report: BulkReport,
    sink: Sink | None,
) -> None:
    """Count the edits that need no request, or had theirs in an earlier run."""
    for state, number in counts.items():
        if state is not State.PLANNED:
            report.count(STATUS_OF[state], number)
    worth_keeping = (State.FAILED, State.UNKNOWN)
    passed_on = () if sink is None else (State.SUPERSEDED, State.UNCHANGED)
    for state in (*worth_keeping, *passed_on):
        after = -1
        while stored := await thread.run(store.outcomes, state, after):
            for outcome in map(_restore, stored, [state] * len(stored)):
                if state in worth_keeping:
                    report.keep(outcome)
                if sink is not None:
                    await sink(outcome)
            after = stored[-1].seq


def _restore(stored: StoredOutcome, state: State) -> EditOutcome:
    """An outcome as it was written down; of its error, the type and the text."""
    edit = CellEdit(stored.cell_id, _decode(stored.value) if stored.value else None)
    error: Exception | None = None
    if stored.error_type is not None:
        kind: type[Exception] = getattr(errors, stored.error_type, errors.ClaroError)
        kind = {"TypeError": TypeError, "ValueError": ValueError}.get(stored.error_type, kind)
        error = kind(stored.error)
    return EditOutcome(stored.seq, edit, STATUS_OF[state], error, stored.attempts)

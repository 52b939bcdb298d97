"""Where a bulk job is done, its store, and its steps: plan by reading pages, send, report.

Every job has a store (:mod:`claro_async.bulk.store`), and its report is made from it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import attrs
import msgspec

from claro_async.bulk import memory
from claro_async.bulk.edits import CellEdit, EditOutcome
from claro_async.bulk.engine import BulkEngine
from claro_async.bulk.failures import error_of
from claro_async.bulk.journal import Commits
from claro_async.bulk.memory import MemoryStore
from claro_async.bulk.reading import Scan, compare_with_present
from claro_async.bulk.sqlite_store import SqliteStore
from claro_async.bulk.states import SENDABLE, STATUS_OF, State
from claro_async.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from claro_async.bulk.engine import Sink, Source
    from claro_async.bulk.reading import RowReader
    from claro_async.bulk.report import BulkReport
    from claro_async.bulk.states import Tally
    from claro_async.bulk.store import EditStore, StoredOutcome
    from claro_async.options import BulkOptions, SendOptions
    from claro_async.transport.transport import Transport

MIN_EDITS_TO_READ = 50
"""Edits above which a page is read to see whether reading pays."""

_decode = msgspec.json.Decoder().decode


@attrs.frozen(kw_only=True)
class Target:
    """What a job is done to, and through what.

    Attributes:
        dataset: The dataset.
        transport: Carries the requests out.
        base_url: The API's root.
    """

    dataset: RowReader
    transport: Transport
    base_url: str

    @property
    def dataset_id(self) -> str:
        """The dataset's id."""
        return self.dataset.dataset_id


@attrs.frozen(kw_only=True)
class Service:
    """An API, for jobs whose dataset stands in their journals.

    Attributes:
        transport: Carries the requests out.
        base_url: The API's root.
        open_dataset: Gives what reads a dataset, by its id.
    """

    transport: Transport
    base_url: str
    open_dataset: Callable[[str], RowReader]

    def target(self, dataset_id: str) -> Target:
        """A dataset as the target of a job."""
        dataset = self.open_dataset(dataset_id)
        return Target(dataset=dataset, transport=self.transport, base_url=self.base_url)


# --- the store


async def temporary_store(size: float) -> EditStore:
    """A store that leaves nothing behind: in memory, or for many edits in a database."""
    if size <= memory.MOST_IN_MEMORY:
        return MemoryStore()
    return await SqliteStore.temporary()


def size_of(items: object) -> float:
    """How many edits a list has; no end is in sight for anything else."""
    return len(items) if isinstance(items, Sequence) else math.inf


@asynccontextmanager
async def temporarily(size: float) -> AsyncIterator[EditStore]:
    """A store that leaves nothing behind, for as long as the block takes."""
    store = await temporary_store(size)
    try:
        yield store
    finally:
        await store.aclose()


def job_meta(
    base_url: str, dataset_id: str, options: BulkOptions, kind: str = "update"
) -> dict[str, str]:
    """What a journal says of its job."""
    return {
        "kind": kind,
        "base_url": base_url,
        "dataset_id": dataset_id,
        "values": "kept" if options.journal_values else "dropped",
        "skip_unchanged": str(options.skip_unchanged).lower(),
        "equal": "default" if options.equal is None else "given",
    }


def commits_of(transport: Transport, options: SendOptions) -> Commits:
    """How a job's journal commits."""
    return Commits(workers=options.max_concurrency, clock=transport.clock)


# --- planning


async def reads_pages(store: EditStore, options: BulkOptions) -> bool:
    """Whether planning reads pages."""
    if options.skip_unchanged is True or await store.count_unresolved():
        return True
    if options.skip_unchanged is False:
        return False
    return (await store.counts()).get(State.PLANNED, 0) > MIN_EDITS_TO_READ


async def plan_edits(
    reader: RowReader, store: EditStore, options: BulkOptions, report: BulkReport
) -> None:
    """Decide what is sent: resolve rows and columns, compare present values as far as asked for.

    It is decided once: a job that was planned in an earlier run is left as it is.

    Raises:
        ClaroError: A page cannot be read; planning begins again the next time.
    """
    if store.is_planned:
        return
    if await reads_pages(store, options):
        scan = Scan(reader)
        exhaustive = options.skip_unchanged is True
        try:
            await compare_with_present(scan, store, exhaustive=exhaustive, equal=options.equal)
        finally:
            report.pages_read += scan.pages
    await store.finish_planning()


# --- sending


async def send_planned(  # noqa: PLR0913 - the parts of a job
    target: Target,
    store: EditStore,
    options: SendOptions,
    report: BulkReport,
    sink: Sink | None = None,
    *,
    begins: bool = False,
) -> BulkReport:
    """Send what a store has planned; the report covers all of its edits.

    A job that begins, and ends at its first failure, sends nothing where planning has found one.

    Raises:
        BulkUpdateError: An edit failed, and ``on_error`` is ``raise``.
        JournalError: The store cannot be written.
        asyncio.CancelledError: The task was cancelled, whatever the store then says.
    """
    tally = await store.begin_sending()
    await _report_earlier(store, tally, report, sink)
    try:
        is_stopped = report.stopped_by is not None or report.stop_requested
        if begins and options.on_error == "raise":
            is_stopped = is_stopped or tally.of(State.FAILED) > 0
        if store.is_planned and not is_stopped:
            engine = BulkEngine(
                target.transport, target.dataset_id, options, report, record=store, sink=sink
            )
            await engine.run(_planned_entries(store), tally.total)
    except BaseException as error:
        try:
            await store.finish()
        except JournalError as failure:
            error.add_note(f"what became of the last edits is not on record: {failure}")
        raise
    else:
        await store.finish()
    finally:
        report.take_counts(tally.statuses())
    return finish(report, options)


def finish(report: BulkReport, options: SendOptions) -> BulkReport:
    """The report, unless failures are to be raised; a stop that was asked for is none."""
    if options.on_error == "raise" and (report.failed or not report.stop_requested):
        report.raise_for_failures()
    return report


async def _planned_entries(store: EditStore) -> Source:
    after = -1
    while entries := await store.planned(after):
        yield entries
        after = entries[-1].seq


async def _report_earlier(
    store: EditStore, tally: Tally, report: BulkReport, sink: Sink | None
) -> None:
    """Count the edits that need no request, or had theirs in an earlier run."""
    for state in State:
        if state not in SENDABLE:
            report.count(STATUS_OF[state], tally.of(state))
    worth_keeping = (State.FAILED, State.UNKNOWN)
    passed_on = () if sink is None else (State.SUPERSEDED, State.UNCHANGED)
    for state in filter(tally.of, (*worth_keeping, *passed_on)):
        after = -1
        while stored := await store.outcomes(state, after):
            for outcome in map(_restore, stored, [state] * len(stored)):
                if state in worth_keeping:
                    report.keep(outcome)
                if sink is not None:
                    await sink(outcome)
            after = stored[-1].seq


def _restore(stored: StoredOutcome, state: State) -> EditOutcome:
    """An outcome as it was written down."""
    edit = CellEdit(stored.name, _decode(stored.value) if stored.value else None)
    failure, attempts = stored.failure, stored.attempts
    error = None if failure is None else error_of(failure, attempts)
    return EditOutcome(stored.seq, edit, STATUS_OF[state], error, attempts)

"""What a bulk update would do, known before it does anything."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, Self, Unpack

import attrs
import msgspec

from claro_async._plain import plain_value
from claro_async.bulk.file_edits import as_input
from claro_async.bulk.job import (
    Target,
    commits_of,
    job_meta,
    plan_edits,
    send_planned,
    size_of,
    temporary_store,
)
from claro_async.bulk.journal import new_journal
from claro_async.bulk.report import BulkReport
from claro_async.bulk.staging import stage_items
from claro_async.bulk.states import State
from claro_async.bulk.stopping import stopped_by_closing
from claro_async.bulk.store import copy_edits
from claro_async.bulk.watching import watched_job
from claro_async.errors import JournalError
from claro_async.options import ApplyKeywords, BulkOptions, check_keywords

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claro_async.bulk.edits import Edits
    from claro_async.bulk.store import EditStore

_decode = msgspec.json.Decoder().decode


class PlannedChange(NamedTuple):
    """An edit that would be sent.

    Attributes:
        cell_id: The cell.
        value: Its new value.
        previous_value: Its present value; None, too, where it was not read.
    """

    cell_id: str
    value: Any
    previous_value: Any

    def to_dict(self) -> dict[str, Any]:
        """The change as plain JSON values."""
        return {name: plain_value(value) for name, value in self._asdict().items()}


class PlanFigures(NamedTuple):
    """What is known of a plan: edits by state, cells that do not exist, pages read for it."""

    counts: dict[State, int]
    unknown_cells: list[str]
    pages_read: int


class UpdatePlan:
    """What a bulk update would do. Iterate over it for the changes; :meth:`apply` does them.

    Attributes:
        unchanged: Edits whose cell has the value already.
        superseded: Edits that a later one of the same cell overtakes.
        unknown_cells: Cells that edits name and that the dataset does not have.
        requests: Requests that applying takes, if none has to be repeated.
        duration: How long that takes at the rate limit last reported, or None where none was.
        pages_read: Requests that planning took.
    """

    _kind = "update"  # what its journal calls the job

    def __init__(
        self,
        target: Target,
        options: BulkOptions,
        store: EditStore,
        figures: PlanFigures,
    ) -> None:
        self._target = target
        self._options = options
        self._store: EditStore | None = store
        self.unchanged: int = figures.counts.get(State.UNCHANGED, 0)
        self.superseded: int = figures.counts.get(State.SUPERSEDED, 0)
        self.unknown_cells: list[str] = figures.unknown_cells
        self.requests: int = figures.counts.get(State.PLANNED, 0)
        self.pages_read: int = figures.pages_read
        limit = target.transport.quota.rate_limit.limit
        self.duration: timedelta | None = (
            timedelta(minutes=self.requests / limit) if limit else None
        )

    @classmethod
    async def make(cls, target: Target, edits: Edits, options: BulkOptions) -> UpdatePlan:
        """Stage the edits and read the present values as far as the options ask for it.

        Raises:
            ClaroError: A page cannot be read.
            TypeError: An item is no edit.
            ValueError: An item cannot be sent.
        """
        items = as_input(edits)
        report = BulkReport()
        store = await temporary_store(size_of(items))
        try:
            await stage_items(store, items, target.transport.clock)
            await store.finish_staging()
            await plan_edits(target.dataset, store, options, report)
            figures = PlanFigures(await store.counts(), await store.missing(), report.pages_read)
        except BaseException:
            await store.aclose()
            raise
        return cls(target, options, store, figures)

    def __repr__(self) -> str:
        return (
            f"UpdatePlan(requests={self.requests}, unchanged={self.unchanged},"
            f" superseded={self.superseded}, unknown_cells={len(self.unknown_cells)})"
        )

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain JSON values, `duration` in seconds; iterate for the changes."""
        figures = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return {name: plain_value(value) for name, value in figures.items()}

    def __len__(self) -> int:
        return self.requests

    def __iter__(self) -> Iterator[PlannedChange]:
        for cell_id, value, present in self._opened().changes():
            previous = _decode(present) if present else None
            yield PlannedChange(cell_id, _decode(value), previous)

    @property
    def changes(self) -> Self:
        """The changes, to iterate over; the same as the plan itself."""
        return self

    def close(self) -> None:
        """Let go of what the plan holds; harmless when done twice."""
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _new_report(self) -> BulkReport:
        """The report of applying the plan."""
        return BulkReport(pages_read=self.pages_read)

    def _opened(self) -> EditStore:
        if self._store is None:
            raise RuntimeError("the plan was applied or closed: make another one")
        return self._store

    async def apply(self, **options: Unpack[ApplyKeywords]) -> BulkReport:
        """Do what is planned; a plan is applied once, unless its journal could not be written.

        The arguments are those of :meth:`Dataset.update_cells`.

        Raises:
            BulkUpdateError: An edit failed, and ``on_error`` is ``raise``.
            JournalError: The journal cannot be used.
            RuntimeError: The plan was applied or closed before.
        """
        check_keywords("apply", options, ApplyKeywords)
        transport = self._target.transport
        chosen = attrs.evolve(self._options, **options)
        chosen = stopped_by_closing(chosen, transport.life.closing)
        store = self._opened()
        self._store = None
        report = self._new_report()
        is_written = False
        try:
            watched = watched_job(transport, "update", self._target.dataset_id, report)
            with transport.life.working(), report.on_exception(), watched:
                if chosen.journal is None:
                    return await send_planned(self._target, store, chosen, report, begins=True)
                about = self._target
                meta = job_meta(about.base_url, about.dataset_id, chosen, self._kind)
                commits = commits_of(transport, chosen)
                async with new_journal(chosen.journal, meta, commits) as copy:
                    await copy_edits(store, copy.edits)
                    await copy.edits.finish_staging()
                    await copy.edits.finish_planning()
                    is_written = True
                    return await send_planned(self._target, copy.edits, chosen, report, begins=True)
        except JournalError:
            if chosen.journal is not None and not is_written:  # nothing was sent: it stays
                self._store = store
            raise
        finally:
            if self._store is None:
                await store.aclose()

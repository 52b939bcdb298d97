"""Changing many cells of a dataset. Claro API v2, "Manage Dataset", section "Update Cell Value"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claro_async._dataset_reading import DatasetReading
from claro_async.bulk import jobs, syncing
from claro_async.bulk.engine import engine_options
from claro_async.bulk.jobs import JobOptions, Target
from claro_async.bulk.plan import UpdatePlan
from claro_async.bulk.stream import OutcomeStream

if TYPE_CHECKING:
    import os

    from claro_async.bulk.edits import Edits
    from claro_async.bulk.engine import OnError
    from claro_async.bulk.jobs import SkipUnchanged
    from claro_async.bulk.reading import Equal
    from claro_async.bulk.report import BulkReport, ProgressCallback
    from claro_async.bulk.syncing import Rows


class DatasetBulk(DatasetReading):
    """What changes many cells."""

    async def update_cells(  # noqa: PLR0913 - the options of a bulk update
        self,
        edits: Edits,
        *,
        max_concurrency: int = 32,
        on_error: OnError = "collect",
        skip_unchanged: SkipUnchanged = "auto",
        equal: Equal | None = None,
        journal: str | os.PathLike[str] | None = None,
        journal_values: bool = True,
        reserve: float = 0.0,
        on_progress: ProgressCallback | None = None,
    ) -> BulkReport:
        """Set many cells, one request each, and say what became of every edit.

        Of the edits of one cell the last one counts, and no cell ever has two requests under way.
        A list is checked as a whole before anything is sent; an item of a generator that cannot be
        sent counts as failed. Without a journal, a generator is streamed: memory stays flat
        however long it is, and only what is read ahead is coalesced.

        An answer that the next edit would meet as well (a wrong key, a missing or locked dataset,
        no server) ends the update: see ``report.stopped_by``.

        Args:
            edits: ``(cell_id, value)`` or ``(row_id, column, value)``, from any iterable or async
                iterable, or a mapping of cell ids to values.
            max_concurrency: Requests under way at once, at the most; fewer while the server
                struggles or the quota allows fewer.
            on_error: ``collect`` counts failures in the report; ``raise`` stops at the first and
                raises.
            skip_unchanged: Whether to read the present values first and leave out what would
                change nothing (an edit resets its cell's metadata even so): True, False, or
                ``auto`` for where reading is expected to save requests.
            equal: Whether a present value (first) and a new one (second) are the same. By default
                1, "1" and true differ, and 1 and 1.0 do not.
            journal: A file to be made, in which every edit's intent stands before its request is
                sent; :meth:`ClaroClient.resume_updates` goes on from it after any end. The whole
                input is written down first.
            journal_values: False wipes each value from the journal once its edit is done, and
                keeps no earlier value; then there is no revert.
            reserve: The share of the quota, from 0 to below 1, that is left to other requests.
            on_progress: Called with a :class:`BulkProgress`, at most ten times a second and at the
                end.

        Raises:
            BulkUpdateError: An edit failed, and ``on_error`` is ``raise``.
            JournalError: The journal exists already, or cannot be written.
            TypeError: An item of a list is no edit, or its value has no form in JSON.
            ValueError: An item of a list cannot be sent, or an argument is outside its limits.
        """
        engine = engine_options(max_concurrency, on_error, on_progress, reserve)
        options = JobOptions(engine, skip_unchanged, equal, journal, journal_values)
        return await jobs.update(self._target(), edits, options)

    async def plan_updates(
        self,
        edits: Edits,
        *,
        skip_unchanged: SkipUnchanged = "auto",
        equal: Equal | None = None,
    ) -> UpdatePlan:
        """What :meth:`update_cells` would do, without changing anything.

        The plan tells the changes, what is left out and why, cells that do not exist, the requests
        needed and the time that they take at the quota last told; ``await plan.apply()`` does it.

        Args:
            edits: As for :meth:`update_cells`.
            skip_unchanged: As there; True reads until every cell is found, which is also how cells
                that do not exist are found.
            equal: As there.

        Raises:
            ClaroError: The present values cannot be read.
            TypeError: An item of a list is no edit.
            ValueError: An item of a list cannot be sent.
        """
        options = JobOptions(skip_unchanged=skip_unchanged, equal=equal)
        return await UpdatePlan.make(self._target(), edits, options)

    def iter_updates(  # noqa: PLR0913 - the options of a bulk update
        self,
        edits: Edits,
        *,
        max_concurrency: int = 32,
        skip_unchanged: SkipUnchanged = "auto",
        equal: Equal | None = None,
        journal: str | os.PathLike[str] | None = None,
        journal_values: bool = True,
        reserve: float = 0.0,
    ) -> OutcomeStream:
        """As :meth:`update_cells`, with the outcomes as they come.

        Use it with ``async with``, and loop over what that gives. Nothing is sent faster than the
        outcomes are taken; leaving the block early ends the update, and what was under way is
        unknown.

        Raises:
            ValueError: An argument outside its limits.
        """
        engine = engine_options(max_concurrency, "collect", None, reserve)
        options = JobOptions(engine, skip_unchanged, equal, journal, journal_values)
        return OutcomeStream(
            lambda sink: jobs.update(self._target(), edits, options, sink), max_concurrency
        )

    async def update_from(  # noqa: PLR0913 - the options of a bulk update
        self,
        rows: Rows,
        *,
        key: str,
        max_concurrency: int = 32,
        on_error: OnError = "collect",
        equal: Equal | None = None,
        journal: str | os.PathLike[str] | None = None,
        journal_values: bool = True,
        reserve: float = 0.0,
        on_progress: ProgressCallback | None = None,
    ) -> BulkReport:
        """Make a dataset's rows agree with rows of plain values, matched by a key column.

        The dataset is read once, and only cells that differ are sent. A row whose key the dataset
        does not have counts as failed, a cell each.

        Args:
            rows: Dicts of column names (or ids) and values, or anything with
                ``__arrow_c_stream__`` such as a data frame (needs the extra ``[arrow]``).
            key: The column that tells rows apart, in `rows` and in the dataset.
            max_concurrency: As for :meth:`update_cells`, like all that follow.
            on_error: See there.
            equal: See there.
            journal: See there.
            journal_values: See there.
            reserve: See there.
            on_progress: See there.

        Raises:
            KeyError: A column that the dataset does not have; nothing is sent.
            ValueError: A row without the key, or a key that comes twice, in `rows` or in the
                dataset; nothing is sent.
        """
        engine = engine_options(max_concurrency, on_error, on_progress, reserve)
        options = JobOptions(engine, True, equal, journal, journal_values)
        return await syncing.update_from(self._target(), rows, key, options)

    def _target(self) -> Target:
        return Target(self, self._core.transport, self._core.settings.base_url)

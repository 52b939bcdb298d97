"""Datasets: the listing, and the handle of one.

Claro API v2, "Manage Dataset". A handle does no I/O until one of its methods is awaited.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

from claro_async._checks import (
    check_choice,
    check_columns,
    check_confirm,
    check_int,
    check_optional_int,
    to_enum,
)
from claro_async._generated.claro_api import datasets as operations
from claro_async._generated.claro_api.models import (
    CellUpdate,
    ColumnUpdate,
    ExportRequest,
    LinkDatasource,
    TaskTypeUpdate,
)
from claro_async.bulk import sync, update
from claro_async.bulk.job import Target
from claro_async.bulk.plan import UpdatePlan
from claro_async.bulk.stopping import stopped_by_closing
from claro_async.bulk.stream import OutcomeStream
from claro_async.columnar.pages import CellParts, collect
from claro_async.datasource import Datasource, Datasources
from claro_async.errors import ClaroError, OutcomeUnknownError
from claro_async.formats import format_of
from claro_async.models import (
    DatasetDeletion,
    DatasetList,
    DatasetStatus,
    DatasetType,
    ExportFormat,
    SignedLink,
    TaskType,
    TaskTypeChange,
)
from claro_async.options import (
    BulkKeywords,
    BulkOptions,
    CoerceOptions,
    OutcomesKeywords,
    SendKeywords,
    SyncKeywords,
    check_keywords,
)
from claro_async.paging.sources import dataset_list, dataset_rows
from claro_async.paging.stream import (
    MAX_DATA_LIMIT,
    MAX_LINK_SECONDS,
    MAX_LIST_LIMIT,
    READ_AHEAD,
    PagedStream,
)
from claro_async.progress import ProgressMeter
from claro_async.storage.threads import in_thread
from claro_async.transfer_options import (
    ExportOptions,
    TransferOptions,
    UploadOptions,
    reader_options,
)
from claro_async.transfers.batch import TransferReport, as_pairs, run_batch
from claro_async.transfers.export import Export
from claro_async.transfers.fetching import Fetch
from claro_async.transfers.folders import list_files, match_files
from claro_async.transfers.link_files import read_links
from claro_async.transfers.reading import MAX_EXPORT_ROWS, DatasetReader
from claro_async.transfers.records import records_of
from claro_async.transfers.saving import download, fetch_blocks, fetch_whole
from claro_async.transfers.sinks import check_target
from claro_async.transfers.transfer import Transfer, WindowTransfer
from claro_async.transfers.upload import CellUpload
from claro_async.transfers.waiting import wait_until_ready
from claro_async.transport import logs
from claro_async.transport.bodies import Upload
from claro_async.wire.identifiers import encode_segment

if TYPE_CHECKING:
    import os
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        Awaitable,
        Iterable,
        Mapping,
        Sequence,
    )
    from contextlib import AbstractContextManager

    import pyarrow as pa

    from claro_async._core import Core
    from claro_async._generated.claro_api.models import TaskTypeUpdateResult
    from claro_async._generated.claro_api.operation import Operation
    from claro_async.bulk.edits import Edits
    from claro_async.bulk.engine import Sink
    from claro_async.bulk.report import BulkReport
    from claro_async.bulk.sync import SyncPlan, SyncReport
    from claro_async.bulk.tables import Rows
    from claro_async.models import (
        CellUpdateResult,
        ColumnUpdateResult,
        DatasetColumn,
        DatasetDetails,
        DatasetSummary,
        DatasourceDetails,
        DatasourceLink,
        DatasourceSummary,
        UploadedDatasource,
    )
    from claro_async.options import (
        Blanks,
        DatasetTypeName,
        Equal,
        FileFormatName,
        OnTypeError,
        ServerFormatName,
        SkipUnchanged,
        StatusName,
        TaskTypeName,
    )
    from claro_async.paging.pages import Page
    from claro_async.paging.rows import Row
    from claro_async.storage.blocks import Writable
    from claro_async.transfer_options import (
        ExportKeywords,
        ReaderKeywords,
        TransferKeywords,
        UploadKeywords,
    )
    from claro_async.transfers.folders import CellFile, FolderReport
    from claro_async.transfers.link_files import Links
    from claro_async.transfers.transfer import DownloadResult, ExportResult
    from claro_async.transport.bodies import UploadSource

_NEEDS_PROMPT = frozenset({TaskType.AI_ENRICH, TaskType.PLACES_COUNT})


class Datasets:
    """All datasets that the key can see."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def list(
        self,
        *,
        start_page: int = 1,
        limit: int = MAX_LIST_LIMIT,
        type: DatasetType | DatasetTypeName | None = None,  # noqa: A002 - the documents' own name
        status: DatasetStatus | StatusName | None = None,
    ) -> PagedStream[DatasetList, DatasetSummary]:
        """List datasets: ``async for`` gives each, awaiting gives the first page.

        Section "List All Datasets".

        Args:
            start_page: The page to begin with, from 1.
            limit: Datasets a page, from 1 to 100; a page is a request.
            type: Only ``extraction``, ``analysis`` or ``classification``.
            status: Only ``processing``, ``completed`` or ``failed``.

        Raises:
            ValueError: An argument outside its limits; nothing is sent.
        """
        check_int("start_page", start_page, 1)
        check_int("limit", limit, 1, MAX_LIST_LIMIT)
        type_ = None if type is None else to_enum("type", type, DatasetType)
        status_ = None if status is None else to_enum("status", status, DatasetStatus)

        source = dataset_list(self._core, limit=limit, type=type_, status=status_)
        return PagedStream(source, start_page=start_page)


class Dataset:
    """One dataset, by its id.

    Attributes:
        dataset_id: The id.
    """

    def __init__(self, core: Core, dataset_id: str) -> None:
        encode_segment(dataset_id, "dataset_id")
        self._core = core
        self.dataset_id = dataset_id

    def __repr__(self) -> str:
        return f"Dataset({self.dataset_id!r})"

    async def get(self) -> DatasetDetails:
        """Columns, row count and status. Section "Get Dataset Details".

        Raises:
            DatasetNotFoundError: No such dataset.
        """
        return await self._core.transport.call(operations.get_dataset(self.dataset_id))

    def rows(  # noqa: PLR0913 - the documented query parameters
        self,
        *,
        columns: Iterable[str] | None = None,
        include_metadata: bool | None = None,
        limit: int = MAX_DATA_LIMIT,
        start_page: int = 1,
        end_page: int | None = None,
        read_ahead: int = READ_AHEAD,
    ) -> PagedStream[Page, Row]:
        """The rows in order: ``async for`` gives each, ``.pages()`` gives pages.

        Section "Get Dataset Data".

        Args:
            columns: Ids of the columns to read; all when left out.
            include_metadata: Whether cells come with their metadata.
            limit: Rows a page, from 1 to 1,000; a page is a request.
            start_page: The page to begin with, from 1.
            end_page: The last page to read; all that there are when left out.
            read_ahead: Pages asked for while another is looked at; 0 for one after the other.

        Raises:
            ValueError: An argument outside its limits; nothing is sent.
        """
        check_int("limit", limit, 1, MAX_DATA_LIMIT)
        check_int("start_page", start_page, 1)
        check_optional_int("end_page", end_page, start_page)
        check_int("read_ahead", read_ahead, 0)
        wanted = None
        if columns is not None:
            ids = check_columns("columns", columns)
            if any("," in column for column in ids):
                raise ValueError("columns holds an id with a comma, which the API takes for two")
            wanted = ",".join(ids)

        return PagedStream(
            dataset_rows(
                self._core,
                self.dataset_id,
                limit=limit,
                columns=wanted,
                include_metadata=include_metadata,
            ),
            start_page=start_page,
            end_page=end_page,
            read_ahead=read_ahead,
        )

    async def wait_until_ready(
        self,
        *,
        timeout: float = 300.0,  # noqa: ASYNC109 - a time limit that spans many requests
    ) -> DatasetDetails:
        """Wait while the dataset is processed; returns its details.

        Args:
            timeout: Seconds to wait at the most.

        Raises:
            ProcessingFailedError: It ended as failed.
            TimeoutError: It is still being processed.
        """
        return await wait_until_ready(
            f"dataset {self.dataset_id!r}",
            self.get,
            self.rows(limit=1).first,
            self._core.transport,
            timeout,
        )

    async def update_cell(self, cell_id: str, value: Any) -> CellUpdateResult:
        """Set a cell to a value, which resets the cell's metadata. Section "Update Cell Value".

        After a lost reply the request is sent again; ``previous_value`` may then be the new value.

        Args:
            cell_id: The cell's id, exactly as a reply of the API gave it.
            value: Any JSON value.

        Raises:
            CellNotFoundError: No such cell.
            OutcomeUnknownError: No reply came to any attempt, and one may have been applied.
            TypeError: The value has no form in JSON; nothing is sent.
            ValueError: The value is NaN or infinite, or the id cannot be one; nothing is sent.
        """
        operation = operations.update_cell(self.dataset_id, cell_id, body=CellUpdate(value))
        return await self._core.transport.call(operation)

    async def update_column(
        self,
        column_id: str,
        *,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> ColumnUpdateResult:
        """Change a column's name or metadata, not its task type.

        Section "Update Column Metadata".

        Raises:
            ColumnNotFoundError: No such column.
            ValueError: Neither a name nor metadata was given; nothing is sent.
        """
        if name is None and metadata is None:
            raise ValueError("nothing to change: pass name=, metadata= or both")
        body = ColumnUpdate(name, None if metadata is None else dict(metadata))
        operation = operations.update_column(self.dataset_id, column_id, body=body)
        return await self._core.transport.call(operation)

    async def set_task_type(
        self,
        column_id: str,
        task_type: TaskType | TaskTypeName,
        *,
        metadata: Mapping[str, Any] | None = None,
        confirm: str,
        backup: str | os.PathLike[str] | None = None,
    ) -> TaskTypeChange:
        """Change a column's task type: **every value of the column is lost**.

        Sections "Update Column Task Type" and "Task Types". The request is never sent twice. If its
        reply is lost, the column is read again: if it has the new type now and had another before,
        the change was made, and the result says ``confirmed_by_read``.

        Args:
            column_id: The column.
            task_type: The new task type.
            metadata: What the task needs; ``ai_enrich`` and ``places_count`` need a ``prompt``.
            confirm: The column's id once more.
            backup: A Parquet file to be made first, with the ids, values and metadata of all cells
                of the column; :meth:`restore_column` sets the values again. Nothing is wiped unless
                the file is whole, was read back, is on the disk, and the dataset did not change
                meanwhile. Needs the extra ``claro-async[arrow]``.

        Raises:
            ColumnNotFoundError: No such column.
            FileExistsError: There is a file at `backup`; nothing is sent.
            ImportError: `backup` needs pyarrow; nothing is sent.
            InvalidTaskTypeError: Not for this kind of dataset.
            OutcomeUnknownError: The reply was lost, and reading the column does not tell.
            TransferError: The backup is not whole, or the dataset changed meanwhile; nothing is
                wiped.
            ValueError: Unknown type, no prompt, or another `confirm`; nothing is sent.
        """
        wanted = to_enum("task_type", task_type, TaskType)
        check_confirm("changing a task type", "column id", column_id, confirm)
        if wanted in _NEEDS_PROMPT and not (metadata or {}).get("prompt"):
            raise ValueError(f"metadata must hold a 'prompt' for the task type {wanted.value!r}")
        body = TaskTypeUpdate(wanted, None if metadata is None else dict(metadata))
        operation = operations.update_column_task_type(self.dataset_id, column_id, body=body)
        transport = self._core.transport
        transport.prepare(operation)  # raises what can be seen to be wrong, before anything is sent
        with self._core.working():
            if backup is None:
                before = await self._column(column_id)
            else:
                before = await self._back_up(column_id, Path(backup))
            return await self._set_task_type(operation, before, column_id, wanted)

    async def _back_up(self, column_id: str, path: Path) -> DatasetColumn:
        from claro_async.transfers.column_backup import ColumnBackup  # noqa: PLC0415 - seldom

        core = self._core
        return await ColumnBackup(
            dataset=self,
            base_url=core.settings.base_url,
            column_id=column_id,
            path=path,
            clock=core.clock,
            server_now=core.transport.quota.server_now,
        ).make()

    async def restore_column(
        self,
        backup: str | os.PathLike[str],
        *,
        journal: str | os.PathLike[str] | None = None,
        **options: Unpack[SendKeywords],
    ) -> BulkReport:
        """Set the values of a column again, from the backup that :meth:`set_task_type` made.

        It is a bulk update with a journal, so that a call after any end goes on. Cells that hold
        their value are left alone. **Metadata cannot be restored**: the API resets it with every
        edit, and it stays in the file, as do links to data sources.

        Args:
            backup: The file.
            journal: The file of the job; by default beside `backup`, with ``.claro`` at the end.
            **options: ``max_concurrency``, ``on_error``, ``reserve``, ``on_progress`` and ``stop``,
                as for :meth:`update_cells`.

        Raises:
            BulkUpdateError: An edit failed, and ``on_error`` is ``raise``.
            FileNotFoundError: There is no such file.
            ImportError: pyarrow is missing.
            JournalError: The journal is of another job, or cannot be used.
            ValueError: The file is no backup, or one of another dataset; nothing is sent.
        """
        check_keywords("restore_column", options, SendKeywords)
        from claro_async.transfers.column_backup import edits_of, read_head  # noqa: PLC0415

        path = Path(backup)
        await read_head(path, self._core.settings.base_url, self.dataset_id)
        report = await self.update_cells(
            edits_of(path),
            journal=path.with_name(f"{path.name}.claro") if journal is None else journal,
            resume=True,
            skip_unchanged=True,
            **options,
        )
        report.notes.append("metadata cannot be restored: it stays in the backup")
        return report

    async def _set_task_type(
        self,
        operation: Operation[TaskTypeUpdateResult],
        before: DatasetColumn | None,
        column_id: str,
        wanted: TaskType,
    ) -> TaskTypeChange:
        try:
            result = await self._core.transport.call(operation)
        except OutcomeUnknownError as unknown:
            had = before.task_type if before is not None else wanted
            confirmed = had != wanted and await self._task_type(column_id, unknown) == wanted
            logs.read_back(unknown.operation, confirmed=confirmed)
            if not confirmed:
                raise
            return TaskTypeChange(
                column_id=column_id,
                task_type=wanted,
                previous_task_type=had,
                confirmed_by_read=True,
            )
        return TaskTypeChange.from_reply(result)

    async def _task_type(self, column_id: str, unknown: OutcomeUnknownError) -> TaskType | None:
        """The column's type now; a failure to read it leaves the outcome as unknown as it was."""
        try:
            column = await self._column(column_id)
        except ClaroError as error:
            raise unknown from error
        return None if column is None else column.task_type

    async def _column(self, column_id: str) -> DatasetColumn | None:
        details = await self.get()
        return next((each for each in details.columns if each.column_id == column_id), None)

    async def link_datasource(self, cell_id: str, datasource_id: str) -> DatasourceLink:
        """Link a data source to a cell of a raw data column.

        Section "Link Datasource to Cell", "Link Existing Datasource".

        Raises:
            RawColumnRequiredError: The cell's column holds no raw data.
            DatasourceNotFoundError: No such data source.
        """
        encode_segment(datasource_id, "datasource_id")
        body = LinkDatasource(datasource_id)
        operation = operations.link_datasource(self.dataset_id, cell_id, body=body)
        result = await self._core.transport.call(operation)
        self._core.uploads.note_link(self.dataset_id, cell_id, datasource_id)
        return result

    async def update_cells(self, edits: Edits, **options: Unpack[BulkKeywords]) -> BulkReport:
        """Set many cells, one request each, and say what became of every edit.

        Of the edits of one cell the last one counts, and no cell ever has two requests under way.
        A list is checked as a whole before anything is sent; an item of a generator that cannot be
        sent counts as failed. Without a journal, a generator is streamed: memory stays flat
        however long it is, and only what is read ahead is coalesced.

        What every edit would get ends the update early: a wrong key, a missing or locked dataset,
        a quota that opens later than the client waits for, and ten edits in a row that are denied,
        redirected, or get no reply or a 5xx. The rest is not sent; see ``report.stopped_by``.
        Whatever is raised has the report as ``report``, a cancellation as well.

        Args:
            edits: ``(cell_id, value)`` or ``(row_id, column, value)``, from any iterable or async
                iterable; a mapping of cell ids to values; or a file with such columns, as its path
                or a :class:`~claro_async.TableReader`, which is checked as a whole first.
            **options: Those that follow.
            max_concurrency: Requests under way at once, at the most, 32 by default; fewer where
                more bring throttling or failures, or apply fewer edits a second.
            on_error: ``collect`` counts failures in the report; ``raise`` stops at the first and
                raises, before anything is sent where planning finds it.
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
            resume: Whether to go on with the job in `journal` where the file holds one with this
                very input, on this dataset; begins one where there is none yet, and raises where
                it holds another. The input is read to its end to compare it.
            reserve: The share of the quota, from 0 to below 1, that is left to other requests.
            on_progress: Called with a :class:`BulkProgress`, at most ten times a second and at the
                end. What it raises is logged once and noted in the report, and ends nothing.
            stop: An :class:`asyncio.Event`: once it is set, what is on its way comes to its end,
                nothing more is sent, and the report is returned.

        Raises:
            BulkUpdateError: An edit failed, and ``on_error`` is ``raise``.
            JournalError: The journal exists already, or with `resume` holds another job or one that
                was set back; or it cannot be written.
            TableFileError: A file cannot be read, or a row of it is no edit; nothing is sent.
            TypeError: An item of a list is no edit, or its value has no form in JSON.
            ValueError: An item of a list cannot be sent, or an argument is outside its limits.
        """
        check_keywords("update_cells", options, BulkKeywords)
        chosen = self._until_closing(BulkOptions(**options))
        with self._core.working():
            return await update.update(self._target(), edits, chosen)

    async def plan_updates(
        self,
        edits: Edits,
        *,
        skip_unchanged: SkipUnchanged = "auto",
        equal: Equal | None = None,
    ) -> UpdatePlan:
        """What :meth:`update_cells` would do, without changing anything.

        The plan tells the changes, what is left out and why, cells that do not exist, the requests
        needed and the time that they take at the rate limit last reported; ``await plan.apply()``
        does it.

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
        options = BulkOptions(skip_unchanged=skip_unchanged, equal=equal)
        return await UpdatePlan.make(self._target(), edits, options)

    def iter_updates(self, edits: Edits, **options: Unpack[OutcomesKeywords]) -> OutcomeStream:
        """As :meth:`update_cells`, with the outcomes as they come.

        Use it with ``async with``, and loop over what that gives. Nothing is sent faster than the
        outcomes are taken; leaving the block early ends the update, and what was under way is
        unknown: ``report`` tells.

        Args:
            edits: As for :meth:`update_cells`.
            **options: As there, without ``on_error`` and ``on_progress``.

        Raises:
            TypeError: An argument of another type.
            ValueError: An argument outside its limits.
        """
        check_keywords("iter_updates", options, OutcomesKeywords)
        chosen = self._until_closing(BulkOptions(**options))

        async def start(sink: Sink, report: BulkReport) -> BulkReport:
            with self._core.working():
                return await update.update(self._target(), edits, chosen, sink=sink, report=report)

        return OutcomeStream(start, chosen.max_concurrency)

    async def update_from(
        self,
        rows: Rows,
        *,
        key: str,
        coerce: Literal["column"] | None = None,
        blanks: Blanks = "null",
        on_type_error: OnTypeError = "raise",
        **options: Unpack[SyncKeywords],
    ) -> SyncReport:
        """Make a dataset's rows agree with rows of plain values, matched by a key column.

        The dataset is read once, and only cells that differ are sent. A row whose key the dataset
        does not have counts as failed, a cell each.

        Args:
            rows: Dicts of column names (or ids) and values; anything with ``__arrow_c_stream__``
                such as a data frame (needs the extra ``[arrow]``); or the path of a CSV, JSON, JSON
                lines, Parquet or Arrow file, or a :class:`~claro_async.TableReader`. Dates and
                times become their ISO texts, scalars of numpy and pandas what they stand for.
            key: The column that tells rows apart, in `rows` and in the dataset.
            coerce: ``column`` converts the values by the dataset's column types, as is wanted of a
                file whose values are texts, and leaves alone a cell whose value the text stands
                for; None leaves them as they are.
            blanks: With `coerce`, what an empty text means in a column of text: ``null`` or
                ``text``. In any other column it is null.
            on_type_error: With `coerce`, what becomes of a value that does not fit its column:
                ``raise``, ``null``, or ``string`` (it stays as it is).
            **options: ``max_concurrency``, ``on_error``, ``equal``, ``journal``,
                ``journal_values``, ``reserve``, ``on_progress`` and ``stop``, as for
                :meth:`update_cells`.

        Raises:
            KeyError: A column that the dataset does not have; nothing is sent.
            TableFileError: A file that cannot be read; nothing is sent.
            ValueError: A row without the key, a key that comes twice, in `rows` or in the dataset,
                two names of one column, or a value that does not fit its column; nothing is sent.
        """
        check_keywords("update_from", options, SyncKeywords)
        how = CoerceOptions(coerce=coerce, blanks=blanks, on_type_error=on_type_error)
        chosen = self._until_closing(BulkOptions(skip_unchanged=True, **options))
        source = await sync.SyncSource.load(rows, key, how)
        with self._core.working():
            return await sync.update_from(self._target(), source, chosen)

    async def plan_from(  # noqa: PLR0913 - the choices there are
        self,
        rows: Rows,
        *,
        key: str,
        coerce: Literal["column"] | None = None,
        blanks: Blanks = "null",
        on_type_error: OnTypeError = "raise",
        equal: Equal | None = None,
    ) -> SyncPlan:
        """What :meth:`update_from` would do, without changing anything.

        The plan also names keys that the dataset does not have, keys that come twice, and rows of
        the dataset that the table lacks; ``await plan.apply()`` does what it says.

        Args:
            rows: As for :meth:`update_from`, like all that follow.
            key: See there.
            coerce: See there.
            blanks: See there.
            on_type_error: See there.
            equal: See :meth:`update_cells`.

        Raises:
            KeyError: A column that the dataset does not have.
            TableFileError: A file that cannot be read.
            ValueError: A row without the key, or a value that does not fit its column.
        """
        how = CoerceOptions(coerce=coerce, blanks=blanks, on_type_error=on_type_error)
        source = await sync.SyncSource.load(rows, key, how)
        return await sync.plan_from(self._target(), source, BulkOptions(equal=equal))

    def _until_closing(self, options: BulkOptions) -> BulkOptions:
        return stopped_by_closing(options, self._core.closing)

    def _target(self) -> Target:
        return Target(
            dataset=self,
            transport=self._core.transport,
            base_url=self._core.settings.base_url,
        )

    async def upload_datasource(
        self, cell_id: str, source: UploadSource, **options: Unpack[UploadKeywords]
    ) -> UploadedDatasource:
        """Upload a file as a data source and link it to a cell of a raw data column.

        Section "Upload and Link New File". A second send would make a second data source. So after
        a lost reply the cell is read: a link that was not there before, to a file of this size, is
        the upload's own. Anything else raises, and names what may be the data source.

        To know what was there before, the dataset's cells are read before the file is sent: a
        request for each thousand rows, up to twenty, which serves all uploads of a minute.
        `linked_before` saves that.

        Args:
            cell_id: The cell.
            source: A path, bytes, a binary file (read from where it stands, left open) or an async
                iterable of bytes; 1 byte to 100 MB, read as it is sent.
            **options: ``filename``, ``content_type``, ``max_size``, ``on_unknown``, ``wait``,
                ``linked_before`` and ``on_progress``: see
                :class:`~claro_async.transfer_options.UploadOptions`.

        Raises:
            RawColumnRequiredError: The cell's column holds no raw data.
            OutcomeUnknownError: The reply was lost, or is about something else, and what the server
                has does not show that it was applied; ``candidates`` may be the data source.
            TransferError: The source cannot be read to its end.
            ValueError: Empty, too large, or without a name that can be sent; nothing is sent.
        """
        return await self._upload(cell_id, source, UploadOptions(**options))

    async def _upload(
        self, cell_id: str, source: UploadSource, options: UploadOptions
    ) -> UploadedDatasource:
        encode_segment(cell_id, "cell_id")
        transport = self._core.transport
        upload = await in_thread(
            Upload,
            source,
            file_name=options.filename,
            content_type=options.content_type,
            max_size=options.max_size,
            on_progress=ProgressMeter(options.on_progress, "bytes", transport.clock.monotonic),
        )
        job = CellUpload(
            transport=transport,
            dataset_id=self.dataset_id,
            cell_id=cell_id,
            upload=upload,
            options=options,
            readers=_UploadReaders(self, self._core),
            memory=self._core.uploads,
        )
        with self._core.working():
            return await job.run()

    async def upload_datasources(
        self,
        sources: Mapping[str, UploadSource] | Iterable[tuple[str, UploadSource]],
        **options: Unpack[TransferKeywords],
    ) -> TransferReport[UploadedDatasource]:
        """Upload a file to each of many cells; see :meth:`upload_datasource`.

        Args:
            sources: What to upload, by cell id.
            **options: ``max_concurrency`` (4), ``on_error`` and ``on_progress``: see
                :class:`~claro_async.transfer_options.TransferOptions`.

        Raises:
            BulkUpdateError: An upload failed, and ``on_error`` is ``raise``.
        """
        chosen = TransferOptions(**options)
        report: TransferReport[UploadedDatasource] = TransferReport()
        pairs = as_pairs("sources", sources)
        clock = self._core.clock.monotonic
        with self._core.working():
            await run_batch(report, pairs, self.upload_datasource, chosen, clock)
        return report

    async def upload_folder(
        self,
        folder: str | os.PathLike[str],
        *,
        key: str,
        column: str,
        skip_linked: bool = True,
        **options: Unpack[TransferKeywords],
    ) -> FolderReport:
        """Upload the files of a folder to the cells of the rows that name them.

        Called again after a break, it goes on where it was, as linked cells are left alone.

        Args:
            folder: The folder; its hidden files and folders are not looked at.
            key: The column, by name or id, whose cells hold file names, with or without suffix.
            column: The raw data column, by name or id, whose cells get the files.
            skip_linked: Whether to leave cells alone that have a data source already.
            **options: As for :meth:`upload_datasources`.

        Raises:
            BulkUpdateError: An upload failed, and ``on_error`` is ``raise``.
            KeyError: No such column; nothing is uploaded.
            NotADirectoryError: No such folder; nothing is sent.
        """
        chosen = TransferOptions(**options)
        files = await in_thread(list_files, Path(folder))

        async def upload(cell_id: str, file: CellFile) -> UploadedDatasource:
            options = UploadOptions(linked_before=file.linked_before)
            return await self._upload(cell_id, file.path, options)

        with self._core.working():
            rows = self.rows()
            found, report = await match_files(files, rows, key, column, skip_linked=skip_linked)
            pairs = as_pairs("folder", found)
            await run_batch(report, pairs, upload, chosen, self._core.clock.monotonic)
        return report

    async def create_export(  # noqa: PLR0913 - the documented fields
        self,
        *,
        format: ExportFormat | ServerFormatName,  # noqa: A002 - the documents' own name
        row_count: int,
        columns: Sequence[str] | None = None,
        skip: int | None = None,
        include_metadata: bool | None = None,
        expires_in: int | None = None,
    ) -> SignedLink:
        """Have the server write an export, and get a link to it. Section "Export Dataset".

        Args:
            format: ``csv``, ``json`` or ``xlsx``.
            row_count: Rows, from 1 to 100,000.
            columns: Ids of the columns to write; all when left out.
            skip: Rows to leave out first.
            include_metadata: Whether to write the cells' metadata.
            expires_in: Seconds for which the link works, from 1 to 86,400; 3,600 when left out.

        Raises:
            ProcessingInProgressError: The dataset is being processed.
            ValueError: An argument outside its limits; nothing is sent.
        """
        check_int("row_count", row_count, 1, MAX_EXPORT_ROWS)
        check_optional_int("skip", skip, 0)
        check_optional_int("expires_in", expires_in, 1, MAX_LINK_SECONDS)
        body = ExportRequest(
            to_enum("format", format, ExportFormat),
            row_count,
            None if columns is None else check_columns("columns", columns),
            skip,
            include_metadata,
            expires_in,
        )
        link = await self._core.transport.call(
            operations.export_dataset(self.dataset_id, body=body)
        )
        return SignedLink.from_reply(link)

    def export(
        self,
        target: str | os.PathLike[str] | Writable | None = None,
        *,
        format: ExportFormat | FileFormatName | None = None,  # noqa: A002 - the documents' own name
        **options: Unpack[ExportKeywords],
    ) -> Transfer[ExportResult]:
        """Write the whole dataset, of any number of rows, to one file.

        ``await dataset.export("out.csv")``, or ``async for chunk in
        dataset.export(format="csv").stream()``. The server writes CSV, JSON and XLSX, 100,000 rows
        an export; larger datasets are fetched as several and joined (section "Export Dataset"). An
        XLSX export is limited to 100,000 rows. JSON lines, Parquet and Arrow are made here, from
        the server's JSON exports where these hold the same as the rows (section "Get Dataset
        Data"), else from the rows. The memory taken does not grow with the rows.

        A path holds the whole file or what it held before: the file grows beside it and is renamed
        when it is complete and on the disk. Symbolic links are followed, permissions are kept.

        Args:
            target: A path, a folder (the file is named after the dataset), a named pipe or device,
                or a file object opened for writing in binary mode.
            format: ``csv``, ``json``, ``xlsx``, ``jsonl``, ``parquet`` or ``arrow``; by the path's
                suffix when left out. The last two need the extra ``claro-async[arrow]``.
            **options: ``columns``, ``include_metadata``, ``cell_ids``, ``via``,
                ``max_concurrency`` (4), ``on_change``, ``on_type_error`` and ``on_progress``: see
                :class:`~claro_async.transfer_options.ExportOptions`.

        Raises:
            TransferError: It cannot be had whole, or it changed; nothing is left behind.
            ProcessingInProgressError: The dataset is being processed.
            OSError: The target cannot be written, or its folder does not exist; nothing is sent.
            ImportError: The format needs pyarrow; nothing is sent.
            ValueError: An argument outside its limits; nothing is sent.
        """
        if target is not None:
            check_target(target)
        chosen = ExportOptions(**options)
        made = format_of(target, format)
        chosen.check_format(made.name, by_server=made.by_server)

        def begin() -> Export:
            core = self._core
            return Export(self, core.downloader, core.transport.quota.server_now, made, chosen)

        async def run() -> ExportResult:
            if target is None:
                raise TypeError("export needs a target to be awaited; without, use .stream()")
            with self._core.working():
                return await begin().to(target)

        return Transfer(run, lambda: begin().stream(), "export")

    def export_window(
        self,
        skip: int,
        rows: int,
        *,
        columns: Iterable[str] | None = None,
        format: ExportFormat | ServerFormatName = "json",  # noqa: A002 - the documents' own name
    ) -> WindowTransfer[list[dict[str, Any]]]:
        """Some rows by one export of the server's, as records, as bytes or as a file.

        ``await dataset.export_window(200_000, 100_000)`` gives records, a dict each, under the
        names that the server gives the columns; ``dataset.export_window(…).stream()`` gives the
        bytes as they come, and ``await dataset.export_window(…).save("part.csv")`` a file, of any
        format. Section "Export Dataset"; how an export is laid out is not documented. There is
        nothing where `skip` is beyond the last row.

        Args:
            skip: Rows to leave out first.
            rows: Rows at the most, from 1 to 100,000.
            columns: Ids of the columns; all when left out.
            format: ``csv``, ``json`` or ``xlsx``; records come of ``json`` alone.

        Raises:
            TransferError: It cannot be had whole, or is no array of objects.
            ProcessingInProgressError: The dataset is being processed.
            ValueError: An argument outside its limits; nothing is sent.
        """
        check_int("skip", skip, 0)
        check_int("rows", rows, 1, MAX_EXPORT_ROWS)
        ids = None if columns is None else check_columns("columns", columns)
        form = to_enum("format", format, ExportFormat)

        async def new_link() -> SignedLink:
            return await self.create_export(
                format=form, row_count=rows, skip=skip or None, columns=ids
            )

        def begin() -> Fetch:
            return Fetch(self._core.downloader, new_link)

        async def run() -> list[dict[str, Any]]:
            if form != ExportFormat.JSON:
                raise TypeError("export_window gives records of json alone; else use .stream()")
            with self._core.working():
                return records_of(await fetch_whole(begin()))

        def stream() -> AsyncGenerator[bytes, None]:
            return fetch_blocks(begin(), None)

        async def save(to: str | os.PathLike[str] | Writable) -> DownloadResult:
            with self._core.working():
                return await download(begin(), to, None)

        return WindowTransfer(run, stream, save, "export_window")

    def open_reader(self, **options: Unpack[ReaderKeywords]) -> pa.RecordBatchReader:
        """All rows as a ``pyarrow.RecordBatchReader``, which is read while they come.

        DuckDB, Polars, ``pyarrow.dataset`` and whatever else takes Arrow streams read it. A few
        batches are made ahead; who stops early (lets go of the reader, or closes it) ends the
        requests as well. **This call, and reading, block**: in a program with an event loop, do
        both in another thread, as in ``await asyncio.to_thread(work)``; the requests then run in
        the client's event loop. A client that was not opened gets a loop in a thread of the
        reader's own, so that plain programs need none.

        A reader has one schema and cannot take back what it gave: a change of the dataset is an
        error at the end, and a value that does not fit its column cannot make the column text.

        Args:
            **options: ``columns``, ``include_metadata``, ``cell_ids``, ``via``,
                ``max_concurrency`` (4), ``on_change`` (``raise`` or ``ignore``) and
                ``on_type_error`` (``raise`` or ``null``): see
                :class:`~claro_async.transfer_options.ExportOptions`.

        Raises:
            ClientStateError: An event loop runs in this thread, or the client's does not run.
            ClaroError: The dataset cannot be read; while it is read, the reader raises the same.
            ImportError: pyarrow is missing.
            ValueError: An argument outside its limits; nothing is sent.
        """
        chosen = reader_options(options)
        from claro_async.transfers import arrow_reader  # noqa: PLC0415 - brings pyarrow in

        core, dataset_id = self._core, self.dataset_id
        return arrow_reader.open_reader(
            arrow_reader.ReaderSource(
                loop=core.loop,
                client=_ReadingClient(core, dataset_id),
                new_client=lambda: _ReadingClient(core.copy(), dataset_id),
                options=chosen,
            )
        )

    async def arrow_schema(
        self,
        *,
        columns: Iterable[str] | None = None,
        include_metadata: bool = False,
        cell_ids: bool = False,
    ) -> pa.Schema:
        """The schema that readers, tables and files of the dataset have; one request.

        Args:
            columns: Ids of the columns; all when left out.
            include_metadata: Whether the cells' metadata is among them.
            cell_ids: Whether the ids of rows and cells are among them.

        Raises:
            TransferError: There is no such column.
            ImportError: pyarrow is missing.
        """
        chosen = reader_options(
            {"columns": columns, "include_metadata": include_metadata, "cell_ids": cell_ids}
        )
        from claro_async.transfers import arrow_reader  # noqa: PLC0415 - brings pyarrow in

        reader = _ReadingClient(self._core, self.dataset_id).reader(chosen)
        return await arrow_reader.schema_of(reader, chosen)

    async def to_arrow(
        self,
        *,
        columns: Iterable[str] | None = None,
        include_metadata: bool = False,
        cell_ids: bool = False,
        on_type_error: OnTypeError = "raise",
        read_ahead: int = READ_AHEAD,
    ) -> pa.Table:
        """All rows as an Arrow table in memory; the schema comes from the columns' types.

        ``polars.DataFrame(table)``, ``table.to_pandas()`` and DuckDB take it as it is.

        Args:
            columns: Ids of the columns to read; all when left out.
            include_metadata: Whether to add the cells' metadata, as further columns.
            cell_ids: Whether to add the ids of rows and cells, as further columns.
            on_type_error: What becomes of a value that does not fit its column's type: ``raise``,
                ``null``, or ``string`` (the column becomes text).
            read_ahead: Pages asked for while another is looked at.

        Raises:
            TransferError: A value does not fit, and ``on_type_error`` is ``raise``; or columns
                changed or rows were deleted while the pages were read.
            ImportError: pyarrow is missing.
        """
        check_choice("on_type_error", on_type_error, ("raise", "null", "string"))
        stream = self.rows(
            columns=columns, include_metadata=include_metadata or None, read_ahead=read_ahead
        )
        with self._core.working():
            return await collect(
                stream.pages(strict=True),
                on_type_error=on_type_error,
                parts=CellParts(include_metadata=include_metadata, cell_ids=cell_ids),
            )

    async def link_datasources(
        self,
        links: Links,
        **options: Unpack[TransferKeywords],
    ) -> TransferReport[DatasourceLink]:
        """Link a data source to each of many cells; see :meth:`link_datasource`.

        Args:
            links: Data source ids by cell id: a mapping, pairs, the path of a file with the columns
                ``cell_id`` and ``datasource_id``, or what :func:`read_rows` gives of one.
            **options: ``max_concurrency`` (8), ``on_error``, ``on_progress`` and ``stop``: see
                :class:`~claro_async.transfer_options.TransferOptions`.

        Raises:
            BulkUpdateError: A link failed, and ``on_error`` is ``raise``.
            TableFileError: The file cannot be read; nothing is sent.
        """
        options.setdefault("max_concurrency", 8)
        chosen = TransferOptions(**options)
        report: TransferReport[DatasourceLink] = TransferReport()
        pairs = as_pairs("links", await read_links(links))
        clock = self._core.clock.monotonic
        with self._core.working():
            await run_batch(report, pairs, self.link_datasource, chosen, clock)
        return report

    async def delete(self, *, confirm: str) -> DatasetDeletion:
        """Delete the dataset and all its data, for good. Section "Delete Dataset".

        If the reply is lost, the request is sent again; a 404 then means that it is gone.

        Args:
            confirm: The dataset's id once more.

        Raises:
            DatasetNotFoundError: No such dataset.
            ValueError: Another `confirm`; nothing is sent.
        """
        check_confirm("deleting a dataset", "dataset id", self.dataset_id, confirm)
        transport = self._core.transport
        operation = operations.delete_dataset(self.dataset_id)
        result = await transport.delete(operation)
        return DatasetDeletion.from_reply(result, dataset_id=self.dataset_id)


class _ReadingClient:
    """What reads a dataset in the event loop of its client."""

    def __init__(self, core: Core, dataset_id: str) -> None:
        self._core = core
        self._dataset_id = dataset_id

    def reader(self, options: ExportOptions) -> DatasetReader:
        """What reads the dataset."""
        core = self._core
        dataset, now = Dataset(core, self._dataset_id), core.transport.quota.server_now
        return DatasetReader(dataset, core.downloader, now, options)

    def working(self) -> AbstractContextManager[None]:
        """Work of many calls."""
        return self._core.working()

    async def aclose(self) -> None:
        """Close the client."""
        await self._core.close()


class _UploadReaders:
    """What an upload reads to find what became of it."""

    def __init__(self, dataset: Dataset, core: Core) -> None:
        self._dataset = dataset
        self._core = core

    def pages(self, start_page: int) -> AsyncGenerator[Page, None]:
        """The dataset's pages, from one on."""
        return self._dataset.rows(start_page=start_page).pages()

    def datasources(self) -> AsyncIterable[DatasourceSummary]:
        """All data sources."""
        return Datasources(self._core).list()

    def datasource(self, datasource_id: str) -> Awaitable[DatasourceDetails]:
        """One data source."""
        return Datasource(self._core, datasource_id).get()

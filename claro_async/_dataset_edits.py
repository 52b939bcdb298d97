"""Changing cells and columns of a dataset. Claro API v2, "Manage Dataset"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claro_api import datasets as operations
from claro_api.models import CellUpdate, ColumnUpdate, LinkDatasource, TaskTypeUpdate

from claro_async._checks import check_confirm, to_enum
from claro_async._dataset_reading import DatasetReading
from claro_async._wire import encode_segment
from claro_async.errors import ClaroError, OutcomeUnknownError
from claro_async.models import TaskType, TaskTypeChange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claro_async.models import (
        CellUpdateResult,
        ColumnUpdateResult,
        DatasetColumn,
        DatasourceLink,
    )

_NEEDS_PROMPT = frozenset({TaskType.AI_ENRICH, TaskType.PLACES_COUNT})


class DatasetEdits(DatasetReading):
    """What changes cells and columns."""

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
        task_type: TaskType | str,
        *,
        metadata: Mapping[str, Any] | None = None,
        confirm: str,
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

        Raises:
            ColumnNotFoundError: No such column.
            InvalidTaskTypeError: Not for this kind of dataset.
            OutcomeUnknownError: The reply was lost, and reading the column does not tell.
            ValueError: Unknown type, no prompt, or another `confirm`; nothing is sent.
        """
        wanted = to_enum("task_type", task_type, TaskType)
        check_confirm("changing a task type", "column id", column_id, confirm)
        if wanted in _NEEDS_PROMPT and not (metadata or {}).get("prompt"):
            raise ValueError(f"metadata must hold a 'prompt' for the task type {wanted.value!r}")
        body = TaskTypeUpdate(wanted, None if metadata is None else dict(metadata))
        operation = operations.update_column_task_type(self.dataset_id, column_id, body=body)
        transport = self._core.transport
        transport.request(operation)  # raises what can be seen to be wrong, before anything is sent
        before = await self._column(column_id)
        try:
            result = await transport.call(operation)
        except OutcomeUnknownError as unknown:
            had = before.task_type if before is not None else wanted
            if had == wanted or await self._task_type(column_id, unknown) != wanted:
                raise
            return TaskTypeChange(column_id, wanted, had, None, None, confirmed_by_read=True)
        return TaskTypeChange(
            result.column_id,
            result.task_type,
            result.previous_task_type,
            result.affected_cells,
            result.updated_at,
        )

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
        return await self._core.transport.call(operation)

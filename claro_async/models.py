"""The values that the API takes and gives, under names that stay.

Most are generated from the specification. A field that a reply leaves out reads as None, fields
that the documents do not name are kept in ``additional_properties``, and an enum keeps a value that
it does not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from claro_api.models import (
    Cell,
    CellUpdateResult,
    ColumnUpdateResult,
    DatasetColumn,
    DatasetDetails,
    DatasetList,
    DatasetStatus,
    DatasetSummary,
    DatasetType,
    DatasourceColumn,
    DatasourceDetails,
    DatasourceLink,
    DatasourceList,
    DatasourceStatus,
    DatasourceSummary,
    ExportFormat,
    Pagination,
    ProcessingStats,
    SortOrder,
    TaskType,
)

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "Cell",
    "CellUpdateResult",
    "ColumnUpdateResult",
    "DatasetColumn",
    "DatasetDetails",
    "DatasetList",
    "DatasetStatus",
    "DatasetSummary",
    "DatasetType",
    "DatasourceColumn",
    "DatasourceDetails",
    "DatasourceLink",
    "DatasourceList",
    "DatasourceStatus",
    "DatasourceSummary",
    "Deletion",
    "ExportFormat",
    "Pagination",
    "ProcessingStats",
    "SignedLink",
    "SortOrder",
    "TaskType",
    "TaskTypeChange",
    "UploadedDatasource",
]


def _redacted(url: str) -> str:
    return repr(url.partition("?")[0] + "?***")


@attrs.frozen
class SignedLink:
    """A link that opens a file to whoever holds it; its repr leaves the token out.

    Claro API v2, "Manage Dataset", section "Export Dataset"; "Manage Data Source", section
    "Generate Download URL".

    Attributes:
        download_url: The URL, to be fetched as it is and without a key.
        file_name: What the server calls the file.
        file_size: Bytes.
        expires_at: When the link stops working.
        format: Of an export; None for a data source's own file.
    """

    download_url: str = attrs.field(repr=_redacted)
    file_name: str
    file_size: int
    expires_at: datetime
    format: ExportFormat | None = None


@attrs.frozen
class Deletion:
    """A dataset or data source that is gone.

    Attributes:
        id: What was deleted.
        deleted_at: When, or None where the reply to the deletion was lost.
        confirmed_by_absence: Whether the reply was lost, and a second request found nothing.
    """

    id: str
    deleted_at: datetime | None
    confirmed_by_absence: bool = False


@attrs.frozen
class TaskTypeChange:
    """A column whose task type was changed; all its values were reset.

    Claro API v2, "Manage Dataset", section "Update Column Task Type".

    Attributes:
        column_id: The column.
        task_type: Its task type now.
        previous_task_type: Its task type before.
        affected_cells: How many cells were reset, or None where the reply was lost.
        updated_at: When, or None where the reply was lost.
        confirmed_by_read: Whether the reply was lost, and reading the column showed the change.
    """

    column_id: str
    task_type: TaskType
    previous_task_type: TaskType
    affected_cells: int | None
    updated_at: datetime | None
    confirmed_by_read: bool = False


@attrs.frozen
class UploadedDatasource:
    """A file that became a data source linked to a cell.

    Claro API v2, "Manage Dataset", section "Upload and Link New File".

    Attributes:
        cell_id: The cell.
        datasource_id: The data source that was made.
        file_name: What the server calls the file.
        file_size: Bytes.
        uploaded_at: When.
        linked_at: When it was linked, or None where the reply was lost.
        confirmed_by_read: Whether the reply was lost, and the data source was found by looking.
    """

    cell_id: str
    datasource_id: str
    file_name: str
    file_size: int
    uploaded_at: datetime
    linked_at: datetime | None
    confirmed_by_read: bool = False

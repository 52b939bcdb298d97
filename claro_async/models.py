"""The values that the API takes and gives, under names that stay.

Most are generated from the specification. A field that a reply leaves out reads as None, fields
that the documents do not name are kept in ``additional_properties``, and an enum keeps a value that
it does not know. Each has ``to_dict()``, which gives plain JSON values: under the API's own names
for what is generated, under the attributes' names for the records below.

An entry of a listing, a column of a page and the reply to a change are read as far as they are as
documented: a field that is missing, or holds something else, is None, whatever its type says, and
what came stands in ``additional_properties``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self

import attrs

from claro_async._generated.claro_api.models import (
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
    DatasourceUpload,
    DownloadLink,
    ExportFormat,
    ExportLink,
    Pagination,
    ProcessingStats,
    SortOrder,
    TaskType,
    TaskTypeUpdateResult,
)
from claro_async._plain import plain_record

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "Cell",
    "CellUpdateResult",
    "ColumnUpdateResult",
    "DatasetColumn",
    "DatasetDeletion",
    "DatasetDetails",
    "DatasetList",
    "DatasetStatus",
    "DatasetSummary",
    "DatasetType",
    "DatasourceColumn",
    "DatasourceDeletion",
    "DatasourceDetails",
    "DatasourceLink",
    "DatasourceList",
    "DatasourceStatus",
    "DatasourceSummary",
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


def _further() -> dict[str, Any]:
    return {}


@attrs.frozen
class SignedLink:
    """A link that opens a file to whoever holds it; its repr leaves the token out.

    ``to_dict()`` has the whole URL.

    Claro API v2, "Manage Dataset", section "Export Dataset"; "Manage Data Source", section
    "Generate Download URL".

    Attributes:
        download_url: The URL, to be fetched as it is and without a key.
        file_name: What the server calls the file.
        file_size: Bytes.
        expires_at: When the link stops working.
        format: Of an export; None for a data source's own file.
        additional_properties: What the reply holds beyond that, by wire name.
    """

    download_url: str = attrs.field(repr=_redacted)
    file_name: str
    file_size: int
    expires_at: datetime
    format: ExportFormat | None = None
    additional_properties: dict[str, Any] = attrs.field(factory=_further, kw_only=True)

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON values, by attribute name."""
        return plain_record(self)

    @classmethod
    def from_reply(cls, reply: ExportLink | DownloadLink) -> Self:
        """The link as the reply has it."""
        return cls(
            reply.download_url,
            reply.file_name,
            reply.file_size,
            reply.expires_at,
            reply.format if isinstance(reply, ExportLink) else None,
            additional_properties=reply.additional_properties,
        )


class _DeletionReply(Protocol):
    """What the API says of a deletion."""

    message: str | None
    deleted_at: datetime | None
    additional_properties: dict[str, Any]


@attrs.frozen(kw_only=True)
class _Deletion:
    """Something that is gone.

    Attributes:
        deleted_at: When, or None where the reply was lost or does not say.
        confirmed_by_absence: Whether the reply was lost, and a second request found nothing.
        message: The confirmation in words, if there was one.
        additional_properties: What the reply holds beyond that, by wire name.
    """

    deleted_at: datetime | None = None
    confirmed_by_absence: bool = False
    message: str | None = None
    additional_properties: dict[str, Any] = attrs.field(factory=_further)

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON values, by attribute name."""
        return plain_record(self)

    @classmethod
    def from_reply(cls, reply: _DeletionReply | None, **deleted: str) -> Self:
        """What the reply says, or that it was lost and nothing was found afterwards."""
        if reply is None:
            return cls(confirmed_by_absence=True, **deleted)  # type: ignore[arg-type]
        return cls(
            deleted_at=reply.deleted_at,
            message=reply.message,
            additional_properties=reply.additional_properties,
            **deleted,  # type: ignore[arg-type]
        )


@attrs.frozen(kw_only=True)
class DatasetDeletion(_Deletion):
    """A dataset that is gone.

    Attributes:
        dataset_id: The dataset.
    """

    dataset_id: str


@attrs.frozen(kw_only=True)
class DatasourceDeletion(_Deletion):
    """A data source that is gone.

    Attributes:
        datasource_id: The data source.
    """

    datasource_id: str


@attrs.frozen(kw_only=True)
class TaskTypeChange:
    """A column whose task type was changed; all its values were reset.

    Claro API v2, "Manage Dataset", section "Update Column Task Type". Where the reply was lost, or
    does not say, a field is None.

    Attributes:
        column_id: The column.
        task_type: Its task type now.
        previous_task_type: Its task type before.
        values_reset: Whether the server says that the values were reset.
        affected_cells: How many cells were reset.
        metadata: Settings of the task, such as its ``prompt``.
        updated_at: When.
        confirmed_by_read: Whether the reply was lost, and reading the column showed the change.
        additional_properties: What the reply holds beyond that, by wire name.
    """

    column_id: str
    task_type: TaskType
    previous_task_type: TaskType | None
    values_reset: bool | None = None
    affected_cells: int | None = None
    metadata: dict[str, Any] | None = None
    updated_at: datetime | None = None
    confirmed_by_read: bool = False
    additional_properties: dict[str, Any] = attrs.field(factory=_further)

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON values, by attribute name."""
        return plain_record(self)

    @classmethod
    def from_reply(cls, reply: TaskTypeUpdateResult) -> Self:
        """The change as the reply has it."""
        return cls(
            column_id=reply.column_id,
            task_type=reply.task_type,
            previous_task_type=reply.previous_task_type,
            values_reset=reply.values_reset,
            affected_cells=reply.affected_cells,
            metadata=reply.metadata,
            updated_at=reply.updated_at,
            additional_properties=reply.additional_properties,
        )


@attrs.frozen(kw_only=True)
class UploadedDatasource:
    """A file that became a data source linked to a cell.

    Claro API v2, "Manage Dataset", section "Upload and Link New File". Where the reply was lost, or
    does not say, a field is None.

    Attributes:
        cell_id: The cell.
        datasource_id: The data source that was made.
        file_name: What the server calls the file.
        file_size: Bytes.
        uploaded_at: When.
        linked_at: When it was linked.
        confirmed_by_read: Whether the reply was lost, and the data source was found by reading.
        additional_properties: What the reply holds beyond that, by wire name.
    """

    cell_id: str
    datasource_id: str
    file_name: str | None
    file_size: int | None
    uploaded_at: datetime | None
    linked_at: datetime | None
    confirmed_by_read: bool = False
    additional_properties: dict[str, Any] = attrs.field(factory=_further)

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON values, by attribute name."""
        return plain_record(self)

    @classmethod
    def from_reply(cls, reply: DatasourceUpload) -> Self:
        """The upload as the reply has it."""
        return cls(
            cell_id=reply.cell_id,
            datasource_id=reply.datasource_id,
            file_name=reply.file_name,
            file_size=reply.file_size,
            uploaded_at=reply.uploaded_at,
            linked_at=reply.linked_at,
            additional_properties=reply.additional_properties,
        )

"""Builders of the operations on datasets. None of them does any I/O."""

from types import MappingProxyType
from typing import Final

from .models.cell_update import CellUpdate
from .models.cell_update_result import CellUpdateResult
from .models.column_update import ColumnUpdate
from .models.column_update_result import ColumnUpdateResult
from .models.dataset_deletion import DatasetDeletion
from .models.dataset_details import DatasetDetails
from .models.dataset_list import DatasetList
from .models.dataset_page import DatasetPage
from .models.dataset_status import DatasetStatus
from .models.dataset_type import DatasetType
from .models.datasource_link import DatasourceLink
from .models.datasource_upload import DatasourceUpload
from .models.error_body import ErrorBody
from .models.export_link import ExportLink
from .models.export_request import ExportRequest
from .models.link_datasource import LinkDatasource
from .models.task_type_update import TaskTypeUpdate
from .models.task_type_update_result import TaskTypeUpdateResult
from .operation import NOTHING, Endpoint, FileField, Idempotency, JsonBody, MultipartBody, Operation

LIST_DATASETS: Final = Endpoint(
    operation_id="listDatasets",
    method="GET",
    path="/datasets",
    idempotency=Idempotency.SAFE,
    success=DatasetList,
    success_statuses=frozenset({200}),
    errors=MappingProxyType({"401": ErrorBody, "429": ErrorBody, "default": ErrorBody}),
)

GET_DATASET: Final = Endpoint(
    operation_id="getDataset",
    method="GET",
    path="/datasets/{datasetId}",
    idempotency=Idempotency.SAFE,
    success=DatasetDetails,
    success_statuses=frozenset({200}),
    errors=MappingProxyType(
        {"401": ErrorBody, "404": ErrorBody, "429": ErrorBody, "default": ErrorBody}
    ),
)

DELETE_DATASET: Final = Endpoint(
    operation_id="deleteDataset",
    method="DELETE",
    path="/datasets/{datasetId}",
    idempotency=Idempotency.IDEMPOTENT,
    success=DatasetDeletion,
    success_statuses=frozenset({200}),
    errors=MappingProxyType(
        {"401": ErrorBody, "404": ErrorBody, "429": ErrorBody, "default": ErrorBody}
    ),
)

GET_DATASET_DATA: Final = Endpoint(
    operation_id="getDatasetData",
    method="GET",
    path="/datasets/{datasetId}/data",
    idempotency=Idempotency.SAFE,
    success=DatasetPage,
    success_statuses=frozenset({200}),
    errors=MappingProxyType(
        {"401": ErrorBody, "404": ErrorBody, "429": ErrorBody, "default": ErrorBody}
    ),
)

UPDATE_CELL: Final = Endpoint(
    operation_id="updateCell",
    method="PATCH",
    path="/datasets/{datasetId}/cells/{cellId}",
    idempotency=Idempotency.IDEMPOTENT,
    success=CellUpdateResult,
    success_statuses=frozenset({200}),
    errors=MappingProxyType(
        {"401": ErrorBody, "404": ErrorBody, "429": ErrorBody, "default": ErrorBody}
    ),
)

UPDATE_COLUMN: Final = Endpoint(
    operation_id="updateColumn",
    method="PATCH",
    path="/datasets/{datasetId}/columns/{columnId}",
    idempotency=Idempotency.IDEMPOTENT,
    success=ColumnUpdateResult,
    success_statuses=frozenset({200}),
    errors=MappingProxyType(
        {"401": ErrorBody, "404": ErrorBody, "429": ErrorBody, "default": ErrorBody}
    ),
)

UPDATE_COLUMN_TASK_TYPE: Final = Endpoint(
    operation_id="updateColumnTaskType",
    method="PUT",
    path="/datasets/{datasetId}/columns/{columnId}/task-type",
    idempotency=Idempotency.UNSAFE,
    success=TaskTypeUpdateResult,
    success_statuses=frozenset({200}),
    errors=MappingProxyType(
        {"401": ErrorBody, "404": ErrorBody, "429": ErrorBody, "default": ErrorBody}
    ),
)

LINK_DATASOURCE: Final = Endpoint(
    operation_id="linkDatasource",
    method="POST",
    path="/datasets/{datasetId}/cells/{cellId}/link-datasource",
    idempotency=Idempotency.IDEMPOTENT,
    success=DatasourceLink,
    success_statuses=frozenset({200}),
    errors=MappingProxyType(
        {"401": ErrorBody, "404": ErrorBody, "429": ErrorBody, "default": ErrorBody}
    ),
)

UPLOAD_DATASOURCE: Final = Endpoint(
    operation_id="uploadDatasource",
    method="POST",
    path="/datasets/{datasetId}/cells/{cellId}/upload-datasource",
    idempotency=Idempotency.UNSAFE,
    success=DatasourceUpload,
    success_statuses=frozenset({200}),
    errors=MappingProxyType(
        {"401": ErrorBody, "404": ErrorBody, "429": ErrorBody, "default": ErrorBody}
    ),
)

EXPORT_DATASET: Final = Endpoint(
    operation_id="exportDataset",
    method="POST",
    path="/datasets/{datasetId}/export",
    idempotency=Idempotency.SAFE,
    success=ExportLink,
    success_statuses=frozenset({200}),
    errors=MappingProxyType(
        {"401": ErrorBody, "404": ErrorBody, "429": ErrorBody, "default": ErrorBody}
    ),
)


def list_datasets(
    *,
    page: int | None = None,
    limit: int | None = None,
    type: str | DatasetType | None = None,
    status: str | DatasetStatus | None = None,
) -> Operation[DatasetList]:
    """List the datasets, a page at a time.

    Claro API v2, "Manage Dataset", sections "List All Datasets" and "Query Parameters", "List
    Datasets".

    Args:
        page: Number of the page, from 1. The server's default is 1.
        limit: Items a page, at most 100. The server's default is 20.
        type: Only datasets of this type.
        status: Only datasets with this status.

    Returns:
        The operation; a success is answered by ``DatasetList``.
    """
    query: dict[str, str | int | float | bool] = {}
    if page is not None:
        query["page"] = page
    if limit is not None:
        query["limit"] = limit
    if type is not None:
        query["type"] = str(type)
    if status is not None:
        query["status"] = str(status)
    return Operation(LIST_DATASETS, NOTHING, query)


def get_dataset(dataset_id: str) -> Operation[DatasetDetails]:
    """Get a dataset with its columns.

    Claro API v2, "Manage Dataset", section "Get Dataset Details".

    Args:
        dataset_id: Id of the dataset.

    Returns:
        The operation; a success is answered by ``DatasetDetails``.
    """
    return Operation(GET_DATASET, {"datasetId": dataset_id})


def delete_dataset(dataset_id: str) -> Operation[DatasetDeletion]:
    """Delete a dataset and all its data, for good.

    Claro API v2, "Manage Dataset", section "Delete Dataset".

    Args:
        dataset_id: Id of the dataset.

    Returns:
        The operation; a success is answered by ``DatasetDeletion``.
    """
    return Operation(DELETE_DATASET, {"datasetId": dataset_id})


def get_dataset_data(
    dataset_id: str,
    *,
    page: int | None = None,
    limit: int | None = None,
    columns: str | None = None,
    include_metadata: bool | None = None,
) -> Operation[DatasetPage]:
    """Get one page of a dataset's rows, each a list of cells.

    Claro API v2, "Manage Dataset", sections "Get Dataset Data" and "Query Parameters", "Get
    Dataset Data".

    Args:
        dataset_id: Id of the dataset.
        page: Number of the page, from 1. The server's default is 1.
        limit: Rows a page, at most 1000. The server's default is 50.
        columns: Ids of the columns to include, with commas between them. All when not
            given.
        include_metadata: Whether to include the metadata of rows and columns. The server's
            default is false.

    Returns:
        The operation; a success is answered by ``DatasetPage``.
    """
    query: dict[str, str | int | float | bool] = {}
    if page is not None:
        query["page"] = page
    if limit is not None:
        query["limit"] = limit
    if columns is not None:
        query["columns"] = columns
    if include_metadata is not None:
        query["includeMetadata"] = include_metadata
    return Operation(GET_DATASET_DATA, {"datasetId": dataset_id}, query)


def update_cell(dataset_id: str, cell_id: str, *, body: CellUpdate) -> Operation[CellUpdateResult]:
    """Set the value of one cell; its metadata is reset.

    Claro API v2, "Manage Dataset", section "Update Cell Value".

    Args:
        dataset_id: Id of the dataset.
        cell_id: Id of the cell, as read from the dataset's data. The page contradicts
            itself on the form of this id, so it is never composed.
        body: The new value of a cell ("Manage Dataset", section "Update Cell Value").

    Returns:
        The operation; a success is answered by ``CellUpdateResult``.
    """
    return Operation(UPDATE_CELL, {"datasetId": dataset_id, "cellId": cell_id}, body=JsonBody(body))


def update_column(
    dataset_id: str, column_id: str, *, body: ColumnUpdate
) -> Operation[ColumnUpdateResult]:
    """Change a column's name or metadata, not its task type.

    Claro API v2, "Manage Dataset", section "Update Column Metadata".

    Args:
        dataset_id: Id of the dataset.
        column_id: Id of the column.
        body: What to change of a column ("Manage Dataset", section "Update Column
            Metadata").

    Returns:
        The operation; a success is answered by ``ColumnUpdateResult``.
    """
    return Operation(
        UPDATE_COLUMN, {"datasetId": dataset_id, "columnId": column_id}, body=JsonBody(body)
    )


def update_column_task_type(
    dataset_id: str, column_id: str, *, body: TaskTypeUpdate
) -> Operation[TaskTypeUpdateResult]:
    """Change a column's task type; every value of the column is reset, which cannot be undone.

    Claro API v2, "Manage Dataset", sections "Update Column Task Type" and "Task Types".

    Args:
        dataset_id: Id of the dataset.
        column_id: Id of the column.
        body: The task type a column shall have ("Manage Dataset", sections "Update Column
            Task Type" and "Task Types"). `ai_enrich` and `places_count` require a `prompt` in
            the metadata.

    Returns:
        The operation; a success is answered by ``TaskTypeUpdateResult``.
    """
    return Operation(
        UPDATE_COLUMN_TASK_TYPE,
        {"datasetId": dataset_id, "columnId": column_id},
        body=JsonBody(body),
    )


def link_datasource(
    dataset_id: str, cell_id: str, *, body: LinkDatasource
) -> Operation[DatasourceLink]:
    """Link an existing data source to a cell of a raw data column.

    Claro API v2, "Manage Dataset", section "Link Datasource to Cell", "Link Existing
    Datasource". Meant for extraction datasets.

    Args:
        dataset_id: Id of the dataset.
        cell_id: Id of the cell, as read from the dataset's data. The page contradicts
            itself on the form of this id, so it is never composed.
        body: The data source to link ("Manage Dataset", section "Link Existing
            Datasource").

    Returns:
        The operation; a success is answered by ``DatasourceLink``.
    """
    return Operation(
        LINK_DATASOURCE, {"datasetId": dataset_id, "cellId": cell_id}, body=JsonBody(body)
    )


def upload_datasource(
    dataset_id: str, cell_id: str, *, file: object
) -> Operation[DatasourceUpload]:
    """Upload a file as a new data source and link it to a cell of a raw data column.

    Claro API v2, "Manage Dataset", section "Link Datasource to Cell", "Upload and Link New
    File". Meant for extraction datasets.

    Args:
        dataset_id: Id of the dataset.
        cell_id: Id of the cell, as read from the dataset's data. The page contradicts
            itself on the form of this id, so it is never composed.
        file: The file, with its name.

    Returns:
        The operation; a success is answered by ``DatasourceUpload``.
    """
    return Operation(
        UPLOAD_DATASOURCE,
        {"datasetId": dataset_id, "cellId": cell_id},
        body=MultipartBody((FileField("file", file),)),
    )


def export_dataset(dataset_id: str, *, body: ExportRequest) -> Operation[ExportLink]:
    """Create a signed URL from which an export of the dataset can be downloaded.

    Claro API v2, "Manage Dataset", sections "Export Dataset" and "Query Parameters", "Export
    Dataset". That list is headed "Query Parameters", yet the samples send these values as a
    JSON body; the samples are followed.

    Args:
        dataset_id: Id of the dataset.
        body: What to export ("Manage Dataset", sections "Export Dataset" and "Query
            Parameters", "Export Dataset").

    Returns:
        The operation; a success is answered by ``ExportLink``.
    """
    return Operation(EXPORT_DATASET, {"datasetId": dataset_id}, body=JsonBody(body))

"""Builders of the operations on datasources. None of them does any I/O."""

from types import MappingProxyType
from typing import Final

from .models.datasource_deletion import DatasourceDeletion
from .models.datasource_details import DatasourceDetails
from .models.datasource_list import DatasourceList
from .models.datasource_page import DatasourcePage
from .models.datasource_status import DatasourceStatus
from .models.download_link import DownloadLink
from .models.download_request import DownloadRequest
from .models.error_body import ErrorBody
from .models.sort_order import SortOrder
from .operation import NOTHING, Endpoint, Idempotency, JsonBody, Operation

LIST_DATASOURCES: Final = Endpoint(
    operation_id="listDatasources",
    method="GET",
    path="/datasources",
    idempotency=Idempotency.SAFE,
    success=DatasourceList,
    success_statuses=frozenset({200}),
    errors=MappingProxyType({"401": ErrorBody, "429": ErrorBody, "default": ErrorBody}),
)

GET_DATASOURCE: Final = Endpoint(
    operation_id="getDatasource",
    method="GET",
    path="/datasources/{datasourceId}",
    idempotency=Idempotency.SAFE,
    success=DatasourceDetails,
    success_statuses=frozenset({200}),
    errors=MappingProxyType(
        {"401": ErrorBody, "404": ErrorBody, "429": ErrorBody, "default": ErrorBody}
    ),
)

DELETE_DATASOURCE: Final = Endpoint(
    operation_id="deleteDatasource",
    method="DELETE",
    path="/datasources/{datasourceId}",
    idempotency=Idempotency.IDEMPOTENT,
    success=DatasourceDeletion,
    success_statuses=frozenset({200}),
    errors=MappingProxyType(
        {"401": ErrorBody, "404": ErrorBody, "429": ErrorBody, "default": ErrorBody}
    ),
)

GET_DATASOURCE_DATA: Final = Endpoint(
    operation_id="getDatasourceData",
    method="GET",
    path="/datasources/{datasourceId}/data",
    idempotency=Idempotency.SAFE,
    success=DatasourcePage,
    success_statuses=frozenset({200}),
    errors=MappingProxyType(
        {"401": ErrorBody, "404": ErrorBody, "429": ErrorBody, "default": ErrorBody}
    ),
)

CREATE_DATASOURCE_DOWNLOAD: Final = Endpoint(
    operation_id="createDatasourceDownload",
    method="POST",
    path="/datasources/{datasourceId}/download",
    idempotency=Idempotency.SAFE,
    success=DownloadLink,
    success_statuses=frozenset({200}),
    errors=MappingProxyType(
        {"401": ErrorBody, "404": ErrorBody, "429": ErrorBody, "default": ErrorBody}
    ),
)


def list_datasources(
    *,
    page: int | None = None,
    limit: int | None = None,
    status: str | DatasourceStatus | None = None,
    content_type: str | None = None,
) -> Operation[DatasourceList]:
    """List the data sources, a page at a time.

    Claro API v2, "Manage Data Source", sections "List All Data Sources" and "Query Parameters",
    "List Data Sources".

    Args:
        page: Number of the page, from 1. The server's default is 1.
        limit: Items a page, at most 100. The server's default is 20.
        status: Only data sources with this status.
        content_type: Only data sources of this content type, such as `text/csv`.

    Returns:
        The operation; a success is answered by ``DatasourceList``.
    """
    query: dict[str, str | int | float | bool] = {}
    if page is not None:
        query["page"] = page
    if limit is not None:
        query["limit"] = limit
    if status is not None:
        query["status"] = str(status)
    if content_type is not None:
        query["contentType"] = content_type
    return Operation(LIST_DATASOURCES, NOTHING, query)


def get_datasource(datasource_id: str) -> Operation[DatasourceDetails]:
    """Get a data source with its columns and the outcome of its processing.

    Claro API v2, "Manage Data Source", section "Get Data Source Details".

    Args:
        datasource_id: Id of the data source.

    Returns:
        The operation; a success is answered by ``DatasourceDetails``.
    """
    return Operation(GET_DATASOURCE, {"datasourceId": datasource_id})


def delete_datasource(datasource_id: str) -> Operation[DatasourceDeletion]:
    """Delete a data source and all its data, for good.

    Claro API v2, "Manage Data Source", section "Delete Data Source".

    Args:
        datasource_id: Id of the data source.

    Returns:
        The operation; a success is answered by ``DatasourceDeletion``.
    """
    return Operation(DELETE_DATASOURCE, {"datasourceId": datasource_id})


def get_datasource_data(
    datasource_id: str,
    *,
    page: int | None = None,
    limit: int | None = None,
    sort: str | None = None,
    order: str | SortOrder | None = None,
    filter: str | None = None,
) -> Operation[DatasourcePage]:
    """Get one page of a data source's records, each an object by column name.

    Claro API v2, "Manage Data Source", sections "Get Data Source Data" and "Query Parameters",
    "Get Data Source Data".

    Args:
        datasource_id: Id of the data source.
        page: Number of the page, from 1. The server's default is 1.
        limit: Rows a page, at most 1000. The server's default is 50.
        sort: Name of the column to sort by. In the original order when not given.
        order: Direction of the sort. The server's default is `asc`.
        filter: A filter expression, such as `price > 100`.

    Returns:
        The operation; a success is answered by ``DatasourcePage``.
    """
    query: dict[str, str | int | float | bool] = {}
    if page is not None:
        query["page"] = page
    if limit is not None:
        query["limit"] = limit
    if sort is not None:
        query["sort"] = sort
    if order is not None:
        query["order"] = str(order)
    if filter is not None:
        query["filter"] = filter
    return Operation(GET_DATASOURCE_DATA, {"datasourceId": datasource_id}, query)


def create_datasource_download(
    datasource_id: str, *, body: DownloadRequest
) -> Operation[DownloadLink]:
    """Create a signed URL from which the original file can be downloaded.

    Claro API v2, "Manage Data Source", sections "Generate Download URL" and "Query Parameters",
    "Generate Download URL". That list is headed "Query Parameters", yet the samples send the
    value as a JSON body; the samples are followed.

    Args:
        datasource_id: Id of the data source.
        body: How long a download link shall be valid ("Manage Data Source", sections
            "Generate Download URL" and "Query Parameters", "Generate Download URL").

    Returns:
        The operation; a success is answered by ``DownloadLink``.
    """
    return Operation(
        CREATE_DATASOURCE_DOWNLOAD, {"datasourceId": datasource_id}, body=JsonBody(body)
    )

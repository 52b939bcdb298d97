"""Every operation of the API, and every endpoint by operation id."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from .datasets import (
    DELETE_DATASET,
    EXPORT_DATASET,
    GET_DATASET,
    GET_DATASET_DATA,
    LINK_DATASOURCE,
    LIST_DATASETS,
    UPDATE_CELL,
    UPDATE_COLUMN,
    UPDATE_COLUMN_TASK_TYPE,
    UPLOAD_DATASOURCE,
    delete_dataset,
    export_dataset,
    get_dataset,
    get_dataset_data,
    link_datasource,
    list_datasets,
    update_cell,
    update_column,
    update_column_task_type,
    upload_datasource,
)
from .datasources import (
    CREATE_DATASOURCE_DOWNLOAD,
    DELETE_DATASOURCE,
    GET_DATASOURCE,
    GET_DATASOURCE_DATA,
    LIST_DATASOURCES,
    create_datasource_download,
    delete_datasource,
    get_datasource,
    get_datasource_data,
    list_datasources,
)
from .operation import Endpoint

ENDPOINTS: Final[Mapping[str, Endpoint[Any]]] = MappingProxyType(
    {
        endpoint.operation_id: endpoint
        for endpoint in (
            LIST_DATASETS,
            GET_DATASET,
            DELETE_DATASET,
            GET_DATASET_DATA,
            UPDATE_CELL,
            UPDATE_COLUMN,
            UPDATE_COLUMN_TASK_TYPE,
            LINK_DATASOURCE,
            UPLOAD_DATASOURCE,
            EXPORT_DATASET,
            LIST_DATASOURCES,
            GET_DATASOURCE,
            DELETE_DATASOURCE,
            GET_DATASOURCE_DATA,
            CREATE_DATASOURCE_DOWNLOAD,
        )
    }
)
"""Every endpoint by its operation id."""

__all__ = (
    "ENDPOINTS",
    "LIST_DATASETS",
    "list_datasets",
    "GET_DATASET",
    "get_dataset",
    "DELETE_DATASET",
    "delete_dataset",
    "GET_DATASET_DATA",
    "get_dataset_data",
    "UPDATE_CELL",
    "update_cell",
    "UPDATE_COLUMN",
    "update_column",
    "UPDATE_COLUMN_TASK_TYPE",
    "update_column_task_type",
    "LINK_DATASOURCE",
    "link_datasource",
    "UPLOAD_DATASOURCE",
    "upload_datasource",
    "EXPORT_DATASET",
    "export_dataset",
    "LIST_DATASOURCES",
    "list_datasources",
    "GET_DATASOURCE",
    "get_datasource",
    "DELETE_DATASOURCE",
    "delete_datasource",
    "GET_DATASOURCE_DATA",
    "get_datasource_data",
    "CREATE_DATASOURCE_DOWNLOAD",
    "create_datasource_download",
)

"""Every operation of the API, and every endpoint by operation id."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from .datasets import (
    CREATE_DATASET,
    DELETE_DATASET,
    EXPORT_DATASET,
    GET_MODEL_TAGS,
    GET_PROJECT_DATASET,
    LIST_ALL_DATASETS,
    LIST_PROJECT_DATASETS,
    UPDATE_DATASET,
    create_dataset,
    delete_dataset,
    export_dataset,
    get_model_tags,
    get_project_dataset,
    list_all_datasets,
    list_project_datasets,
    update_dataset,
)
from .operation import Endpoint

ENDPOINTS: Final[Mapping[str, Endpoint[Any]]] = MappingProxyType(
    {
        endpoint.operation_id: endpoint
        for endpoint in (
            LIST_ALL_DATASETS,
            LIST_PROJECT_DATASETS,
            GET_PROJECT_DATASET,
            CREATE_DATASET,
            UPDATE_DATASET,
            DELETE_DATASET,
            GET_MODEL_TAGS,
            EXPORT_DATASET,
        )
    }
)
"""Every endpoint by its operation id."""

__all__ = (
    "ENDPOINTS",
    "LIST_ALL_DATASETS",
    "list_all_datasets",
    "LIST_PROJECT_DATASETS",
    "list_project_datasets",
    "GET_PROJECT_DATASET",
    "get_project_dataset",
    "CREATE_DATASET",
    "create_dataset",
    "UPDATE_DATASET",
    "update_dataset",
    "DELETE_DATASET",
    "delete_dataset",
    "GET_MODEL_TAGS",
    "get_model_tags",
    "EXPORT_DATASET",
    "export_dataset",
)

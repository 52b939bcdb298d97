"""Builders of the operations on datasets. None of them does any I/O."""

from types import MappingProxyType
from typing import Final

from .models.create_dataset_request import CreateDatasetRequest
from .models.dataset_list import DatasetList
from .models.dataset_reply import DatasetReply
from .models.deletion_reply import DeletionReply
from .models.error_body import ErrorBody
from .models.export_page import ExportPage
from .models.export_request import ExportRequest
from .models.model_tag_list import ModelTagList
from .models.update_dataset_request import UpdateDatasetRequest
from .operation import Endpoint, Idempotency, JsonBody, Operation

LIST_ALL_DATASETS: Final = Endpoint(
    operation_id="listAllDatasets",
    method="GET",
    path="/datasets",
    idempotency=Idempotency.SAFE,
    success=DatasetList,
    success_statuses=frozenset({200}),
    errors=MappingProxyType(
        {"401": ErrorBody, "403": ErrorBody, "429": ErrorBody, "default": ErrorBody}
    ),
)

LIST_PROJECT_DATASETS: Final = Endpoint(
    operation_id="listProjectDatasets",
    method="GET",
    path="/datasets/{project}",
    idempotency=Idempotency.SAFE,
    success=DatasetList,
    success_statuses=frozenset({200}),
    errors=MappingProxyType(
        {
            "401": ErrorBody,
            "403": ErrorBody,
            "404": ErrorBody,
            "429": ErrorBody,
            "default": ErrorBody,
        }
    ),
)

GET_PROJECT_DATASET: Final = Endpoint(
    operation_id="getProjectDataset",
    method="GET",
    path="/datasets/{project}/{dataset}",
    idempotency=Idempotency.SAFE,
    success=DatasetReply,
    success_statuses=frozenset({200}),
    errors=MappingProxyType(
        {
            "401": ErrorBody,
            "403": ErrorBody,
            "404": ErrorBody,
            "429": ErrorBody,
            "default": ErrorBody,
        }
    ),
)

CREATE_DATASET: Final = Endpoint(
    operation_id="createDataset",
    method="PUT",
    path="/datasets/{project}/{dataset}",
    idempotency=Idempotency.UNSAFE,
    success=DatasetReply,
    success_statuses=frozenset({200}),
    errors=MappingProxyType(
        {
            "401": ErrorBody,
            "403": ErrorBody,
            "404": ErrorBody,
            "429": ErrorBody,
            "default": ErrorBody,
        }
    ),
)

UPDATE_DATASET: Final = Endpoint(
    operation_id="updateDataset",
    method="POST",
    path="/datasets/{project}/{dataset}",
    idempotency=Idempotency.IDEMPOTENT,
    success=DatasetReply,
    success_statuses=frozenset({200}),
    errors=MappingProxyType(
        {
            "401": ErrorBody,
            "403": ErrorBody,
            "404": ErrorBody,
            "429": ErrorBody,
            "default": ErrorBody,
        }
    ),
)

DELETE_DATASET: Final = Endpoint(
    operation_id="deleteDataset",
    method="DELETE",
    path="/datasets/{project}/{dataset}",
    idempotency=Idempotency.IDEMPOTENT,
    success=DeletionReply,
    success_statuses=frozenset({200}),
    errors=MappingProxyType(
        {
            "401": ErrorBody,
            "403": ErrorBody,
            "404": ErrorBody,
            "429": ErrorBody,
            "default": ErrorBody,
        }
    ),
)

GET_MODEL_TAGS: Final = Endpoint(
    operation_id="getModelTags",
    method="GET",
    path="/datasets/{project}/{dataset}/model-tags",
    idempotency=Idempotency.SAFE,
    success=ModelTagList,
    success_statuses=frozenset({200}),
    errors=MappingProxyType(
        {
            "401": ErrorBody,
            "403": ErrorBody,
            "404": ErrorBody,
            "429": ErrorBody,
            "default": ErrorBody,
        }
    ),
)

EXPORT_DATASET: Final = Endpoint(
    operation_id="exportDataset",
    method="POST",
    path="/datasets/{project}/{dataset}/export",
    idempotency=Idempotency.SAFE,
    success=ExportPage,
    success_statuses=frozenset({200}),
    errors=MappingProxyType(
        {
            "401": ErrorBody,
            "403": ErrorBody,
            "404": ErrorBody,
            "429": ErrorBody,
            "default": ErrorBody,
        }
    ),
)


def list_all_datasets() -> Operation[DatasetList]:
    """List the datasets of all projects.

    Communications Mining API v1, "Datasets", section "Get all datasets". Needs the permission
    "View labels".

    Returns:
        The operation; a success is answered by ``DatasetList``.
    """
    return Operation(LIST_ALL_DATASETS)


def list_project_datasets(project: str) -> Operation[DatasetList]:
    """List the datasets of one project.

    Communications Mining API v1, "Datasets", section "Get datasets by project". Needs the
    permission "View labels". The section shows no reply.

    Args:
        project: Name of the project, which is the dataset's `owner`.

    Returns:
        The operation; a success is answered by ``DatasetList``.
    """
    return Operation(LIST_PROJECT_DATASETS, {"project": project})


def get_project_dataset(project: str, dataset: str) -> Operation[DatasetReply]:
    """Get one dataset.

    Communications Mining API v1, "Datasets", section "Get a dataset by name". Needs the
    permission "View labels".

    Args:
        project: Name of the project, which is the dataset's `owner`.
        dataset: Name of the dataset within its project.

    Returns:
        The operation; a success is answered by ``DatasetReply``.
    """
    return Operation(GET_PROJECT_DATASET, {"project": project, "dataset": dataset})


def create_dataset(
    project: str, dataset: str, *, body: CreateDatasetRequest
) -> Operation[DatasetReply]:
    """Create a dataset under the name in the path.

    Communications Mining API v1, "Datasets", section "Create a dataset". Needs the permission
    "Modify datasets".

    Args:
        project: Name of the project, which is the dataset's `owner`.
        dataset: Name of the dataset within its project.
        body: The body that creates a dataset ("Datasets", section "Create a dataset").

    Returns:
        The operation; a success is answered by ``DatasetReply``.
    """
    return Operation(CREATE_DATASET, {"project": project, "dataset": dataset}, body=JsonBody(body))


def update_dataset(
    project: str, dataset: str, *, body: UpdateDatasetRequest
) -> Operation[DatasetReply]:
    """Change a dataset; what is not given stays as it is.

    Communications Mining API v1, "Datasets", section "Update a dataset". Needs the permission
    "Datasets admin".

    Args:
        project: Name of the project, which is the dataset's `owner`.
        dataset: Name of the dataset within its project.
        body: The body that changes a dataset ("Datasets", section "Update a dataset").

    Returns:
        The operation; a success is answered by ``DatasetReply``.
    """
    return Operation(UPDATE_DATASET, {"project": project, "dataset": dataset}, body=JsonBody(body))


def delete_dataset(project: str, dataset: str) -> Operation[DeletionReply]:
    """Delete a dataset, for good.

    Communications Mining API v1, "Datasets", section "Delete a dataset". Needs the permission
    "Datasets admin".

    Args:
        project: Name of the project, which is the dataset's `owner`.
        dataset: Name of the dataset within its project.

    Returns:
        The operation; a success is answered by ``DeletionReply``.
    """
    return Operation(DELETE_DATASET, {"project": project, "dataset": dataset})


def get_model_tags(project: str, dataset: str) -> Operation[ModelTagList]:
    """List the model versions that have a tag.

    Communications Mining API v1, "Datasets", section "Get model tags for a dataset". Needs the
    permission "Model Admin". Its samples leave the dataset out of the path; the path line has
    it and is followed.

    Args:
        project: Name of the project, which is the dataset's `owner`.
        dataset: Name of the dataset within its project.

    Returns:
        The operation; a success is answered by ``ModelTagList``.
    """
    return Operation(GET_MODEL_TAGS, {"project": project, "dataset": dataset})


def export_dataset(project: str, dataset: str, *, body: ExportRequest) -> Operation[ExportPage]:
    """Get one page of comments with their assigned and predicted labels.

    Communications Mining API v1, "Datasets", section "Export a dataset". Needs the permission
    "Export datasets".

    Args:
        project: Name of the project, which is the dataset's `owner`.
        dataset: Name of the dataset within its project.
        body: Which comments to export, and how many a page ("Datasets", section "Export a
            dataset"). No other filter goes with `comment_uids`.

    Returns:
        The operation; a success is answered by ``ExportPage``.
    """
    return Operation(EXPORT_DATASET, {"project": project, "dataset": dataset}, body=JsonBody(body))

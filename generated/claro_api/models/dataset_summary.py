"""The model ``DatasetSummary``."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .dataset_status import DatasetStatus
from .dataset_type import DatasetType


@define
class DatasetSummary:
    """A dataset as lists show it ("Manage Dataset", section "List All Datasets")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "dataset_id": "datasetId",
        "name": "name",
        "type": "type",
        "status": "status",
        "created_at": "createdAt",
        "updated_at": "updatedAt",
        "row_count": "rowCount",
        "column_count": "columnCount",
        "linked_datasources": "linkedDatasources",
        "description": "description",
    }

    dataset_id: str
    """Id of the dataset."""

    name: str
    """Name of the dataset."""

    type: DatasetType
    """What the dataset is for."""

    status: DatasetStatus
    """How far the dataset is."""

    created_at: datetime.datetime
    """When the dataset was created."""

    updated_at: datetime.datetime
    """When the dataset was last changed."""

    row_count: int | None
    """Number of rows."""

    column_count: int | None
    """Number of columns."""

    linked_datasources: list[str]
    """Ids of the data sources that the dataset draws on."""

    description: str | None = None
    """What the dataset is about."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)

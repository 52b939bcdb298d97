"""The model ``DatasetDetails``."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .dataset_column import DatasetColumn
from .dataset_status import DatasetStatus
from .dataset_type import DatasetType


@define
class DatasetDetails:
    """A dataset with its columns ("Manage Dataset", section "Get Dataset Details")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "dataset_id": "datasetId",
        "name": "name",
        "type": "type",
        "status": "status",
        "created_at": "createdAt",
        "updated_at": "updatedAt",
        "columns": "columns",
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

    columns: list[DatasetColumn]
    """The columns, in order."""

    row_count: int | None
    """Number of rows."""

    column_count: int | None
    """Number of columns. The sample's own count differs from the columns it shows."""

    linked_datasources: list[str]
    """Ids of the data sources that the dataset draws on."""

    description: str | None = None
    """What the dataset is about."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)

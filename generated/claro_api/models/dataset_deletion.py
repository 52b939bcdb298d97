"""The model ``DatasetDeletion``."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define


@define
class DatasetDeletion:
    """Confirms that a dataset was deleted ("Manage Dataset", section "Delete Dataset")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "message": "message",
        "dataset_id": "datasetId",
        "deleted_at": "deletedAt",
    }

    message: str
    """The confirmation in words."""

    dataset_id: str
    """Id of the deleted dataset."""

    deleted_at: datetime.datetime
    """When it was deleted."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

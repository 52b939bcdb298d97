"""The model ``DatasetDeletion``."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model


@define
class DatasetDeletion:
    """Confirms that a dataset was deleted ("Manage Dataset", section "Delete Dataset")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "dataset_id": "datasetId",
        "message": "message",
        "deleted_at": "deletedAt",
    }

    dataset_id: str
    """Id of the deleted dataset."""

    message: str | None = None
    """The confirmation in words."""

    deleted_at: datetime.datetime | None = None
    """When it was deleted."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)

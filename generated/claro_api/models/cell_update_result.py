"""The model ``CellUpdateResult``."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model


@define
class CellUpdateResult:
    """A cell after its value was set ("Manage Dataset", section "Update Cell Value")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "cell_id": "cellId",
        "value": "value",
        "previous_value": "previousValue",
        "metadata_reset": "metadataReset",
        "updated_at": "updatedAt",
        "updated_by": "updatedBy",
    }

    cell_id: str
    """Id of the cell."""

    value: Any
    """The value now."""

    previous_value: Any = None
    """The value before."""

    metadata_reset: bool | None = None
    """Whether the cell's metadata was reset."""

    updated_at: datetime.datetime | None = None
    """When the value was set."""

    updated_by: str | None = None
    """Who set the value, such as `user`."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)

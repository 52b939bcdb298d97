"""The model ``ColumnUpdateResult``."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .json_object import JsonObject
from .task_type import TaskType


@define
class ColumnUpdateResult:
    """A column after it was changed ("Manage Dataset", section "Update Column Metadata")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "column_id": "columnId",
        "name": "name",
        "type": "type",
        "task_type": "taskType",
        "metadata": "metadata",
        "updated_at": "updatedAt",
    }

    column_id: str
    """Id of the column."""

    name: str | None = None
    """Name of the column."""

    type: str | None = None
    """Type of its values; the set is not documented."""

    task_type: TaskType | None = None
    """How the column gets its values. The sample shows `extraction`."""

    metadata: JsonObject | None = None
    """Settings of the column."""

    updated_at: datetime.datetime | None = None
    """When the column was changed."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)

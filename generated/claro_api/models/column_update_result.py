"""The model ``ColumnUpdateResult``."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

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
        "updated_at": "updatedAt",
        "metadata": "metadata",
    }

    column_id: str
    """Id of the column."""

    name: str
    """Name of the column."""

    type: str
    """Type of its values; the set is not documented."""

    task_type: TaskType
    """How the column gets its values. The sample shows `extraction`."""

    updated_at: datetime.datetime
    """When the column was changed."""

    metadata: JsonObject | None = None
    """Settings of the column."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

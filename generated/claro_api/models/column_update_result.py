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
        "metadata": "metadata",
        "updated_at": "updatedAt",
    }

    column_id: str
    """Id of the column."""

    name: str
    """Name of the column."""

    type: str
    """Type of its values; the set is not documented."""

    task_type: TaskType
    """How a column gets its values ("Manage Dataset", section "Task Types"). Replies in the
    samples also show `extraction`, which that section does not list."""

    metadata: JsonObject
    """An object whose names and values the pages leave open."""

    updated_at: datetime.datetime
    """When the column was changed."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

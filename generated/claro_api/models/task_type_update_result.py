"""The model ``TaskTypeUpdateResult``."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .json_object import JsonObject
from .task_type import TaskType


@define
class TaskTypeUpdateResult:
    """A column after its task type was changed ("Manage Dataset", section "Update Column Task
    Type")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "column_id": "columnId",
        "task_type": "taskType",
        "previous_task_type": "previousTaskType",
        "values_reset": "valuesReset",
        "affected_cells": "affectedCells",
        "metadata": "metadata",
        "updated_at": "updatedAt",
    }

    column_id: str
    """Id of the column."""

    task_type: TaskType
    """The task type now."""

    previous_task_type: TaskType | None = None
    """The task type before. The sample shows `extraction`."""

    values_reset: bool | None = None
    """Whether the column's values were reset."""

    affected_cells: int | None = None
    """Number of cells that were reset."""

    metadata: JsonObject | None = None
    """Settings of the task."""

    updated_at: datetime.datetime | None = None
    """When the task type was changed."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from .json_object import JsonObject
from .task_type import TaskType


@define
class TaskTypeUpdate:
    """The task type a column shall have ("Manage Dataset", sections "Update Column Task Type" and
    "Task Types"). `ai_enrich` and `places_count` require a `prompt` in the metadata."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "task_type": "taskType",
        "metadata": "metadata",
    }

    task_type: TaskType
    """How a column gets its values ("Manage Dataset", section "Task Types"). Replies in the
    samples also show `extraction`, which that section does not list."""

    metadata: JsonObject | None = None
    """An object whose names and values the pages leave open."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

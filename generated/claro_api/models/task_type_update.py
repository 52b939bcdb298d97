"""The model ``TaskTypeUpdate``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .json_object import JsonObject
from .task_type import TaskType


@define
class TaskTypeUpdate:
    """The task type a column shall have ("Manage Dataset", sections "Update Column Task Type" and
    "Task Types"). `ai_enrich` and `places_count` require a `prompt` in the metadata."""

    __wire_names__: ClassVar[Mapping[str, str]] = {"task_type": "taskType", "metadata": "metadata"}

    task_type: TaskType
    """The new task type. `doc_extraction` is for extraction datasets only."""

    metadata: JsonObject | None = None
    """Settings of the task, such as its `prompt`."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)

"""The model ``DatasetColumn``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .json_object import JsonObject
from .task_type import TaskType


@define
class DatasetColumn:
    """A column of a dataset ("Manage Dataset", sections "Get Dataset Details" and "Get Dataset
    Data")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "column_id": "columnId",
        "name": "name",
        "type": "type",
        "task_type": "taskType",
        "is_raw_data": "isRawData",
        "metadata": "metadata",
    }

    column_id: str
    """Id of the column."""

    name: str
    """Name of the column."""

    type: str
    """Type of its values, such as `string`, `text` or `number`; the set is not documented."""

    task_type: TaskType
    """How the column gets its values."""

    is_raw_data: bool | None = None
    """Whether data sources can be linked to its cells. Only in the dataset's details."""

    metadata: JsonObject | None = None
    """Settings of the column, such as the `prompt` of its task. In the dataset's details."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)

"""The model ``DatasetList``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .dataset import Dataset
from .reply_status import ReplyStatus


@define
class DatasetList:
    """A list of datasets ("Datasets", section "Get all datasets")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {"datasets": "datasets", "status": "status"}

    datasets: list[Dataset]
    """The datasets."""

    status: ReplyStatus
    """Whether the request succeeded."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)

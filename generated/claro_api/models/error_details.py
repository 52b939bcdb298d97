"""The model ``ErrorDetails``."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .datasource_status import DatasourceStatus


@define
class ErrorDetails:
    """What is known about a failure. Which names occur depends on the code ("Manage Data Source",
    the error samples)."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "message": "message",
        "datasource_id": "datasourceId",
        "status": "status",
        "estimated_completion": "estimatedCompletion",
    }

    message: str | None = None
    """The failure in words."""

    datasource_id: str | None = None
    """Id of the data source that was not found."""

    status: DatasourceStatus | None = None
    """How far the dataset or data source is, when it is still being processed."""

    estimated_completion: datetime.datetime | None = None
    """When processing is expected to end."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)

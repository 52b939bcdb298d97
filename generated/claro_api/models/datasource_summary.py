"""The model ``DatasourceSummary``."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .datasource_status import DatasourceStatus


@define
class DatasourceSummary:
    """A data source as lists show it ("Manage Data Source", section "List All Data Sources")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "datasource_id": "datasourceId",
        "file_name": "fileName",
        "content_type": "contentType",
        "file_size": "fileSize",
        "status": "status",
        "uploaded_at": "uploadedAt",
        "processed_at": "processedAt",
    }

    datasource_id: str
    """Id of the data source."""

    file_name: str
    """Name of the file."""

    content_type: str
    """Media type of the file, such as `text/csv`."""

    file_size: int | None
    """Size of the file in bytes."""

    status: DatasourceStatus
    """How far the data source is."""

    uploaded_at: datetime.datetime
    """When the file was uploaded."""

    processed_at: datetime.datetime | None
    """When processing ended; null until then."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)

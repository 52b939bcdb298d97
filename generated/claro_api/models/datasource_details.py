"""The model ``DatasourceDetails``."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .datasource_column import DatasourceColumn
from .datasource_status import DatasourceStatus
from .processing_stats import ProcessingStats


@define
class DatasourceDetails:
    """A data source with its columns and the outcome of its processing ("Manage Data Source",
    section "Get Data Source Details")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "datasource_id": "datasourceId",
        "file_name": "fileName",
        "content_type": "contentType",
        "file_size": "fileSize",
        "status": "status",
        "uploaded_at": "uploadedAt",
        "processed_at": "processedAt",
        "columns": "columns",
        "row_count": "rowCount",
        "processing_stats": "processingStats",
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

    columns: list[DatasourceColumn] | None = None
    """The columns found in the file."""

    row_count: int | None = None
    """Number of rows found in the file."""

    processing_stats: ProcessingStats | None = None
    """The outcome of processing."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)

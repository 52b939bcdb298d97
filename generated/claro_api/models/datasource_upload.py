"""The model ``DatasourceUpload``."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model


@define
class DatasourceUpload:
    """A new data source, uploaded and linked ("Manage Dataset", section "Upload and Link New
    File")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "cell_id": "cellId",
        "datasource_id": "datasourceId",
        "file_name": "fileName",
        "file_size": "fileSize",
        "uploaded_at": "uploadedAt",
        "linked_at": "linkedAt",
    }

    cell_id: str
    """Id of the cell."""

    datasource_id: str
    """Id of the new data source."""

    file_name: str | None = None
    """Name of the file."""

    file_size: int | None = None
    """Size of the file in bytes."""

    uploaded_at: datetime.datetime | None = None
    """When the file was uploaded."""

    linked_at: datetime.datetime | None = None
    """When it was linked."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)

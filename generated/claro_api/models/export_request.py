"""The model ``ExportRequest``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .export_format import ExportFormat


@define
class ExportRequest:
    """What to export ("Manage Dataset", sections "Export Dataset" and "Query Parameters", "Export
    Dataset")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "format": "format",
        "row_count": "rowCount",
        "column_ids": "columnIds",
        "skip": "skip",
        "include_metadata": "includeMetadata",
        "expires_in": "expiresIn",
    }

    format: ExportFormat
    """Format of the file."""

    row_count: int
    """Number of rows to export, at most 100000."""

    column_ids: list[str] | None = None
    """Ids of the columns to include. All when not given."""

    skip: int | None = None
    """Number of rows to leave out at the start. The server's default is 0."""

    include_metadata: bool | None = None
    """Whether to include metadata."""

    expires_in: int | None = None
    """Seconds for which the link is valid, at most 86400. The server's default is 3600."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)

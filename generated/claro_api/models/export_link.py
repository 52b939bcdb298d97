"""The model ``ExportLink``."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .export_format import ExportFormat


@define
class ExportLink:
    """A signed link to an export ("Manage Dataset", section "Export Dataset")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "download_url": "downloadUrl",
        "file_name": "fileName",
        "format": "format",
        "expires_at": "expiresAt",
        "file_size": "fileSize",
    }

    download_url: str
    """Signed URL of the file, to be fetched as it is and without the API key."""

    file_name: str
    """Name that the server suggests for the file."""

    format: ExportFormat
    """Format of the file."""

    expires_at: datetime.datetime
    """When the link ceases to be valid."""

    file_size: int
    """Size of the file in bytes."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)

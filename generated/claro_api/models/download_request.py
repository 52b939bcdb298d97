"""The model ``DownloadRequest``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model


@define
class DownloadRequest:
    """How long a download link shall be valid ("Manage Data Source", sections "Generate Download
    URL" and "Query Parameters", "Generate Download URL")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {"expires_in": "expiresIn"}

    expires_in: int | None = None
    """Seconds for which the link is valid, at most 86400. The server's default is 3600."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)

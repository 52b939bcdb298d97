"""The model ``ErrorBody``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .error_code import ErrorCode
from .error_details import ErrorDetails


@define
class ErrorBody:
    """The body of every failure ("Manage Data Source", the error samples, and "Error Codes")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "error": "error",
        "code": "code",
        "details": "details",
    }

    error: str
    """The failure in words."""

    code: ErrorCode
    """The failure as a code."""

    details: ErrorDetails | None = None
    """What is known about the failure."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)

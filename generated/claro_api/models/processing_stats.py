"""The model ``ProcessingStats``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model


@define
class ProcessingStats:
    """The outcome of processing ("Manage Data Source", section "Get Data Source Details")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "cleaned_rows": "cleanedRows",
        "errors": "errors",
        "warnings": "warnings",
    }

    cleaned_rows: int
    """Number of rows that were cleaned."""

    errors: int
    """Number of errors."""

    warnings: int
    """Number of warnings."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)

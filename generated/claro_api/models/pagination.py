"""The model ``Pagination``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model


@define
class Pagination:
    """Where a page stands among all pages."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "page": "page",
        "limit": "limit",
        "total": "total",
        "total_pages": "totalPages",
    }

    page: int
    """Number of this page, from 1."""

    limit: int
    """Items a page."""

    total: int
    """Number of items on all pages."""

    total_pages: int
    """Number of pages."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)

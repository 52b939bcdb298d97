"""Tokens and what they may do.

Communications Mining API v1, "Datasets", lines "Permissions required".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from claro_async.emulator.errors import ApiError
from claro_async.emulator.mining.routing import PERMISSIONS, permission_for

if TYPE_CHECKING:
    from collections.abc import Iterable


class Grant(NamedTuple):
    """What a token may do; ``projects`` is None for all of them."""

    permissions: frozenset[str]
    projects: frozenset[str] | None = None

    def covers(self, project: str) -> bool:
        """Tell whether the token is good for a project."""
        return self.projects is None or project in self.projects

    def check(self, operation_id: str, project: str | None) -> None:
        """Refuse an operation that the token has no right to.

        Raises:
            ApiError: ``ACCESS_DENIED``.
        """
        needed = permission_for(operation_id)
        if needed not in self.permissions:
            raise ApiError("ACCESS_DENIED", message=f"Permission required: {needed}")
        if project is not None and not self.covers(project):
            raise ApiError("ACCESS_DENIED", message=f"Permission required in project: {needed}")


def grant(permissions: Iterable[str] | None, projects: Iterable[str] | None) -> Grant:
    """Make a grant.

    Args:
        permissions: Names of permissions as the document writes them; None for all.
        projects: Names of projects; None for all.

    Raises:
        ValueError: For a permission that the document does not name.
    """
    rights = PERMISSIONS if permissions is None else frozenset(permissions)
    if rights - PERMISSIONS:
        raise ValueError(f"permissions are {sorted(PERMISSIONS)}, not {sorted(rights)}")
    return Grant(rights, None if projects is None else frozenset(projects))

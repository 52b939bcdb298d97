"""The eight operations: where they are, and which permission each needs.

Communications Mining API v1, "Datasets": the path lines, the cURL lines (for the HTTP methods) and
the lines "Permissions required".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from claro_async.emulator.errors import ApiError
from claro_async.emulator.routing import Match, decode_segment

if TYPE_CHECKING:
    from collections.abc import Mapping

MINING_PREFIX: Final = "/api/v1"

VIEW_LABELS: Final = "View labels"
MODEL_ADMIN: Final = "Model Admin"
MODIFY_DATASETS: Final = "Modify datasets"
DATASETS_ADMIN: Final = "Datasets admin"
EXPORT_DATASETS: Final = "Export datasets"
PERMISSIONS: Final = frozenset(
    {VIEW_LABELS, MODEL_ADMIN, MODIFY_DATASETS, DATASETS_ADMIN, EXPORT_DATASETS}
)


class _Route(NamedTuple):
    method: str
    names: int
    tail: str
    permission: str


_ROUTES: Final[Mapping[str, _Route]] = {
    "mining.listAllDatasets": _Route("GET", 0, "", VIEW_LABELS),
    "mining.listProjectDatasets": _Route("GET", 1, "", VIEW_LABELS),
    "mining.getProjectDataset": _Route("GET", 2, "", VIEW_LABELS),
    "mining.getModelTags": _Route("GET", 2, "model-tags", MODEL_ADMIN),
    "mining.createDataset": _Route("PUT", 2, "", MODIFY_DATASETS),
    "mining.updateDataset": _Route("POST", 2, "", DATASETS_ADMIN),
    "mining.deleteDataset": _Route("DELETE", 2, "", DATASETS_ADMIN),
    "mining.exportDataset": _Route("POST", 2, "export", EXPORT_DATASETS),
}

MINING_OPERATION_IDS: Final[frozenset[str]] = frozenset(_ROUTES)
"""The ids of the 8 documented operations; the prefix tells them from those of Claro."""


def permission_for(operation_id: str) -> str:
    """Name the permission that an operation needs."""
    return _ROUTES[operation_id].permission


def match_mining(method: str, raw_path: str) -> Match:
    """Find the operation of a path.

    Args:
        method: The HTTP method.
        raw_path: The path as sent, still percent-encoded.

    Returns:
        The operation with project and dataset.

    Raises:
        ApiError: ``NOT_FOUND`` (404), ``METHOD_NOT_ALLOWED`` (405), or ``INVALID_PARAMETERS`` for
            a segment that is no name.
    """
    raw = raw_path[len(MINING_PREFIX) + 1 :].split("/")
    segments = [decode_segment(segment) for segment in raw]
    names = tuple(segments[1:3])
    tail = "/".join(segments[3:])
    methods = {
        route.method: operation_id
        for operation_id, route in _ROUTES.items()
        if segments[0] == "datasets" and route.names == len(names) and route.tail == tail
    }
    if not methods:
        raise ApiError("NOT_FOUND", {"path": "/".join(segments)})
    if method not in methods:
        allow = ", ".join(sorted(methods))
        details = {"method": method, "allowed": sorted(methods)}
        raise ApiError("METHOD_NOT_ALLOWED", details, headers={"Allow": allow})
    return Match(methods[method], names)

"""From a raw request target to an operation and its decoded ids.

The target is split while still percent-encoded and each segment is decoded once, so that an id
holding ``%2F`` stays one segment and nothing is normalised away before it was looked at.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias
from urllib.parse import unquote_to_bytes

from claro_async.emulator.errors import ApiError, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

API_PREFIX: Final = "/api/v2"

_TEMPLATES: Final[Mapping[str, tuple[str, str]]] = {
    "listDatasets": ("GET", "datasets"),
    "getDataset": ("GET", "datasets/{}"),
    "deleteDataset": ("DELETE", "datasets/{}"),
    "getDatasetData": ("GET", "datasets/{}/data"),
    "exportDataset": ("POST", "datasets/{}/export"),
    "updateCell": ("PATCH", "datasets/{}/cells/{}"),
    "linkDatasource": ("POST", "datasets/{}/cells/{}/link-datasource"),
    "uploadDatasource": ("POST", "datasets/{}/cells/{}/upload-datasource"),
    "updateColumn": ("PATCH", "datasets/{}/columns/{}"),
    "updateColumnTaskType": ("PUT", "datasets/{}/columns/{}/task-type"),
    "listDatasources": ("GET", "datasources"),
    "getDatasource": ("GET", "datasources/{}"),
    "deleteDatasource": ("DELETE", "datasources/{}"),
    "getDatasourceData": ("GET", "datasources/{}/data"),
    "createDatasourceDownload": ("POST", "datasources/{}/download"),
}

DOWNLOAD: Final = "download"
OPERATION_IDS: Final[frozenset[str]] = frozenset(_TEMPLATES)
"""The ids of the 15 documented operations; ``"download"`` stands for fetching a signed URL."""


class Match(NamedTuple):
    """What a request target means: an operation and the ids in its path."""

    operation_id: str
    ids: tuple[str, ...]


_Shape: TypeAlias = tuple[str | None, ...]
"""The segments of a path, with None where an id stands."""


def _by_length() -> Mapping[int, Mapping[_Shape, Mapping[str, str]]]:
    grouped: dict[int, dict[_Shape, dict[str, str]]] = {}
    for operation_id, (method, template) in _TEMPLATES.items():
        shape = tuple(None if part == "{}" else part for part in template.split("/"))
        shapes = grouped.setdefault(len(shape), {})
        shapes.setdefault(shape, {})[method] = operation_id
    return grouped


_ROUTES: Final = _by_length()
_PLAIN: Final = re.compile(r"[A-Za-z0-9_~.\-]+\Z")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def decode_segment(raw: str) -> str:
    """Decode one path segment exactly once.

    Args:
        raw: The segment as it stood in the request line.

    Returns:
        The id that the segment stands for.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` for an empty segment, a broken escape, text that is not
            UTF-8, a control character, and a ``.`` or ``..`` between slashes or backslashes.
    """
    decoded = raw
    if _PLAIN.match(raw) is None:
        if not raw:
            raise invalid("path", "an id must not be empty")
        if _BAD_ESCAPE.search(raw):
            raise invalid("path", "broken percent-encoding")
        try:
            decoded = unquote_to_bytes(raw).decode()
        except UnicodeError:
            raise invalid("path", "not UTF-8") from None
        if any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in decoded):  # noqa: PLR2004 - the C0 and C1 controls
            raise invalid("path", "control characters are not allowed")
    if not {".", ".."}.isdisjoint(decoded.replace("\\", "/").split("/")):
        raise invalid("path", "path traversal is not allowed")
    return decoded


def match(method: str, segments: list[str]) -> Match:
    """Find the operation of a decoded API path.

    Args:
        method: The HTTP method.
        segments: The decoded segments after ``/api/v2``.

    Returns:
        The operation and its ids.

    Raises:
        ApiError: ``NOT_FOUND`` (404) or ``METHOD_NOT_ALLOWED`` (405, with ``Allow``).
    """
    for shape, methods in _ROUTES.get(len(segments), {}).items():
        ids = []
        for want, have in zip(shape, segments, strict=True):
            if want is None:
                ids.append(have)
            elif want != have:
                break
        else:
            operation_id = methods.get(method)
            if operation_id is None:
                allow = ", ".join(sorted(methods))
                details = {"method": method, "allowed": sorted(methods)}
                raise ApiError("METHOD_NOT_ALLOWED", details, headers={"Allow": allow})
            return Match(operation_id, tuple(ids))
    raise ApiError("NOT_FOUND", {"path": "/".join(segments)})


def match_path(method: str, raw_path: str) -> Match:
    """Find the operation that a path means, as it was sent.

    Raises:
        ApiError: As :func:`match`; also ``NOT_FOUND`` for a path that is none of the API's.
    """
    prefix = API_PREFIX + "/"
    if not raw_path.startswith(prefix):
        raise ApiError("NOT_FOUND", {"path": raw_path})
    return match(method, [decode_segment(raw) for raw in raw_path[len(prefix) :].split("/")])

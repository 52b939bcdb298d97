"""The page's own files, which come with the package."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from aiohttp import web

from claro_async.emulator.console.security import HEADERS
from claro_async.emulator.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

INDEX: Final = "index.html"
_TYPES: Final[Mapping[str, str]] = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "ico": "image/x-icon",
    "json": "application/json",
    "woff2": "font/woff2",
    "txt": "text/plain; charset=utf-8",
    "md": "text/plain; charset=utf-8",
    "": "text/plain; charset=utf-8",
}
"""Content types by the ending of a file's name; no others are served."""


def packaged() -> Traversable:
    """Locate the folder of the page's files."""
    return files("claro_async.emulator.console").joinpath("static")


class Static:
    """Serves the files of a folder.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Traversable) -> None:
        self._folder = folder

    def serve(self, request: web.BaseRequest, path: str) -> web.Response:
        """Answer a GET or HEAD of a file.

        Args:
            request: The request.
            path: The file's path within the folder; empty for the page itself.

        Raises:
            ApiError: ``NOT_FOUND``, or ``METHOD_NOT_ALLOWED``.
        """
        if request.method not in ("GET", "HEAD"):
            raise ApiError("METHOD_NOT_ALLOWED", headers={"Allow": "GET, HEAD"})
        found = self._find(path or INDEX)
        kind = _TYPES.get(_ending(found.name)) if found is not None else None
        if found is None or kind is None:
            raise ApiError("NOT_FOUND", {"path": path})
        data = found.read_bytes()
        etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
        headers = {**HEADERS, "ETag": etag, "Cache-Control": "no-cache", "Content-Type": kind}
        if etag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        return web.Response(body=data, headers=headers)

    def _find(self, path: str) -> Traversable | None:
        """Walk from name to name, so that no path leads out of the folder."""
        here = self._folder
        for name in path.split("/"):
            below = {each.name: each for each in here.iterdir()} if here.is_dir() else {}
            if name not in below:
                return None
            here = below[name]
        return here if here.is_file() else None


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""

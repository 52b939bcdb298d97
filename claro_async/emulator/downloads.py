"""Signed URLs on their own paths, and the files behind them.

The samples of "Generate Download URL" and "Export Dataset" give the paths: ``/download/{id}`` and
``/export/{id}.csv`` on the server's root, with ``token`` in the query. What a file server does
with ranges and validators is RFC 9110's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from email.utils import formatdate, parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote, unquote

from claro_async.emulator.calls import Call, FileSlice, Reply, World
from claro_async.emulator.errors import ApiError
from claro_async.emulator.validation import integer_field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from claro_async.emulator.faults import Fault

MAX_EXPIRES: Final = 86_400
DEFAULT_EXPIRES: Final = 3600
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z", re.ASCII)


class _File(NamedTuple):
    slice: FileSlice
    name: str
    content_type: str
    etag: str
    modified: float


def expiry(call: Call, body: Mapping[str, Any]) -> int:
    """Read ``expiresIn`` and tell when a URL made now expires, in whole epoch seconds.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` when it is out of range.
    """
    seconds = integer_field(
        body, "expiresIn", minimum=1, maximum=MAX_EXPIRES, default=DEFAULT_EXPIRES
    )
    return int(call.world.clock()) + seconds


def download_url(call: Call, path: str, expires_at: int) -> str:
    """Sign a path until a time."""
    raw_path = quote(path)
    token = quote(_token(call.world, raw_path, expires_at), safe="")
    return f"{call.origin}{raw_path}?token={token}"


def _token(world: World, raw_path: str, expires_at: int) -> str:
    message = f"{expires_at} {raw_path}".encode(errors="backslashreplace")
    signature = hmac.digest(world.database.secret, message, hashlib.sha256)
    return f"{expires_at}.{base64.b64encode(signature).decode()}"


def _check_token(world: World, raw_path: str, query: str) -> None:
    name, _, value = query.partition("=")
    token = unquote(value)
    expires = token.partition(".")[0]
    if name != "token" or not (expires.isascii() and expires.isdigit()):
        raise ApiError("ACCESS_DENIED", {"message": "the URL is not signed"})
    wanted = _token(world, raw_path, int(expires[:18]))
    if not hmac.compare_digest(token.encode(errors="backslashreplace"), wanted.encode()):
        raise ApiError("ACCESS_DENIED", {"message": "the signature does not match"})
    if world.clock() >= int(expires):
        raise ApiError("ACCESS_DENIED", {"message": "the URL has expired"})


def _locate(world: World, raw_path: str) -> _File:
    kind, _, rest = unquote(raw_path).removeprefix("/").partition("/")
    if kind == "download":
        found = world.database.execute(
            "SELECT file, size, sha256, uploaded_at, file_name, content_type FROM datasources"
            " WHERE id = ?",
            (rest,),
        ).fetchone()
    else:
        found = world.database.execute(
            "SELECT file, size, sha256, created_at, file_name, content_type FROM exports"
            " WHERE id = ?",
            (rest.rpartition(".")[0],),
        ).fetchone()
    if found is None:
        raise ApiError("NOT_FOUND", {"path": raw_path}, message="The file is gone")
    file, size, sha256, modified, name, content_type = found
    content = FileSlice(world.database.folder / file, 0, size)
    return _File(content, name, content_type, f'"{sha256[:32]}"', modified)


def is_signed_path(raw_path: str) -> bool:
    """Tell whether a path is one that signed URLs lead to."""
    return raw_path.startswith(("/download/", "/export/"))


def serve(
    world: World, request: web.BaseRequest, raw_path: str, query: str, fault: Fault | None
) -> Reply:
    """Answer a GET or HEAD of a signed URL.

    Args:
        world: The state.
        request: The request, for its method and headers.
        raw_path: The path as sent.
        query: The query as sent.
        fault: A fault that changes how the file is served.

    Returns:
        200, 206 or 304 with the headers of RFC 9110.

    Raises:
        ApiError: ``ACCESS_DENIED`` for a bad or expired signature, ``NOT_FOUND`` when what was
            signed is gone, 405, 412 and 416.
    """
    if request.method not in ("GET", "HEAD"):
        details = {"method": request.method, "allowed": ["GET", "HEAD"]}
        raise ApiError("METHOD_NOT_ALLOWED", details, headers={"Allow": "GET, HEAD"})
    _check_token(world, raw_path, query)
    file = _locate(world, raw_path)
    kind = None if fault is None else fault.kind
    if kind == "change_file":
        file = file._replace(slice=file.slice._replace(flipped=True), etag=f'"{file.etag[9:]}')
    headers = _headers(file)
    if request.headers.get("If-Match", "*") not in ("*", file.etag):
        raise ApiError("PRECONDITION_FAILED", {"etag": file.etag}, status=412)
    if request.headers.get("If-None-Match") in ("*", file.etag):
        return Reply(304, headers=headers)
    if kind != "ignore_range":
        reply = _partial(request, file, headers)
        if reply is not None:
            return reply
    return _whole(file, headers, fault)


def _whole(file: _File, headers: dict[str, str], fault: Fault | None) -> Reply:
    reply = Reply(200, headers=headers, file=file.slice)
    if fault is None:
        return reply
    if fault.kind == "wrong_length":
        missing = int(fault.details.get("missing", 1))
        reply.file = file.slice._replace(length=max(0, file.slice.length - missing))
    elif fault.kind == "no_length":
        reply.chunked = True
    elif fault.kind == "bad_gzip":
        reply.headers = {**headers, "Content-Encoding": "gzip"}
    return reply


def _headers(file: _File) -> dict[str, str]:
    plain = re.sub(r'[^\x20-\x7e]|["\\]', "_", file.name)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file.name, safe='')}"
    return {
        "Content-Type": file.content_type,
        "Content-Disposition": disposition,
        "ETag": file.etag,
        "Last-Modified": formatdate(int(file.modified), usegmt=True),
        "Accept-Ranges": "bytes",
    }


def _partial(request: web.BaseRequest, file: _File, headers: dict[str, str]) -> Reply | None:
    wanted = request.headers.get("Range")
    if wanted is None or request.method != "GET" or not _range_applies(request, file):
        return None
    found = _RANGE.match(wanted.strip())
    if found is None or found.groups() == ("", ""):
        return None  # a range this server does not know is ignored, as RFC 9110 has it
    size = file.slice.length
    first, last = found.groups()
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if start > end:
        raise ApiError(
            "RANGE_NOT_SATISFIABLE",
            {"fileSize": size},
            status=416,
            headers={"Content-Range": f"bytes */{size}"},
        )
    content = file.slice._replace(start=start, length=end - start + 1)
    return Reply(
        206, headers={**headers, "Content-Range": f"bytes {start}-{end}/{size}"}, file=content
    )


def _range_applies(request: web.BaseRequest, file: _File) -> bool:
    validator = request.headers.get("If-Range")
    if validator is None or validator == file.etag:
        return True
    if validator.startswith(('"', "W/")):
        return False
    try:
        return parsedate_to_datetime(validator).timestamp() == int(file.modified)
    except (ValueError, OverflowError):
        return False

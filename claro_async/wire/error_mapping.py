"""The typed error of a reply that is not a success.

Error codes: Claro API v2, "Manage Dataset" and "Manage Data Source", sections "Error Codes" and the
samples of error replies. They come before the status, since the documents name few statuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from claro_async import errors
from claro_async.wire.replies import excerpt, shortened
from claro_async.wire.tolerance import JSON_ERRORS, decode_any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claro_async.wire.replies import HttpReply
    from claro_async.wire.requests import HttpRequest


_BY_CODE: Mapping[str, type[errors.APIStatusError]] = {
    "UNAUTHORIZED": errors.AuthenticationError,
    "ACCESS_DENIED": errors.PermissionDeniedError,
    "DATASET_NOT_FOUND": errors.DatasetNotFoundError,
    "CELL_NOT_FOUND": errors.CellNotFoundError,
    "COLUMN_NOT_FOUND": errors.ColumnNotFoundError,
    "ROW_NOT_FOUND": errors.RowNotFoundError,
    "DATASOURCE_NOT_FOUND": errors.DatasourceNotFoundError,
    "INVALID_TASK_TYPE": errors.InvalidTaskTypeError,
    "INVALID_PARAMETERS": errors.InvalidRequestError,
    "RAW_COLUMN_REQUIRED": errors.RawColumnRequiredError,
    "PROCESSING_IN_PROGRESS": errors.ProcessingInProgressError,
}

DOCUMENTED_CODES = frozenset(_BY_CODE)
"""The error codes that the documents name."""

_BY_STATUS: Mapping[int, type[errors.APIStatusError]] = {
    401: errors.AuthenticationError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    # the server gave up on the request: whether it was applied is not said
    408: errors.ServerError,
    429: errors.RateLimitError,
}


def error_from_reply(request: HttpRequest, reply: HttpReply) -> errors.APIStatusError:
    """The typed error of a reply that is not a success: by code first, then by status.

    Its text says what the server said, ``details`` included.
    """
    envelope = _envelope(reply)
    code = envelope.get("code") if isinstance(envelope.get("code"), str) else None
    details = envelope.get("details")
    where = ", ".join(filter(None, (code, f"HTTP {reply.status}", request.operation)))
    return error_type(code, reply.status)(
        f"{_text(request, reply, envelope, code)} ({where})",
        status=reply.status,
        code=code,
        details=details,
        request_id=reply.headers.get("X-Request-Id"),
        operation=request.operation,
    )


def _envelope(reply: HttpReply) -> dict[str, Any]:
    """The error reply as an object; empty for a proxy's page, which is none."""
    try:
        envelope = decode_any(reply.content)
    except JSON_ERRORS:
        return {}
    return envelope if isinstance(envelope, dict) else {}


def _text(
    request: HttpRequest, reply: HttpReply, envelope: dict[str, Any], code: str | None
) -> str:
    if 300 <= reply.status < 400:  # noqa: PLR2004
        return "the API answered with a redirect, which is never followed: check base_url"
    said = envelope.get("error") or envelope.get("message")
    text = said if isinstance(said, str) else f"unexpected reply {excerpt(reply.content)!r}"
    if reply.status == 404 and code is None:  # noqa: PLR2004
        path = request.target.partition("?")[0]
        if not envelope:
            text = f"no such endpoint, check base_url: {text}"
        if path not in request.operation:
            text = f"{text}: {request.method} {path}"
    details = _details_text(envelope.get("details"))
    return f"{text}: {details}" if details and details not in text else text


def _details_text(details: Any) -> str:
    """What details say, on one line: their message first, then all else by name."""
    if isinstance(details, dict):
        message = details.get("message")
        rest = {name: value for name, value in details.items() if name != "message"}
        parts = [message] if isinstance(message, str) else []
        parts += [f"{name}={_plain(value)}" for name, value in rest.items()]
        text = "; ".join(parts)
    else:
        text = "" if details is None else _plain(details)
    return shortened(text)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def error_type(code: str | None, status: int) -> type[errors.APIStatusError]:
    """The class of an error reply: by code first, then by status."""
    if code is not None and code in _BY_CODE:
        return _BY_CODE[code]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:  # noqa: PLR2004
        return errors.ServerError
    return errors.InvalidRequestError if status >= 400 else errors.APIStatusError  # noqa: PLR2004

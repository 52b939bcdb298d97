"""The typed error of a reply that is not a success.

Error codes: Claro API v2, "Manage Dataset" and "Manage Data Source", sections "Error Codes" and the
samples of error replies. They come before the status, since the documents name few statuses.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from claro_async import errors
from claro_async.wire.replies import excerpt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claro_async.wire.replies import HttpReply


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


def error_from_reply(operation: str, reply: HttpReply) -> errors.APIStatusError:
    """The typed error of a reply that is not a success: by code first, then by status."""
    envelope: Any = None
    with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        envelope = msgspec.json.decode(reply.content)  # a proxy's page is none: see the status
    told: dict[str, Any] = envelope if isinstance(envelope, dict) else {}
    code = told.get("code") if isinstance(told.get("code"), str) else None
    details = told.get("details") if isinstance(told.get("details"), dict) else None
    text = told.get("error") or told.get("message")
    if not isinstance(text, str):
        text = f"unexpected reply {excerpt(reply.content)!r}"
    if 300 <= reply.status < 400:  # noqa: PLR2004
        text = "the API answered with a redirect, which is never followed: check base_url"
    where = ", ".join(filter(None, (code, f"HTTP {reply.status}", operation)))
    error = error_type(code, reply.status)(
        f"{text} ({where})",
        status=reply.status,
        code=code,
        details=details,
        request_id=reply.headers.get("X-Request-Id"),
        operation=operation,
    )
    if details and isinstance(details.get("message"), str):
        error.add_note(details["message"])
    return error


def error_type(code: str | None, status: int) -> type[errors.APIStatusError]:
    """The class of an error reply: by code first, then by status."""
    if code is not None and code in _BY_CODE:
        return _BY_CODE[code]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:  # noqa: PLR2004
        return errors.ServerError
    return errors.InvalidRequestError if status >= 400 else errors.APIStatusError  # noqa: PLR2004

"""The wire without I/O: an operation becomes a request, a reply becomes a value or an error.

Error codes: Claro API v2, "Manage Dataset" and "Manage Data Source", sections "Error Codes" and the
samples of error replies. They come before the status, since the documents name few statuses.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast
from urllib.parse import quote, unquote, urlencode

import attrs
import msgspec
from claro_api.operation import JsonBody, MultipartBody

from claro_async import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from claro_api.operation import Operation

    from claro_async._converter import ModelConverter
    from claro_async.transport.bodies import Upload

T = TypeVar("T")

_PLAIN_SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9_.~-]*", re.ASCII).fullmatch
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]").search
_METHOD = re.compile(r"[A-Za-z]+", re.ASCII).fullmatch
_RAW_PATH = re.compile(
    r"/(?!/)(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*", re.ASCII
).fullmatch
_HEADER = re.compile(r"[A-Za-z0-9-]+: [\x20-\x7e]*", re.ASCII).fullmatch
_OWN_HEADERS = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
        "transfer-encoding",
        "upgrade",
    }
)
_EXCERPT = 200
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_PLAIN_VALUES = frozenset({str, int, bool, type(None)})

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
_BY_STATUS: Mapping[int, type[errors.APIStatusError]] = {
    401: errors.AuthenticationError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    # the server gave up on the request: whether it was applied is not said
    408: errors.ServerError,
    429: errors.RateLimitError,
}


@attrs.define
class HttpRequest:
    """One request, as often as it may be sent.

    Attributes:
        operation: The operation's id, by which retries are classified.
        method: The HTTP method.
        target: Path and query below the base URL, percent-encoded.
        content: The body's bytes, JSON, if it has any.
        upload: What makes a fresh body for each attempt, where the body is a form with a file.
        form_field: What the form calls the file.
        headers: Further headers.
        on_fresh_connection: Whether to send it on a connection that was never used. A kept one may
            have been closed by the server meanwhile, which leaves it open if the request arrived.
    """

    operation: str
    method: str
    target: str
    content: bytes | None = None
    upload: Upload | None = None
    form_field: str = ""
    headers: Mapping[str, str] = _NO_HEADERS
    on_fresh_connection: bool = False


@attrs.define
class HttpReply:
    """A whole reply."""

    status: int
    headers: Mapping[str, str]
    content: bytes


def encode_segment(value: str, name: str = "id") -> str:
    """An identifier as one path segment; it can never change the path.

    Raises:
        TypeError: Not a str.
        ValueError: Empty, ``.`` or ``..``, or holds control characters or lone surrogates.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    if _PLAIN_SEGMENT(value):
        return value
    if value in {"", ".", ".."} or _FORBIDDEN(value):
        raise ValueError(
            f"{name} {value!r} cannot be an identifier: use it exactly as a reply gave it"
        )
    return quote(value, safe="")


def json_bytes(value: Any, name: str = "value") -> bytes:
    """A JSON value as bytes.

    Raises:
        TypeError: Something that JSON has no form for (a date, a set, bytes, a Decimal, a key that
            is not a str).
        ValueError: NaN, an infinity, a lone surrogate, or nesting without end.
    """
    if type(value) not in _PLAIN_VALUES:
        _check_json(value, name, 0)
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        raise ValueError(f"{name} holds a lone surrogate, which UTF-8 cannot carry") from None
    except TypeError as error:  # of a class derived from str, int or float
        raise TypeError(f"{name} is not made of plain JSON values: {error}") from None


def _check_json(value: Any, name: str, depth: int) -> None:
    if value is None or isinstance(value, str | int):
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{name} is {value!r}, which JSON cannot carry; null may be meant")
    elif depth > 100:  # noqa: PLR2004
        raise ValueError(f"{name} is nested deeper than 100 levels")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"{name} has the key {key!r}; JSON's keys are str")
            _check_json(item, f"{name}[{key!r}]", depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check_json(item, f"{name}[{index}]", depth + 1)
    else:
        raise TypeError(
            f"{name} is a {type(value).__name__}, which is not a JSON value;"
            " convert it first (a date to its ISO text, a Decimal to str or float)"
        )


@cache
def _parts(template: str) -> tuple[str, ...]:
    """A path template cut at its braces: literal, name, literal, name, …, literal."""
    return tuple(re.split(r"[{}]", template))


def build_target(operation: Operation[Any]) -> str:
    """Path and query of an operation, percent-encoded."""
    parts = _parts(operation.endpoint.path)
    if len(parts) == 1:
        target = parts[0]
    else:
        values = operation.path_values
        pieces = list(parts)
        for at in range(1, len(parts), 2):
            pieces[at] = encode_segment(values[parts[at]], parts[at])
        target = "".join(pieces)
    if operation.query:
        target += "?" + _query_string(operation.query)
    return target


def partial_target(template: str, values: Mapping[str, str]) -> tuple[str, str]:
    """What stands before and after the one path value that `values` leave out.

    For many requests that differ in it alone.
    """
    parts = list(_parts(template))
    (rest,) = (at for at in range(1, len(parts), 2) if parts[at] not in values)
    for at in range(1, len(parts), 2):
        if at != rest:
            parts[at] = encode_segment(values[parts[at]], parts[at])
    return "".join(parts[:rest]), "".join(parts[rest + 1 :])


def _query_string(query: Mapping[str, Any]) -> str:
    pairs = [(key, _query_text(value)) for key, value in query.items()]
    try:
        return urlencode(pairs, quote_via=quote, safe="")
    except UnicodeEncodeError:
        raise ValueError("a query value holds a lone surrogate, which UTF-8 cannot carry") from None


def _query_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(getattr(value, "value", value))


def build_request(operation: Operation[Any], unstructure: Callable[[Any], Any]) -> HttpRequest:
    """An operation as a request."""
    endpoint, body = operation.endpoint, operation.body
    request = HttpRequest(endpoint.operation_id, endpoint.method, build_target(operation))
    if isinstance(body, JsonBody):
        request.content = json_bytes(unstructure(body.value), "body")
    elif isinstance(body, MultipartBody):
        (field,) = body.fields
        request.form_field, request.upload = field.name, cast("Upload", field.source)
    return request


def build_raw_request(
    method: str,
    path: str,
    params: Mapping[str, Any],
    body: Any,
    headers: Mapping[str, str],
) -> HttpRequest:
    """A request that the documents' operations do not cover.

    Raises:
        ValueError: Something that would not arrive as it stands here.
    """
    if not _METHOD(method) or method.upper() == "CONNECT":
        raise ValueError(f"method must be an HTTP method such as 'POST', not {method!r}")
    # servers and proxies take an encoded dot for a dot
    if not _RAW_PATH(path) or any(unquote(part) in {".", ".."} for part in path.split("/")):
        raise ValueError(
            f"path must begin with one slash and hold neither '.' nor '..', a query, nor anything"
            f" that is not percent-encoded: {path!r}"
        )
    for name, value in params.items():
        finite = not isinstance(value, float) or math.isfinite(value)
        if not isinstance(value, str | int | float) or not finite:
            raise ValueError(f"params has {value!r} for {name!r}, which has no form in a query")
    for name, text in headers.items():
        if name.lower() in _OWN_HEADERS or not _HEADER(f"{name}: {text}"):
            raise ValueError(f"header {name!r} is set by the client itself, or cannot be sent")
    target = f"{path}?{_query_string(params)}" if params else path
    content = None if body is None else json_bytes(body, "json")
    return HttpRequest(
        f"{method.upper()} {path}", method.upper(), target, content, headers=dict(headers)
    )


def decode_json(reply: HttpReply) -> Any:
    """The reply's JSON value.

    Raises:
        DecodeError: Not JSON.
    """
    try:
        return msgspec.json.decode(reply.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise_not_json(reply, error)


def decode_model(converter: ModelConverter, form: type[T], reply: HttpReply) -> T:
    """The reply as a model.

    Raises:
        DecodeError: Not JSON, or not of the documented shape.
    """
    try:
        return converter.structure(decode_json(reply), form)
    except ValueError as error:
        raise errors.DecodeError(
            f"a reply of another shape than documented: {error}",
            path=getattr(error, "path", ""),
            status=reply.status,
        ) from None


def decode_into(decoder: msgspec.json.Decoder[T], reply: HttpReply) -> T:
    """The reply read straight into a struct, for the pages and cells that come by the thousand.

    Raises:
        DecodeError: Not JSON, or not of the documented shape.
    """
    try:
        return decoder.decode(reply.content)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `")
        raise errors.DecodeError(
            f"a reply of another shape than documented: {what}",
            path=path.rstrip("`").removeprefix("$").removeprefix("."),
            status=reply.status,
        ) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise_not_json(reply, error)


def raise_not_json(reply: HttpReply, error: Exception) -> NoReturn:
    """Say that a reply is not JSON, with a short excerpt."""
    raise errors.DecodeError(
        f"HTTP {reply.status} with a body that is not JSON ({error}): {excerpt(reply.content)!r}",
        status=reply.status,
    ) from None


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
    error = _error_type(code, reply.status)(
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


class _Envelope(msgspec.Struct):
    status: str = ""


_decode_envelope = msgspec.json.Decoder(_Envelope).decode


def says_error(reply: HttpReply) -> bool:
    """Whether the body's own ``status`` is ``error``, whatever the HTTP status.

    Every reply of the Communications Mining API v1 carries ``"status": "ok"``, an error ``"status":
    "error"`` with ``"message"``.
    """
    try:
        return _decode_envelope(reply.content).status == "error"
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False  # whoever decodes it for its value says what is wrong with it


def _error_type(code: str | None, status: int) -> type[errors.APIStatusError]:
    if code is not None and code in _BY_CODE:
        return _BY_CODE[code]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:  # noqa: PLR2004
        return errors.ServerError
    return errors.InvalidRequestError if status >= 400 else errors.APIStatusError  # noqa: PLR2004


def excerpt(content: bytes) -> str:
    """The beginning of a body, on one line, for an error message."""
    text = " ".join(content[: 4 * _EXCERPT].decode("utf-8", "replace").split())
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"

"""Requests without I/O: an operation, or any method and path, as bytes to send."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import quote, unquote, urlencode

import msgspec

from claro_async._checks import check_mapping, check_text
from claro_async._generated.claro_api.operation import Idempotency, JsonBody, MultipartBody
from claro_async.wire.identifiers import encode_segment
from claro_async.wire.json import json_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from claro_async._generated.claro_api.operation import Operation


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

_READING = frozenset({"GET", "HEAD", "OPTIONS"})

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class FileBody(Protocol):
    """A file to send, from which each attempt makes a body of its own."""

    @property
    def file_name(self) -> str:
        """As sent."""

    @property
    def content_type(self) -> str:
        """As sent."""

    @property
    def size(self) -> int | None:
        """Bytes, or None where only reading tells."""

    @property
    def rewindable(self) -> bool:
        """Whether the bytes can be read a second time."""

    @property
    def started(self) -> bool:
        """Whether the source was read from."""

    @property
    def failure(self) -> Exception | None:
        """Why the latest attempt could not hand out all bytes, or None."""

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """The bytes, from the first one on."""


class HttpRequest(msgspec.Struct):
    """One request, as often as it may be sent.

    Attributes:
        operation: The operation's id.
        method: The HTTP method.
        target: Path and query below the base URL, percent-encoded.
        content: The body's bytes, JSON, if it has any.
        fields: The plain fields, by name, where the body is a form.
        files: The files of the form, by the field's name; each makes fresh bytes for each attempt.
        headers: Further headers.
        idempotency: What a second send does; it decides what may be retried.
        template: The path with names in place of ids, for events; empty for a raw request.
        dataset_id: The dataset that it is about, or empty.
    """

    operation: str
    method: str
    target: str
    content: bytes | None = None
    fields: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, FileBody], ...] = ()
    headers: Mapping[str, str] = _NO_HEADERS
    idempotency: Idempotency = Idempotency.UNSAFE
    template: str = ""
    dataset_id: str = ""

    @property
    def resendable(self) -> bool:
        """Whether the body, if there is one, can be sent whole once more."""
        return all(file.rewindable or not file.started for _, file in self.files)


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
    request = HttpRequest(
        endpoint.operation_id,
        endpoint.method,
        build_target(operation),
        idempotency=endpoint.idempotency,
        template=endpoint.path,
        dataset_id=_dataset_of(operation.path_values),
    )
    if isinstance(body, JsonBody):
        request.content = json_bytes(unstructure(body.value), "body")
    elif isinstance(body, MultipartBody):
        request.files = tuple((field.name, cast("FileBody", field.source)) for field in body.fields)
    return request


def _dataset_of(path_values: Mapping[str, str]) -> str:
    """The dataset that an operation is about, as either API names it; empty for none."""
    if "dataset" in path_values:  # Communications Mining
        return f"{path_values['project']}/{path_values['dataset']}"
    return path_values.get("datasetId", "")


def values_sent(operation: Operation[Any], unstructure: Callable[[Any], Any]) -> dict[str, Any]:
    """What an operation says of the change that it makes, by wire name: ids and new values."""
    body = operation.body
    sent = unstructure(body.value) if isinstance(body, JsonBody) else {}
    # a path may call an id what the body calls the whole object
    return {**operation.path_values, **(sent if isinstance(sent, dict) else {})}


def build_raw_request(  # noqa: PLR0913 - the parts of a request
    method: str,
    path: str,
    params: Mapping[str, Any],
    body: Any,
    headers: Mapping[str, str],
    *,
    idempotent: bool | None = None,
) -> HttpRequest:
    """A request that the documents' operations do not cover.

    Args:
        method: The HTTP method.
        path: Below the base URL, percent-encoded.
        params: Query parameters.
        body: A JSON value, or None for no body.
        headers: Further headers.
        idempotent: Whether it may be sent again when it may have been applied; for None, only
            methods that read may.

    Raises:
        TypeError: Something of another type.
        ValueError: Something that would not arrive as it stands here.
    """
    check_text("method", method)
    check_text("path", path)
    check_mapping("params", params)
    check_mapping("headers", headers)
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
        check_text(f"the value of header {name!r}", text)
        if name.lower() in _OWN_HEADERS or not _HEADER(f"{name}: {text}"):
            raise ValueError(f"header {name!r} is set by the client itself, or cannot be sent")
    target = f"{path}?{_query_string(params)}" if params else path
    content = None if body is None else json_bytes(body, "json")
    method = method.upper()
    return HttpRequest(
        f"{method} {path}",
        method,
        target,
        content,
        headers=dict(headers),
        idempotency=_idempotency(method, idempotent=idempotent),
    )


def _idempotency(method: str, *, idempotent: bool | None) -> Idempotency:
    """What a second send of an undocumented request does: only reads are known to be harmless."""
    if idempotent is None:
        return Idempotency.SAFE if method in _READING else Idempotency.UNSAFE
    return Idempotency.IDEMPOTENT if idempotent else Idempotency.UNSAFE

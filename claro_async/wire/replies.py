"""Replies without I/O: bytes as JSON, as a model or as a struct."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import attrs
import msgspec

from claro_async import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claro_async.wire.converter import ModelConverter


T = TypeVar("T")

_EXCERPT = 200


@attrs.define
class HttpReply:
    """A whole reply."""

    status: int
    headers: Mapping[str, str]
    content: bytes


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


def excerpt(content: bytes) -> str:
    """The beginning of a body, on one line, for an error message."""
    text = " ".join(content[: 4 * _EXCERPT].decode("utf-8", "replace").split())
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"

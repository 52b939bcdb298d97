"""Replies without I/O: bytes as JSON, as a model or as a struct."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import msgspec

from claro_async import errors
from claro_async._logging import LOGGER
from claro_async.wire.tolerance import JSON_ERRORS, decode_tolerantly, path_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async.wire.converter import ModelConverter
    from claro_async.wire.tolerance import Path


T = TypeVar("T")

_EXCERPT = 200
_JSON_SPACE = b" \t\r\n"  # RFC 8259, section 2
_BRACKETS = frozenset({(b"{", b"}"), (b"[", b"]")})


class HttpReply(msgspec.Struct, gc=False):
    """A whole reply."""

    status: int
    headers: Mapping[str, str]
    content: bytes


def decode_json(reply: HttpReply) -> Any:
    """The reply's JSON value; what cannot be decoded in it is replaced, and logged.

    Raises:
        UnreadableReplyError: Not JSON.
    """
    try:
        return msgspec.json.decode(reply.content)
    except JSON_ERRORS:
        return _decode(msgspec.json.decode, reply)


def decode_model(converter: ModelConverter, form: type[T], reply: HttpReply) -> T:
    """The reply to a read as a model.

    An entry of a list, such as one dataset of a listing, that is not as documented makes no other
    unreadable: what does not fit in it is None, and kept in its ``additional_properties``. What
    cannot be decoded is replaced. Both are logged.

    Raises:
        DecodeError: Not JSON, or not of the documented shape.
    """
    return structure_model(converter, form, decode_json(reply), reply.status)


def structure_model(converter: ModelConverter, form: type[T], data: Any, status: int = 200) -> T:
    """As :func:`decode_model`, of JSON that is decoded already.

    Raises:
        DecodeError: Not of the documented shape.
    """
    try:
        return converter.structure(data, form)
    except ValueError as odd:
        reason = str(odd)
    try:
        made = converter.structure_entries(data, form)
    except ValueError as error:
        raise errors.DecodeError(
            f"a reply of another shape than documented: {error}",
            path=getattr(error, "path", ""),
            status=status,
        ) from None
    LOGGER.warning("an entry of a reply is not as documented: %s", reason)
    return made


def decode_change(
    converter: ModelConverter,
    form: type[T],
    reply: HttpReply,
    known: Callable[[], Mapping[str, Any]],
) -> T:
    """The reply to a change that was applied, as a model of what is known of it.

    A success without a body, or with one that lacks fields, is a success all the same: what the
    reply does not say is taken from the request, and is None where that does not say it either.

    Args:
        converter: Makes the model.
        form: The model.
        reply: A success.
        known: Gives what the request said, by wire name; most replies say it all themselves.

    Raises:
        DecodeError: A body that is no JSON object, which may come from something between the
            server and us.
    """
    data = decode_json(reply) if reply.content.strip() else {}
    names: Mapping[str, str] = getattr(form, "__wire_names__", {})
    said = {} if data is None else data
    try:
        made = converter.structure_tolerantly(said, form)
    except ValueError as error:
        raise errors.DecodeError(
            f"a reply of another shape than documented: {error}", status=reply.status
        ) from None
    odd = getattr(made, "additional_properties", {})
    if not odd and len(said) == len(names) and None not in said.values():
        return made  # it says all, and nothing else
    unsaid = [
        name
        for name, wire in names.items()
        # a value that was set to null is known; an id that is null is not
        if wire in odd or (said.get(wire) is None and (wire != "value" or wire not in said))
    ]
    if unsaid:
        filled = converter.structure_tolerantly(dict(known()), form)
        for name in unsaid:
            setattr(made, name, getattr(filled, name))
    return made


def decode_into(decoder: msgspec.json.Decoder[T], reply: HttpReply) -> T:
    """The reply read straight into a struct, for the pages and cells that come by the thousand.

    What cannot be decoded in it is replaced, and logged. Parts that the struct keeps as
    `msgspec.Raw` are not looked at: see :func:`claro_async.wire.tolerance.decode_any`.

    Raises:
        DecodeError: Not JSON, or not of the documented shape.
    """
    return _decode(decoder.decode, reply)


def log_replaced(places: list[Path], where: str = "a reply") -> None:
    """Say once for a whole reply where something in it could not be decoded; never the value."""
    if places:
        text = ", ".join(path_text(path) or "the whole value" for path in places)
        LOGGER.warning("%s holds what cannot be decoded, which was replaced: %s", where, text)


def shape_error(error: msgspec.ValidationError, status: int) -> errors.DecodeError:
    """Says where a reply has another shape than documented."""
    what, _, path = str(error).partition(" - at `")
    return errors.DecodeError(
        f"a reply of another shape than documented: {what}",
        path=path.rstrip("`").removeprefix("$").removeprefix("."),
        status=status,
    )


def _decode(decode: Callable[[bytes], T], reply: HttpReply) -> T:
    try:
        value, places = decode_tolerantly(decode, reply.content)
    except msgspec.ValidationError as error:
        raise shape_error(error, reply.status) from None
    except JSON_ERRORS as error:
        raise_not_json(reply, error)
    log_replaced(places)
    return value


def raise_not_json(reply: HttpReply, error: Exception) -> NoReturn:
    """Say that a reply is not JSON, with a short excerpt."""
    raise errors.UnreadableReplyError(
        f"HTTP {reply.status} with a body that is not JSON ({error}): {excerpt(reply.content)!r}",
        status=reply.status,
    ) from None


def check_whole(reply: HttpReply) -> HttpReply:
    """The reply as it is, once both its ends show that it is no proxy's page and no half of one.

    For replies that are decoded later.

    Raises:
        UnreadableReplyError: Not a JSON object or array.
    """
    content = reply.content.strip(_JSON_SPACE)
    if (content[:1], content[-1:]) not in _BRACKETS:
        raise_not_json(reply, ValueError("it is no JSON object, or not all of one"))
    return reply


def excerpt(content: bytes) -> str:
    """The beginning of a body, on one line, for an error message."""
    return shortened(content[: 4 * _EXCERPT].decode("utf-8", "replace"))


def shortened(text: str) -> str:
    """The beginning of a text, on one line, for an error message."""
    text = " ".join(text.split())
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"

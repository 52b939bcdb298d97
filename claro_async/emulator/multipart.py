"""``multipart/form-data`` (RFC 7578) as it comes in: read strictly, within limits, kept nowhere.

The package ``multipart`` reads it. Here are the limits, what a part's head says, and how a form
that is broken is answered.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from urllib.parse import unquote_to_bytes

from claro_async.emulator.errors import ApiError, invalid
from claro_async.emulator.seeding import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MAX_HEADER_BYTES: Final = 16 * 1024
_MAX_HEADERS: Final = 16
_MAX_PARTS: Final = 100
_MAX_BOUNDARY: Final = 70
_LINE_BREAK: Final = b"\r\n"
_ENDS: Final = (_LINE_BREAK, b"\r", b"")
_PARAMETER: Final = re.compile(
    r';\s*([\w!#$%&\'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^;"\s]*))', re.DOTALL
)


class PartHead(NamedTuple):
    """The headers of a part: its field, its file name (None for a plain field), its type."""

    field: str
    file_name: str | None
    content_type: str | None


class PartEnd(NamedTuple):
    """The end of a part."""


Event: TypeAlias = PartHead | PartEnd | bytes


def parameters(header: str) -> dict[str, str]:
    """Read the parameters of a header value, with quoted pairs undone; names in lower case."""
    found: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(header):
        found[name.lower()] = re.sub(r'\\(["\\])', r"\1", quoted) if quoted else plain
    return found


def boundary_of(content_type: str | None) -> bytes:
    """Read the boundary from ``Content-Type``.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` (415) unless it is ``multipart/form-data``; (400) when
            the boundary is missing or too long.
    """
    kind, _, rest = (content_type or "").partition(";")
    if kind.strip().lower() != "multipart/form-data":
        raise invalid("Content-Type", "must be multipart/form-data", status=415)
    boundary = parameters(";" + rest).get("boundary", "")
    if not 0 < len(boundary) <= _MAX_BOUNDARY or not boundary.isascii():
        raise invalid("Content-Type", "lacks a usable boundary")
    return boundary.encode()


class MultipartParser:
    """Takes bytes as they come and yields what they complete.

    Args:
        boundary: The boundary, without its leading hyphens.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` for a boundary that no form can have, and where the extra
            ``[emulator]`` is not installed.
    """

    def __init__(self, boundary: bytes) -> None:
        try:
            import multipart  # noqa: PLC0415 - an extra, wanted for uploads only
        except ImportError:
            raise invalid("file", str(MissingExtraError("an upload", "multipart"))) from None
        self._error: type[Exception] = multipart.MultipartError
        self._start = b"--" + boundary
        self._head, self._tail = b"", b""
        self._held = b""
        try:
            self._parser: Any = multipart.PushMultipartParser(
                boundary,
                max_header_size=_MAX_HEADER_BYTES,
                max_header_count=_MAX_HEADERS,
                max_segment_count=_MAX_PARTS,
                strict=True,
            )
        except self._error:
            raise invalid("Content-Type", "lacks a usable boundary") from None

    def feed(self, data: bytes) -> Iterator[Event]:
        """Take more bytes.

        Args:
            data: The next bytes of the body.

        Yields:
            A `PartHead`, then its bytes in pieces, then a `PartEnd`, for each part.

        Raises:
            ApiError: ``INVALID_PARAMETERS`` for what is not ``multipart/form-data``.
        """
        self._look_around(data)
        # The line break after the last boundary is no part of the form, so one is held back
        # until it is known what follows it.
        data = self._held + data
        self._held = next(end for end in _ENDS if data.endswith(end))
        data = data.removesuffix(self._held)
        if not data:
            return
        try:
            for event in self._parser.parse(data):
                yield _event(event)
        except self._error as error:
            raise _broken(error) from None

    def _look_around(self, data: bytes) -> None:
        """Keep how the body ends, and see that it begins with a boundary."""
        self._tail = (self._tail + data)[-len(self._start) - 2 * len(_LINE_BREAK) :]
        missing = len(self._start) - len(self._head)
        self._head += data[:missing]
        if missing and not self._start.startswith(self._head):
            raise invalid("body", "does not begin with a multipart boundary")

    def close(self) -> None:
        """Check that the body came to its end, and that nothing follows.

        Raises:
            ApiError: ``INVALID_PARAMETERS`` otherwise.
        """
        try:
            self._parser.close()
        except self._error as error:
            raise _broken(error) from None
        if not self._tail.removesuffix(_LINE_BREAK).endswith(self._start + b"--"):
            raise invalid("body", "something follows the last multipart boundary")


def _broken(error: Exception) -> ApiError:
    return invalid("body", f"not a multipart form: {error.args[0]}")


def _event(event: Any) -> Event:
    """Translate what the package reports."""
    if event is None:
        return PartEnd()
    return event if isinstance(event, bytes) else _head(event)


def _head(segment: Any) -> PartHead:
    values = parameters(segment.header("Content-Disposition", ""))
    return PartHead(segment.name, _file_name(values), segment.header("Content-Type"))


def _file_name(values: Mapping[str, str]) -> str | None:
    """The name as it was sent, in its extended form (RFC 5987) where it has one."""
    extended = values.get("filename*")
    if extended is None:
        return values.get("filename")
    charset, _, rest = extended.partition("'")
    try:
        return unquote_to_bytes(rest.partition("'")[2]).decode(charset or "utf-8")
    except (LookupError, UnicodeDecodeError):
        raise invalid("body", "the extended file name of a part cannot be read") from None


def read_file(content_type: str | None, body: bytes) -> tuple[str, bytes]:
    """Read the name and the bytes of the one file of a whole form.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` for what is no form with one file.
    """
    parser = MultipartParser(boundary_of(content_type))
    name, pieces = "", []
    for event in parser.feed(body):
        if isinstance(event, PartHead):
            name = event.file_name or name
        elif isinstance(event, bytes):
            pieces.append(event)
    parser.close()
    if not name:
        raise invalid("file", "is required")
    return name, b"".join(pieces)

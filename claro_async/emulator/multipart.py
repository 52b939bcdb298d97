"""A streaming parser of ``multipart/form-data`` (RFC 7578) that keeps no file in memory."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias
from urllib.parse import unquote_to_bytes

from claro_async.emulator.errors import ApiError, invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MAX_HEADER_BYTES: Final = 16 * 1024
_MAX_BOUNDARY: Final = 70
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


def _broken(problem: str) -> ApiError:
    return invalid("body", problem)


class MultipartParser:
    """Takes bytes as they come and yields what they complete.

    Args:
        boundary: The boundary, without its leading hyphens.
    """

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        # With this the first delimiter looks like all others.
        self._buffer = bytearray(b"\r\n")
        self._state = self._preamble
        self._at_start = False
        self.finished: bool = False

    def feed(self, data: bytes) -> Iterator[Event]:
        """Take more bytes.

        Args:
            data: The next bytes of the body.

        Yields:
            A `PartHead`, then its bytes in pieces, then a `PartEnd`, for each part.

        Raises:
            ApiError: ``INVALID_PARAMETERS`` for what is not ``multipart/form-data``.
        """
        self._buffer += data
        while not self.finished:
            event = self._state()
            if event is None:
                return
            if event != b"":
                yield event

    def close(self) -> None:
        """Check that the body came to its end.

        Raises:
            ApiError: ``INVALID_PARAMETERS`` when the last boundary is missing.
        """
        if not self.finished:
            raise _broken("the multipart body is incomplete")

    # Each state returns an event, b"" to go on with the next state, or None to wait for bytes.

    def _preamble(self) -> Event | None:
        at = self._buffer.find(self._delimiter)
        if at < 0:
            del self._buffer[: -len(self._delimiter)]
            return None
        del self._buffer[: at + len(self._delimiter)]
        self._state = self._after_delimiter
        return b""

    def _after_delimiter(self) -> Event | None:
        if len(self._buffer) < 2:  # noqa: PLR2004 - two hyphens or a line's end
            return None
        if self._buffer.startswith(b"--"):
            self.finished = True
            return b""
        at = self._buffer.find(b"\r\n")
        if at < 0 and len(self._buffer) < _MAX_HEADER_BYTES:
            return None
        if at < 0 or self._buffer[:at].strip(b" \t"):
            raise _broken("a multipart boundary is followed by other text")
        del self._buffer[:at]
        self._state = self._headers
        return b""

    def _headers(self) -> Event | None:
        at = self._buffer.find(b"\r\n\r\n")
        if at < 0:
            if len(self._buffer) > _MAX_HEADER_BYTES:
                raise _broken("the headers of a part are too long")
            return None
        lines = bytes(self._buffer[:at]).split(b"\r\n")
        del self._buffer[: at + 4]
        self._state = self._data
        self._at_start = True
        return _head(lines)

    def _data(self) -> Event | None:
        delimiter = self._delimiter
        if self._at_start:
            # In a part without content the line end before its delimiter is that of its headers.
            if len(self._buffer) < len(delimiter) - 2:
                return None
            self._at_start = False
            if self._buffer.startswith(delimiter[2:]):
                del self._buffer[: len(delimiter) - 2]
                self._state = self._after_delimiter
                return PartEnd()
        at = self._buffer.find(delimiter)
        if at == 0:
            del self._buffer[: len(delimiter)]
            self._state = self._after_delimiter
            return PartEnd()
        end = at if at > 0 else len(self._buffer) - len(delimiter) + 1
        if end <= 0:
            return None
        piece = bytes(self._buffer[:end])
        del self._buffer[:end]
        return piece


def _head(lines: list[bytes]) -> PartHead:
    headers: dict[str, str] = {}
    for line in lines:
        if not line:
            continue
        try:
            name, colon, value = line.decode().partition(":")
        except UnicodeDecodeError:
            raise _broken("the headers of a part are not UTF-8") from None
        if not colon:
            raise _broken("a header of a part has no colon")
        headers[name.strip().lower()] = value.strip()
    disposition = headers.get("content-disposition", "")
    if disposition.partition(";")[0].strip().lower() != "form-data":
        raise _broken("a part lacks Content-Disposition: form-data")
    values = parameters(disposition)
    if "name" not in values:
        raise _broken("a part has no name")
    return PartHead(values["name"], _file_name(values), headers.get("content-type"))


def _file_name(values: Mapping[str, str]) -> str | None:
    extended = values.get("filename*")
    if extended is None:
        return values.get("filename")
    charset, _, rest = extended.partition("'")
    try:
        return unquote_to_bytes(rest.partition("'")[2]).decode(charset or "utf-8")
    except (LookupError, UnicodeDecodeError):
        raise _broken("the extended file name of a part cannot be read") from None


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

"""Replies that came whole, in one piece, and are as plain as nearly all of the API's are.

For the body of a reply aiohttp makes a stream, which costs more than to parse the head, and is of
use only where the body is still on its way. Here the same parser reads a head alone; what follows
it is the body. A head that is like one of those before it is not parsed again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import ClientPayloadError, hdrs
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpResponseParser

from claro_async.transport.head_shapes import Headers, shape_of
from claro_async.wire.replies import HttpReply

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from claro_async.transport.head_shapes import HeadShape

_OK = 200
_BLANK = b"\r\n\r\n"
_LINES_AROUND = 2  # headers: the first one, and the blank one
_CONTENT_LENGTH = hdrs.CONTENT_LENGTH
_MOST_SHAPES = 8  # that are made: to make one costs more than to parse many heads


class PlainReplies:
    """Takes plain replies, and leaves all others to aiohttp as it found them.

    Args:
        loop: The event loop.
        reading: How aiohttp's protocol is to read replies: the parameters that it takes.
        max_bytes: Of one body.

    Attributes:
        reading: As given.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, reading: Mapping[str, Any], max_bytes: int
    ) -> None:
        self.reading = reading
        self._limits = {name: reading[name] for name in reading if name != "read_bufsize"}
        self._max_bytes = max_bytes
        self._loop = loop
        self._shape: HeadShape | None = None  # of heads that need no parser
        self._shapes_made = 0
        self._begin()

    def _begin(self) -> None:
        """Parse the next head with a parser that has seen none, whatever the last one has."""
        self._parser = HttpResponseParser(
            ResponseHandler(self._loop),
            self._loop,
            self.reading["read_bufsize"],
            payload_exception=ClientPayloadError,
            response_with_body=False,
            **self._limits,
        )

    def take(self, data: bytes | bytearray) -> HttpReply | None:
        """A reply, or None where these bytes are anything but one plain reply.

        Args:
            data: The first bytes that came for a request.
        """
        if type(data) is not bytes:
            data = bytes(data)  # the event loop of Windows hands a bytearray on
        shape = self._shape
        match = None if shape is None else shape.match(data)
        if shape is None or match is None:
            return self._parse(data)
        body = data[match.end() :]
        if int(match["length"]) == len(body) <= self._max_bytes:
            return HttpReply(_OK, Headers(shape, match), body)
        return None

    def _parse(self, data: bytes) -> HttpReply | None:
        end = data.find(_BLANK) + len(_BLANK)
        head, body = data[:end], data[end:]
        try:
            ((message, _),), _, _ = self._parser.feed_data(head)
        except Exception:  # noqa: BLE001 - whatever it is, aiohttp comes upon it once more
            self._begin()
            return None
        length = len(body)
        if (
            message.code == _OK
            and message.headers.get(_CONTENT_LENGTH) == str(length)
            and 0 < length <= self._max_bytes
            and not (message.should_close or message.compression or message.chunked)
            # with more ends of lines than it has lines, it may have ended earlier
            and head.count(b"\n") == len(message.raw_headers) + _LINES_AROUND
        ):
            if self._shapes_made < _MOST_SHAPES:
                self._shapes_made += 1
                self._shape = shape_of(head, message)
            return HttpReply(_OK, message.headers, body)
        self._begin()
        return None

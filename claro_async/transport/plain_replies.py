"""Replies that came whole, in one piece, and are as plain as nearly all of the API's are.

For the body of a reply aiohttp makes a stream, which costs more than to parse the head, and is of
use only where the body is still on its way. Here the same parser reads a head alone; what follows
it is the body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import ClientPayloadError, hdrs
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpResponseParser

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from aiohttp.http import RawResponseMessage

_OK = 200
_BLANK = b"\r\n\r\n"
_LINES_AROUND = 2  # headers: the first one, and the blank one
_CONTENT_LENGTH = hdrs.CONTENT_LENGTH


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

    def take(self, data: bytes) -> tuple[RawResponseMessage, bytes] | None:
        """A reply with its body, or None where these bytes are anything but one plain reply.

        Args:
            data: The first bytes that came for a request.
        """
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
            return message, body
        self._begin()
        return None

"""An API of one data source whose file is served by a script, byte for byte."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from tests.wire.raw_server import RawRequest, RawServer, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    Reply = bytes | Callable[[RawRequest], bytes]


class FileServer(RawServer):
    """Gives a link to any data source's file, and answers GETs with the replies in their turn.

    The last reply is given again and again. A connection ends with its reply.

    Args:
        replies: Whole replies, or what makes them of a request.
        size: The `fileSize` of the link.
        name: The `fileName` of the link.
        query: What follows the path in the link, with its question mark.
        stalls: Whether a connection stays open after its reply, without a further byte.
    """

    def __init__(
        self,
        *replies: Reply,
        size: int,
        name: str = "file.bin",
        query: str = "?token=abc",
        stalls: bool = False,
    ) -> None:
        super().__init__(self._serve, close=True)
        self._replies = list(replies)
        self._size = size
        self._name = name
        self._query = query
        self._stalls = stalls

    @property
    def downloads(self) -> list[RawRequest]:
        """The requests for the file."""
        return [request for request in self.requests if request.method == "GET"]

    async def _serve(self, request: RawRequest, writer: asyncio.StreamWriter) -> None:
        if request.method == "POST":
            link = {
                "downloadUrl": f"{self.origin}/download/x{self._query}",
                "fileName": self._name,
                "fileSize": self._size,
                "expiresAt": "2030-01-01T00:00:00Z",
            }
            answer: Reply = reply(json.dumps(link).encode(), Connection="close")
        else:
            answer = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        writer.write(answer if isinstance(answer, bytes) else answer(request))
        await writer.drain()
        if self._stalls and request.method == "GET":
            await asyncio.Event().wait()

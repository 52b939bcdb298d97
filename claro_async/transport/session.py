"""The seam between the client and the network: what sends a request, once.

The client's own is :class:`~claro_async.transport.aiohttp_session.AiohttpSession`; tests put
:class:`claro_async.testing.MockSession` in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from claro_async.wire.replies import HttpReply
    from claro_async.wire.requests import HttpRequest


class Session(Protocol):
    """Sends requests of one API: one call is one send, and nothing is ever sent a second time."""

    async def send(self, request: HttpRequest) -> HttpReply:
        """Send a request once and read the whole reply.

        Raises:
            AttemptError: There is no whole reply; it says whether anything was sent.
            ClaroError: A failure that no further attempt can mend.
        """

    async def close(self) -> None:
        """Give up what is held open."""

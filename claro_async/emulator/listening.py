"""The protocol of accepted connections: a number for each, and errors in the envelope."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from claro_async.emulator.errors import ApiError

if TYPE_CHECKING:
    import asyncio

Handle: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Connection(RequestHandler):
    """aiohttp's protocol, with a number for each connection and errors in the envelope."""

    __slots__ = ("number",)

    def __init__(self, manager: Server, number: int, loop: asyncio.AbstractEventLoop) -> None:
        # Bodies are taken as they come: a compressed body is refused, never inflated.
        # The ledger is the access log.
        super().__init__(manager, loop=loop, access_log=None, auto_decompress=False)  # type: ignore[arg-type]
        self.number: int = number

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is not HTTP; anything else that ends here is a fault of the emulator."""
        if status >= 500:  # noqa: PLR2004 - the server's own errors
            return super().handle_error(request, status, exc, message)
        error = ApiError("INVALID_PARAMETERS", {"message": message or "not a valid HTTP request"})
        response = web.Response(
            body=error.body(), status=status, headers={"Content-Type": "application/json"}
        )
        response.force_close()
        return response


class Server(web.Server):
    """The protocol factory."""

    def __init__(self, handler: Handle) -> None:
        super().__init__(handler, handler_cancellation=True)
        self._accepted = 0

    def __call__(self) -> RequestHandler:
        """Make the protocol of one accepted connection."""
        self._accepted += 1
        return Connection(self, self._accepted, self._loop)


def by_prefix(prefix: str, handle: Handle, others: Mapping[str, Handle]) -> Handle:
    """Let a request's path decide who answers.

    Args:
        prefix: What most paths begin with: it is tried before all others.
        handle: Answers these, and whatever belongs to nobody else.
        others: Who answers paths that begin otherwise.
    """

    def answer(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        path = request.raw_path
        if not path.startswith(prefix):
            for other, handle_other in others.items():
                if path.startswith(other):
                    return handle_other(request)
        return handle(request)

    return answer

"""A client without a network, for tests of programs that use one.

Everything but the sending is real: retries, quota, journal, paging and errors are those of the
client. Replies come from a function, time and randomness from the arguments ``clock`` and
``random`` of the client:

.. code-block:: python

    from claro_async import ClaroClient, DatasetNotFoundError
    from claro_async.testing import MockSession, json_reply

    def answer(request):
        assert request.target.endswith("/datasets/d")
        return json_reply({"error": "gone", "code": "DATASET_NOT_FOUND"}, status=404)

    session = MockSession(answer)
    async with ClaroClient("key", session=session) as claro:
        try:
            await claro.dataset("d").get()
        except DatasetNotFoundError as error:
            print(error)
    assert [request.method for request in session.requests] == ["GET"]

To test against a server that knows the API, over real sockets, take the emulator instead
(:class:`claro_async.emulator.Emulator`, or the pytest fixture ``claro_emulator``).
"""

from __future__ import annotations

from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeAlias

from multidict import CIMultiDict

from claro_async.transport.clock import Clock, Timer
from claro_async.transport.failures import AttemptError
from claro_async.transport.session import Session
from claro_async.wire.json import json_bytes
from claro_async.wire.replies import HttpReply
from claro_async.wire.requests import HttpRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Handler: TypeAlias = Callable[[HttpRequest], HttpReply | Awaitable[HttpReply]]

__all__ = [
    "AttemptError",
    "Clock",
    "HttpReply",
    "HttpRequest",
    "MockSession",
    "Session",
    "Timer",
    "json_reply",
]


class MockSession:
    """A session whose replies come from a function; hand it to a client as ``session=``.

    Args:
        handler: Called, and awaited if need be, with each :class:`HttpRequest` as it is sent. It
            returns the :class:`HttpReply`, or raises :class:`AttemptError` for an attempt that
            gets none: ``AttemptError("reset", sent=True, timed_out=False)`` is a request that the
            server may have carried out, ``sent=False`` one that never left.

    Attributes:
        requests: Every request sent, in order; a retried one is there once for each attempt.
        closed: Whether the client closed it.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.requests: list[HttpRequest] = []
        self.closed: bool = False

    async def send(self, request: HttpRequest) -> HttpReply:
        """Hand a request to the function."""
        self.requests.append(request)
        reply = self._handler(request)
        return await reply if isawaitable(reply) else reply

    async def close(self) -> None:
        """Note that the client is done with it."""
        self.closed = True


def json_reply(
    value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> HttpReply:
    """A reply with a JSON value as its body.

    Args:
        value: The value.
        status: The HTTP status.
        headers: Further headers, such as ``Retry-After``.

    Raises:
        ValueError: A value that JSON cannot hold.
    """
    fields = CIMultiDict({"Content-Type": "application/json", **(headers or {})})
    return HttpReply(status, fields, json_bytes(value, "value"))

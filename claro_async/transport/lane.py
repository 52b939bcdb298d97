"""The second way to send: what is small and may be repeated, at a fraction of the cost.

Two thirds of what a small request costs is :class:`aiohttp.ClientSession` and what it makes for
each: URL, request, headers, writer, task, response. The lane does without. Connections come from
the same connector, and replies are read by the same protocol and parser; so what can befall a
request on its way ends in the same exceptions. `docs/architecture.md` says what of aiohttp that
leans on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from claro_async._generated.claro_api.operation import Idempotency
from claro_async.errors import ClaroError
from claro_async.transport.explaining import is_unwritten
from claro_async.transport.forms import SMALL_BODY
from claro_async.transport.lane_checks import READING, LaneGuard, obstacle
from claro_async.transport.limits import HeadLimits
from claro_async.transport.plain_replies import PlainReplies
from claro_async.transport.request_head import is_plain, request_writer
from claro_async.wire.replies import HttpReply

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from aiohttp.connector import Connection
    from aiohttp.http import RawResponseMessage
    from aiohttp.streams import StreamReader

    from claro_async.config import Settings
    from claro_async.transport.connections import KeptPool, Protocol
    from claro_async.transport.contents import ContentReader
    from claro_async.transport.explaining import Explainer
    from claro_async.wire.requests import HttpRequest

_UNSAFE = Idempotency.UNSAFE
_SWITCHING = 101  # of protocols, which is final
_SURELY_SENT = 1 << 12  # bytes for which there is room in the buffers of every socket


def open_lane(
    session: aiohttp.ClientSession,
    settings: Settings,
    *,
    contents: ContentReader,
    explainer: Explainer,
    report: Callable[[str], object],
) -> Lane | None:
    """The lane over the connections of a session, or None where something stands in its way.

    Args:
        session: The session of the ordinary way.
        settings: The client's settings.
        contents: Reads bodies.
        explainer: Makes failures of attempts.
        report: Called with what stands in its way, now or later, once.
    """
    reason = obstacle(session, asyncio.get_running_loop())
    if reason is None:
        try:
            guard = LaneGuard(session, report)
            return Lane(session, settings, guard, contents=contents, explainer=explainer)
        except Exception as error:  # noqa: BLE001 - whatever it is, aiohttp is not as expected
            reason = f"aiohttp has other parts ({type(error).__name__})"
    report(reason)
    return None


class Lane:
    """Sends GETs and small PATCHes.

    Args:
        session: The session of the ordinary way.
        settings: The client's settings.
        guard: Sees whether anything stands in the way.
        contents: Reads bodies.
        explainer: Makes failures of attempts.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        settings: Settings,
        guard: LaneGuard,
        *,
        contents: ContentReader,
        explainer: Explainer,
    ) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._guard = guard
        self._contents = contents
        self._explainer = explainer
        self._root = root = URL(settings.base_url, encoded=True)
        self._pool = cast("KeptPool", session.connector)
        self._connect_timeout = session.timeout
        # names the server to the connector, and is never sent
        self._server = server = aiohttp.ClientRequest(
            "GET", root, headers=session.headers, loop=loop, session=session
        )
        self._key = server.connection_key
        self._limits = HeadLimits(settings.timeout.first_byte)
        self._plain = PlainReplies(loop, READING, settings.max_reply_bytes)
        own = list(self._server.headers.items())
        self._own_names = frozenset(name.lower() for name, _ in own)
        self._write = request_writer(root.raw_path.rstrip("/"), own, settings.api_key)

    def takes(self, request: HttpRequest) -> bool:
        """Whether a request may go this way, here and now."""
        content = request.content
        if request.method == "PATCH":
            is_small = content is not None and len(content) <= SMALL_BODY
        else:
            is_small = content is None and request.method == "GET"
        return (
            is_small
            and request.idempotency is not _UNSAFE
            and not request.files
            and is_plain(request)
            and (not request.headers or self._own_names.isdisjoint(map(str.lower, request.headers)))
            and self._guard.is_clear()
        )

    async def send(self, request: HttpRequest) -> HttpReply:
        """Send a request once and read the whole reply.

        Raises:
            AttemptError: There is no whole reply.
            ClaroError: The reply is larger than allowed.
        """
        connection = begun = None
        try:
            connection = self._pool.take(self._key) or await self._connect()
            try:
                protocol: Protocol = connection.protocol  # type: ignore[assignment]
                try:
                    begun = await self._begin(request, protocol) or await _last_head(protocol)
                finally:
                    self._limits.end(protocol)
                if request.content is not None and len(request.content) > _SURELY_SENT:
                    _see_that_it_was_sent(protocol)
                # as soon as the last byte is here the connection is free, whatever becomes of them
                if isinstance(begun, HttpReply):
                    connection.release()
                    reply = begun
                else:
                    reply = await self._read_body(*begun, connection.release, protocol)
            except BaseException:
                connection.close()
                raise
        except (aiohttp.ClientError, OSError, ValueError, HttpProcessingError, ClaroError) as error:
            is_begun = begun is not None
            failure = self._explain(
                error, request, connected=connection is not None, begun=is_begun
            )
        else:
            reply.content = self._explainer.without_key(reply.status, reply.content)
            return reply
        # raised here, so that no frame or exception of aiohttp hangs on to it
        raise failure

    async def _read_body(
        self,
        head: RawResponseMessage,
        content: StreamReader,
        release: Callable[[], None],
        protocol: Protocol,
    ) -> HttpReply:
        """The reply of which there is the head, and `release` called once the rest is there."""
        if content.is_eof():
            release()
            body = self._contents.take(content, head.code)
        else:
            content.on_eof(release)
            body = await self._contents.read(content, head.code, head.headers, protocol)
        return HttpReply(head.code, head.headers, body)

    def _connect(self) -> Coroutine[Any, Any, Connection]:
        return self._pool.connect(self._server, [], self._connect_timeout)

    def _begin(self, request: HttpRequest, protocol: Protocol) -> asyncio.Future[HttpReply | None]:
        """Write a request, and have its reply read; see :meth:`Protocol.expect`."""
        transport = protocol.transport
        if transport is None or transport.is_closing():
            raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")
        try:
            self._write(request, transport.write)
        except Exception as error:  # noqa: BLE001 - whatever it is, its frames hold the key
            # such as the RuntimeError of a connection that takes no more; the request may be out
            raise aiohttp.ClientConnectionError(f"{type(error).__name__}: {error}") from None
        self._limits.begin(protocol, self._loop)
        return protocol.expect(self._plain)

    def _explain(
        self, error: Exception, request: HttpRequest, *, connected: bool, begun: bool
    ) -> Exception:
        """What comes out of an attempt.

        Args:
            error: What ended it.
            request: What was to be sent.
            connected: Whether there was a connection.
            begun: Whether its reply had begun.
        """
        if isinstance(error, ClaroError):
            return error
        if begun:
            return self._explainer.within_reply(error)
        url = URL(f"{self._root}{request.target}", encoded=True)
        if isinstance(error, HttpProcessingError):
            info = aiohttp.RequestInfo(url, request.method, CIMultiDictProxy(CIMultiDict()), url)
            error = aiohttp.ClientResponseError(info, (), status=error.code, message=error.message)
        elif isinstance(error, TimeoutError) and not connected:
            error = aiohttp.ConnectionTimeoutError(f"Connection timeout to host {url}")
        return self._explainer.before_reply(error, unwritten=is_unwritten(error))


async def _last_head(protocol: Protocol) -> tuple[RawResponseMessage, StreamReader]:
    """The head of a reply, after those that only inform, and where its body comes."""
    while True:
        head, content = await protocol.read()
        if not 100 <= head.code < 200 or head.code == _SWITCHING:  # noqa: PLR2004 - 1xx
            return head, content


def _see_that_it_was_sent(protocol: Protocol) -> None:
    """Give a connection up that holds back a part of a request whose reply is here already.

    The next request would wait behind it.
    """
    transport = protocol.transport
    if transport is not None and transport.get_write_buffer_size():
        protocol.force_close()

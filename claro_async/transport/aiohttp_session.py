"""One attempt is one send: the only place of the client where aiohttp is used.

aiohttp sends GET, PUT and DELETE a second time by itself when a connection drops. The middleware
here ends an attempt with an exception that aiohttp does not know, so it cannot.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import payload
from yarl import URL

from claro_async._generated.claro_api.operation import Idempotency
from claro_async._version import __version__
from claro_async.errors import ClaroError, ConnectionFailedError, DecodeError
from claro_async.transport.dialing import Dialer, authorize_proxy
from claro_async.transport.failures import AttemptError
from claro_async.transport.forms import SMALL_BODY, LargeBody, make_form
from claro_async.transport.unreachable import unreachable
from claro_async.wire.replies import HttpReply

if TYPE_CHECKING:
    from collections.abc import Iterable

    from claro_async.config import Settings
    from claro_async.wire.requests import HttpRequest

_READ_BUFFER = 1 << 22  # a page of 1,000 rows in few pieces: measured at twice the rows a second
_JSON = "application/json"
_UNSAFE = Idempotency.UNSAFE  # once: to find a member of an enum takes a while
_TOKEN = re.compile(r"(token=)[^&\s'\")]+")
_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


def limit_idle(response: aiohttp.ClientResponse, seconds: float) -> None:
    """From now on give up when no further byte of the reply comes for so long."""
    connection = response.connection
    if connection is None or connection.protocol is None:
        return  # the whole body is here
    connection.protocol.read_timeout = seconds
    connection.protocol.start_timeout()


def break_off(responses: Iterable[aiohttp.ClientResponse]) -> None:
    """Wake whoever reads a body, since aiohttp leaves it waiting when its session is closed."""
    for response in responses:
        response.content.set_exception(aiohttp.ClientConnectionError("the client was closed"))


class AiohttpSession:
    """A pool of connections to one API; nothing is opened before the first request."""

    def __init__(self, settings: Settings, dialer: Dialer | None = None) -> None:
        self._dialer = dialer or Dialer(settings)
        self._key = settings.api_key
        base_url = URL(settings.base_url, encoded=True)
        self._origin = base_url.origin()
        self._authority = self._origin.raw_authority
        self._prefix = base_url.raw_path.rstrip("/")
        self._timeout = settings.timeout
        self._max_reply_bytes = settings.max_reply_bytes
        self._settings = settings
        self._proxy = self._dialer.proxy_for(base_url)
        self._read_from: set[aiohttp.ClientResponse] = set()

    @cached_property
    def _session(self) -> aiohttp.ClientSession:
        """Made by the first request, in the event loop in which all others must be."""
        # glibc then keeps the event loop's 256 KiB receive buffers, and the memory of whole pages,
        # instead of mapping each anew: 14% of the CPU a request
        bytes(_READ_BUFFER)
        return self._connect(keep=True)

    @cached_property
    def _unkept(self) -> aiohttp.ClientSession:
        return self._connect(keep=False)

    def _connect(self, *, keep: bool) -> aiohttp.ClientSession:
        agent = f"claro-async/{__version__}{self._dialer.user_agent_suffix}"
        return aiohttp.ClientSession(
            connector=self._dialer.api_connector(keep=keep),
            headers={
                **self._settings.network.headers,
                "Accept": "application/json",
                "User-Agent": agent,
            },
            read_bufsize=_READ_BUFFER,
            middlewares=(self._attempt,),
            **self._dialer.session_options(),
        )

    async def close(self) -> None:
        """Close all connections; what is under way fails."""
        break_off(self._read_from)
        for name in ("_session", "_unkept"):
            if name in vars(self):
                await getattr(self, name).close()

    async def send(self, request: HttpRequest) -> HttpReply:
        """Send a request once and read the whole reply.

        Raises:
            AttemptError: There is no whole reply.
            ClaroError: The reply is larger than allowed, or the source of an upload failed.
        """
        options: dict[str, Any] = {}
        if (data := self._body(request)) is not None:
            options["data"] = data
        if request.headers:
            options["headers"] = request.headers
        if self._proxy is not None:
            options["proxy"] = self._proxy.url
        # what must not be sent twice goes out on a connection that was never used: a kept one may
        # have been closed by the server meanwhile, which leaves it open if the request arrived
        unsafe = request.idempotency is _UNSAFE
        session = self._unkept if unsafe else self._session
        try:
            response = await session.request(
                request.method, self._url(request.target), allow_redirects=False, **options
            )
            try:
                if response.connection is None:  # the whole body came with the head
                    content = self._bounded(response.content.read_nowait(), response)
                else:
                    content = await self._read(response)
            except BaseException:
                response.close()
                raise
        except (aiohttp.ClientError, OSError, ValueError, AttemptError, ClaroError) as error:
            failure = self._explain(error, request)
        else:
            if response.status >= 400 or content[:1] != b"{":  # noqa: PLR2004 - may be quoted
                content = content.replace(self._key.reveal().encode(), b"***")
            return HttpReply(response.status, response.headers, content)
        # raised here, so that no frame or exception of aiohttp, which may hold headers or a signed
        # URL, hangs on to it
        raise failure

    def _body(self, request: HttpRequest) -> payload.Payload | None:
        """A body for one attempt; None for none."""
        content = request.content
        if request.files or request.fields:
            return make_form(request.fields, request.files, self._timeout.idle)
        if content is None:
            return None
        if len(content) <= SMALL_BODY:
            return payload.BytesPayload(content, content_type=_JSON)
        return LargeBody(content, self._timeout.idle)

    def _url(self, target: str) -> URL:
        if "?" in target:
            return URL(f"{self._origin}{self._prefix}{target}", encoded=True)
        return self._origin.with_path(self._prefix + target, encoded=True)

    async def _attempt(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Add the key at the last moment, send once, let no exception out that aiohttp acts on."""
        url = request.url
        if url.scheme != self._origin.scheme or url.raw_authority != self._authority:
            raise AttemptError("not the API's own origin", sent=False, timed_out=False)
        request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        if self._proxy is not None:
            authorize_proxy(request, self._proxy)
        try:
            return await handler(request)
        except (aiohttp.ClientError, OSError) as error:
            failure = unreachable(error, self._proxy) or AttemptError(
                self._describe(error),
                sent=not (isinstance(error, _NOT_SENT) or _is_unwritten(error, request)),
                timed_out=isinstance(error, TimeoutError),
            )
        raise failure

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        limit_idle(response, self._timeout.idle)
        self._read_from.add(response)
        try:
            length = response.content_length
            if length is None or "Content-Encoding" in response.headers:
                return await self._read_pieces(response)
            if length > self._max_reply_bytes:
                raise self._too_large(response)
            content = response.content
            if not content.is_eof() and content.exception() is None:
                content.set_read_chunk_size(length)  # so that reading never pauses on the way
                await content.wait_eof()
            return content.read_nowait()
        finally:
            self._read_from.discard(response)

    async def _read_pieces(self, response: aiohttp.ClientResponse) -> bytes:
        pieces: list[bytes] = []
        size = 0
        async for piece in response.content.iter_any():
            pieces.append(piece)
            size += len(piece)
            if size > self._max_reply_bytes:
                raise self._too_large(response)
        return b"".join(pieces)

    def _bounded(self, content: bytes, response: aiohttp.ClientResponse) -> bytes:
        if len(content) > self._max_reply_bytes:
            raise self._too_large(response)
        return content

    def _too_large(self, response: aiohttp.ClientResponse) -> DecodeError:
        text = f"a reply of more than {self._max_reply_bytes:,} bytes (max_reply_bytes)"
        return DecodeError(text, status=response.status)

    def _explain(self, error: Exception, request: HttpRequest) -> Exception:
        if isinstance(error, ClaroError):
            return error
        for _, file in request.files:
            if file.failure is not None:
                # the body broke off, so nothing can have been applied
                return file.failure
        if isinstance(error, AttemptError):
            return error.again()
        if isinstance(error, aiohttp.InvalidURL):
            return ConnectionFailedError(f"the URL of {request.operation} cannot be requested")
        return AttemptError(
            self._describe(error), sent=True, timed_out=isinstance(error, TimeoutError)
        )

    def _describe(self, error: Exception) -> str:
        text = _TOKEN.sub(r"\1***", str(error)).replace(self._key.reveal(), "***")
        return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _is_unwritten(error: Exception, request: aiohttp.ClientRequest) -> bool:
    """Whether a kept connection was found closed before the first byte of the request.

    Headers and a small body go out in one write, so there is no byte before the one that failed.
    """
    refused = error if isinstance(error, aiohttp.ClientConnectionResetError) else error.__cause__
    return (
        isinstance(refused, aiohttp.ClientConnectionResetError)
        and "closing transport" in str(refused)
        and isinstance(request.body, bytes | payload.BytesPayload)
    )

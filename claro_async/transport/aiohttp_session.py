"""One attempt is one send: the only place of the client where aiohttp is used.

aiohttp sends GET, PUT and DELETE a second time by itself when a connection drops. The middleware
here ends an attempt with an exception that aiohttp does not know, so it cannot.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import hdrs, payload
from yarl import URL

from claro_async._generated.claro_api.operation import Idempotency
from claro_async._version import __version__
from claro_async.errors import ClaroError, ConnectionFailedError
from claro_async.transport.contents import READ_BUFFER, ContentReader, keep_memory
from claro_async.transport.dialing import Dialer, authorize_proxy
from claro_async.transport.explaining import Explainer, is_unwritten
from claro_async.transport.failures import AttemptError
from claro_async.transport.forms import SMALL_BODY, LargeBody, make_form
from claro_async.wire.replies import HttpReply

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from claro_async.config import Settings
    from claro_async.transport.lane import Lane
    from claro_async.wire.requests import HttpRequest

_JSON = "application/json"
_SWITCHING = 101  # of protocols
_UNSAFE = Idempotency.UNSAFE  # once: to find a member of an enum takes a while


class AiohttpSession:
    """A pool of connections to one API; nothing is opened before the first request.

    Args:
        settings: The client's settings.
        dialer: Makes the connections.
        on_lane_not_used: Called with the reason where all requests go the ordinary way, once.
    """

    def __init__(
        self,
        settings: Settings,
        dialer: Dialer | None = None,
        on_lane_not_used: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._on_lane_not_used = on_lane_not_used
        self._dialer = dialer or Dialer(settings)
        self._key = settings.api_key
        base_url = URL(settings.base_url, encoded=True)
        self._origin = base_url.origin()
        self._scheme, self._authority = self._origin.scheme, self._origin.raw_authority
        self._prefix = base_url.raw_path.rstrip("/")
        self._timeout = settings.timeout
        self._settings = settings
        self._proxy = self._dialer.proxy_for(base_url)
        self._contents = ContentReader(settings.max_reply_bytes, settings.timeout.idle)
        self._explainer = Explainer(settings.api_key, self._proxy)

    @cached_property
    def _session(self) -> aiohttp.ClientSession:
        """Made by the first request, in the event loop in which all others must be."""
        keep_memory()
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
            read_bufsize=READ_BUFFER,
            middlewares=(self._attempt,),
            **self._dialer.session_options(),
        )

    async def close(self) -> None:
        """Close all connections; what is under way fails."""
        self._contents.close()
        for name in ("_session", "_unkept"):
            if name in vars(self):
                await getattr(self, name).close()

    def send(self, request: HttpRequest) -> Coroutine[Any, Any, HttpReply]:
        """Send a request once and read the whole reply.

        Raises:
            AttemptError: There is no whole reply.
            ClaroError: The reply is larger than allowed, or the source of an upload failed.
        """
        lane = self._lane
        if lane is not None and lane.takes(request):
            return lane.send(request)
        return self._send(request)

    @cached_property
    def _lane(self) -> Lane | None:
        """The second way to send, where it may be used."""
        if not self._settings.network.lane:
            return None
        if self._proxy is not None:
            self._on_lane_not_used("a proxy is set")
            return None
        try:
            # here, since another aiohttp may lack what it leans on
            from claro_async.transport.lane import open_lane  # noqa: PLC0415
        except (ImportError, AttributeError) as error:
            self._on_lane_not_used(f"aiohttp has other parts ({type(error).__name__})")
            return None
        return open_lane(
            self._session,
            self._settings,
            contents=self._contents,
            explainer=self._explainer,
            report=self._on_lane_not_used,
        )

    async def _send(self, request: HttpRequest) -> HttpReply:
        """Send a request as aiohttp does."""
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
                    content = self._contents.take(response.content, response.status)
                else:
                    content = await self._contents.read(
                        response.content,
                        response.status,
                        response.headers,
                        response.connection.protocol,
                    )
                if response.status == _SWITCHING:  # aiohttp keeps the connection open
                    response.close()
            except BaseException:
                response.close()
                raise
        except (aiohttp.ClientError, OSError, ValueError, AttemptError, ClaroError) as error:
            failure = self._explain(error, request)
        else:
            content = self._explainer.without_key(response.status, content)
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
        if url.scheme != self._scheme or url.raw_authority != self._authority:
            raise AttemptError("not the API's own origin", sent=False, timed_out=False)
        request.headers[hdrs.AUTHORIZATION] = f"Bearer {self._key.reveal()}"
        if self._proxy is not None:
            authorize_proxy(request, self._proxy)
        try:
            return await handler(request)
        except (aiohttp.ClientError, OSError) as error:
            unwritten = _is_unwritten(error, request)
            failure = self._explainer.before_reply(error, unwritten=unwritten)
        raise failure

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
        return self._explainer.within_reply(error)


def _is_unwritten(error: Exception, request: aiohttp.ClientRequest) -> bool:
    """Whether a kept connection was found closed before the first byte of the request.

    Headers and a small body go out in one write, so there is no byte before the one that failed.
    """
    # a small body's task wraps what went wrong
    return (is_unwritten(error) or is_unwritten(error.__cause__)) and isinstance(
        request.body, bytes | payload.BytesPayload
    )

"""Signed URLs: fetched without the key, byte for byte as given, and never in the clear.

Claro API v2, "Manage Data Source", section "Generate Download URL", and "Manage Dataset", section
"Export Dataset": both give a URL that is itself the permission, so it is shown to nobody and no
header of ours goes along with it.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from claro_async._secret import Secret
from claro_async._version import __version__
from claro_async.config import is_loopback
from claro_async.errors import TransferError
from claro_async.transport.contents import break_off, limit_idle
from claro_async.transport.dialing import Dialer, authorize_proxy
from claro_async.transport.failures import AttemptError
from claro_async.transport.unreachable import unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from claro_async.config import Settings

_READ_BUFFER = 1 << 19  # of bytes that came and were not read yet: twice this at the most
_INFLATED = 1 << 18  # bytes that are decompressed at once
_MAX_PADDING = 1 << 17  # zeros behind a compressed body
_GZIP = zlib.MAX_WBITS | 16
_MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SENDABLE = re.compile(r"[\x21-\x7e]+").fullmatch


class DownloadReply:
    """A reply of which the head has come; its repr does not show the URL.

    Attributes:
        status: The HTTP status.
        headers: Its headers, looked up without regard to case.
        verified: Whether what :meth:`pieces` gave so far ends where a file may end: always, except
            for a compressed body, which has a checksum behind its end.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers
        self.verified: bool = True
        self._response = response

    def __repr__(self) -> str:
        return f"<DownloadReply {self.status}>"

    @property
    def encoding(self) -> str:
        """How the body is compressed although it was asked for as it is; else empty."""
        coding = self.headers.get("Content-Encoding", "").strip().lower()
        return "" if coding == "identity" else coding

    def limit_idle(self, seconds: float) -> None:
        """From now on give up when no further byte comes for so long."""
        connection = self._response.connection
        limit_idle(None if connection is None else connection.protocol, seconds)

    def break_off(self) -> None:
        """Let whoever reads the body fail."""
        break_off([self._response.content])

    def close(self) -> None:
        """End the connection, unless the body was read to its end."""
        self._response.close()

    async def pieces(self, *, decompress: bool) -> AsyncGenerator[bytes, None]:
        """The body as it comes.

        Args:
            decompress: Whether a compressed body is to be decompressed.

        Raises:
            AttemptError: It broke off, stalled, or does not decompress.
        """
        body = self._inflated() if decompress and self.encoding else self._raw()
        async with aclosing(body) as pieces:
            async for piece in pieces:
                yield piece

    async def _inflated(self) -> AsyncGenerator[bytes, None]:
        """A gzip body, which may have several members and zeros behind them (RFC 1952, 2.2)."""
        self.verified = False
        decoder, padding = zlib.decompressobj(wbits=_GZIP), _MAX_PADDING
        async with aclosing(self._raw()) as pieces:
            async for piece in pieces:
                rest = piece
                while rest:
                    if decoder.eof:
                        padding -= len(rest)
                        rest = rest.lstrip(b"\0")
                        padding += len(rest)
                        if padding < 0:
                            raise _broken("zeros without end follow the compressed body")
                        if not rest:
                            break
                        decoder = zlib.decompressobj(wbits=_GZIP)
                    inflated, rest = _inflate(decoder, rest)
                    if inflated:
                        self.verified = False
                        yield inflated
                    self.verified = self.verified or decoder.eof
        if not decoder.eof:
            raise _broken("the compressed body does not end where it should")

    async def _raw(self) -> AsyncGenerator[bytes, None]:
        failure: BaseException
        content = self._response.content
        try:
            while piece := await content.readany():
                yield piece
        except (aiohttp.ClientError, OSError) as error:
            failure = _explain(error)
            # once the connection has failed aiohttp gives out no more of what had come before
            if rest := b"".join(content._buffer)[content._buffer_offset :]:  # noqa: SLF001 - see above
                yield rest
        except asyncio.CancelledError as error:
            failure = asyncio.CancelledError(*error.args)
        else:
            return
        raise failure


def _inflate(decoder: zlib._Decompress, data: bytes) -> tuple[bytes, bytes]:
    """Decompress some of it; returns that, and what was not decompressed yet."""
    try:
        inflated = decoder.decompress(data, _INFLATED)
    except zlib.error:
        raise _broken("the compressed body is damaged") from None
    # behind the end of a member the tail is empty, and what follows is "unused"
    return inflated, decoder.unused_data if decoder.eof else decoder.unconsumed_tail


class DownloadSession:
    """Connections to where signed URLs lead; it does not know the key."""

    def __init__(self, settings: Settings, dialer: Dialer) -> None:
        self._timeout = settings.timeout
        self._dialer = dialer
        self._base_url = URL(settings.base_url)
        self._session = self._connect(dialer.connector())
        self._beside_api: aiohttp.ClientSession | None = None
        self._open: set[DownloadReply] = set()

    def _connect(self, connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector,
            headers={
                "Accept-Encoding": "identity",
                "User-Agent": f"claro-async/{__version__}{self._dialer.user_agent_suffix}",
            },
            auto_decompress=False,
            read_bufsize=_READ_BUFFER,
            middlewares=(self._once,),
            **self._dialer.session_options(),
        )

    def _session_for(self, url: URL) -> aiohttp.ClientSession:
        """What leads to a URL; behind a Unix socket are only the API's own."""
        if not self._dialer.has_socket or url.origin() != self._base_url.origin():
            return self._session
        if self._beside_api is None:
            self._beside_api = self._connect(self._dialer.api_connector())
        return self._beside_api

    @property
    def closed(self) -> bool:
        """Whether nothing more can be fetched."""
        return self._session.closed

    async def close(self) -> None:
        """Close all connections; what is under way fails."""
        for reply in self._open:
            reply.break_off()
        await self._session.close()
        if self._beside_api is not None:
            await self._beside_api.close()

    @asynccontextmanager
    async def open(self, url: Secret, headers: Mapping[str, str]) -> AsyncIterator[DownloadReply]:
        """Send one GET and give the reply when its head has come.

        The URL goes around as a secret, so that no frame of a traceback holds its text.

        Raises:
            AttemptError: No reply.
            TransferError: A URL that is not fetched: plain http off this machine, or unsendable.
        """
        reply = await self._get(url, headers)
        try:
            self._open.add(reply)
            reply.limit_idle(self._timeout.idle)
            yield reply
        finally:
            self._open.discard(reply)
            reply.close()

    async def _get(self, url: Secret, headers: Mapping[str, str]) -> DownloadReply:
        objection = object_to(url, None)
        for _ in range(_MAX_REDIRECTS + 1):
            if objection:
                raise TransferError(objection)
            reply = await self._send(url, headers)
            if reply.status not in _REDIRECTS or "Location" not in reply.headers:
                return reply
            reply.close()
            came_from, url = url, _target(url, reply)
            objection = object_to(url, came_from)
        raise TransferError(f"the signed URL was redirected more than {_MAX_REDIRECTS} times")

    async def _send(self, url: Secret, headers: Mapping[str, str]) -> DownloadReply:
        failure: BaseException
        try:
            return DownloadReply(await self._request(URL(url.reveal(), encoded=True), headers))
        except (aiohttp.ClientError, OSError, ValueError, AttemptError) as error:
            failure = _explain(error)
        except asyncio.CancelledError as error:
            failure = asyncio.CancelledError(*error.args)
        # raised here, so that no frame of aiohttp's, whose variables hold the URL, hangs on to it
        raise failure

    async def _request(self, url: URL, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        proxy = self._dialer.proxy_for(url)
        return await self._session_for(url).get(
            url,
            headers=headers,
            allow_redirects=False,
            proxy=None if proxy is None else proxy.url,
        )

    async def _once(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """One attempt is one send: aiohttp would repeat a GET whose connection dropped."""
        proxy = self._dialer.proxy_for(request.url)
        authorize_proxy(request, proxy)
        try:
            return await handler(request)
        except (aiohttp.ClientError, OSError) as error:
            failure = unreachable(error, proxy) or _explain(error)
        raise failure


def _target(url: Secret, reply: DownloadReply) -> Secret:
    try:
        return Secret(urljoin(url.reveal(), reply.headers["Location"]))
    except ValueError:
        return Secret("")


def object_to(url: Secret, came_from: Secret | None) -> str | None:
    """Why a URL must not be fetched, in words that do not show it; None if it may.

    That is: not http(s), plain http off this machine or after https, with a password, or with
    characters that a request line cannot carry.

    Args:
        url: The URL.
        came_from: The URL that redirected to it, if one did.
    """
    what = "the signed URL" if came_from is None else "a redirect of the signed URL"
    try:
        parts = urlsplit(url.reveal())
        host, _ = parts.hostname, parts.port
    except ValueError:
        return f"{what} is not a URL"
    if parts.scheme not in {"http", "https"} or not host or not _SENDABLE(url.reveal()):
        return f"{what} is not an http(s) URL that can be sent as it is"
    if parts.username is not None:
        return f"{what} holds a user name, which would be sent as Authorization"
    downgraded = came_from is not None and urlsplit(came_from.reveal()).scheme == "https"
    if parts.scheme == "http" and (downgraded or not is_loopback(host)):
        return f"{what} leads to plain http, where anyone on the way can read it"
    return None


def _explain(error: Exception) -> AttemptError:
    """The failure in words that hold no URL."""
    if isinstance(error, AttemptError):
        return error.again()
    text = type(error).__name__
    if isinstance(error, OSError | aiohttp.ClientPayloadError) and str(error):
        text = f"{text}: {error}"
    return AttemptError(
        text,
        sent=not isinstance(error, aiohttp.ClientConnectorError),
        timed_out=isinstance(error, TimeoutError),
        final=isinstance(
            error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError
        ),
    )


def _broken(reason: str) -> AttemptError:
    return AttemptError(reason, sent=True, timed_out=False)

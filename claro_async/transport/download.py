"""Signed URLs: fetched without the key, byte for byte as given, and never in the clear.

Claro API v2, "Manage Data Source", section "Generate Download URL", and "Manage Dataset", section
"Export Dataset": both give a URL that is itself the permission, so it is shown to nobody and no
header of ours goes along with it.
"""

from __future__ import annotations

import re
import zlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import aiohttp
import attrs
from yarl import URL

from claro_async._version import __version__
from claro_async.config import Secret, is_loopback
from claro_async.errors import TransferError
from claro_async.transport.aiohttp_session import limit_idle
from claro_async.transport.failures import AttemptError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from claro_async.config import Settings

_READ_BUFFER = 1 << 19  # of bytes that came and were not read yet: twice this at the most
_INFLATED = 1 << 18  # bytes that are decompressed at once
_MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SENDABLE = re.compile(r"[\x21-\x7e]+").fullmatch


@attrs.define
class DownloadReply:
    """A reply of which the head has come.

    Attributes:
        status: The HTTP status.
        headers: Its headers, looked up without regard to case.
    """

    status: int
    headers: Mapping[str, str]
    _response: aiohttp.ClientResponse = attrs.field(repr=False)  # it shows the URL

    @property
    def encoding(self) -> str:
        """How the body is compressed although it was asked for as it is; else empty."""
        coding = self.headers.get("Content-Encoding", "").strip().lower()
        return "" if coding == "identity" else coding

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes, decompressed.

        Raises:
            AttemptError: It broke off, stalled, or does not decompress.
        """
        source = _raw(self._response)
        if not self.encoding:
            async for piece in source:
                yield piece
            return
        decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            async for piece in source:
                rest = piece
                while rest or decoder.unconsumed_tail:
                    inflated = decoder.decompress(rest, _INFLATED)
                    rest = decoder.unconsumed_tail
                    if inflated:
                        yield inflated
            while inflated := decoder.decompress(b"", _INFLATED):
                yield inflated
        except zlib.error:
            raise _broken("the compressed body is damaged") from None
        if not decoder.eof or decoder.unused_data:
            raise _broken("the compressed body does not end where it should")


class DownloadSession:
    """Connections to where signed URLs lead; it does not know the key."""

    def __init__(self, settings: Settings) -> None:
        self._timeout = settings.timeout
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=settings.max_connections),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity", "User-Agent": f"claro-async/{__version__}"},
            timeout=aiohttp.ClientTimeout(
                total=None,
                sock_connect=settings.timeout.connect,
                sock_read=settings.timeout.first_byte,
            ),
            auto_decompress=False,
            read_bufsize=_READ_BUFFER,
            middlewares=(_once,),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    @asynccontextmanager
    async def open(self, url: Secret, headers: Mapping[str, str]) -> AsyncIterator[DownloadReply]:
        """Send one GET and give the reply when its head has come.

        The URL goes around as a secret, so that no frame of a traceback holds its text.

        Raises:
            AttemptError: No reply.
            TransferError: A URL that is not fetched: plain http off this machine, or unsendable.
        """
        response = await self._get(url, headers)
        try:
            limit_idle(response, self._timeout.idle)
            yield DownloadReply(response.status, response.headers, response)
        finally:
            # ends the connection unless the body was read to its end
            response.close()

    async def _get(self, url: Secret, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        objection = object_to(url, None)
        for _ in range(_MAX_REDIRECTS + 1):
            if objection:
                raise TransferError(objection)
            response = await self._send(url, headers)
            if response.status not in _REDIRECTS or "Location" not in response.headers:
                return response
            response.close()
            came_from, url = url, _target(url, response)
            del response  # its repr shows the URL
            objection = object_to(url, came_from)
        raise TransferError(f"the signed URL was redirected more than {_MAX_REDIRECTS} times")

    async def _send(self, url: Secret, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        try:
            return await self._session.get(
                URL(url.reveal(), encoded=True), headers=headers, allow_redirects=False
            )
        except (aiohttp.ClientError, OSError, ValueError, AttemptError) as error:
            failure = _explain(error)
        # raised here, so that nothing that holds the URL hangs on to it
        raise failure


def _target(url: Secret, response: aiohttp.ClientResponse) -> Secret:
    try:
        return Secret(urljoin(url.reveal(), response.headers["Location"]))
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


async def _raw(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for piece in response.content.iter_any():
            yield piece
    except (aiohttp.ClientError, OSError) as error:
        failure = _explain(error)
    else:
        return
    raise failure


async def _once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """One attempt is one send: aiohttp would repeat a GET whose connection dropped."""
    try:
        return await handler(request)
    except (aiohttp.ClientError, OSError) as error:
        failure = _explain(error)
    raise failure


def _explain(error: Exception) -> AttemptError:
    """The failure in words that hold no URL."""
    if isinstance(error, AttemptError):
        return AttemptError(str(error), sent=error.sent, timed_out=error.timed_out)
    text = type(error).__name__
    if isinstance(error, OSError | aiohttp.ClientPayloadError) and str(error):
        text = f"{text}: {error}"
    sent = not isinstance(error, aiohttp.ClientConnectorError)
    return AttemptError(text, sent=sent, timed_out=isinstance(error, TimeoutError))


def _broken(reason: str) -> AttemptError:
    return AttemptError(reason, sent=True, timed_out=False)

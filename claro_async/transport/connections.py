"""Pools of connections, and what of aiohttp's own they mend."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError


class _Protocol(ResponseHandler):
    """Reads replies; two things are not as aiohttp has them.

    Nobody is kept waiting for a body that breaks the rules of HTTP on its way: aiohttp ends the
    connection then, and the time limits with it, but tells nobody who reads.

    A connection on which a whole reply came unasked is not kept: what it says would be taken for
    the reply to the next request.
    """

    def is_connected(self) -> bool:
        """Whether a kept connection may be used: the pool asks before it gives one out."""
        transport = self.transport
        return transport is not None and not self._buffer and not transport.is_closing()

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """End what is read with an exception."""
        content = self._payload
        super().set_exception(exc, *cause)
        if isinstance(exc, HttpProcessingError) and content is not None and not content.is_eof():
            failure = aiohttp.ClientPayloadError("the body breaks the rules of HTTP")
            content.set_exception(failure)
            # once more for a reader that was woken before, found nothing to read, and waits again
            self._loop.call_soon(content.set_exception, failure)


class _Pool(aiohttp.BaseConnector):
    """A pool whose connections read replies as :class:`_Protocol` does."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory: Any = partial(_Protocol, loop=self._loop)


class UnixPool(_Pool, aiohttp.UnixConnector):
    """A pool of connections through a Unix socket."""


class Pool(_Pool, aiohttp.TCPConnector):
    """A pool in which opening a connection takes no longer than it may, proxy and TLS included."""

    def __init__(self, seconds: float, **options: Any) -> None:
        super().__init__(**options)
        self._seconds = seconds

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the name that it has in aiohttp
    ) -> ResponseHandler:
        # aiohttp itself waits for ever for the answer of a proxy
        try:
            async with asyncio.timeout(self._seconds):
                return await super()._create_connection(req, traces, timeout)
        except TimeoutError as error:
            if isinstance(error, aiohttp.ClientError):
                raise
            text = f"no connection within {self._seconds:g} seconds"
            raise aiohttp.ConnectionTimeoutError(text) from None

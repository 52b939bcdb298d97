"""Pools of connections, and what of aiohttp's own they mend."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from aiohttp.http import RawResponseMessage
    from aiohttp.streams import StreamReader

    from claro_async.transport.plain_replies import PlainReplies

_CLOSED = "the client was closed"


class Protocol(ResponseHandler):
    """Reads replies; some things are not as aiohttp has them.

    Nobody is kept waiting for a body that breaks the rules of HTTP on its way: aiohttp ends the
    connection then, and the time limits with it, but tells nobody who reads.

    A connection on which anything came unasked is not used again: a whole reply would be taken for
    the reply to the next request, and what is less has started the time limit of the last one.

    What is unsent when a connection is closed is dropped: a server that reads nothing would keep
    the connection open, and whoever waits for its end, for as long as it likes; and one that reads
    on later would carry out what was given up.

    Plain replies can be read at less cost, where who waits for one asks for that.
    """

    _plain: PlainReplies | None = None  # while nothing came of a reply that may be one

    if TYPE_CHECKING:

        def read(  # type: ignore[override]
            self,
        ) -> Coroutine[Any, Any, tuple[RawResponseMessage, StreamReader | bytes]]:
            """A head, and its body: as a stream, or of a plain reply as it is."""

    def expect(self, plain: PlainReplies) -> None:
        """A request goes out, whose reply may be taken by `plain`."""
        self._parser = None
        self._plain = plain
        if self._tail:  # as for any other request
            self.data_received(b"")

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        plain = self._plain
        if plain is not None:
            self._plain = None
            reply = plain.take(data)
            if reply is not None:
                self.feed_data(reply)  # type: ignore[arg-type]
                return
            self.set_response_params(**plain.reading)
        super().data_received(data)

    def is_connected(self) -> bool:
        """Whether a kept connection may be used: the pool asks before it gives one out."""
        transport = self.transport
        return not (
            transport is None
            or self._buffer
            or self._tail
            or self._read_timeout_handle is not None
            or transport.is_closing()
        )

    def close(self) -> None:
        """Close the connection."""
        transport = self.transport
        if transport is not None and transport.get_write_buffer_size():
            self.abort()
        else:
            super().close()

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """End what is read with an exception."""
        content = self._payload
        super().set_exception(exc, *cause)
        if isinstance(exc, HttpProcessingError) and content is not None and not content.is_eof():
            failure = aiohttp.ClientPayloadError("the body breaks the rules of HTTP")
            content.set_exception(failure)
            # once more for a reader that was woken before, found nothing to read, and waits again
            self._loop.call_soon(content.set_exception, failure)


class NotConnectedError(aiohttp.ClientConnectionError):
    """The pool was closed before it had a connection to give out."""


class _Pool(aiohttp.BaseConnector):
    """A pool whose connections read replies as :class:`Protocol` does.

    Who waits for a connection hears when the pool is closed, and is woken in the place of another
    who was cancelled just then; aiohttp cancels the one, and forgets the other.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory: Any = partial(Protocol, loop=self._loop)

    async def _wait_for_available_connection(self, *args: Any) -> None:
        try:
            with self._saying_closed():
                await super()._wait_for_available_connection(*args)
        except BaseException:
            self._release_waiter()
            raise

    async def _create_connection(self, *args: Any) -> ResponseHandler:
        with self._saying_closed():
            protocol = await super()._create_connection(*args)
        if self.closed:
            protocol.close()
            raise NotConnectedError(_CLOSED)
        return protocol

    @contextmanager
    def _saying_closed(self) -> Iterator[None]:
        """Tell the pool's end from a cancellation of the task that waits within this block."""
        try:
            yield
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self.closed or task is None or task.cancelling():
                raise
            raise NotConnectedError(_CLOSED) from None


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

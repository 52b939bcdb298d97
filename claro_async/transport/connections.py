"""Pools of connections, and what of aiohttp's own they mend."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.http_exceptions import HttpProcessingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

    from claro_async.transport.plain_replies import PlainReplies
    from claro_async.wire.replies import HttpReply

_CLOSED = "the client was closed"
_PARTS = ("_buffer", "_exception", "_parser", "_payload", "_read_timeout_handle", "_tail")
"""Of aiohttp's protocol, those that :class:`Protocol` leans on."""


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

    def expect(self, plain: PlainReplies) -> asyncio.Future[HttpReply | None]:
        """A request goes out, whose reply may be taken by `plain`.

        Returns:
            The reply if it was, or None once another one can be read.
        """
        self._parser = None
        self._plain = plain
        # what ends the wait for a reply with an exception knows it by this name
        self._waiter = waiter = self._loop.create_future()
        if self._tail:  # as for any other request
            self.data_received(b"")
        return waiter

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        plain = self._plain
        if plain is not None:
            self._plain = None
            reply = plain.take(data)
            if reply is not None:
                waiter, self._waiter = self._waiter, None
                if waiter is not None and not waiter.done():
                    waiter.set_result(reply)  # type: ignore[arg-type]
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
            or self._exception is not None  # such as that this limit has passed
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


def is_as_expected(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether aiohttp's protocol has the parts that :class:`Protocol` leans on."""
    protocol = ResponseHandler(loop)
    return all(hasattr(protocol, part) for part in _PARTS)


class NotConnectedError(aiohttp.ClientConnectionError):
    """The pool was closed before it had a connection to give out."""


class KeptConnection(msgspec.Struct):
    """A kept connection that was given out, as aiohttp's own but for what only others need.

    Attributes:
        pool: Whose it is.
        key: Names the server.
        protocol: Reads the reply; None once the connection is given back.
    """

    pool: KeptPool
    key: ConnectionKey
    protocol: ResponseHandler | None

    def release(self) -> None:
        """Give it back, for whoever is next."""
        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            self.pool.take_back(self.key, protocol)

    def close(self) -> None:
        """Give it back to be closed, unless it was given back."""
        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            self.pool._release(self.key, protocol, should_close=True)  # noqa: SLF001


class KeptPool(aiohttp.BaseConnector):
    """A pool whose connections read replies as :class:`Protocol` does.

    Who waits for a connection gets one before all who come later. aiohttp lets whoever has given
    one back take it again: a job with more requests under way than there are connections would keep
    all others waiting until its end.

    Who waits hears when the pool is closed, and is woken in the place of another who was cancelled
    just then; aiohttp cancels the one, and forgets the other.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._promised = 0  # connections, to those who were woken and have not run yet
        self._is_next = False  # whether who asks now has waited
        kind = Protocol if is_as_expected(self._loop) else ResponseHandler
        self._factory: Any = partial(kind, loop=self._loop)

    def take(self, key: ConnectionKey) -> KeptConnection | None:
        """The connection that `connect` would give out, where that is a kept one; else None."""
        kept = self._conns.get(key)
        if not kept or self._promised or self._waiters:
            return None
        protocol, since = kept[0]
        # what is not to be used any more is left to aiohttp, which closes it
        if not protocol.is_connected() or monotonic() > since + (self._keepalive_timeout or 0.0):
            return None
        kept.popleft()  # if it was the last one, aiohttp drops the rest of the entry in time
        self._acquired.add(protocol)
        if self._limit_per_host:
            self._acquired_per_host[key].add(protocol)
        return KeptConnection(self, key, protocol)

    def take_back(self, key: ConnectionKey, protocol: ResponseHandler) -> None:
        """Keep a connection, as `_release` does, in fewer steps where nobody waits for one."""
        if (
            self._waiters
            or self._closed
            or self._limit_per_host
            or self._cleanup_handle is None
            or self._force_close
            or protocol.should_close
        ):
            self._release(key, protocol)
            return
        self._acquired.discard(protocol)
        self._conns[key].append((protocol, monotonic()))

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        """A kept connection, unless others wait for one."""
        is_next, self._is_next = self._is_next, False
        if not is_next and (self._promised or self._waiters):
            return None
        return await super()._get(key, traces)

    def _available_connections(self, key: ConnectionKey) -> int:
        return super()._available_connections(key) - self._promised

    async def _wait_for_available_connection(self, key: ConnectionKey, traces: list[Trace]) -> None:
        waiter = self._loop.create_future()
        queue = self._waiters[key]
        queue[waiter] = None
        try:
            for trace in traces:
                await trace.send_connection_queued_start()
            with self._saying_closed():
                await waiter
            for trace in traces:
                await trace.send_connection_queued_end()
        except BaseException:
            if waiter.done() and not waiter.cancelled():  # it was woken: the next one is
                self._promised -= 1
                self._release_waiter()
            raise
        finally:
            queue.pop(waiter, None)
            if not self._waiters.get(key, True):
                del self._waiters[key]
        self._promised -= 1
        self._is_next = True  # until `_get`, which `connect` calls at once

    def _release_waiter(self) -> None:
        for key, queue in self._waiters.items():
            if self._available_connections(key) < 1:
                continue
            while queue:
                waiter, _ = queue.popitem(last=False)
                if not waiter.done():
                    self._promised += 1
                    waiter.set_result(None)
                    return

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


class UnixPool(KeptPool, aiohttp.UnixConnector):
    """A pool of connections through a Unix socket."""


class Pool(KeptPool, aiohttp.TCPConnector):
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

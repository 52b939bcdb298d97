"""Whether the lane may be used: aiohttp is as it expects, and nobody has put anything in its way.

Tests and tracing change aiohttp from outside: they replace methods of its classes, or hang traces
on its sessions. What they wait for is the ordinary way.
"""

from __future__ import annotations

import inspect
from collections import defaultdict, deque
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

import aiohttp

# each from its own module, where nobody puts another in its place
from aiohttp.client import ClientSession as _Session
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest as _Request
from aiohttp.client_reqrep import ClientResponse as _Response
from aiohttp.connector import Connection

from claro_async.transport.connections import KeptPool, is_as_expected
from claro_async.transport.contents import READ_BUFFER, ContentReader
from claro_async.transport.dialing import HEAD_LIMITS, BoundedResponse
from claro_async.transport.plain_replies import PlainReplies

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine, Mapping

_STEPS: Final = (
    "ClientSession.request",
    "ClientSession._request",
    "ClientRequest.send",
    "ClientResponse.start",
    "BaseConnector.connect",
    "ResponseHandler.set_response_params",
    "ResponseHandler.data_received",
)
"""Of the ordinary way, those that the lane does without, or takes in another way."""
_HOME: Final = str(Path(aiohttp.__file__).parent)
READING: Mapping[str, Any] = {
    "read_until_eof": True,
    "read_bufsize": READ_BUFFER,
    **HEAD_LIMITS,
}
"""How aiohttp's protocol is to read replies."""
_TRACED: Final = "a trace is installed"
_CONNECT: Final = ["self", "req", "traces", "timeout"]
_RELEASE: Final = ["self", "key", "protocol", "should_close"]
_PLAIN: Final = b"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 2\r\n\r\n"
_HINTS: Final = b"HTTP/1.1 103 Early Hints\r\n\r\n"
_HEAD: Final = b"HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n"
_EXPECTED: Final = (103, 200, "b", False, True, True, False, b"{}", None, *2 * [(200, "b", b"{}")])


class LaneGuard:
    """Sees to it that the lane is used only where nothing stands in its way, and says so once.

    Args:
        session: The session of the ordinary way.
        report: Called once, with what stands in its way.
    """

    def __init__(self, session: aiohttp.ClientSession, report: Callable[[str], object]) -> None:
        self._session = session
        self._pool = type(session.connector)
        self._report: Callable[[str], object] | None = report
        self._originals: tuple[object, ...] = ()

    def is_clear(self) -> bool:
        """Whether the ordinary way's steps are aiohttp's own at this moment, and not traced."""
        # those of the last time are so; to find each by its name takes ten times as long
        steps = (
            _Session.request,
            _Session._request,  # noqa: SLF001
            _Request.send,
            _Response.start,
            self._pool.connect,  # type: ignore[union-attr]
            ResponseHandler.set_response_params,
            ResponseHandler.data_received,
        )
        if self._session._trace_configs:  # noqa: SLF001 - read as an attribute, a tenth of the cost
            self.report(_TRACED)
            return False
        return steps == self._originals or self._are_own(steps)

    def _are_own(self, steps: tuple[object, ...]) -> bool:
        for name, step in zip(_STEPS, steps, strict=True):
            if not _is_own(step):
                self.report(f"{name} is replaced")
                return False
        self._originals = steps
        return True

    def report(self, reason: str) -> None:
        """Say why the lane is not used."""
        report, self._report = self._report, None
        if report is not None:
            report(reason)


def _is_own(step: object) -> bool:
    """Whether a function was defined in aiohttp."""
    return isinstance(step, FunctionType) and step.__code__.co_filename.startswith(_HOME)


def _is_plain(session: aiohttp.ClientSession) -> bool:
    """Whether a session has the parts that it was given, and aiohttp's own else."""
    response = session._response_class  # noqa: SLF001 - nothing else tells
    return (
        type(session) is _Session
        and session._request_class is _Request  # noqa: SLF001
        and (response is _Response or issubclass(response, BoundedResponse))
        and len(session._middlewares) == 1  # noqa: SLF001 - what adds the key
    )


def obstacle(session: aiohttp.ClientSession, loop: asyncio.AbstractEventLoop) -> str | None:
    """What is not as the lane expects, in words; None where all is.

    Beside what can be seen, replies are read as the lane reads them, from bytes that are made up.
    """
    try:
        if session.trace_configs:
            return _TRACED
        if not _is_plain(session):
            return "ClientSession is replaced"
        connects = _keeps_connections(session.connector)
        reads = is_as_expected(loop) and _rehearse(loop) == _EXPECTED
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not what is expected
        return f"aiohttp reads replies in another way ({type(error).__name__})"
    if not connects:
        return "aiohttp makes connections in another way"
    return None if reads else "aiohttp reads replies in another way"


def _keeps_connections(pool: aiohttp.BaseConnector | None) -> bool:
    """Whether a pool gives connections out, keeps them and takes them back as aiohttp's do."""
    if not isinstance(pool, KeptPool):
        return False
    connect, release = aiohttp.BaseConnector.connect, aiohttp.BaseConnector._release  # noqa: SLF001
    kept: Any = pool._conns  # noqa: SLF001
    return (
        list(inspect.signature(connect).parameters) == _CONNECT
        and list(inspect.signature(release).parameters) == _RELEASE
        and (type(kept), kept.default_factory) == (defaultdict, deque)
        and type(pool._acquired) is set  # noqa: SLF001
        and type(pool._keepalive_timeout) is float  # noqa: SLF001
        and type(pool._limit_per_host) is int  # noqa: SLF001
    )


def _rehearse(loop: asyncio.AbstractEventLoop) -> tuple[object, ...]:
    """Read replies that are made up, one of them in two pieces; return what came of them."""
    protocol = ResponseHandler(loop)
    connection = Connection(_NoPool(), None, protocol, loop)  # type: ignore[arg-type]
    try:
        protocol.set_response_params(**READING)
        protocol.data_received(_HINTS + _HEAD + b"2\r\n{}\r\n")
        hints, _ = _result(protocol.read())
        head, content = _result(protocol.read())
        early = content.is_eof()
        content.on_eof(connection.release)
        protocol.data_received(b"0\r\n\r\n")
        late, released = content.is_eof(), connection.protocol is None
    finally:
        connection.close()
    body = ContentReader(len(_HEAD), 0).take(content, head.code)
    quality = (hints.code, head.code, head.headers["x-a"])
    stream = (*quality, early, late, released, protocol.should_close, body)
    plain = PlainReplies(loop, READING, len(body))
    unlike, like = plain.take(_PLAIN), [plain.take(_PLAIN + body) for _ in range(2)]
    return (
        *stream,
        unlike,
        *((one.status, one.headers["x-a"], one.content) for one in filter(None, like)),
    )


class _NoPool:
    """Takes connections back."""

    def _release(self, *_: object, **__: object) -> None:
        pass


def _result(reading: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine gives that has nothing to wait for."""
    try:
        reading.send(None)
    except StopIteration as end:
        return end.value
    reading.close()
    raise ValueError("there is nothing to read")

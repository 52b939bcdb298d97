"""Whether the lane may be used: aiohttp is as it expects, and nobody has put anything in its way.

Tests and tracing change aiohttp from outside: they replace methods of its classes, or hang traces
on its sessions. What they wait for is the ordinary way.
"""

from __future__ import annotations

import inspect
import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp import ClientRequest as _Request
from aiohttp import ClientResponse as _Response
from aiohttp import ClientSession as _Session
from aiohttp.client_proto import ResponseHandler

from claro_async.transport.contents import READ_BUFFER
from claro_async.transport.dialing import HEAD_LIMITS

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine, Mapping

_STEPS: Final[tuple[tuple[type, str], ...]] = (
    (_Session, "request"),
    (_Session, "_request"),
    (_Request, "send"),
    (_Response, "start"),
)
"""Of the ordinary way, those that the lane does without."""
READING: Mapping[str, Any] = {
    "read_until_eof": True,
    "read_bufsize": READ_BUFFER,
    **HEAD_LIMITS,
}
"""How aiohttp's protocol is to read replies."""
_CONNECT: Final = ["self", "req", "traces", "timeout"]
_HINTS: Final = b"HTTP/1.1 103 Early Hints\r\n\r\n"
_HEAD: Final = b"HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n"
_EXPECTED: Final = (103, 200, "b", False, True, False, b"{}")


class LaneGuard:
    """Sees to it that the lane is used only where nothing stands in its way, and says so once.

    Args:
        report: Called once, with what stands in its way.
    """

    def __init__(self, report: Callable[[str], object]) -> None:
        self._report: Callable[[str], object] | None = report
        self._originals: tuple[object, ...] = ()

    def is_clear(self) -> bool:
        """Whether the steps of the ordinary way are aiohttp's own at this moment."""
        # those of the last time are so; to find each by its name takes ten times as long
        steps = (_Session.request, _Session._request, _Request.send, _Response.start)  # noqa: SLF001
        return steps == self._originals or self._are_own(steps)

    def _are_own(self, steps: tuple[object, ...]) -> bool:
        for (owner, name), step in zip(_STEPS, steps, strict=True):
            if not _is_own(owner, step):
                self.report(f"{owner.__name__}.{name} is replaced")
                return False
        self._originals = steps
        return True

    def report(self, reason: str) -> None:
        """Say why the lane is not used."""
        report, self._report = self._report, None
        if report is not None:
            report(reason)


def _is_own(owner: type, step: object) -> bool:
    """Whether a function was defined in the file of its class."""
    file = sys.modules[owner.__module__].__file__
    return isinstance(step, FunctionType) and step.__code__.co_filename == file


def obstacle(session: aiohttp.ClientSession, loop: asyncio.AbstractEventLoop) -> str | None:
    """What is not as the lane expects, in words; None where all is.

    Beside what can be seen, replies are read as the lane reads them, from bytes that are made up.
    """
    if getattr(session, "trace_configs", None):
        return "a trace is installed"
    try:
        parameters = list(inspect.signature(aiohttp.BaseConnector.connect).parameters)
        seen = _rehearse(loop)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not what is expected
        return f"aiohttp reads replies in another way ({type(error).__name__})"
    if parameters != _CONNECT:
        return "aiohttp makes connections in another way"
    if seen != _EXPECTED:
        return "aiohttp reads replies in another way"
    return None


def _rehearse(loop: asyncio.AbstractEventLoop) -> tuple[object, ...]:
    """Read two replies that are made up, one of them in two pieces; return what came of them."""
    protocol = ResponseHandler(loop)
    protocol.set_response_params(**READING)
    protocol.data_received(_HINTS + _HEAD + b"2\r\n{}\r\n")
    hints, _ = _result(protocol.read())
    head, content = _result(protocol.read())
    early = content.is_eof()
    protocol.data_received(b"0\r\n\r\n")
    late, (body,) = content.is_eof(), content._buffer  # noqa: SLF001 - as ContentReader does
    return (hints.code, head.code, head.headers["x-a"], early, late, protocol.should_close, body)


def _result(reading: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine gives that has nothing to wait for."""
    try:
        reading.send(None)
    except StopIteration as end:
        return end.value
    reading.close()
    raise ValueError("there is nothing to read")

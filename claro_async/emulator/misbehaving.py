"""How each kind of fault plays out on the wire."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from aiohttp import web

from claro_async.emulator.calls import Call, Reply
from claro_async.emulator.errors import ApiError

if TYPE_CHECKING:
    from claro_async.emulator.faults import Fault
    from claro_async.emulator.ratelimit import RateLimiter

Answer: TypeAlias = Callable[[], Awaitable[Reply]]
Envelope: TypeAlias = Callable[[ApiError], bytes]

HTML: Final = (
    "<html><head><title>{0}</title></head><body><h1>{0}</h1><p>The upstream server did not"
    " answer.</p></body></html>"
)
_LINGER_ZERO: Final = struct.pack("ii", 1, 0)
_STALL_TIMEOUT: Final = 60.0
_STATUSES: Final = {"status": 503, "html": 502, "late": 504}
_OF_DATASOURCES: Final = frozenset(
    {"listDatasources", "getDatasourceData", "deleteDatasource", "createDatasourceDownload"}
)


class NoReply(web.StreamResponse):
    """A reply that is never sent: its connection is gone."""

    async def prepare(self, request: web.BaseRequest) -> None:
        """Tell aiohttp that there is nobody to answer."""
        raise ConnectionResetError(f"{request.method} was left without a reply on purpose")


def drop(request: web.BaseRequest, *, reset: bool) -> None:
    """End a connection: with a TCP reset, or by closing it in order."""
    transport = request.transport
    if transport is None:
        return
    if reset:
        # A zero linger time makes the kernel answer with RST and throw away what is unsent.
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        transport.abort()
    else:
        transport.close()


async def replace_reply(
    fault: Fault,
    call: Call,
    limiter: RateLimiter,
    answer: Answer,
    envelope: Envelope = ApiError.body,
) -> Reply:
    """Play out a fault that shows in the reply itself.

    Args:
        fault: The fault.
        call: The request it struck.
        limiter: The rate limit, for faults that speak of it.
        answer: Handles the request as usual.
        envelope: Writes an error.

    Returns:
        What to send.
    """
    if fault.kind == "rate_limit":
        return _rate_limit(fault, limiter, envelope)
    if fault.kind in ("status", "html", "late"):
        if fault.apply:
            await answer()
        return _status(fault, envelope)
    if fault.kind == "slow":
        if not fault.apply:
            await asyncio.sleep(fault.choose_delay())
        return await answer()
    if fault.kind == "invalid_json":
        reply = await answer()
        reply.body = reply.body[: max(1, len(reply.body) // 2)]
        reply.status = int(fault.details.get("status", reply.status))
        return reply
    if fault.kind == "stuck_processing":
        return await _stuck(call, answer)
    return await answer()


def _rate_limit(fault: Fault, limiter: RateLimiter, envelope: Envelope) -> Reply:
    if fault.details.get("exhaust"):
        limiter.exhaust()
    limiter.count_throttled()
    retry_after = fault.details.get("retry_after", 1)
    error = ApiError("RATE_LIMIT_EXCEEDED", {"retryAfter": retry_after})
    headers = {"Content-Type": "application/json"}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return Reply(error.status, envelope(error), headers)


def _status(fault: Fault, envelope: Envelope) -> Reply:
    details = fault.details
    html = fault.kind == "html" or details.get("html", False)
    status = int(details.get("status", _STATUSES[fault.kind]))
    headers = {"Content-Type": "text/html; charset=utf-8" if html else "application/json"}
    if details.get("retry_after") is not None:
        headers["Retry-After"] = str(details["retry_after"])
    body = details.get("body")
    if body is None and html:
        body = HTML.format(f"{status} Bad Gateway")
    if body is None:
        code = details.get("code", "SERVER_ERROR")
        text = details.get("message")
        error = ApiError(code, details.get("details"), message=text)
        return Reply(status, envelope(error), headers)
    return Reply(status, body.encode() if isinstance(body, str) else bytes(body), headers)


async def apply_later(fault: Fault, call: Call, answer: Answer) -> None:
    """Read a request now and carry it out ``delay`` seconds later, whoever still waits for it.

    A file that is uploaded is kept nowhere meanwhile, so an upload is carried out now.
    """
    if call.operation_id == "uploadDatasource":
        await answer()
        return
    call.content = await call.body.read()

    async def carry_out() -> None:
        await asyncio.sleep(fault.choose_delay())
        await answer()

    call.world.run_later(carry_out())


async def _stuck(call: Call, answer: Answer) -> Reply:
    if call.operation_id not in ("getDataset", "getDatasource"):
        of_datasource = call.operation_id in _OF_DATASOURCES
        raise call.world.processing.stuck_error("datasources" if of_datasource else "datasets")
    reply = await answer()
    value = json.loads(reply.body)
    value["status"] = "processing"
    if call.operation_id == "getDatasource":
        value["processedAt"] = None
    reply.body = json.dumps(value).encode()
    return reply


async def swallow_body(fault: Fault, call: Call) -> None:
    """Read a request's body, or its first ``after_bytes``, before dropping the connection."""
    limit = fault.details.get("after_bytes")
    with contextlib.suppress(ApiError):
        async for _chunk in call.body.chunks():
            if limit is not None and call.body.size >= limit:
                return


async def send_part(fault: Fault, request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    """Announce a whole reply and send its first part; then stall, or close the connection.

    Args:
        fault: A ``stall`` or ``truncate`` fault; ``after_bytes`` is by default half the body.
        request: The request.
        reply: The reply.

    Returns:
        The response, finished or broken off.
    """
    response = web.StreamResponse(status=reply.status, headers=reply.all_headers)
    response.content_length = reply.length
    await response.prepare(request)
    part = int(fault.details.get("after_bytes", reply.length // 2))
    sent = 0
    stalled = False
    for chunk in reply.chunks():
        if not stalled and sent + len(chunk) >= part:
            head = chunk[: part - sent]
            if head:
                await response.write(head)
            if fault.kind == "truncate":
                drop(request, reset=False)
                return NoReply()
            stalled = True
            await _hold(fault)
            chunk = chunk[len(head) :]  # noqa: PLW2901 - its first part is sent
        await response.write(chunk)
        sent += len(chunk)
    await response.write_eof()
    return response


async def _hold(fault: Fault) -> None:
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    fault.waiters.add(waiter)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(float(fault.details.get("timeout", _STALL_TIMEOUT))):
                await waiter
    finally:
        fault.waiters.discard(waiter)

"""Answers requests: who may ask, how often, what goes wrong on purpose, and the ledger's entry."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from aiohttp import web

from claro_async.emulator import cells, datasets, datasources, downloads, exporting
from claro_async.emulator.calls import Call, Reply
from claro_async.emulator.errors import ApiError, invalid
from claro_async.emulator.exchange import Exchange
from claro_async.emulator.misbehaving import (
    NoReply,
    apply_later,
    drop,
    replace_reply,
    send_part,
    swallow_body,
)
from claro_async.emulator.routing import DOWNLOAD, Match, match_path
from claro_async.emulator.validation import parse_query

if TYPE_CHECKING:
    from claro_async.emulator.calls import World
    from claro_async.emulator.faults import Fault, Faults
    from claro_async.emulator.ledger import Authorization
    from claro_async.emulator.ratelimit import RateLimiter

_LOGGER: Final = logging.getLogger("claro_async.emulator")
_JSON: Final[Mapping[str, str]] = MappingProxyType({"Content-Type": "application/json"})

Handler: TypeAlias = Callable[[Call], Awaitable[bytes]]

HANDLERS: Final[Mapping[str, Handler]] = {
    "listDatasets": datasets.list_datasets,
    "getDataset": datasets.get_dataset,
    "getDatasetData": datasets.get_dataset_data,
    "updateCell": cells.update_cell,
    "updateColumn": datasets.update_column,
    "updateColumnTaskType": datasets.update_column_task_type,
    "linkDatasource": cells.link_datasource,
    "uploadDatasource": cells.upload_datasource,
    "deleteDataset": datasets.delete_dataset,
    "exportDataset": exporting.export_dataset,
    "listDatasources": datasources.list_datasources,
    "getDatasource": datasources.get_datasource,
    "getDatasourceData": datasources.get_datasource_data,
    "deleteDatasource": datasources.delete_datasource,
    "createDatasourceDownload": datasources.create_datasource_download,
}

_CELL_OPERATIONS: Final = frozenset({"updateCell", "linkDatasource", "uploadDatasource"})


class Service:
    """Answers requests.

    Args:
        world: The state.
        api_key: The bearer that is let in.
        limiter: The rate limit.
        faults: What goes wrong on purpose.
        latency: Seconds that every request waits before it is handled.
    """

    def __init__(
        self, world: World, api_key: str, limiter: RateLimiter, faults: Faults, latency: float
    ) -> None:
        self.world = world
        self.limiter = limiter
        self.faults = faults
        self.latency = latency
        self._bearer = b"Bearer " + api_key.encode()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; whatever happens, it is in the ledger afterwards."""
        exchange = Exchange(request, self.world)
        try:
            if downloads.is_signed_path(exchange.raw_path):
                return await self._download(exchange)
            return await self._api(exchange)
        except ApiError as error:
            await exchange.body.drain()
            return self._refuse(exchange, error)
        finally:
            exchange.leave()

    async def _api(self, exchange: Exchange) -> web.StreamResponse:
        request = exchange.request
        exchange.authorization = self.authorize(request)
        if exchange.authorization != "valid":
            message = "Bearer token missing or invalid"
            challenge = {"WWW-Authenticate": "Bearer"}
            raise ApiError("UNAUTHORIZED", {"message": message}, headers=challenge)
        if not self.limiter.take():
            with suppress(ApiError):
                exchange.operation_id = self.find(exchange).operation_id
            retry_after = self.limiter.retry_after()
            raise ApiError(
                "RATE_LIMIT_EXCEEDED",
                {"retryAfter": int(retry_after)},
                headers={"Retry-After": retry_after},
            )
        found = self.find(exchange)
        exchange.operation_id = found.operation_id
        if found.operation_id in _CELL_OPERATIONS:
            exchange.cell = found.ids
            self.world.ledger.enter_cell(found.ids)
        if self.latency:
            await asyncio.sleep(self.latency)
        call = self.make_call(exchange, found)
        fault = self.faults.pick(found.operation_id, exchange.raw_path)
        if fault is None:
            return self._respond(exchange, await self._answer(exchange, call))
        return await self._with_fault(exchange, call, fault)

    def authorize(self, request: web.BaseRequest) -> Authorization:
        """Tell whether the bearer is the one that is let in."""
        values = [value for name, value in request.raw_headers if name.lower() == b"authorization"]
        if not values:
            return "absent"
        same = len(values) == 1 and hmac.compare_digest(values[0].strip(), self._bearer)
        return "valid" if same else "wrong"

    def find(self, exchange: Exchange) -> Match:
        """Find the operation of a request.

        Raises:
            ApiError: When there is none.
        """
        return match_path(exchange.request.method, exchange.raw_path)

    def make_call(self, exchange: Exchange, found: Match) -> Call:
        """Make the call of a request."""
        return Call(
            self.world,
            exchange.request,
            exchange.body,
            exchange.index,
            found.operation_id,
            found.ids,
            {},
        )

    async def run(self, call: Call) -> bytes:
        """Run the operation of a call.

        Raises:
            ApiError: The operation refuses.
        """
        return await HANDLERS[call.operation_id](call)

    def envelope(self, error: ApiError) -> bytes:
        """Write an error as this API does."""
        return error.body()

    async def replace(
        self, fault: Fault, call: Call, answer: Callable[[], Awaitable[Reply]]
    ) -> Reply:
        """Play out a fault that shows in the reply."""
        return await replace_reply(fault, call, self.limiter, answer, self.envelope)

    async def _answer(self, exchange: Exchange, call: Call) -> Reply:
        try:
            if call.operation_id != "uploadDatasource":
                call.content = call.content or await exchange.body.read()
            _check_encoding(call.request)
            if exchange.query:
                call.query = parse_query(exchange.query)
            body = await self.run(call)
        except ApiError as error:
            return Reply(error.status, self.envelope(error), {**_JSON, **error.headers})
        return Reply(200, body, _JSON)

    async def _with_fault(self, exchange: Exchange, call: Call, fault: Fault) -> web.StreamResponse:
        exchange.fault = fault.kind

        async def answer() -> Reply:
            return await self._answer(exchange, call)

        if fault.kind in ("reset", "disconnect"):
            await (answer() if fault.apply else swallow_body(fault, call))
            exchange.record(None)
            drop(exchange.request, reset=fault.kind == "reset")
            return NoReply()
        if fault.kind == "late":
            await apply_later(fault, call, answer)
        reply = await self.replace(fault, call, answer)
        await exchange.body.drain()
        if fault.kind in ("stall", "truncate"):
            reply.shared, reply.remaining = self.limiter.headers()
            exchange.record(reply)
            return await send_part(fault, exchange.request, reply)
        response = self._respond(exchange, reply)
        if fault.kind == "slow" and fault.apply:
            await asyncio.sleep(fault.choose_delay())
        return response

    def _respond(self, exchange: Exchange, reply: Reply) -> web.Response:
        reply.shared, reply.remaining = self.limiter.headers()
        exchange.record(reply)
        response = web.Response(body=reply.body, status=reply.status, headers=reply.all_headers)
        if exchange.body.broken:
            response.force_close()
        return response

    def _refuse(self, exchange: Exchange, error: ApiError) -> web.Response:
        reply = Reply(error.status, self.envelope(error), {**_JSON, **error.headers})
        if exchange.operation_id != DOWNLOAD:
            reply.shared, reply.remaining = self.limiter.headers()
        exchange.record(reply)
        return web.Response(body=reply.body, status=reply.status, headers=reply.all_headers)

    async def _download(self, exchange: Exchange) -> web.StreamResponse:
        request, world = exchange.request, self.world
        exchange.operation_id = DOWNLOAD
        exchange.authorization = self.authorize(request)
        if self.latency:
            await asyncio.sleep(self.latency)
        fault = self.faults.pick(DOWNLOAD, exchange.raw_path)
        if fault is None:
            reply = downloads.serve(world, request, exchange.raw_path, exchange.query, None)
            return await self._send_file(exchange, reply)
        exchange.fault = fault.kind
        if fault.kind in ("reset", "disconnect"):
            exchange.record(None)
            drop(request, reset=fault.kind == "reset")
            return NoReply()
        call = Call(world, request, exchange.body, exchange.index, DOWNLOAD, (), {})

        async def answer() -> Reply:
            return downloads.serve(world, request, exchange.raw_path, exchange.query, fault)

        reply = await replace_reply(fault, call, self.limiter, answer)
        if fault.kind in ("stall", "truncate"):
            exchange.record(reply)
            return await send_part(fault, request, reply)
        if fault.kind == "slow" and fault.apply:
            exchange.record(reply)
            await asyncio.sleep(fault.choose_delay())
        return await self._send_file(exchange, reply)

    async def _send_file(self, exchange: Exchange, reply: Reply) -> web.StreamResponse:
        exchange.record(reply)
        request = exchange.request
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        if not reply.chunked and reply.status != 304:  # noqa: PLR2004 - Not Modified has no body
            response.content_length = reply.length
        await response.prepare(request)
        if request.method != "HEAD":
            for chunk in reply.chunks():
                await response.write(chunk)
        await response.write_eof()
        return response


def _check_encoding(request: web.BaseRequest) -> None:
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise invalid("Content-Encoding", "compressed bodies are not taken", status=415)

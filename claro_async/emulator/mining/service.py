"""Answers requests under ``/api/v1``: tokens, permissions, and an envelope of its own."""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Final

from claro_async.emulator.calls import Reply
from claro_async.emulator.errors import ApiError
from claro_async.emulator.mining import exporting, handlers
from claro_async.emulator.mining.handlers import MiningCall
from claro_async.emulator.mining.routing import match_mining
from claro_async.emulator.ratelimit import RateLimiter
from claro_async.emulator.server import Service

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from aiohttp import web

    from claro_async.emulator.calls import Call, World
    from claro_async.emulator.exchange import Exchange
    from claro_async.emulator.faults import Fault, Faults
    from claro_async.emulator.ledger import Authorization
    from claro_async.emulator.mining.permissions import Grant
    from claro_async.emulator.routing import Match

_HANDLERS: Final[Mapping[str, Callable[[MiningCall], Awaitable[bytes]]]] = {
    "mining.listAllDatasets": handlers.list_all_datasets,
    "mining.listProjectDatasets": handlers.list_project_datasets,
    "mining.getProjectDataset": handlers.get_project_dataset,
    "mining.getModelTags": handlers.get_model_tags,
    "mining.createDataset": handlers.create_dataset,
    "mining.updateDataset": handlers.update_dataset,
    "mining.deleteDataset": handlers.delete_dataset,
    "mining.exportDataset": exporting.export_dataset,
}


class _NoRateLimit(RateLimiter):
    """The document names no limit and no header that tells one."""

    def headers(self) -> tuple[Mapping[str, str], str]:
        """Tell nothing."""
        return {}, ""


class MiningService(Service):
    """Answers the requests of Communications Mining.

    Args:
        world: The state.
        grants: What each token may do.
        faults: What goes wrong on purpose.
        latency: Seconds that every request waits before it is handled.
    """

    def __init__(
        self, world: World, grants: Mapping[str, Grant], faults: Faults, latency: float
    ) -> None:
        super().__init__(world, "", _NoRateLimit(None, 60.0, world.clock, "epoch"), faults, latency)
        self._grants = grants

    def authorize(self, request: web.BaseRequest) -> Authorization:
        """Tell whether the bearer is a known token."""
        if "Authorization" not in request.headers:
            return "absent"
        return "wrong" if self._grant(request) is None else "valid"

    def _grant(self, request: web.BaseRequest) -> Grant | None:
        values = request.headers.getall("Authorization")
        given = values[0].strip().encode("utf-8", "surrogateescape")
        found = None
        for token, grant in self._grants.items():
            if len(values) == 1 and hmac.compare_digest(given, f"Bearer {token}".encode()):
                found = grant
        return found

    def find(self, exchange: Exchange) -> Match:
        """Find the operation of a request."""
        return match_mining(exchange.request.method, exchange.raw_path)

    def make_call(self, exchange: Exchange, found: Match) -> Call:
        """Make the call of a request."""
        request = exchange.request
        grant = self._grant(request)
        assert grant is not None  # noqa: S101 - it was let in
        return MiningCall(
            self.world,
            request,
            exchange.body,
            exchange.index,
            found.operation_id,
            found.ids,
            {},
            store=self.world.mining,
            grant=grant,
        )

    async def run(self, call: Call) -> bytes:
        """Run the operation of a call, if its token may."""
        assert isinstance(call, MiningCall)  # noqa: S101 - made by make_call
        call.grant.check(call.operation_id, call.ids[0] if call.ids else None)
        return await _HANDLERS[call.operation_id](call)

    def envelope(self, error: ApiError) -> bytes:
        """Write ``{"status": "error", "message": …}``."""
        details = error.details
        more = " ".join(str(details[name]) for name in ("parameter", "message") if name in details)
        message = f"{error.message}: {more}" if more else error.message
        return json.dumps({"status": "error", "message": message}).encode()

    async def replace(
        self, fault: Fault, call: Call, answer: Callable[[], Awaitable[Reply]]
    ) -> Reply:
        """Play out a fault that shows in the reply; the kinds of exports are for the handler."""
        if isinstance(call, MiningCall) and fault.kind in exporting.QUIRKS:
            call.quirk = fault
            return await answer()
        if fault.kind == "error_in_ok":
            if fault.apply:
                await answer()
            text = str(fault.details.get("message", "Something went wrong"))
            body = self.envelope(ApiError("SERVER_ERROR", message=text))
            return Reply(200, body, {"Content-Type": "application/json"})
        return await super().replace(fault, call, answer)

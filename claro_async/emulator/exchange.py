"""One request from its arrival to its entry in the ledger."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from claro_async.emulator.calls import RequestBody
from claro_async.emulator.ledger import RequestRecord
from claro_async.emulator.listening import Connection

if TYPE_CHECKING:
    from aiohttp import web

    from claro_async.emulator.calls import Reply, World
    from claro_async.emulator.ledger import Authorization


class Exchange:
    """One request from its arrival to its entry in the ledger."""

    __slots__ = (
        "authorization",
        "body",
        "cell",
        "fault",
        "index",
        "operation_id",
        "query",
        "raw_path",
        "received_at",
        "recorded",
        "request",
        "started",
        "world",
    )

    def __init__(self, request: web.BaseRequest, world: World) -> None:
        self.request: web.BaseRequest = request
        self.world: World = world
        self.index: int = world.ledger.arrive()
        self.started: float = perf_counter()
        self.received_at: float = world.clock()
        target = request.raw_path.partition("#")[0]
        self.raw_path: str
        self.query: str
        self.raw_path, _, self.query = target.partition("?")
        self.operation_id: str | None = None
        self.authorization: Authorization = "absent"
        self.body: RequestBody = RequestBody(request)
        self.cell: tuple[str, ...] | None = None
        self.fault: str | None = None
        self.recorded: bool = False

    def record(self, reply: Reply | None) -> None:
        """Enter the request in the ledger, once, with its reply or with none."""
        if self.recorded:
            return
        self.recorded = True
        request, ledger = self.request, self.world.ledger
        protocol = request.protocol
        record = RequestRecord(
            self.index,
            self.operation_id,
            request.method,
            self.raw_path,
            self.query,
            ledger.share_headers(request.raw_headers),
            self.authorization,
            self.body.size,
            self.body.sha256,
            None if reply is None else reply.status,
            self.fault,
            self.received_at,
            protocol.number if isinstance(protocol, Connection) else 0,
        )
        ledger.add(record)
        if self.world.keep_recent:
            ledger.recent.add(record, self.body.head, reply, perf_counter() - self.started)

    def leave(self) -> None:
        """Count the request as answered; one that never came to a decision is entered as such."""
        self.record(None)
        ledger = self.world.ledger
        ledger.leave()
        if self.cell is not None:
            ledger.leave_cell(self.cell)

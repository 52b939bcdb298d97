"""A simulated network: what becomes of a request on its way, and of its reply."""

from __future__ import annotations

import asyncio
import json
from contextvars import Context
from enum import StrEnum
from typing import TYPE_CHECKING

import attrs

from claro_async.testing import AttemptError, HttpReply
from tests.simulation.latency import Load

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from claro_async.testing import HttpRequest
    from tests.simulation.latency import Latency
    from tests.simulation.loop import SimulatedLoop
    from tests.simulation.process import Process
    from tests.simulation.server import Server
    from tests.simulation.trace import Trace


class Fate(StrEnum):
    """What becomes of a request."""

    NORMAL = "normal"
    REFUSED = "refused"  # no connection: nothing was sent
    RESET_BEFORE = "reset before applying"
    RESET_AFTER = "reset after applying"
    LOST = "lost"  # the server never sees it; the client times out
    LATE = "late"  # the client times out; the server applies it at some later time
    ERROR_BEFORE = "5xx before applying"
    ERROR_AFTER = "5xx after applying"
    GARBLED = "garbled 200"
    TRUNCATED = "truncated"
    WRONG_CELL = "names another cell"
    ODD_PREVIOUS = "previous value that is no text"
    PAGE_404 = "404 by a proxy"


@attrs.frozen(kw_only=True)
class NetworkPlan:
    """How often what befalls a request.

    Attributes:
        latency: Seconds that the server takes.
        fates: Share of the requests that meet each fate; the rest are normal.
        timeout: Seconds after which the client gives an attempt up.
        travels: Whether the way to the server and back takes time, too.
    """

    latency: Latency
    fates: dict[Fate, float] = attrs.Factory(dict)
    timeout: float = 60.0
    travels: bool = True


@attrs.define(kw_only=True)
class Sent:
    """One attempt, as the network saw it.

    Attributes:
        number: Its place among all attempts.
        process: Who sent it.
        method: The HTTP method.
        cell: The cell that it writes to, or an empty string.
        value: The value that it writes, as JSON.
        began: When it was sent, in true time.
        ended: When the client was done with it, or None while it is not.
        fate: What became of it.
        status: The status of the reply that the client got, or None.
        applied: When the server applied it, or None.
    """

    number: int
    process: str
    method: str
    cell: str
    value: str
    began: float
    fate: Fate
    ended: float | None = None
    status: int | None = None
    applied: float | None = None

    @property
    def was_late(self) -> bool:
        """Whether it was applied after the client was done with it."""
        return self.applied is not None and self.ended is not None and self.applied > self.ended


class Network:
    """Carries requests to the server, and keeps a record of all.

    Attributes:
        sent: All attempts, in order.
        is_calm: Whether nothing befalls a request any more.
        on_send: Called with each process and attempt, before anything is on its way.
        late_until: When the last late request will have arrived.
    """

    def __init__(
        self, loop: SimulatedLoop, plan: NetworkPlan, server: Server, random: Random, trace: Trace
    ) -> None:
        self._loop = loop
        self._plan = plan
        self._server = server
        self._random = random
        self._trace = trace
        self.sent: list[Sent] = []
        self.is_calm = False
        self.on_send: list[Callable[[Process, Sent], None]] = []
        self.late_until = 0.0
        self._served = 0

    async def carry(self, process: Process, request: HttpRequest) -> HttpReply:
        """Send a request once.

        Raises:
            AttemptError: There is no whole reply.
        """
        sent = self._record(process, request)
        for hook in self.on_send:
            hook(process, sent)
        if sent.fate is Fate.REFUSED:
            await asyncio.sleep(0.001)
            self._end(sent, "refused")
            raise AttemptError("connection refused", sent=False, timed_out=False)
        reply: asyncio.Future[HttpReply] = self._loop.create_future()
        self._on_its_way(sent, request, reply)
        timer = self._loop.call_later(self._plan.timeout / process.clock.rate, _time_out, reply)
        try:
            answer = await reply
        except AttemptError as failure:
            self._end(sent, str(failure))
            raise
        except asyncio.CancelledError:
            self._end(sent, "cancelled")
            raise
        finally:
            timer.cancel()
        sent.status = answer.status
        self._end(sent, f"reply {answer.status}")
        return answer

    def _record(self, process: Process, request: HttpRequest) -> Sent:
        is_edit = request.method == "PATCH"
        sent = Sent(
            number=len(self.sent),
            process=process.name,
            method=request.method,
            cell=self._server.cell_of(request) if is_edit else "",
            value=_canonical(request.content) if is_edit else "",
            began=self._loop.time(),
            fate=Fate.NORMAL if self.is_calm else self._draw_fate(is_edit=is_edit),
        )
        self.sent.append(sent)
        what = f"{sent.cell} = {sent.value}" if is_edit else request.target
        fate = "" if sent.fate is Fate.NORMAL else f"[{sent.fate}]"
        self._trace.add(sent.began, process.name, "SEND", f"request {sent.number}", what, fate)
        return sent

    def _draw_fate(self, *, is_edit: bool) -> Fate:
        drawn = self._random.random()
        for fate, share in self._plan.fates.items():
            drawn -= share
            if drawn < 0:
                only_edits = fate in {Fate.WRONG_CELL, Fate.ODD_PREVIOUS, Fate.PAGE_404}
                return Fate.NORMAL if only_edits and not is_edit else fate
        return Fate.NORMAL

    def _end(self, sent: Sent, how: str) -> None:
        sent.ended = self._loop.time()
        self._trace.add(sent.ended, sent.process, "ENDED", f"request {sent.number}", sent.cell, how)

    def _on_its_way(
        self, sent: Sent, request: HttpRequest, reply: asyncio.Future[HttpReply]
    ) -> None:
        if sent.fate is Fate.LOST:
            return
        way = self._way()
        if sent.fate is Fate.LATE:
            way = self._random.uniform(0.2, 2.5) * self._plan.timeout
            self.late_until = max(self.late_until, self._loop.time() + way)
        self._loop.call_later(way, self._arrive, sent, request, reply, context=Context())

    def _way(self) -> float:
        share = self._random.uniform(0.0, 0.2) if self._plan.travels else 0.0
        return share * self._plan.latency.mean

    def _arrive(self, sent: Sent, request: HttpRequest, reply: asyncio.Future[HttpReply]) -> None:
        server = self._server
        if sent.fate is Fate.RESET_BEFORE:
            _fail(reply, "connection reset by peer")
            return
        refusal = server.refuse(request)
        if refusal is None and sent.fate is Fate.ERROR_BEFORE:
            refusal = self._server_error()
        if refusal is None and sent.fate is Fate.PAGE_404:
            refusal = HttpReply(404, server.reply({}).headers, b"<html>no such page</html>")
        if refusal is not None:
            self._deliver(reply, refusal)
            return
        server.under_way += 1
        server.most_under_way = max(server.most_under_way, server.under_way)
        load = Load(now=self._loop.time(), under_way=server.under_way, served=self._served)
        self._served += 1
        seconds = self._plan.latency.draw(self._random, load)
        if self.is_calm:  # some latencies have no bound
            seconds = min(seconds, self._plan.timeout / 2)
        self._loop.call_later(seconds, self._serve, sent, request, reply, context=Context())

    def _serve(self, sent: Sent, request: HttpRequest, reply: asyncio.Future[HttpReply]) -> None:
        server = self._server
        server.under_way -= 1
        if request.method == "PATCH" and not server.exists(sent.cell):
            self._deliver(reply, server.error(404, "CELL_NOT_FOUND"))  # deleted meanwhile
            return
        answer = server.carry_out(request, sent.number)
        if request.method == "PATCH":
            sent.applied = self._loop.time()
        match sent.fate:
            case Fate.RESET_AFTER:
                _fail(reply, "connection reset by peer")
            case Fate.TRUNCATED:
                _fail(reply, "the reply ended early")
            case Fate.LATE:
                pass
            case Fate.ERROR_AFTER:
                self._deliver(reply, self._server_error())
            case _:
                self._deliver(reply, self._bend(sent, answer))

    def _bend(self, sent: Sent, answer: HttpReply) -> HttpReply:
        """The reply as it comes out of the network."""
        if sent.fate is Fate.GARBLED:
            cut = answer.content[: len(answer.content) // 2]
            answer.content = self._random.choice((b"<html>welcome</html>", cut, b""))
        elif sent.fate is Fate.WRONG_CELL:
            other = self._random.choice(sorted(self._server.cells.keys() - {sent.cell}))
            body = {"cellId": other, "value": None, "previousValue": self._server.value(other)}
            answer.content = json.dumps(body).encode()
        elif sent.fate is Fate.ODD_PREVIOUS:
            odd = self._random.choice((b'"\xff"', b"1e999", b'"\\ud83d"'))
            answer.content = b'{"cellId":%b,"value":1,"previousValue":%b}' % (
                json.dumps(sent.cell).encode(),
                odd,
            )
        return answer

    def _server_error(self) -> HttpReply:
        status = self._random.choice((500, 502, 503))
        if status == 502:
            return HttpReply(502, self._server.reply({}).headers, b"<html>bad gateway</html>")
        return self._server.error(status, "INTERNAL_ERROR")

    def _deliver(self, reply: asyncio.Future[HttpReply], answer: HttpReply) -> None:
        way = self._way()
        self._loop.call_later(way, _answer, reply, answer, context=Context())


def _canonical(content: bytes | None) -> str:
    return json.dumps(json.loads(content or b"{}").get("value"), sort_keys=True)


def _answer(reply: asyncio.Future[HttpReply], answer: HttpReply) -> None:
    if not reply.done():
        reply.set_result(answer)


def _fail(reply: asyncio.Future[HttpReply], reason: str) -> None:
    if not reply.done():
        reply.set_exception(AttemptError(reason, sent=True, timed_out=False))


def _time_out(reply: asyncio.Future[HttpReply]) -> None:
    if not reply.done():
        reply.set_exception(AttemptError("no reply in time", sent=True, timed_out=True))


class SimulatedSession:
    """The session of one process: the seam between the real client and the simulation."""

    def __init__(self, network: Network, process: Process) -> None:
        self._network = network
        self._process = process

    async def send(self, request: HttpRequest) -> HttpReply:
        return await self._network.carry(self._process, request)

    async def close(self) -> None:
        """There is nothing to close."""

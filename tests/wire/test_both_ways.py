"""The lane and the ordinary way make the same of whatever a server does.

The simulation stands above the network, as a session of its own, so it has no lane to go over; what
it would show of one is shown here, over real sockets: for one attempt, both ways end the same.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import Network, Timeout
from claro_async._generated.claro_api.operation import Idempotency
from claro_async._secret import Secret
from claro_async.config import Settings
from claro_async.testing import AttemptError, HttpRequest
from claro_async.transport.aiohttp_session import AiohttpSession
from tests.wire.odd_replies import KEY, QUOTA_HEADERS, SMALL_LIMIT, Script, make

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claro_async.testing import HttpReply

FIRST_BYTE, IDLE = 40.0, 20.0
FOREVER = 500.0
TURNS = 3  # of the event loop, in which what was written on one side is read on the other
MORE_TURNS = 50  # in which whatever is over ends


class Time:
    """The event loop's time, which goes on only when it is told to."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = loop.time()

    async def pass_by(self, seconds: float) -> None:
        """Let so many seconds pass, and what is due then happen."""
        self.now += seconds
        await turns()


@pytest.fixture
async def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    """The time of the running loop."""
    loop = asyncio.get_running_loop()
    time = Time(loop)
    monkeypatch.setattr(loop, "time", lambda: time.now)
    return time


async def turns() -> None:
    """Let what is ready happen."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


class Player(asyncio.Protocol):
    """One connection of a server that plays one script for every request."""

    def __init__(self, server: Stage) -> None:
        self._server = server
        self._number = server.next_number()
        self._received = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Play the script once a whole request is there."""
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
        if blank and len(body) >= int(length or 0):
            self._server.requests.append((self._number, self._received))
            self._received = b""
            playing = asyncio.ensure_future(self._play(self._server.script))
            self._server.started.set_result(playing)

    async def _play(self, script: Script) -> None:
        for wait, piece in zip(script.waits, script.pieces, strict=True):
            if wait:
                await self._server.time.pass_by(wait)
            if self._transport.is_closing():
                return  # the client has given it up
            self._transport.write(piece)
            await turns()
        if self._transport.is_closing():
            return
        if script.ending == "reset":
            linger = struct.pack("ii", 1, 0)
            self._transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, linger
            )
            self._transport.abort()
        elif script.ending == "close":
            self._transport.close()
        await turns()


class Stage:
    """A server of one way: its connections are numbered.

    Attributes:
        script: What is played for the next request.
        requests: The number of the connection, and what came on it.
        started: Has the task that plays the script, once the request is there.
    """

    def __init__(self, time: Time, *, lane: bool) -> None:
        self.time = time
        self.script = Script(pieces=(), waits=(), ending="keep")
        self.requests: list[tuple[int, bytes]] = []
        self.started: asyncio.Future[asyncio.Task[None]] = asyncio.Future()
        self._lane = lane
        self._connections = 0
        self._last = 0

    def next_number(self) -> int:
        """The number of a new connection."""
        self._connections += 1
        return self._connections

    async def open(self) -> None:
        """Listen, and make a session that sends here."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Player(self), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        settings = Settings(
            api_key=Secret(KEY),
            base_url=f"http://127.0.0.1:{self.port}/api/v2",
            timeout=Timeout(first_byte=FIRST_BYTE, idle=IDLE),
            network=Network(lane=self._lane),
            max_reply_bytes=SMALL_LIMIT,
        )
        reasons: list[str] = []
        self.session = AiohttpSession(settings, None, reasons.append)
        assert (self.session._lane is not None) is self._lane
        assert reasons == []

    async def outcome(self, request: HttpRequest, script: Script) -> tuple[object, ...]:
        """Send a request, play the script for it, and say what came of it."""
        started = self.started = asyncio.get_running_loop().create_future()
        self.script = script
        sending = asyncio.ensure_future(self._send(request))
        playing: asyncio.Task[None] = await started
        await playing
        await turns()
        if not sending.done():
            await self.time.pass_by(FOREVER)
        for _ in range(MORE_TURNS):
            await asyncio.sleep(0)
            if sending.done():
                break
        else:
            pytest.fail(f"no end: {request}, {script}")
        result = await sending
        await turns()
        connection, before = self.requests[-1][0], self._last
        self._last = connection
        return (*result, "kept" if connection == before else "new")

    async def _send(self, request: HttpRequest) -> tuple[object, ...]:
        try:
            return _shown(await self.session.send(request))
        except AttemptError as error:
            said = str(error).replace(str(self.port), "PORT")
            return (type(error).__name__, said, error.sent, error.timed_out, error.final)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must be the same
            return (type(error).__name__, str(error).replace(str(self.port), "PORT"))

    def sent(self) -> list[bytes]:
        """All requests."""
        port = str(self.port).encode()
        return [request.replace(port, b"PORT") for _, request in self.requests]

    async def close(self) -> None:
        """Close the session, and listen no longer."""
        await self.session.close()
        self._server.close()


def _shown(reply: HttpReply) -> tuple[object, ...]:
    quota = tuple(reply.headers.get(name) for name in QUOTA_HEADERS)
    return ("reply", reply.status, reply.content, quota)


def scripts(seed: int, count: int) -> Iterator[tuple[HttpRequest, Script]]:
    """Requests, and what becomes of them."""
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    for number in range(count):
        script = make(random)
        if number % 2:
            yield (
                HttpRequest("getDataset", "GET", f"/x/{number}", idempotency=Idempotency.SAFE),
                script,
            )
        else:
            patch = Idempotency.IDEMPOTENT
            yield (
                HttpRequest("updateCell", "PATCH", f"/x/{number}", b"{}", idempotency=patch),
                script,
            )


async def differences(time: Time, seed: int, count: int) -> tuple[list[str], set[str]]:
    """Where both ways differ, a text each, and which kinds of outcome came up."""
    stages = Stage(time, lane=True), Stage(time, lane=False)
    for stage in stages:
        await stage.open()
    found, kinds = [], set()
    for number, (request, script) in enumerate(scripts(seed, count)):
        lane, ordinary = [await stage.outcome(request, script) for stage in stages]
        kinds.add(str(lane[0] if lane[0] == "reply" else lane[1]).partition(":")[0])
        if lane != ordinary:
            found.append(f"{number} of seed {seed}: {script}\n{lane}\n{ordinary}")
    for stage in stages:
        await stage.close()
    await turns()
    sent = [stage.sent() for stage in stages]
    assert sent[0] == sent[1], "the requests differ"
    return found, kinds


@pytest.mark.parametrize(
    ("seed", "count"),
    [(1, 1000), *(pytest.param(seed, 3000, marks=pytest.mark.slow) for seed in (2, 3, 4))],
)
async def test_odd_replies(seed: int, count: int, time: Time) -> None:
    """Outcome, status, body, headers that are read, and the connection's fate are the same.

    So is each request, byte for byte, and each is sent once.
    """
    found, kinds = await differences(time, seed, count)
    assert found == []
    assert kinds >= {
        "reply",
        "a reply of more than 200,000 bytes (max_reply_bytes)",
        "ClientOSError",
        "ClientPayloadError",
        "ClientResponseError",
        "ServerDisconnectedError",
        "SocketTimeoutError",
    }

"""Which requests go by the lane, what keeps them off it, and what it must not show."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aioresponses import aioresponses

from claro_async import LaneNotUsed, Network
from claro_async._generated.claro_api.operation import Idempotency
from claro_async._secret import Secret
from claro_async.config import Settings
from claro_async.testing import AttemptError, HttpRequest
from claro_async.transport import connections
from claro_async.transport.aiohttp_session import AiohttpSession
from claro_async.transport.lane import Lane
from tests.watching import of_kind
from tests.wire.operations import DATASET, OPERATIONS, send, session_of
from tests.wire.raw_server import RawServer, answering, reply
from tests.wire.test_key_hygiene import everything_about
from tests.wire.traces import install, noting_methods

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from claro_async import ClaroClient
    from claro_async.testing import HttpReply
    from claro_async.transport.events import Event

BY_LANE = {
    *("listDatasets", "getDataset", "getDatasetData", "updateCell", "updateColumn"),
    *("listDatasources", "getDatasource", "getDatasourceData"),
}
GET = HttpRequest("getDataset", "GET", "/x", idempotency=Idempotency.SAFE)
STEPS = (
    (aiohttp.ClientSession, "request"),
    (aiohttp.ClientSession, "_request"),
    (aiohttp.ClientRequest, "send"),
    (aiohttp.ClientResponse, "start"),
    (aiohttp.BaseConnector, "connect"),
    (ResponseHandler, "set_response_params"),
    (ResponseHandler, "data_received"),
)


@pytest.fixture
def by_lane(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations of the requests that go by the lane."""
    sent: list[str] = []
    original = Lane.send

    async def noted(self: Lane, request: HttpRequest) -> HttpReply:
        sent.append(request.operation)
        return await original(self, request)

    monkeypatch.setattr(Lane, "send", noted)
    return sent


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_gets_and_patches_go_by_the_lane(
    operation: str, client: ClaroClient, by_lane: list[str], events: list[Event]
) -> None:
    """Operations that read with GET, or PATCH and may be repeated, and no others."""
    await send(client, operation)
    assert by_lane == ([operation] if operation in BY_LANE else [])
    assert of_kind(events, LaneNotUsed) == []


async def test_bulk_edits_and_rows_go_by_the_lane(
    client: ClaroClient, by_lane: list[str], events: list[Event]
) -> None:
    """What it was made for: cells by the thousand, and the pages of rows."""
    dataset = client.dataset(DATASET)
    edits = [(f"cell_{row}_1", "new") for row in (1, 2)]
    report = await dataset.update_cells(edits, skip_unchanged=False)
    assert report.updated == 2
    assert [row["product"] async for row in dataset.rows()] == ["new", "new"]
    assert by_lane.count("updateCell") == 2
    assert "getDatasetData" in by_lane
    assert of_kind(events, LaneNotUsed) == []


async def test_raw_requests(connect: Callable[..., ClaroClient], by_lane: list[str]) -> None:
    """A PATCH that must not be repeated, a large one and one without a body are left alone."""
    async with RawServer(answering(reply())) as server:
        client = connect(server.base_url)
        await client.request("PATCH", "/unsafe", json={})
        await client.request("PATCH", "/large", json="x" * 70_000, idempotent=True)
        await client.request("PATCH", "/empty", idempotent=True)
        await client.request("GET", "/body", json={})
        await client.request("GET", "/own", headers={"accept": "text/csv"})
        assert by_lane == []
        await client.request("PATCH", "/small", json="x" * 60_000, idempotent=True)
        await client.request("GET", "/more", headers={"X-More": "1"}, params={"q": "ä b"})
        assert by_lane == ["PATCH /small", "GET /more"]
        own, _, more = server.requests[-3:]
        assert own.headers.getall("Accept") == ["text/csv"]
        assert more.headers["X-More"] == "1"
        assert more.target == "/api/v2/more?q=%C3%A4%20b"


@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_both_ways_send_the_same(method: str, connect: Callable[..., ClaroClient]) -> None:
    """Line, headers and body are the same, whatever the settings add."""
    async with RawServer(answering(reply())) as server:
        for lane in (True, False):
            network = Network(headers={"X-Gate": "7"}, user_agent="mine/1", lane=lane)
            client = connect(server.base_url, network=network)
            body = None if method == "GET" else {"a": "ä"}
            further = {"traceparent": "00-1"}
            options: dict[str, Any] = {"json": body, "headers": further, "idempotent": True}
            await client.request(method, "/a%20b", params={"q": 1}, **options)
        one, other = server.requests
        assert sorted(one.headers.items()) == sorted(other.headers.items())
        assert one[:2] == other[:2]
        assert one.body == other.body


async def test_it_can_be_switched_off(
    connect: Callable[..., ClaroClient], by_lane: list[str], events: list[Event]
) -> None:
    """`Network(lane=False)` has all go the ordinary way; that is no news."""
    async with RawServer(answering(reply())) as server:
        await connect(server.base_url, network=Network(lane=False)).request("GET", "/x")
        assert (len(server.requests), by_lane) == (1, [])
    assert of_kind(events, LaneNotUsed) == []


@pytest.mark.parametrize(("owner", "step"), STEPS)
async def test_a_step_that_is_replaced_is_taken(  # noqa: PLR0913, PLR0917 - fixtures
    owner: type,
    step: str,
    connect: Callable[..., ClaroClient],
    by_lane: list[str],
    events: list[Event],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a test puts in the place of a step sees the requests, for as long as it is there."""
    original, seen = getattr(owner, step), []

    def replacement(*args: Any, **options: Any) -> Any:
        seen.append(step)
        return original(*args, **options)

    async with RawServer(answering(reply())) as server:
        client = connect(server.base_url)
        await client.request("GET", "/before")
        with monkeypatch.context() as patching:
            patching.setattr(owner, step, replacement)
            await client.request("GET", "/during")
            await client.request("GET", "/during")
        await client.request("GET", "/after")
    assert seen == [step] * 2
    assert by_lane == ["GET /before", "GET /after"]
    (event,) = of_kind(events, LaneNotUsed)
    assert event.reason == f"{owner.__name__}.{step} is replaced"


async def test_aioresponses_answers(
    connect: Callable[..., ClaroClient], by_lane: list[str], events: list[Event]
) -> None:
    """Replies that users' tests mock with aioresponses come, for as long as they are mocked."""
    async with RawServer(answering(reply(b'{"real": true}'))) as server:
        with aioresponses() as mocked:
            mocked.get(f"{server.base_url}/x", payload={"real": False})
            client = connect(server.base_url)
            assert await client.request("GET", "/x") == {"real": False}
        assert (server.requests, by_lane) == ([], [])
        assert await client.request("GET", "/x") == {"real": True}
    assert by_lane == ["GET /x"]
    assert len(of_kind(events, LaneNotUsed)) == 1


async def test_a_trace_sees_every_request(
    connect: Callable[..., ClaroClient],
    by_lane: list[str],
    events: list[Event],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where something hangs traces on every session of aiohttp, they are called."""
    trace, seen = noting_methods()
    install(trace, monkeypatch)
    async with RawServer(answering(reply())) as server:
        await connect(server.base_url).request("GET", "/x")
    assert (seen, by_lane) == (["GET"], [])
    assert [event.reason for event in of_kind(events, LaneNotUsed)] == ["a trace is installed"]


async def test_a_trace_that_comes_later_sees_every_request_from_then_on(
    connect: Callable[..., ClaroClient], by_lane: list[str], events: list[Event]
) -> None:
    """A trace that is hung on the session once the lane is in use is called."""
    trace, seen = noting_methods()
    trace.freeze()
    async with RawServer(answering(reply())) as server:
        client = connect(server.base_url)
        await client.request("GET", "/before")
        session_of(client)._session.trace_configs.append(trace)
        await client.request("GET", "/x")
        await client.request("GET", "/x")
    assert (seen, by_lane) == (["GET"] * 2, ["GET /before"])
    assert [event.reason for event in of_kind(events, LaneNotUsed)] == ["a trace is installed"]


def session_that_notes(seen: list[str]) -> type[aiohttp.ClientSession]:
    """A session of another make, as caches and recorders put in the place of aiohttp's."""
    with pytest.warns(DeprecationWarning, match="Inheritance"):

        class Noted(aiohttp.ClientSession):
            def request(self, *args: Any, **options: Any) -> Any:
                seen.append("request")
                return super().request(*args, **options)

            async def _request(self, *args: Any, **options: Any) -> Any:
                seen.append("_request")
                return await super()._request(*args, **options)

    return Noted


class NotedRequest(aiohttp.ClientRequest):
    """A request that notes that it is sent."""

    seen: list[str]

    async def send(self, conn: Any) -> Any:
        """Note it."""
        self.seen.append("send")
        return await super().send(conn)


class NotedResponse(aiohttp.ClientResponse):
    """A reply that notes that it begins."""

    seen: list[str]

    async def start(self, connection: Any) -> Any:
        """Note it."""
        self.seen.append("start")
        return await super().start(connection)


async def _note_in_between(request: Any, handler: Any) -> Any:
    NotedRequest.seen.append("middleware")
    return await handler(request)


OTHER_PARTS: Mapping[str, dict[str, Any]] = {
    "request class": {"request_class": NotedRequest},
    "response class": {"response_class": NotedResponse},
    "middleware": {"middlewares": (_note_in_between,)},
}


@pytest.mark.parametrize("other", ["session", *OTHER_PARTS])
async def test_a_session_of_another_make_sees_every_request(
    other: str,
    connect: Callable[..., ClaroClient],
    by_lane: list[str],
    events: list[Event],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where aiohttp's class is replaced, or what it makes, the requests go through that."""
    seen: list[str] = []
    original = aiohttp.ClientSession.__init__
    for each in (NotedRequest, NotedResponse):
        monkeypatch.setattr(each, "seen", seen, raising=False)

    def changed(self: aiohttp.ClientSession, **options: Any) -> None:
        further = options["middlewares"] if other == "middleware" else ()
        options |= OTHER_PARTS[other]
        options["middlewares"] = (*options["middlewares"], *further)
        original(self, **options)

    async with RawServer(answering(reply())) as server:
        await connect(server.base_url).request("GET", "/before")
        with monkeypatch.context() as patching:
            if other == "session":
                patching.setattr(aiohttp, "ClientSession", session_that_notes(seen))
            else:
                patching.setattr(aiohttp.ClientSession, "__init__", changed)
            await connect(server.base_url).request("GET", "/x")
        await connect(server.base_url).request("GET", "/after")
    assert seen
    assert by_lane == ["GET /before", "GET /after"]
    assert [event.reason for event in of_kind(events, LaneNotUsed)] == ["ClientSession is replaced"]


def _no_such_reading(*_: object, **__: object) -> None:
    raise TypeError("another aiohttp")


async def _connects_otherwise(self: object, request: object) -> None:
    """Another signature than the lane knows."""


MISSING = {
    "connector": aiohttp.ClientSession,
    "headers": aiohttp.ClientSession,
    "timeout": aiohttp.ClientSession,
    "release": Connection,
    "should_close": ResponseHandler,
}


@pytest.mark.parametrize("name", MISSING)
def test_a_part_that_is_missing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where aiohttp lacks what the lane leans on, that is found before the first request."""

    async def opened() -> list[str]:
        reasons: list[str] = []
        settings = Settings(api_key=Secret("key"), base_url="http://127.0.0.1:9")
        session = AiohttpSession(settings, None, reasons.append)
        with monkeypatch.context() as patching:
            patching.delattr(MISSING[name], name)
            assert session._lane is None
        await session.close()
        return reasons

    (reason,) = asyncio.run(opened())
    assert reason.startswith("aiohttp ")
    assert reason.endswith("(AttributeError)")


@pytest.mark.parametrize("missing", ["reading", "connecting", "parts", "protocol"])
async def test_another_aiohttp_is_used_as_it_is(
    missing: str,
    connect: Callable[..., ClaroClient],
    events: list[Event],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where aiohttp is not as the lane expects, there is no lane, and the client works."""
    async with RawServer(answering(reply(b"[1]"))) as server:
        client = connect(server.base_url)
        with monkeypatch.context() as patching:
            if missing == "reading":
                patching.setattr(ResponseHandler, "set_response_params", _no_such_reading)
            elif missing == "connecting":
                patching.setattr(aiohttp.BaseConnector, "connect", _connects_otherwise)
            elif missing == "protocol":
                patching.setattr(connections, "_PARTS", ("_no_such_part",))
            else:
                patching.setitem(sys.modules, "claro_async.transport.lane", None)
            assert session_of(client)._lane is None
        for _ in range(2):  # on one connection
            assert await client.request("GET", "/x") == [1]
    (event,) = of_kind(events, LaneNotUsed)
    assert event.reason.startswith("aiohttp ")


async def test_a_proxy_keeps_requests_off_the_lane(
    connect: Callable[..., ClaroClient], events: list[Event]
) -> None:
    """With a proxy all requests go the ordinary way, and an event says so."""
    client = connect("https://api.example/api/v2", network=Network(proxy="http://127.0.0.1:9"))
    assert session_of(client)._lane is None
    assert [event.reason for event in of_kind(events, LaneNotUsed)] == ["a proxy is set"]


def spoil_connections(session: Any, spoil: Callable[[Any], object]) -> None:
    """Do something to the protocol of each connection before a request is written to it."""
    connector = session._session.connector
    original = connector.connect

    async def spoiled(*args: Any) -> Any:
        connection = await original(*args)
        spoil(connection.protocol)
        return connection

    connector.connect = spoiled


async def test_a_connection_that_closes_before_the_write(
    connect: Callable[..., ClaroClient],
) -> None:
    """Where the connection is gone before anything is written, nothing was sent."""
    async with RawServer(answering(reply())) as server:
        session = session_of(connect(server.base_url))
        spoil_connections(session, lambda protocol: protocol.transport.close())
        assert session._lane is not None
        with pytest.raises(AttemptError, match="closing transport") as caught:
            await session._lane.send(GET)
        assert (caught.value.sent, server.requests) == (False, [])


@pytest.mark.parametrize("kind", [TypeError, MemoryError, AssertionError, TimeoutError])
async def test_a_write_that_breaks_is_in_doubt(
    kind: type[Exception], connect: Callable[..., ClaroClient]
) -> None:
    """Whatever a transport raises, the request may be out; and no frame holds what was sent."""

    def write(_: bytes) -> None:
        raise kind("full")

    def replace(protocol: Any) -> None:
        protocol.transport = Mock(wraps=protocol.transport, write=write)

    async with RawServer(answering(reply())) as server:
        session = session_of(connect(server.base_url, "sk-secret"))
        spoil_connections(session, replace)
        assert session._lane is not None
        with pytest.raises(AttemptError, match="full") as caught:
            await session._lane.send(GET)
    assert caught.value.sent
    assert "sk-secret" not in everything_about(caught.value)


async def test_a_write_that_fails_shows_no_key(connect: Callable[..., ClaroClient]) -> None:
    """An event loop that refuses to write is a failed attempt, and no frame holds what was sent."""
    async with RawServer(answering(reply())) as server:
        session = session_of(connect(server.base_url, "sk-secret"))
        spoil_connections(session, lambda protocol: protocol.transport.write_eof())
        assert session._lane is not None
        with pytest.raises(AttemptError) as caught:
            await session._lane.send(GET)
    assert "sk-secret" not in everything_about(caught.value)

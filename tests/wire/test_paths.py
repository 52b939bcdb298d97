"""Identifiers are opaque and can never change the path."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from claro_async import APIStatusError
from claro_async.wire.identifiers import encode_segment
from tests.wire.operations import DATASET, DATASOURCE
from tests.wire.raw_server import RawServer, answering, reply
from tests.wire.ways import lane  # noqa: F401 - both of them

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from claro_async import ClaroClient
    from claro_async.emulator import Emulator

any_text = st.text(st.characters(codec=None, exclude_categories=()), max_size=30)
shared = settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
BAD = ["", ".", "..", "a\0b", "a\nb", "\x7f", "\x85", "\ud800", "a\udfff", "\t", "\r\n"]
CALLS: dict[str, Callable[[ClaroClient, str], Awaitable[Any]]] = {
    "dataset": lambda c, x: c.dataset(x).get(),
    "data": lambda c, x: c.dataset(x).rows().first(),
    "cell": lambda c, x: c.dataset(DATASET).update_cell(x, 1),
    "column": lambda c, x: c.dataset(DATASET).update_column(x, name="n"),
    "task type": lambda c, x: c.dataset(DATASET).set_task_type(x, "web_enrich", confirm=x),
    "link": lambda c, x: c.dataset(DATASET).link_datasource(x, DATASOURCE),
    "upload": lambda c, x: c.dataset(DATASET).upload_datasource(x, b"a", filename="a.csv"),
    "datasource": lambda c, x: c.datasource(x).get(),
}


@shared
@given(any_text)
@example("%2e%2e")
@example("../../admin")
@example("..\\..")
@example("a/b?c#d")
@example("a%2Fb")
@example("a;b=c")
@example(" ")
@example("…/é\u2028\U0001f600")
@example("%")
async def test_any_id_is_refused_or_arrives_as_one_segment(
    emulator: Emulator, client: ClaroClient, cell_id: str
) -> None:
    """Whatever the text, it raises ValueError unsent, or one segment decodes to it again."""
    emulator.ledger.clear()
    try:
        await client.dataset(DATASET).update_cell(cell_id, 1)
    except ValueError:
        assert emulator.ledger.requests == []
        return
    except APIStatusError:
        pass
    (record,) = emulator.ledger.requests
    prefix, segment = record.raw_path.rsplit("/", 1)
    assert prefix == f"/api/v2/datasets/{DATASET}/cells"
    assert unquote_to_bytes(segment).decode() == cell_id
    assert record.query == ""
    assert "#" not in segment


@given(any_text)
def test_what_is_refused_is_what_cannot_be_one_segment(value: str) -> None:
    """Only empty ids, dots, control characters and lone surrogates are refused."""
    bad = value in {"", ".", ".."} or any(
        ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in value
    )
    try:
        encode_segment(value)
    except ValueError:
        assert bad
    else:
        assert not bad


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("call", CALLS)
async def test_bad_ids_are_refused_everywhere_before_a_socket_opens(
    call: str, bad: str, connect: Callable[..., ClaroClient]
) -> None:
    """No method with an id in its path sends anything for an id that cannot be one."""
    async with RawServer(answering(reply())) as server:
        with pytest.raises(ValueError, match=r"cannot be an identifier|must"):
            await CALLS[call](connect(server.base_url), bad)
        assert server.connections == 0


@pytest.mark.parametrize("call", CALLS)
async def test_ids_that_are_not_text_are_refused(
    call: str, connect: Callable[..., ClaroClient]
) -> None:
    """A number or bytes as an id is a TypeError that names the argument."""
    async with RawServer(answering(reply())) as server:
        client = connect(server.base_url)
        for bad in (1, b"a", None, True):
            with pytest.raises(TypeError, match="must be a str"):
                await CALLS[call](client, bad)  # type: ignore[arg-type]
        assert server.connections == 0


@shared
@given(any_text)
async def test_column_lists_and_filters_arrive_as_they_are(
    emulator: Emulator, client: ClaroClient, text: str
) -> None:
    """Query values reach the server unchanged, or are refused as a whole."""
    emulator.ledger.clear()
    try:
        await client.datasource(DATASOURCE).rows(filter=text).first()
    except ValueError:
        assert emulator.ledger.requests == []
        return
    except APIStatusError:
        pass
    (record,) = emulator.ledger.requests
    pairs = dict(pair.split("=", 1) for pair in record.query.split("&"))
    assert unquote_to_bytes(pairs["filter"]).decode() == text
    assert set(pairs) == {"filter", "page", "limit"}


RAW_PATHS = [
    "datasets",
    "",
    "//evil.example/x",
    "/a/../b",
    "/a/./b",
    "/..",
    "/a/%2e%2e/b",
    "/a/%2E/b",
    "/a/.%2e",
    "/a?b=c",
    "/a#b",
    "/a b",
    "/é",
    "/a\r\nHost: evil",
    "/%zz",
    "/a\\..\\b",
    "http://evil.example/",
    "@evil.example/",
]


@pytest.mark.parametrize("path", RAW_PATHS)
async def test_raw_paths_stay_below_the_base_url(
    path: str, connect: Callable[..., ClaroClient]
) -> None:
    """`request` refuses a path that would leave the base URL or not arrive as it stands."""
    async with RawServer(answering(reply())) as server:
        with pytest.raises(ValueError, match="path"):
            await connect(server.base_url).request("GET", path)
        assert server.connections == 0


async def test_raw_paths_arrive_byte_for_byte(connect: Callable[..., ClaroClient]) -> None:
    """What is percent-encoded already is left alone, and parameters are added."""
    async with RawServer(answering(reply())) as server:
        client = connect(server.base_url)
        await client.request("GET", "/a%2Fb/%C3%A9/...", params={"q": "a b&c=+é", "on": True})
        await asyncio.sleep(0)
        assert server.requests[0].target == (
            "/api/v2/a%2Fb/%C3%A9/...?q=a%20b%26c%3D%2B%C3%A9&on=true"
        )


@pytest.mark.parametrize("value", [None, ["a"], {"a": 1}, b"a", float("nan")])
async def test_parameters_that_have_no_form_in_a_query(
    value: Any, connect: Callable[..., ClaroClient]
) -> None:
    """None, lists and NaN as parameters are refused instead of sent as their repr."""
    async with RawServer(answering(reply())) as server:
        with pytest.raises((TypeError, ValueError), match="params"):
            await connect(server.base_url).request("GET", "/a", params={"q": value})
        assert server.connections == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Authorization", "Bearer x"),
        ("authorization", "x"),
        ("Host", "evil.example"),
        ("Content-Length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
        ("X-A", "a\r\nHost: evil"),
        ("X A", "a"),
        ("X-A:", "a"),
        ("X-A", "é"),
        ("", "a"),
    ],
)
async def test_headers_of_raw_requests_that_are_refused(
    name: str, text: str, connect: Callable[..., ClaroClient]
) -> None:
    """A header that is the client's own, or would break the request, is refused."""
    async with RawServer(answering(reply())) as server:
        with pytest.raises(ValueError, match="header"):
            await connect(server.base_url).request("GET", "/a", headers={name: text})
        assert server.connections == 0


@pytest.mark.parametrize("method", ["", "GET /x", "G\r\nT", "GET\0", "CONNECT"])
async def test_methods_that_are_refused(method: str, connect: Callable[..., ClaroClient]) -> None:
    """Only a plain method word goes into the request line, and never CONNECT."""
    async with RawServer(answering(reply())) as server:
        with pytest.raises(ValueError, match="method"):
            await connect(server.base_url).request(method, "/a")
        assert server.connections == 0

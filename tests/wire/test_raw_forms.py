"""Forms by `request`: fields and files of every kind, built anew for each attempt."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import OutcomeUnknownError, RetryPolicy, TransferError
from tests.wire.raw_server import RawRequest, RawServer, answering, reply, reset

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from claro_async import ClaroClient

CONTENT = b"plot,trees\r\nNorth,12\r\n"


async def stream() -> AsyncIterator[bytes]:
    """The content in two pieces."""
    yield CONTENT[:5]
    yield CONTENT[5:]


@pytest.mark.parametrize("kind", ["path", "bytes", "file", "stream", "pair", "triple", "list"])
async def test_fields_and_files_arrive(
    kind: str, connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """Each kind of source arrives with its name and type, after the plain fields."""
    path = tmp_path / "trees.csv"
    path.write_bytes(CONTENT)
    files: dict[str, Any] = {
        "path": str(path),
        "bytes": CONTENT,
        "file": ("trees.csv", io.BytesIO(CONTENT)),
        "stream": ("trees.csv", stream()),
        "pair": ("trees.csv", CONTENT),
        "triple": ("trees.csv", CONTENT, "text/x-own"),
        "list": [path, ("more.csv", b"a\r\n1\r\n")],
    }
    async with RawServer(answering(reply(b'{"datasetId": "new"}'))) as server:
        made = await connect(server.base_url).request(
            "POST",
            "/datasets/upload",
            data={"type": "extraction", "rows": 3},
            files={"file": files[kind]},
        )
    assert made == {"datasetId": "new"}
    (request,) = server.requests
    assert request.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    for part in (b'name="type"\r\n', b"\r\n\r\nextraction\r\n", b"\r\n\r\n3\r\n", CONTENT):
        assert part in request.body
    name = b"file" if kind == "bytes" else b"trees.csv"
    assert b'name="file"; filename="%b"' % name in request.body
    assert (b"text/x-own" in request.body) == (kind == "triple")
    assert (b'name="file"; filename="more.csv"' in request.body) == (kind == "list")


async def test_a_form_is_built_anew_for_each_attempt(connect: Callable[..., ClaroClient]) -> None:
    """After a 429 the same bytes go out again; after a reset a POST does not."""
    answers = [reply(b"{}", 429, Retry_After="0"), reply(b"{}"), None]

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        content = answers.pop(0)
        if content is None:
            reset(writer)
        else:
            writer.write(content)

    async with RawServer(answer) as server:
        client = connect(server.base_url, retry=RetryPolicy(base_delay=0))
        await client.request("POST", "/x", files={"f": CONTENT})
        assert [CONTENT in each.body for each in server.requests] == [True, True]
        with pytest.raises(OutcomeUnknownError):
            await client.request("POST", "/x", files={"f": CONTENT})
        assert len(server.requests) == 3


UNSENDABLE: list[tuple[dict[str, Any], str]] = [
    ({"json": {}, "data": {"a": "b"}}, "one body"),
    ({"data": {"": "b"}}, "plain ASCII name"),
    ({"data": {'a"': "b"}}, "plain ASCII name"),
    ({"data": {"a": None}}, "no form as text"),
    ({"data": {"a": float("nan")}}, "no form as text"),
    ({"data": {"a": "\ud83d"}}, "half a character"),
    ({"files": {"a\r\n": b"x"}}, "plain ASCII name"),
    ({"files": {"a": ("b\r\n", b"x")}}, "filename"),
    ({"files": {"a": b""}}, "empty"),
]


@pytest.mark.parametrize(("body", "named"), UNSENDABLE)
async def test_what_cannot_be_sent(
    body: dict[str, Any], named: str, connect: Callable[..., ClaroClient]
) -> None:
    """Two bodies, and what no form can hold, are refused before anything is sent."""
    async with RawServer(answering(reply())) as server:
        with pytest.raises((ValueError, TransferError), match=named):
            await connect(server.base_url).request("POST", "/x", **body)
        assert server.requests == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("files", [("file", b"a")]),
        ("files", "a.csv"),
        ("files", {"file": ()}),
        ("files", {"file": ("a.csv",)}),
        ("files", {"file": ("a.csv", b"a", "text/csv", {})}),
        ("files", {5: b"a"}),
        ("data", [("a", "b")]),
        ("data", b"a=b"),
        ("data", {5: "a"}),
        ("params", [("a", "b")]),
        ("params", "a=b"),
        ("headers", [("X-A", "b")]),
        ("headers", {"X-A": 5}),
        ("headers", {5: "a"}),
        ("method", None),
        ("path", None),
    ],
)
async def test_a_part_of_another_type_is_named(
    name: str, value: Any, connect: Callable[..., ClaroClient]
) -> None:
    """The error is a `TypeError` that names the argument, and nothing is sent."""
    arguments = {"method": "POST", "path": "/x", name: value}
    async with RawServer(answering(reply(b"{}"))) as server:
        with pytest.raises(TypeError, match=f"{name.removesuffix('s')}"):
            await connect(server.base_url).request(**arguments)
    assert server.requests == []


@pytest.mark.parametrize("name", [5, b"a.csv"])
async def test_a_file_name_is_text(name: Any, connect: Callable[..., ClaroClient]) -> None:
    """A name of another type is named, and so is a content type."""
    request = connect("http://127.0.0.1:1").request
    with pytest.raises(TypeError, match="filename must be a str"):
        await request("POST", "/x", files={"file": (name, b"a")})
    with pytest.raises(TypeError, match="content_type must be a str"):
        await request("POST", "/x", files={"file": ("a.csv", b"a", name)})


async def test_a_file_that_stands_behind_its_end_is_empty(
    connect: Callable[..., ClaroClient],
) -> None:
    """It has no bytes, not fewer than none, and nothing is sent."""
    file = io.BytesIO(b"abc")
    file.seek(10)
    with pytest.raises(ValueError, match="is empty"):
        await connect("http://127.0.0.1:1").request("POST", "/x", files={"f": ("a.csv", file)})

"""Replies are bounded, however they come."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING

import attrs
import pytest

from claro_async import DecodeError
from tests.wire.operations import send, session_of
from tests.wire.raw_server import RawServer, answering, reply
from tests.wire.ways import lane  # noqa: F401 - both of them

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async import ClaroClient
    from claro_async.emulator import Emulator

LIMIT = 10_000


def limited(client: ClaroClient) -> ClaroClient:
    """The client with a small limit."""
    client._core.settings = attrs.evolve(client._core.settings, max_reply_bytes=LIMIT)
    return client


def chunked(content: bytes, **headers: str) -> bytes:
    """A reply in chunks, without a length."""
    fields = "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in headers.items())
    head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{fields}\r\n".encode()
    pieces = [content[at : at + 3000] for at in range(0, len(content), 3000)]
    return head + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


SMALL = json.dumps("a" * (LIMIT - 10)).encode()
LARGE = json.dumps("a" * LIMIT).encode()
BOMB = gzip.compress(b'"' + b"a" * 200_000_000 + b'"')
FORMS: dict[str, Callable[[bytes], bytes]] = {
    "with a length": reply,
    "in chunks": chunked,
    "until the end": lambda body: b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body,
    "gzip": lambda body: reply(gzip.compress(body), Content_Encoding="gzip"),
    "gzip in chunks": lambda body: chunked(gzip.compress(body), Content_Encoding="gzip"),
    "deflate": lambda body: reply(zlib.compress(body), Content_Encoding="deflate"),
}


@pytest.mark.parametrize("form", FORMS)
async def test_a_reply_up_to_the_limit_is_read(
    form: str, connect: Callable[..., ClaroClient]
) -> None:
    """However it is framed and compressed, a reply within the limit is read whole."""
    closing = form == "until the end"
    async with RawServer(answering(FORMS[form](SMALL)), close=closing) as server:
        client = limited(connect(server.base_url))
        assert await client.request("GET", "/x") == json.loads(SMALL)


@pytest.mark.parametrize("form", FORMS)
async def test_a_larger_reply_is_refused(form: str, connect: Callable[..., ClaroClient]) -> None:
    """One byte over the limit, compressed or not, ends in an error; the connection is dropped."""
    closing = form == "until the end"
    async with RawServer(answering(FORMS[form](LARGE)), close=closing) as server:
        client = limited(connect(server.base_url))
        for _ in range(2):
            with pytest.raises(DecodeError, match="more than 10,000 bytes"):
                await client.request("GET", "/x")
        assert len(server.requests) == 2
        assert not session_of(client)._session.connector._acquired  # type: ignore[union-attr]


async def test_a_gzip_bomb_is_not_inflated(connect: Callable[..., ClaroClient]) -> None:
    """200 MB that come as 200 kB are given up after the limit."""
    async with RawServer(answering(reply(BOMB, Content_Encoding="gzip"))) as server:
        with pytest.raises(DecodeError, match="more than 10,000 bytes"):
            await limited(connect(server.base_url)).request("GET", "/x")


async def test_a_length_that_is_too_large_is_refused_unread(
    connect: Callable[..., ClaroClient],
) -> None:
    """An announced length over the limit is enough: the body is not waited for."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"
    async with RawServer(answering(head)) as server:
        with pytest.raises(DecodeError, match="more than 10,000 bytes"):
            await limited(connect(server.base_url)).request("GET", "/x")


async def test_damaged_compression_is_a_failed_attempt(
    connect: Callable[..., ClaroClient],
) -> None:
    """A reply that cannot be decompressed is treated as one that broke off, and read again."""
    replies = [reply(b"not gzip at all", Content_Encoding="gzip"), reply(SMALL)]

    async with RawServer(lambda _, writer: write_next(replies, writer)) as server:
        assert await connect(server.base_url).request("GET", "/x") == json.loads(SMALL)
        assert len(server.requests) == 2


async def test_compression_that_ends_early_gives_no_value(
    connect: Callable[..., ClaroClient],
) -> None:
    """A compressed reply of which the end is missing is an error, not half a value."""
    body = gzip.compress(json.dumps(list(range(5000))).encode())[:-2000]
    async with RawServer(answering(reply(body, Content_Encoding="gzip"))) as server:
        with pytest.raises(DecodeError, match="not JSON"):
            await connect(server.base_url).request("GET", "/x")


async def write_next(replies: list[bytes], writer: object) -> None:
    """Send the next reply."""
    writer.write(replies.pop(0))  # type: ignore[attr-defined]


async def test_large_bodies_are_sent_whole(
    emulator: Emulator, connect: Callable[..., ClaroClient]
) -> None:
    """A cell value of several megabytes goes out without a warning and arrives unchanged."""
    value = "ä" * 2_000_000
    client = connect(emulator.base_url)
    await client.dataset("dataset-1").update_cell("cell_1_1", value)
    assert emulator.values("dataset-1")["cell_1_1"] == value
    await send(client, "getDataset")

"""Which replies are read by their heads alone, and that these are read as aiohttp reads them."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

import pytest
from aiohttp.client_proto import ResponseHandler

from claro_async.transport.lane_checks import READING
from claro_async.transport.plain_replies import PlainReplies

if TYPE_CHECKING:
    from claro_async.wire.replies import HttpReply

LIMIT = 100
HEAD = b"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 2\r\nDate: now\r\n"
PLAIN = HEAD + b"\r\n{}"
ODD = {
    "no body": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a part of the body": PLAIN[:-1],
    "more than the body": PLAIN + b"\n",
    "two replies": PLAIN + PLAIN,
    "a part of the head": HEAD,
    "hints before it": b"HTTP/1.1 103 Early Hints\r\n\r\n" + PLAIN,
    "another status": PLAIN.replace(b"200 OK", b"404 Not Found"),
    "a larger body than allowed": PLAIN[:-2].replace(b": 2", b": 101") + b"1" * 101,
    "a length of its own spelling": PLAIN.replace(b": 2", b": 02"),
    "no length": PLAIN.replace(b"Content-Length", b"Content-Size"),
    "two lengths": PLAIN.replace(b"Date: now", b"Content-Length: 2"),
    "chunks": HEAD.replace(b"X-A: b", b"Transfer-Encoding: chunked") + b"\r\n{}",
    "an encoding": HEAD.replace(b"X-A: b", b"Content-Encoding: gzip") + b"\r\n{}",
    "a connection that ends": HEAD.replace(b"X-A: b", b"Connection: close") + b"\r\n{}",
    "an older protocol": PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "an end within the head": HEAD.replace(b"Date: now\r\n", b"\n\r\n\r\n") + b"{}",
    "no HTTP": b"SSH-2.0-x\r\n\r\n{}",
}
FRAGMENTS = [b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b"\0", b"\xe9", b"2", b"{}"]


def as_aiohttp_reads(data: bytes) -> tuple[object, ...]:
    """Status, headers, body and whether the connection may be kept, by aiohttp's own reading."""
    protocol = ResponseHandler(asyncio.get_running_loop())
    protocol.set_response_params(**READING)
    protocol.data_received(data)
    ((head, content), _), *more = protocol._buffer
    assert not more
    assert content.is_eof()
    protocol._buffer.clear()
    kept = not protocol.should_close
    return head.code, list(head.headers.items()), content.read_nowait(), kept


def as_read(found: HttpReply) -> tuple[object, ...]:
    """The same of a reply that was taken, whose connection may be kept."""
    return found.status, list(found.headers.items()), found.content, True


def gone_bad(whole: bytes, random: Random, most: int, fragments: list[bytes]) -> bytes:
    """A reply with pieces lost, doubled or put in: so many of so many bytes at the most."""
    data = bytearray(whole)
    for _ in range(random.randint(1, most)):
        at = random.randrange(len(data))
        until = at + random.randint(0, most)
        data[at:until] = random.choice([*fragments, b"", bytes(data[at:until]) * 2])
    return bytes(data)


@pytest.fixture
async def plain() -> PlainReplies:
    """What takes plain replies."""
    return PlainReplies(asyncio.get_running_loop(), READING, LIMIT)


async def test_a_plain_reply(plain: PlainReplies) -> None:
    """A success whose whole body came with its head is read as aiohttp reads it."""
    for body in (b"{}", b"[1,2]", b"x" * LIMIT):
        data = PLAIN[:-2].replace(b": 2", b": %d" % len(body)) + body
        found = plain.take(data)
        assert found is not None
        assert as_read(found) == as_aiohttp_reads(data)


async def test_a_bytearray(plain: PlainReplies) -> None:
    """What comes as a bytearray, as from the event loop of Windows, is read as bytes are."""
    for _ in range(2):  # by the parser, and without
        found = plain.take(bytearray(PLAIN))
        assert found is not None
        assert type(found.content) is bytes


@pytest.mark.parametrize("data", ODD.values(), ids=ODD.keys())
async def test_other_replies(data: bytes, plain: PlainReplies) -> None:
    """Whatever else comes is left alone, and what comes after it is read as if it had not."""
    assert plain.take(data) is None
    assert plain.take(PLAIN) is not None


async def test_replies_that_went_bad(plain: PlainReplies) -> None:
    """Of replies with pieces lost, doubled or put in, those that are taken are read the same."""
    random, taken = Random(7), 0  # noqa: S311 - no secret
    for _ in range(4000):
        data = gone_bad(PLAIN, random, 3, FRAGMENTS)
        found = plain.take(data)
        if found is not None:
            taken += 1
            assert as_read(found) == as_aiohttp_reads(data)
    assert 100 < taken < 3000


LIKE = PLAIN.replace(b": b", b": other than b").replace(
    b": now", b": Fri, 27 Nov 2026 11:08:15 GMT"
)
DECIDING = {
    "a connection that ends": (b"Connection: keep-alive", b"Connection: close"),
    "an encoding": (b"Content-Encoding: identity", b"Content-Encoding: gzip"),
}
USUAL = (
    PLAIN,
    PLAIN.lower().replace(b"http/1.1 200 ok", b"HTTP/1.1 200 OK"),
    HEAD + b"Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n{}",
    b"HTTP/1.1 200 Fine\r\nX-Id: 0a-b\r\nContent-Length: 2\r\nSet-Cookie: a=b; c\r\n\r\n{}",
)


def forbid_parsing(plain: PlainReplies, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, only what is like a head that was parsed is taken."""
    monkeypatch.setattr(plain, "_parse", lambda data: pytest.fail(f"it is parsed: {data!r}"))


async def test_like_heads(plain: PlainReplies, monkeypatch: pytest.MonkeyPatch) -> None:
    """A head with the same headers as one before it, and other values, is read without the parser.

    What is read of it is what aiohttp reads, and a name is found however it is spelled.
    """
    assert plain.take(PLAIN) is not None
    forbid_parsing(plain, monkeypatch)
    for data in (PLAIN, LIKE, LIKE.replace(b": 2", b": 12") + b"1234567890"):
        found = plain.take(data)
        assert found is not None
        assert as_read(found) == as_aiohttp_reads(data)
        assert found.headers["x-A"] == found.headers.get("X-a") == found.headers["X-A"]
        assert found.headers.get("X-B") is None
        assert len(found.headers) == 3
        with pytest.raises(KeyError):
            found.headers["X-B"]


@pytest.mark.parametrize(("like", "unlike"), DECIDING.values(), ids=DECIDING.keys())
async def test_values_that_decide(like: bytes, unlike: bytes, plain: PlainReplies) -> None:
    """A value that says how a reply is read makes a head unlike another."""
    data = PLAIN.replace(b"X-A: b", like)
    assert plain.take(data) is not None
    assert plain.take(data) is not None
    assert plain.take(data.replace(like, unlike)) is None


@pytest.mark.parametrize("data", ODD.values(), ids=ODD.keys())
async def test_other_replies_after_plain_ones(data: bytes, plain: PlainReplies) -> None:
    """What is like a plain reply in part alone is left alone, too."""
    assert plain.take(PLAIN) is not None
    assert plain.take(data) is None
    assert plain.take(LIKE) is not None


async def test_heads_of_many_shapes(plain: PlainReplies, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no head is like the one before it, all are read, and few of them looked at for more."""
    made: list[bytes] = []
    monkeypatch.setattr(
        "claro_async.transport.plain_replies.shape_of", lambda head, _: made.append(head)
    )
    for number in range(20):
        found = plain.take(PLAIN.replace(b"X-A", b"X-%d" % number))
        assert found is not None
        assert found.headers[f"X-{number}"] == "b"
    assert len(made) == 8


@pytest.mark.parametrize("usual", USUAL)
async def test_like_heads_that_went_bad(usual: bytes, plain: PlainReplies) -> None:
    """Whatever goes wrong in a head that is like another, it is read as aiohttp reads it."""
    assert plain.take(usual) is not None
    plain._shapes_made = 1000  # this shape stays
    shape = plain._shape
    assert shape is not None
    random, like = Random(11), 0  # noqa: S311 - no secret
    for _ in range(3000):
        data = gone_bad(usual, random, 2, [*FRAGMENTS, b"~", b"3"])
        like += shape.match(data) is not None
        found = plain.take(data)
        if found is not None:
            assert as_read(found) == as_aiohttp_reads(data)
    assert 100 < like < 2500

"""Which replies are read by their heads alone, and that these are read as aiohttp reads them."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from aiohttp.client_proto import ResponseHandler

from claro_async.transport.lane_checks import READING
from claro_async.transport.plain_replies import PlainReplies

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
        head, taken = found
        seen = (head.code, list(head.headers.items()), taken, True)
        assert seen == as_aiohttp_reads(data)


@pytest.mark.parametrize("data", ODD.values(), ids=ODD.keys())
async def test_other_replies(data: bytes, plain: PlainReplies) -> None:
    """Whatever else comes is left alone, and what comes after it is read as if it had not."""
    assert plain.take(data) is None
    assert plain.take(PLAIN) is not None


async def test_replies_that_went_bad(plain: PlainReplies) -> None:
    """Of replies with pieces lost, doubled or put in, those that are taken are read the same."""
    random, taken = Random(7), 0  # noqa: S311 - no secret
    for _ in range(4000):
        data = bytearray(PLAIN)
        for _ in range(random.randint(1, 3)):
            at = random.randrange(len(data))
            until = at + random.randint(0, 3)
            data[at:until] = random.choice([*FRAGMENTS, b"", bytes(data[at:until]) * 2])
        found = plain.take(bytes(data))
        if found is not None:
            taken += 1
            head, body = found
            seen = (head.code, list(head.headers.items()), body, True)
            assert seen == as_aiohttp_reads(bytes(data))
    assert 100 < taken < 3000

"""Replies that are odd in one place or several, made from a seed: bytes, and how they come."""

from __future__ import annotations

import gzip
import json
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs

if TYPE_CHECKING:
    from random import Random

KEY = "sk-THE-KEY-of-both-ways"
SMALL_LIMIT = 200_000
"""The most bytes of a reply that is taken; a few are larger."""

_LARGEST_PIECE = 16_000
"""Bytes that come in one piece, whatever the system's buffers hold: errors quote what has come."""

Ending: TypeAlias = Literal["keep", "close", "reset"]


@attrs.frozen(kw_only=True)
class Script:
    """What a server does with a connection when a request is there.

    Attributes:
        pieces: What it sends, each before the client reads the next.
        waits: Seconds before each piece.
        ending: What becomes of the connection then.
    """

    pieces: tuple[bytes, ...]
    waits: tuple[float, ...]
    ending: Ending


_STATUSES = (
    *(200, 200, 200, 200, 200, 200, 201, 202, 204, 205, 206, 299, 301, 302, 304, 307, 400, 401),
    *(403, 404, 409, 413, 418, 422, 429, 500, 502, 503, 504, 599, 600, 999),
)
_ODD_LINES = (
    *(
        b"HTTP/1.0 200 OK",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 ",
        b"HTTP/1.1  200 OK",
        b"HTTP/2.0 200 OK",
    ),
    *(
        b"HTTP/2 200",
        b"HTTP/0.9 200 OK",
        b"http/1.1 200 OK",
        b"HTTP/1.1 99 Low",
        b"HTTP/1.1 1000 High",
    ),
    *(
        b"HTTP/1.1 20x OK",
        b"HTTP/1.1 -200 OK",
        b"HTTP/1.1 000 Nil",
        b"ICY 200 OK",
        b"",
        b"\x16\x03\x01",
    ),
    *(b"HTTP/1.1 200 caf\xc3\xa9", b"HTTP/1.1 200 caf\xe9", b"HTTP/1.1 200 " + b"r" * 9000),
    *(
        b"HTTP/1.1 200 " + b"r" * 70_000,
        b" HTTP/1.1 200 OK",
        b"\r\nHTTP/1.1 200 OK",
        b"HTTP/1.1\t200 OK",
    ),
    *(b"HTTP/1.1 200 OK\0", b"HTTP/1.1 101 Switching Protocols", b"HTTP/1.1 100 Continue"),
)
_QUOTA = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After")
QUOTA_HEADERS = (*_QUOTA, "Date", "X-Request-Id", "Content-Type")
_ODD_HEADERS = (
    *(b"X-Folded: a\r\n b", b"X-Folded: a\r\n\tb", b" X-Indented: a", b"X-NoColon", b": no name"),
    *(
        b"X Space: a",
        b"X-Before : a",
        b"X-Nul: a\0b",
        b"X-Cr: a\rb",
        b"X-Latin: caf\xe9",
        b"X-Empty:",
    ),
    *(
        b"X-Utf8: caf\xc3\xa9",
        b"X-Tab:\ta\t",
        b"X-Huge: " + b"h" * 8000,
        b"X-Huger: " + b"h" * 65_000,
    ),
    *(b"X-Hugest: " + b"h" * 70_000, b"X-" + b"n" * 9000 + b": a", b"Set-Cookie: a=b; Path=/"),
    *(b"Connection: close", b"Connection: keep-alive", b"Connection: Close, X-A", b"Keep-Alive: 0"),
    *(
        b"Connection: Upgrade\r\nUpgrade: websocket",
        b"Upgrade: h2c",
        b"Connection:",
        b"Trailer: X-T",
    ),
    *(b"Content-Type: text/html", b"Content-Type: a\r\nContent-Type: b", b"Server: s\r\nServer: t"),
    *(b"Location: https://evil.example/", b"Sec-WebSocket-Key1: a", b"X(Bad): a", b"X-\x80: a"),
    b"\r\n".join(b"X-Many-%d: a" % number for number in range(120)),
    b"\r\n".join(b"X-Many-%d: a" % number for number in range(300)),
)
_ODD_LENGTHS = (
    *("-1", "+2", "0x2", "2 ", " 2", "2, 2", "", "1e1", "99999999999", "18446744073709551616", "٢"),
)
_ODD_CODINGS = (
    "chunked",
    "Chunked",
    "gzip, chunked",
    "identity",
    "chunked, chunked",
    "xchunked",
    "",
)


def make(random: Random) -> Script:
    """One reply, from what comes before it to what becomes of the connection."""
    whole, ending = _reply(random), _ending(random)
    if random.random() < 0.25:
        whole = _informational(random) + whole
    if random.random() < 0.12:
        whole += _rest(random)
    if random.random() < 0.2:
        whole = whole[: random.randrange(len(whole) + 1)]  # cut off anywhere
        ending = ending if random.random() < 0.5 else random.choice(("close", "reset"))
    elif random.random() < 0.06:
        whole = _damaged(random, whole)
    return _in_pieces(random, whole, ending)


def _ending(random: Random) -> Ending:
    draw = random.random()
    return "keep" if draw < 0.7 else "close" if draw < 0.9 else "reset"


def _informational(random: Random) -> bytes:
    made = b""
    for _ in range(random.randint(1, 3)):
        status = random.choice((100, 100, 102, 103, 103, 110, 199))
        extra = random.choice(
            (b"", b"Link: </a>\r\n", b"Content-Length: 0\r\n", b"X-RateLimit-Remaining: 9\r\n")
        )
        made += b"HTTP/1.1 %d Wait\r\n%b\r\n" % (status, extra)
    return made


def _rest(random: Random) -> bytes:
    """What nobody asked for."""
    return random.choice(
        (
            *(b"\r\n", b"\r\n\r\n", b"garbage", b"\0", b"0\r\n\r\n"),
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
            b"HTTP/1.1 500 Stale\r\nContent-Length: 0\r\n\r\n",
        )
    )


def _damaged(random: Random, whole: bytes) -> bytes:
    """A few bytes are others, gone, or new."""
    damaged = bytearray(whole)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(damaged)) if damaged else 0
        match random.randrange(3):
            case 0 if damaged:
                damaged[at] = random.randrange(256)
            case 1 if damaged:
                del damaged[at]
            case _:
                damaged.insert(at, random.randrange(256))
    return bytes(damaged)


def _body(random: Random) -> bytes:
    draw = random.random()
    if draw < 0.1:
        return b""
    if draw < 0.15:
        return f"<html>Authorization: Bearer {KEY}</html>".encode()
    sizes = (1, 1, 3, 20, 20, 100, 1000) if draw < 0.97 else (6_000, 12_000)
    rows = [{"cellId": f"cell_{row}", "value": "v"} for row in range(random.choice(sizes))]
    return json.dumps({"rows": rows}).encode()


def _reply(random: Random) -> bytes:
    line = b"HTTP/1.1 %d Reason" % random.choice(_STATUSES)
    if random.random() < 0.06:
        line = random.choice(_ODD_LINES)
    headers = [b"Content-Type: application/json", *_quota(random)]
    body = _encoded(random, headers, _body(random))
    body = _framed(random, headers, body)
    if random.random() < 0.15:
        headers += random.sample(_ODD_HEADERS, random.choice((1, 1, 1, 2)))
    random.shuffle(headers)
    newline = b"\r\n" if random.random() < 0.97 else random.choice((b"\n", b"\r"))
    return newline.join((line, *headers, b"", b"")) + body


def _quota(random: Random) -> list[bytes]:
    made = []
    for name in _QUOTA:
        for _ in range(random.choice((0, 1, 1, 1, 1, 2))):
            text = random.choice(
                ("0", "7", "99", "60", "-1", "x", "1700000000", "", " 5 ", "5, 6", "1.5")
            )
            spelled = random.choice((name, name, name.lower(), name.upper()))
            made.append(f"{spelled}: {text}".encode())
    return made


def _encoded(random: Random, headers: list[bytes], body: bytes) -> bytes:
    """A body that is compressed, or says that it is."""
    if random.random() < 0.75:
        return body
    raw = zlib.compressobj(wbits=-15)
    coded = {
        "gzip": gzip.compress(body, mtime=0),
        "deflate": zlib.compress(body),
        "Deflate": raw.compress(body) + raw.flush(),
        "GZIP": gzip.compress(body, mtime=0) + gzip.compress(b"  ", mtime=0),
        "gzip, gzip": gzip.compress(gzip.compress(body, mtime=0), mtime=0),
        **dict.fromkeys(("identity", "x-gzip", "br", "zstd", "unheard-of", ""), body),
    }
    name = random.choice(tuple(coded))
    headers.append(f"Content-Encoding: {name}".encode())
    made = coded[name]
    draw = random.random()
    if draw < 0.1:
        return made[: random.randrange(len(made) + 1)]
    if draw < 0.2:
        return _damaged(random, made)
    return made + (random.choice((b"\0\0", b"junk")) if draw < 0.25 else b"")


def _framed(random: Random, headers: list[bytes], body: bytes) -> bytes:
    """A body with what says how long it is."""
    draw = random.random()
    if draw < 0.5:
        length = len(body) if random.random() < 0.9 else max(0, len(body) + random.randint(-9, 9))
        headers += [b"Content-Length: %d" % length] * random.choice((1,) * 12 + (2,))
        return body
    if draw < 0.8:
        headers.append(b"Transfer-Encoding: chunked")
        return _chunked(random, body)
    if draw < 0.9:
        return body  # until the end of the connection
    if draw < 0.95:
        headers.append(f"Content-Length: {random.choice(_ODD_LENGTHS)}".encode())
        return body
    headers.append(f"Transfer-Encoding: {random.choice(_ODD_CODINGS)}".encode())
    if random.random() < 0.5:
        headers.append(b"Content-Length: %d" % len(body))
    return _chunked(random, body)


def _chunked(random: Random, body: bytes) -> bytes:
    made, at = b"", 0
    while at < len(body):
        size = random.choice((1, 7, 100, 4000, 100_000))
        piece = body[at : at + size]
        at += size
        made += _size_line(random, len(piece)) + piece
        made += b"\r\n" if random.random() < 0.995 else random.choice((b"\n", b"", b"xx", b"\r"))
        if len(made) > 20_000 and size < 4000:
            made += _size_line(random, len(body) - at) + body[at:] + b"\r\n" if body[at:] else b""
            break
    last = random.choice((b"0\r\n", b"0\r\n", b"0\r\n", b"000\r\n", b"0;last\r\n", b""))
    trailer = random.choice(
        (b"", b"", b"", b"X-Trailer: t\r\n", b"Content-Length: 9\r\n", b"bad\r\n")
    )
    return made + last + trailer + b"\r\n"


def _size_line(random: Random, size: int) -> bytes:
    if random.random() < 0.97:
        return b"%x\r\n" % size
    odd = (
        b"%X\r\n",
        b"00%x\r\n",
        b"%x;name=value\r\n",
        b"%x \r\n",
        b"0x%x\r\n",
        b"-%x\r\n",
        b"%x\n",
        b" %x\r\n",
    )
    return random.choice(odd) % size


def _in_pieces(random: Random, whole: bytes, ending: Ending) -> Script:
    cuts: set[int] = set()
    draw = random.random()
    if draw < 0.3:
        cuts = {whole.find(b"\r\n\r\n") + 4}
    elif draw < 0.6:
        cuts = {random.randrange(len(whole) + 1) for _ in range(random.randint(1, 5))}
    elif draw < 0.63:
        cuts = set(range(min(len(whole), 400)))  # byte by byte
    cuts.update(range(0, len(whole), _LARGEST_PIECE))
    places = [*sorted({0, *cuts}), len(whole)]
    pieces = tuple(whole[a:b] for a, b in pairwise(places) if a < b)
    longest = 0.0
    if random.random() < 0.1:
        longest = random.choice((1.0, 12.0, 25.0))
    waits = tuple(random.random() * longest for _ in pieces)
    return Script(pieces=pieces, waits=waits, ending=ending)

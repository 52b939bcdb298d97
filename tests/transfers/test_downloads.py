"""Downloads: whole or not at all, resumed only where the server vouches for it."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import select
import stat
import traceback
import zlib
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import RetryPolicy, Timeout, TransferError
from claro_async._secret import Secret
from claro_async.transport.download import object_to
from claro_async.transport.events import AttemptFailed, Event
from tests.folders import names
from tests.transfers.file_server import FileServer
from tests.wire.raw_server import RawRequest, reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from claro_async import ClaroClient
    from claro_async.emulator import Emulator
    from tests.clocks import ManualClock

DATA = Random(4).randbytes(1_000_003)  # noqa: S311 - repeatable, not secret
FLIPPED = bytes(value ^ 1 for value in DATA)


@pytest.fixture
def source_id(emulator: Emulator) -> str:
    """A data source of a million random bytes."""
    return emulator.add_datasource(DATA, file_name="data.txt")


async def test_a_file_arrives_whole_and_without_the_key(
    emulator: Emulator, client: ClaroClient, source_id: str, tmp_path: Path
) -> None:
    """The file replaces what was at the path, nothing else is left, and no key was sent along."""
    target = tmp_path / "data.txt"
    target.write_text("what was there before")
    seen: list[tuple[int, int | None]] = []
    result = await client.datasource(source_id).download(
        target, on_progress=lambda progress: seen.append((progress.done, progress.total))
    )
    assert target.read_bytes() == DATA
    assert (result.path, result.file_name, result.size) == (target, "data.txt", len(DATA))
    assert names(tmp_path) == ["data.txt"]
    assert seen[-1] == (len(DATA), len(DATA))
    assert seen == sorted(seen)
    (request,) = (r for r in emulator.ledger.requests if r.operation == "download")
    assert request.authorization == "absent"
    assert request.headers["Accept-Encoding"] == "identity"


async def test_cut_at_fifty_random_points(
    emulator: Emulator, client: ClaroClient, source_id: str, tmp_path: Path
) -> None:
    """Wherever it is cut, the file is the same byte for byte, and was not fetched twice."""
    random = Random(50)  # noqa: S311 - repeatable, not secret
    target = tmp_path / "data.txt"
    for _ in range(50):
        point = random.randrange(len(DATA))
        emulator.faults.add("download", "truncate", times=1, after_bytes=point)
        await client.datasource(source_id).download(target)
        assert target.read_bytes() == DATA
        target.unlink()
    ranged = [r for r in emulator.ledger.requests if "Range" in r.headers]
    assert len(ranged) >= 45, "resumed, not begun anew"


async def test_cut_again_and_again(
    emulator: Emulator, client: ClaroClient, source_id: str, tmp_path: Path
) -> None:
    """One download survives any number of cuts as long as each attempt brings something."""
    emulator.faults.add("download", "truncate", times=50, after_bytes=15_000)
    target = tmp_path / "data.txt"
    await client.datasource(source_id).download(target)
    assert target.read_bytes() == DATA
    assert emulator.ledger.count("download") == 51


async def test_a_stall_is_cut_and_resumed(
    emulator: Emulator, client: ClaroClient, source_id: str, tmp_path: Path
) -> None:
    """A server that stops sending is given up after the idle time, and asked for the rest."""
    emulator.faults.add("download", "stall", times=1, after_bytes=400_000)
    target = tmp_path / "data.txt"
    await client.datasource(source_id).download(target)
    assert target.read_bytes() == DATA
    emulator.faults.clear()


async def test_a_server_that_ignores_ranges(
    emulator: Emulator, client: ClaroClient, source_id: str, tmp_path: Path
) -> None:
    """What came is thrown away, and the file begins anew."""
    emulator.faults.add("download", "truncate", times=1, after_bytes=600_000)
    emulator.faults.add("download", "ignore_range")
    target = tmp_path / "data.txt"
    await client.datasource(source_id).download(target)
    assert target.read_bytes() == DATA


async def test_a_file_that_changes_between_tries(
    emulator: Emulator, client: ClaroClient, source_id: str, tmp_path: Path
) -> None:
    """The result is the new file, never the beginning of one and the end of the other."""
    emulator.faults.add("download", "truncate", times=1, after_bytes=600_000)
    emulator.faults.add("download", "change_file")
    target = tmp_path / "data.txt"
    await client.datasource(source_id).download(target)
    assert target.read_bytes() == FLIPPED


async def test_a_file_that_never_stops_changing(
    connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """A file that is another one at each try is given up, though each try brings more."""
    versions = [
        reply(b"a" * size, ETag=f'"{size}"').replace(b"Length: %d" % size, b"Length: 100")
        for size in range(40, 99, 2)
    ]
    async with FileServer(*versions, size=100) as server:
        source = connect(server.base_url).datasource("x")
        with pytest.raises(TransferError, match="start over"):
            await source.download(tmp_path / "file")
        assert len(server.downloads) <= 8
    assert names(tmp_path) == []


async def test_a_fault_that_does_not_pass(
    emulator: Emulator, client: ClaroClient, source_id: str, tmp_path: Path
) -> None:
    """A server that keeps lying ends in an error, and the target is as it was."""
    emulator.faults.add("download", "wrong_length")
    target = tmp_path / "data.txt"
    target.write_text("before")
    with pytest.raises(TransferError, match="announces 1000002 bytes, the link 1000003"):
        await client.datasource(source_id).download(target)
    assert target.read_text() == "before"
    assert names(tmp_path) == ["data.txt"]


async def test_a_body_without_length_is_checked_by_the_link(
    emulator: Emulator, client: ClaroClient, source_id: str, tmp_path: Path
) -> None:
    """A chunked reply is fine if it has as many bytes as the link said."""
    emulator.faults.add("download", "no_length")
    result = await client.datasource(source_id).download(tmp_path / "data.txt")
    assert result.size == len(DATA)


def partial(content: bytes, *, etag: str) -> Callable[[RawRequest], bytes]:
    """Serve a range, or all, without a length: the end of the connection ends the body."""

    def answer(request: RawRequest) -> bytes:
        head = f'ETag: "{etag}"\r\nConnection: close\r\n'
        wanted = request.headers.get("Range")
        if wanted is None:
            return f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + content
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
        span = f"Content-Range: bytes {start}-{len(content) - 1}/{len(content)}\r\n"
        return f"HTTP/1.1 206 Partial\r\n{head}{span}\r\n".encode() + content[start:]

    return answer


async def test_a_connection_that_closes_without_a_length(
    connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """A body that just ends too early is resumed; its end was not taken for the file's."""
    short = b'HTTP/1.1 200 OK\r\nETag: "1"\r\nConnection: close\r\n\r\nhello '
    async with FileServer(short, partial(b"hello world", etag="1"), size=11) as server:
        await connect(server.base_url).datasource("x").download(tmp_path / "file")
        assert server.downloads[1].headers["Range"] == "bytes=6-"
        assert server.downloads[1].headers["If-Range"] == '"1"'
    assert (tmp_path / "file").read_bytes() == b"hello world"


@pytest.mark.parametrize(
    "rest",
    [
        reply(b"WORLD", 206, Content_Range="bytes 6-10/11", ETag='"2"'),
        reply(b"WORLD", 206, Content_Range="bytes 6-10/11"),
        reply(b"WORLD", 206, Content_Range="bytes 6-10/12", ETag='"1"'),
        reply(b"WORLD", 206, Content_Range="bytes 5-9/11", ETag='"1"'),
        reply(b"WORLD", 206, ETag='"1"'),
        reply(b"", 416, Content_Range="bytes */5"),
    ],
)
async def test_a_range_that_does_not_fit_is_not_used(
    rest: bytes, connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """A 206 of another file, place or total, or without a validator, leads back to the start."""
    short = b'HTTP/1.1 200 OK\r\nETag: "1"\r\nConnection: close\r\n\r\nhello '
    whole = reply(b"hello world", ETag='"3"')
    async with FileServer(short, rest, whole, size=11) as server:
        await connect(server.base_url).datasource("x").download(tmp_path / "file")
        assert "Range" not in server.downloads[2].headers
    assert (tmp_path / "file").read_bytes() == b"hello world"


@pytest.mark.parametrize(
    ("headers", "resumable"),
    [
        ('ETag: W/"1"', False),
        ("Last-Modified: Thu, 14 Mar 2024 15:30:00 GMT", False),
        ("Last-Modified: Thu, 14 Mar 2024 15:30:00 GMT\r\nDate: Thu, 14 Mar 2024 15:30:30 GMT", 0),
        ("Last-Modified: Thu, 14 Mar 2024 15:30:00 GMT\r\nDate: Thu, 14 Mar 2024 15:31:00 GMT", 1),
        ("Server: none", False),
    ],
)
async def test_only_a_strong_validator_is_built_upon(
    headers: str, resumable: int, connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """A weak ETag, or a date that is too fresh, does not vouch for bytes (RFC 9110, 8.8)."""
    short = f"HTTP/1.1 200 OK\r\n{headers}\r\nConnection: close\r\n\r\nhello ".encode()
    async with FileServer(short, reply(b"hello world"), size=11) as server:
        await connect(server.base_url).datasource("x").download(tmp_path / "file")
        assert ("Range" in server.downloads[1].headers) == bool(resumable)
    assert (tmp_path / "file").read_bytes() == b"hello world"


async def test_a_body_that_is_compressed_against_our_wish(
    connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """Gzip is undone, and the length checked is that of the file."""
    async with FileServer(
        reply(gzip.compress(b"hello " * 1000), Content_Encoding="gzip"), size=6000
    ) as server:
        await connect(server.base_url).datasource("x").download(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"hello " * 1000


SMALL = Random(5).randbytes(5000)  # noqa: S311 - repeatable, not secret


@pytest.mark.parametrize(
    "tail",
    [b"xx", bytes(100), bytes(1 << 20), gzip.compress(b"more")[:9], b"flood" * 200_000],
    ids=["two bytes", "zeros", "zeros without end", "half a member", "a flood"],
)
async def test_what_follows_a_gzip_body(
    tail: bytes, connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """Once all bytes of the file came and their checksum is right, nothing behind it matters."""
    body = reply(gzip.compress(SMALL) + tail, Content_Encoding="gzip", Connection="close")
    async with FileServer(body, size=len(SMALL)) as server:
        await connect(server.base_url).datasource("x").download(tmp_path / "file")
        assert len(server.downloads) == 1
    assert (tmp_path / "file").read_bytes() == SMALL


@pytest.mark.parametrize("between", [b"", bytes(512)])
async def test_a_gzip_body_of_several_members(
    between: bytes, connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """Members that follow each other, as of files that were appended to, are one file."""
    members = between.join(gzip.compress(part) for part in (SMALL, b"", b"and more"))
    whole = SMALL + b"and more"
    async with FileServer(reply(members, Content_Encoding="gzip"), size=len(whole)) as server:
        await connect(server.base_url).datasource("x").download(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == whole


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_gz_file_whose_label_says_that_it_was_compressed_on_the_way(
    chunked: bool,  # noqa: FBT001 - a parameter of the test
    connect: Callable[..., ClaroClient],
    tmp_path: Path,
) -> None:
    """Where the link's size is that of the stored bytes, they are the file."""
    stored = gzip.compress(SMALL)
    answer = reply(stored, Content_Encoding="gzip")
    if chunked:
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
        answer = head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(stored), stored)
    async with FileServer(answer, size=len(stored), name="data.csv.gz") as server:
        await connect(server.base_url).datasource("x").download(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == stored


@pytest.mark.parametrize("how", ["path", "stream"])
async def test_a_body_without_its_last_chunk(
    how: str, connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """All bytes came, so nothing is asked for a second time, however the connection ended."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    cut = head + b"%x\r\n%b\r\n" % (len(DATA), DATA)
    async with FileServer(cut, reply(b"", 416), size=len(DATA)) as server:
        source = connect(server.base_url).datasource("x")
        if how == "stream":
            content = b"".join([piece async for piece in source.stream()])
        else:
            await source.download(tmp_path / "file")
            content = (tmp_path / "file").read_bytes()
        assert content == DATA
        assert len(server.downloads) == 1


async def test_more_than_the_file_in_chunks(
    connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """The beginning of a larger file is not taken for the file."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with FileServer(head + b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", size=5) as server:
        with pytest.raises(TransferError, match="more than the 5 bytes"):
            await connect(server.base_url).datasource("x").download(tmp_path / "file")
    assert names(tmp_path) == []


@pytest.mark.parametrize("status", [425, 429, 503])
async def test_a_server_that_names_a_time_is_left_alone_until_then(
    status: int, connect: Callable[..., ClaroClient], clock: ManualClock, tmp_path: Path
) -> None:
    """`Retry-After` of a signed URL is waited for; a wait beyond the policy's ends it at once."""
    later = reply(b"", status, Retry_After="30")
    async with FileServer(later, reply(b"hello"), size=5) as server:
        await connect(server.base_url).datasource("x").download(tmp_path / "file")
        assert clock.slept == [30]
    async with FileServer(reply(b"", status, Retry_After="7200"), size=5) as server:
        with pytest.raises(TransferError, match="asks to wait 7,200 seconds"):
            await connect(server.base_url).datasource("x").download(tmp_path / "file")
        assert len(server.downloads) == 1


@pytest.mark.parametrize("cut", [1, 9, 20])
async def test_a_gzip_body_that_ends_early(
    cut: int, connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """Compressed data without its end is no file, even if the connection ended in order."""
    short = reply(gzip.compress(DATA[:1000])[:-cut], Content_Encoding="gzip")
    async with FileServer(short, size=1000) as server:
        with pytest.raises(TransferError, match="does not end where it should"):
            await connect(server.base_url).datasource("x").download(tmp_path / "file")
    assert names(tmp_path) == []


async def test_an_encoding_that_nobody_asked_for(
    connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """What cannot be undone is refused."""
    async with FileServer(reply(b"hello", Content_Encoding="br"), size=5) as server:
        with pytest.raises(TransferError, match="encoded as br"):
            await connect(server.base_url).datasource("x").download(tmp_path / "file")


async def test_a_gzip_bomb(connect: Callable[..., ClaroClient], tmp_path: Path) -> None:
    """A gigabyte of zeros in a megabyte is given up as soon as it exceeds the file's size."""
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1024)) + packer.flush()
    async with FileServer(reply(bomb, Content_Encoding="gzip"), size=1000) as server:
        source = connect(server.base_url, retry=RetryPolicy(max_attempts=1)).datasource("x")
        with pytest.raises(TransferError, match="more than the 1,000 bytes"):
            await source.download(tmp_path / "file")
    assert names(tmp_path) == []


@pytest.mark.parametrize("size", [5, 10_000_000_000])
async def test_ten_gigabytes_that_are_claimed(
    size: int, connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """Neither the reply nor the link can claim what does not come."""
    claim = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\nConnection: close\r\n\r\nhello"
    async with FileServer(claim, size=size) as server:
        source = connect(server.base_url, timeout=Timeout(idle=0.2)).datasource("x")
        with pytest.raises(TransferError):
            await source.download(tmp_path / "file")
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("../../x", "x"),
        ("..\\..\\y.csv", "y.csv"),
        ("/etc/passwd", "passwd"),
        ("..", "download"),
        ("", "download"),
        ("a\nb\0.csv", "ab.csv"),
        ("größe 1.csv", "größe 1.csv"),
        ("ß" * 300 + ".csv", "ß" * 90 + ".csv"),
        ("a." + "b" * 300, "a." + "b" * 178),
        ("a\u3000b\u00a0c.csv", "a\u3000b\u00a0c.csv"),
        ("\U0001f468\u200d\U0001f469.csv", "\U0001f468\u200d\U0001f469.csv"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
    ],
)
async def test_the_server_s_name_is_a_name_only(
    name: str, saved: str, connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """In a folder the file gets the last part of the server's name, wherever that would lead."""
    async with FileServer(reply(b"hello"), size=5, name=name) as server:
        result = await connect(server.base_url).datasource("x").download(f"{tmp_path}/")
    assert result.path == tmp_path / saved
    assert names(tmp_path) == [saved]


@pytest.mark.parametrize(
    "query", ["?token=a%2Fb+c%20d%3D&x=~!$'()*", "?token=%2f%2F%41", "?token=a;b|c"]
)
async def test_the_url_is_sent_byte_for_byte(
    query: str, connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """What the signature covers is not re-encoded."""
    async with FileServer(reply(b"hello"), size=5, query=query) as server:
        await connect(server.base_url).datasource("x").download(tmp_path / "file")
        (request,) = server.downloads
    assert request.target == f"/download/x{query}"
    assert "Authorization" not in request.headers
    assert "Cookie" not in request.headers


async def test_a_redirect_on_this_machine_is_followed_without_the_key(
    connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """Storage often redirects; the place it leads to gets no header of ours either."""
    moved = reply(b"", 302, Connection="close", Location="/elsewhere?a=%2F+")
    async with FileServer(moved, reply(b"hello"), size=5) as server:
        await connect(server.base_url).datasource("x").download(tmp_path / "file")
        first, second = server.downloads
    assert second.target == "/elsewhere?a=%2F+"
    assert "Authorization" not in first.headers
    assert "Authorization" not in second.headers


@pytest.mark.parametrize(
    "location", ["http://files.example.com/x", "ftp://127.0.0.1/x", "http://u:p@127.0.0.1/x", "//["]
)
async def test_redirects_that_are_not_followed(
    location: str, connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """Plain http off this machine, other schemes and passwords end the download."""
    async with FileServer(reply(b"", 302, Connection="close", Location=location), size=5) as server:
        with pytest.raises(TransferError, match="redirect") as caught:
            await connect(server.base_url).datasource("x").download(tmp_path / "file")
    assert "example" not in str(caught.value)


async def test_a_redirect_in_a_circle_ends(
    connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """A server cannot send us around for ever."""
    async with FileServer(reply(b"", 307, Connection="close", Location="/again"), size=5) as server:
        with pytest.raises(TransferError, match="more than 5 times"):
            await connect(server.base_url).datasource("x").download(tmp_path / "file")


@pytest.mark.parametrize(
    ("url", "came_from"),
    [
        ("http://files.example.com/x?token=secret", None),
        ("https://u:secret@files.example.com/x", None),
        ("https://files.example.com/x y?token=secret", None),
        ("https://files.example.com/é?token=secret", None),
        ("http://127.0.0.1/x?token=secret", "https://files.example.com/x"),
    ],
)
def test_urls_that_are_refused(url: str, came_from: str | None) -> None:
    """What would be readable on the way, or not arrive as it is, is refused without being shown."""
    objection = object_to(Secret(url), None if came_from is None else Secret(came_from))
    assert objection is not None
    assert "secret" not in objection


async def test_an_expired_url_is_asked_for_anew_and_goes_on(
    clock: ManualClock, emulator: Emulator, connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """With the same ETag under the new URL the bytes that came are kept."""

    def expire(event: Event) -> None:
        if isinstance(event, AttemptFailed):
            clock.advance(4000)

    source_id = emulator.add_datasource(DATA, file_name="data.txt")
    client = connect(emulator.base_url, on_event=expire)
    emulator.faults.add("download", "truncate", times=1, after_bytes=600_000)
    await client.datasource(source_id).download(tmp_path / "data.txt")
    assert (tmp_path / "data.txt").read_bytes() == DATA
    assert emulator.ledger.count("createDatasourceDownload") == 2
    seen = [r for r in emulator.ledger.requests if r.operation == "download"]
    assert [request.status for request in seen] == [200, 403, 206]


async def test_a_new_url_that_is_refused_too(
    connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """Two refusals in a row are an answer; the URL is not in it."""
    async with FileServer(reply(b"no", 403), size=5) as server:
        with pytest.raises(TransferError, match="new signed URL was rejected, HTTP 403") as caught:
            await connect(server.base_url).datasource("x").download(tmp_path / "file")
        assert len(server.downloads) == 2
    assert "token" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"no", 500),
        reply(b"no", 403),
        reply(b"no", 400),
        reply(b"", 302, Connection="close", Location="http://a.example/?token=sesame"),
        reply(b"hello", Content_Encoding="br"),
        b"nonsense\r\n\r\n",
        b"",
    ],
)
async def test_no_failure_shows_the_url(
    answer: bytes, connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """Neither the message nor the variables of any frame of the traceback have the token."""
    async with FileServer(answer, size=5, query="?token=sesame") as server:
        with pytest.raises(TransferError) as caught:
            await connect(server.base_url).datasource("x").download(tmp_path / "file")
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    text = "".join(shown.format())
    ours = text[text.index("claro_async") :]  # the test's own frame knows the token
    assert "sesame" not in ours
    assert "TransferError" in ours


async def test_other_refusals_are_final(
    connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """A status that a new try cannot change is an error at once."""
    async with FileServer(reply(b"no", 400), size=5) as server:
        with pytest.raises(TransferError, match="HTTP 400"):
            await connect(server.base_url).datasource("x").download(tmp_path / "file")
        assert len(server.downloads) == 1


async def test_a_server_in_trouble_is_asked_again(
    connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """5xx and 429 are tried again, up to the retry policy's attempts."""
    trouble = [reply(b"no", 503), reply(b"no", 429), reply(b"no", 500)]
    async with FileServer(*trouble, reply(b"hello"), size=5) as server:
        await connect(server.base_url).datasource("x").download(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"hello"
    async with FileServer(reply(b"no", 503), size=5) as server:
        with pytest.raises(TransferError, match="after 4 attempts: HTTP 503"):
            await connect(server.base_url).datasource("x").download(tmp_path / "file")


async def test_an_empty_file(connect: Callable[..., ClaroClient], tmp_path: Path) -> None:
    """Nothing is a file, too."""
    async with FileServer(reply(b""), size=0) as server:
        result = await connect(server.base_url).datasource("x").download(tmp_path / "file")
    assert result.size == 0
    assert (tmp_path / "file").read_bytes() == b""


async def test_cancelling_leaves_nothing(
    emulator: Emulator, client: ClaroClient, source_id: str, tmp_path: Path
) -> None:
    """A download that is called off takes its part file along."""
    emulator.faults.add("download", "stall", after_bytes=600_000)
    begun = asyncio.Event()
    source = client.datasource(source_id)
    task = asyncio.create_task(
        source.download(tmp_path / "data.txt", on_progress=lambda *_: begun.set())
    )
    await begun.wait()
    assert len(names(tmp_path)) == 2, "a lock and a part file"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert names(tmp_path) == []
    emulator.faults.clear()


async def test_two_downloads_to_one_path_do_not_mix(
    emulator: Emulator, client: ClaroClient, source_id: str, tmp_path: Path
) -> None:
    """The second is refused while the first is under way, which is not disturbed by it."""
    emulator.faults.add("download", "stall", times=1, after_bytes=600_000)
    begun = asyncio.Event()
    source = client.datasource(source_id)
    task = asyncio.create_task(
        source.download(tmp_path / "data.txt", on_progress=lambda *_: begun.set())
    )
    await begun.wait()
    with pytest.raises(TransferError, match="being written by another"):
        await source.download(tmp_path / "data.txt")
    await task
    assert (tmp_path / "data.txt").read_bytes() == DATA
    assert names(tmp_path) == ["data.txt"]
    emulator.faults.clear()


async def test_a_stream_gives_the_bytes_as_they_come(
    emulator: Emulator, client: ClaroClient, source_id: str
) -> None:
    """A stream resumes by Range, too."""
    emulator.faults.add("download", "truncate", times=2, after_bytes=300_000)
    chunks = [chunk async for chunk in client.datasource(source_id).stream()]
    assert b"".join(chunks) == DATA


async def test_a_stream_skips_what_was_handed_out(
    emulator: Emulator, client: ClaroClient, source_id: str
) -> None:
    """A server without ranges sends the same file once more: its beginning is passed over."""
    emulator.faults.add("download", "truncate", times=1, after_bytes=300_000)
    emulator.faults.add("download", "ignore_range")
    chunks = [chunk async for chunk in client.datasource(source_id).stream()]
    assert b"".join(chunks) == DATA


async def test_a_stream_of_a_changed_file_ends_in_an_error(
    emulator: Emulator, client: ClaroClient, source_id: str
) -> None:
    """Bytes that were handed out cannot be taken back, so they are not followed by others."""
    emulator.faults.add("download", "truncate", times=1, after_bytes=300_000)
    emulator.faults.add("download", "change_file")
    got: list[bytes] = []

    async def read() -> None:
        async for chunk in client.datasource(source_id).stream():
            got.append(chunk)  # noqa: PERF401 - kept although the loop fails

    with pytest.raises(TransferError, match="handed out"):
        await read()
    assert b"".join(got) == DATA[:300_000]


class Trickle(io.RawIOBase):
    """A raw file that takes a few bytes at a time."""

    def __init__(self) -> None:
        self.got = b""

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Take 70,000 bytes at the most."""
        self.got += bytes(data[:70_000])
        return min(len(data), 70_000)


async def test_a_file_object_is_written_to(client: ClaroClient, source_id: str) -> None:
    """Any binary file will do, even one that writes less than it is given."""
    buffer, trickle = io.BytesIO(), Trickle()
    result = await client.datasource(source_id).download(buffer)
    await client.datasource(source_id).download(trickle)
    assert buffer.getvalue() == trickle.got == DATA
    assert (result.path, result.size) == (None, len(DATA))


async def test_targets_that_cannot_be(
    emulator: Emulator, client: ClaroClient, source_id: str, tmp_path: Path
) -> None:
    """A missing folder, no target and no file are refused before anything is sent."""
    source = client.datasource(source_id)
    with pytest.raises(FileNotFoundError, match="make it first"):
        await source.download(tmp_path / "no" / "file")
    with pytest.raises(TypeError, match="not int"):
        await source.download(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="stream"):
        await source.download()
    assert emulator.ledger.requests == []


async def test_a_transfer_that_nobody_awaits_says_so(client: ClaroClient, source_id: str) -> None:
    """As with any coroutine function, forgetting `await` is a warning."""
    with pytest.warns(RuntimeWarning, match=r"download\(\) was never awaited"):
        client.datasource(source_id).download()


async def test_a_pipe_is_written_through(
    client: ClaroClient, source_id: str, tmp_path: Path
) -> None:
    """A named pipe gets every byte, however slowly it is read, and is a pipe afterwards."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    other = os.open(pipe, os.O_WRONLY)  # until the download has opened it, too
    os.set_blocking(reader, True)

    def read() -> None:
        while block := os.read(reader, 1 << 14):
            got.append(block)
        os.close(reader)

    reading = asyncio.ensure_future(asyncio.to_thread(read))
    result = await client.datasource(source_id).download(pipe)
    os.close(other)
    await reading
    assert b"".join(got) == DATA
    assert (result.path, result.size) == (pipe, len(DATA))
    assert stat.S_ISFIFO(pipe.lstat().st_mode)


async def test_a_pipe_that_is_not_read_any_more_can_be_given_up(
    client: ClaroClient, source_id: str, tmp_path: Path
) -> None:
    """A download to a full pipe is cancelled at once, and its descriptor is closed."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    task = asyncio.create_task(client.datasource(source_id).download(pipe))
    await asyncio.to_thread(select.select, [reader], [], [])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    while os.read(reader, 1 << 20):
        pass  # b"" says that nobody writes any more; else it would raise BlockingIOError
    os.close(reader)


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"])
async def test_a_cancelled_download_shows_no_url(
    head: bytes, connect: Callable[..., ClaroClient]
) -> None:
    """No frame of a cancelled download holds the token, whatever it was waiting for."""
    asked = asyncio.Event()

    def answer(_: RawRequest) -> bytes:
        asked.set()
        return head

    async with FileServer(answer, size=5, query="?token=sesame", stalls=True) as server:
        source = connect(server.base_url).datasource("x")
        task = asyncio.create_task(source.download(io.BytesIO()))
        await asked.wait()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
    found = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    text = "".join(found.format())
    assert "claro_async" in text
    assert "sesame" not in text[text.index("claro_async") :]


async def test_what_a_callback_raises_ends_a_download(
    client: ClaroClient, source_id: str, tmp_path: Path
) -> None:
    """It is raised as it is, and the target is as it was."""
    target = tmp_path / "data.txt"
    target.write_text("before")

    def fail(_: object) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await client.datasource(source_id).download(target, on_progress=fail)
    assert target.read_text() == "before"
    assert names(tmp_path) == ["data.txt"]


async def test_targets_are_refused_before_anything_is_sent(
    emulator: Emulator, client: ClaroClient, source_id: str, tmp_path: Path
) -> None:
    """A name that is too long, a pipe that nobody reads and a text file cost no request."""
    os.mkfifo(tmp_path / "pipe")
    source = client.datasource(source_id)
    for target in (tmp_path / ("a" * 256), tmp_path / "pipe", tmp_path / "pipe" / "file"):
        with pytest.raises(OSError, match=r"shorten it|nobody reads|make it first"):
            await source.download(target)
    with pytest.raises(TypeError, match="binary mode"):
        await source.download(io.StringIO())  # type: ignore[arg-type]
    assert emulator.ledger.requests == []

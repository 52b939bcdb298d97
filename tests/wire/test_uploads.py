"""Bodies of uploads: fresh for each attempt, named in UTF-8, and whole or not at all."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import OutcomeUnknownError, RateLimitError, TransferError
from claro_async._generated.claro_api.datasets import upload_datasource
from claro_async.emulator import make_pdf
from claro_async.transport.bodies import Upload
from tests.wire.operations import CELL, DATASET, transport_of
from tests.wire.raw_server import RawRequest, RawServer, reply, reset

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from claro_async import ClaroClient, Progress
    from claro_async.emulator import Emulator

TABLE = b"name,price\n" + b"".join(b"Widget %d,%d\n" % (n, n) for n in range(40_000))


async def stream(content: bytes = TABLE, size: int = 10_000) -> AsyncIterator[bytes]:
    """The content in pieces, once."""
    for at in range(0, len(content), size):
        yield content[at : at + size]


class Unseekable(io.BytesIO):
    """A binary file that is read once, such as a pipe."""

    def seekable(self) -> bool:
        return False


@pytest.mark.parametrize("kind", ["bytes", "path", "file", "stream", "pipe"])
async def test_every_kind_of_source_arrives_byte_for_byte(
    kind: str, emulator: Emulator, client: ClaroClient, tmp_path: Path
) -> None:
    """Bytes, paths, files, pipes and async iterables give the same data source."""
    path = tmp_path / "table.csv"
    path.write_bytes(TABLE)
    sources: dict[str, Any] = {
        "bytes": TABLE,
        "path": path,
        "stream": stream(),
        "pipe": Unseekable(TABLE),
    }
    with path.open("rb") as file:
        source = file if kind == "file" else sources[kind]
        result = await client.dataset(DATASET).upload_datasource(CELL, source, filename="table.csv")
    (upload,) = emulator.ledger.uploads
    assert upload.sha256 == hashlib.sha256(TABLE).hexdigest()
    assert (upload.file_name, upload.content_type, upload.size) == (
        "table.csv",
        "text/csv",
        len(TABLE),
    )
    assert result.datasource_id == upload.datasource_id
    assert result.file_size == len(TABLE)


@pytest.mark.parametrize("kind", ["bytes", "path", "file"])
async def test_a_refused_attempt_is_followed_by_a_whole_body(
    kind: str, emulator: Emulator, client: ClaroClient, tmp_path: Path
) -> None:
    """After a 429 the body is built anew, from where a file stood, and arrives whole."""
    path = tmp_path / "table.csv"
    path.write_bytes(b"skipped\n" + TABLE)
    emulator.faults.add("uploadDatasource", "rate_limit", times=2, retry_after=1)
    with path.open("rb") as file:
        file.readline()
        whole = tmp_path / "whole.csv"
        whole.write_bytes(TABLE)
        source: Any = {"bytes": TABLE, "path": whole, "file": file}[kind]
        await client.dataset(DATASET).upload_datasource(CELL, source, filename="t.csv")
    assert emulator.ledger.uploads[0].sha256 == hashlib.sha256(TABLE).hexdigest()
    assert emulator.ledger.count("uploadDatasource") == 3


async def test_a_stream_is_never_sent_a_second_time(
    emulator: Emulator, client: ClaroClient
) -> None:
    """A source that can be read once makes one attempt, whatever that ends in."""
    dataset = client.dataset(DATASET)
    emulator.faults.add("uploadDatasource", "rate_limit", times=1, retry_after=1)
    with pytest.raises(RateLimitError):
        await dataset.upload_datasource(CELL, stream(), filename="t.csv")
    emulator.faults.add("uploadDatasource", "disconnect", times=1, apply=False)
    with pytest.raises(OutcomeUnknownError):
        await dataset.upload_datasource(CELL, stream(), filename="t.csv")
    assert emulator.ledger.count("uploadDatasource") == 2
    assert emulator.ledger.uploads == []


async def test_a_stream_that_was_not_touched_may_go_again(
    emulator: Emulator, connect: Callable[..., ClaroClient]
) -> None:
    """A refused connection took nothing but a look at the first piece, so it is tried again."""
    base_url = emulator.base_url
    client = connect(base_url)
    await emulator.__aexit__(None, None, None)
    pieces = stream()
    with pytest.raises(Exception, match="after 4 attempts"):
        await client.dataset(DATASET).upload_datasource(CELL, pieces, filename="t.csv")
    assert await anext(pieces)


@pytest.mark.parametrize(
    "name",
    [
        "Prüfbericht.csv",
        "报告 2024.csv",
        "a b.csv",
        'quo"te.csv',
        "semi;colon=1.csv",
        "😀.csv",
        "10\u202f000\u00a0m.csv",
        "\U0001f468\u200d\U0001f469.csv",
    ],
)
async def test_file_names_arrive_as_they_are(
    name: str, emulator: Emulator, client: ClaroClient
) -> None:
    """A file name in any script reaches the server in UTF-8, quotes and all."""
    result = await client.dataset(DATASET).upload_datasource(CELL, b"a\n1\n", filename=name)
    assert emulator.ledger.uploads[0].file_name == name
    assert result.file_name == name


@pytest.mark.parametrize(
    "name", ["a\r\nX: 1.csv", "a\n.csv", "a\0.csv", "a\x7f.csv", "a\x85.csv", "\ud800.csv", ""]
)
async def test_file_names_that_would_break_out_are_refused(
    name: str, emulator: Emulator, client: ClaroClient
) -> None:
    """Line breaks, NUL and lone surrogates in a file name are refused before anything is sent."""
    with pytest.raises(ValueError, match="filename"):
        await client.dataset(DATASET).upload_datasource(CELL, b"a\n1\n", filename=name)
    with pytest.raises(ValueError, match="content_type"):
        await client.dataset(DATASET).upload_datasource(
            CELL, b"a", filename="a.csv", content_type="text/csv\r\nX: 1"
        )
    assert emulator.ledger.requests == []


async def test_a_source_that_fails_is_the_caller_s_own_error(
    emulator: Emulator, client: ClaroClient
) -> None:
    """When the source raises in the middle, nothing was applied, and the cause is at hand."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"name\n"
        raise LookupError("the disk is gone")

    with pytest.raises(TransferError, match="the disk is gone") as caught:
        await client.dataset(DATASET).upload_datasource(CELL, broken(), filename="t.csv")
    assert isinstance(caught.value.__cause__, LookupError)
    assert emulator.ledger.uploads == []
    assert emulator.ledger.count("uploadDatasource") <= 1


@pytest.mark.parametrize("change", [b"", TABLE + TABLE, TABLE[:-7]])
async def test_a_file_that_changes_its_size_is_not_sent_whole(
    change: bytes, emulator: Emulator, client: ClaroClient, tmp_path: Path
) -> None:
    """A file that grows, shrinks or is emptied while it is read is not applied."""
    path = tmp_path / "t.csv"
    path.write_bytes(TABLE)

    def on_progress(progress: Progress) -> None:
        if progress.done == 1 << 18:  # the first piece
            path.write_bytes(change)

    with pytest.raises(TransferError, match="bytes when the upload began"):
        await client.dataset(DATASET).upload_datasource(CELL, path, on_progress=on_progress)
    assert emulator.ledger.uploads == []


async def test_what_a_stream_may_not_give(emulator: Emulator, client: ClaroClient) -> None:
    """Text, nothing at all and more than 100 MB are refused with the reason."""

    async def text() -> AsyncIterator[Any]:
        yield "name\n"

    dataset = client.dataset(DATASET)
    with pytest.raises(TransferError, match="gives str, not bytes"):
        await dataset.upload_datasource(CELL, text(), filename="t.csv")
    with pytest.raises(TransferError, match="empty"):
        await dataset.upload_datasource(CELL, stream(b""), filename="t.csv")
    with pytest.raises(ValueError, match="empty"):
        await dataset.upload_datasource(CELL, b"", filename="t.csv")
    with pytest.raises(TypeError, match="binary mode"):
        await dataset.upload_datasource(CELL, io.StringIO("a"), filename="t.csv")  # type: ignore[arg-type]
    assert emulator.ledger.uploads == []


async def test_progress_is_told_in_bytes(emulator: Emulator, client: ClaroClient) -> None:
    """`on_progress` counts up to the size, which a stream cannot tell."""
    seen: list[tuple[int, int | None]] = []
    dataset = client.dataset(DATASET)
    document = make_pdf(["one page"])
    await dataset.upload_datasource(
        CELL,
        document,
        filename="d.pdf",
        on_progress=lambda progress: seen.append((progress.done, progress.total)),
    )
    assert seen[-1] == (len(document), len(document))
    seen.clear()
    await dataset.upload_datasource(
        CELL,
        stream(),
        filename="t.csv",
        on_progress=lambda progress: seen.append((progress.done, progress.total)),
    )
    assert [size for _, size in seen] == [None] * len(seen)
    assert seen[-1][0] == len(TABLE)
    assert emulator.ledger.uploads[1].size == len(TABLE)


async def test_a_reply_that_comes_before_the_body_was_sent(
    connect: Callable[..., ClaroClient],
) -> None:
    """A server that refuses an upload by its headers is understood, and the file is let go."""

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        body = b'{"error": "no", "code": "RAW_COLUMN_REQUIRED", "details": {}}'
        writer.write(reply(body, 400))
        await writer.drain()

    async with RawServer(answer, read_bodies=False) as server:
        client = connect(server.base_url)
        with pytest.raises(Exception, match=r"RAW_COLUMN_REQUIRED|may or may not"):
            await client.dataset(DATASET).upload_datasource(CELL, TABLE * 20, filename="t.csv")


async def test_a_connection_that_breaks_in_the_middle_of_a_file_lets_it_go(
    connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """An upload that is cut off is unknown, and the file is closed."""
    path = tmp_path / "t.csv"
    path.write_bytes(TABLE * 30)

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        reset(writer)

    async with RawServer(answer, read_bodies=False) as server:
        transport = transport_of(connect(server.base_url))
        operation = upload_datasource(DATASET, CELL, file=Upload(path))
        with pytest.raises(OutcomeUnknownError):
            await transport.call(operation)
        assert len(server.requests) == 1

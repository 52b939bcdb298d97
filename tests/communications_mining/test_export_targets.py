"""Where an export to a file goes, what its checkpoint is bound to, and what its callback may do."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import pickle
import stat
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from claro_async.communications_mining import (
    CommentFile,
    CommunicationsMiningClient,
    DatasetDeletion,
    ExportProgress,
)
from claro_async.communications_mining.checkpoint import Checkpoint
from claro_async.errors import AuthenticationError, JournalError, TransferError
from claro_async.storage.blocks import write_all
from tests.communications_mining.server import (
    FIRST,
    comment,
    minutely,
    page_of,
    rejection,
    serving,
    uids,
)
from tests.folders import names

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async.communications_mining import Dataset


def content(path: Path) -> bytes:
    """What is in a file."""
    return path.read_bytes()


def lines(path: Path) -> list[str]:
    """The uids in a file of JSON lines."""
    return [json.loads(line)["comment"]["uid"] for line in path.read_bytes().splitlines()]


def part_of(folder: Path) -> Path:
    """The part file that an interrupted export has left."""
    (part,) = folder.glob(".claro-*.resume")
    return part


class StopError(Exception):
    """Stops an export."""


def stop(_: ExportProgress) -> None:
    """Stops an export after its first page."""
    raise StopError


async def begin(dataset: Dataset, path: Path, **options: Any) -> None:
    """Begin an export with a checkpoint, and stop it after its first page."""
    with pytest.raises(StopError):
        await dataset.export_to(path, on_progress=stop, **options)


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("a.jsonl", b'{"'),
        ("a.NDJSON", b'{"'),
        ("a", b'{"'),
        ("a.parquet", b"PAR1"),
        ("a.pq", b"PAR1"),
        ("a.csv", b"uid,"),
    ],
)
async def test_the_suffix_says_the_format(tmp_path: Path, name: str, begins: bytes) -> None:
    """Where no format is given, the suffix of the path says it; without one it is JSON lines."""
    async with serving(minutely(3)) as (_, dataset):
        file = await dataset.export_to(tmp_path / name)
    assert content(file.path).startswith(begins)
    assert file.size == len(content(file.path))
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("name", ["a.xlsx", "a.arrow", "a.json", "a.2024-01-01"])
async def test_a_suffix_that_says_no_format(tmp_path: Path, name: str) -> None:
    """Another suffix is refused before anything is sent; with the format named it is a name."""
    async with serving(minutely(3)) as (server, dataset):
        with pytest.raises(ValueError, match=r"format is needed .* jsonl, parquet, csv"):
            await dataset.export_to(tmp_path / name)
        assert server.requests == []
        await dataset.export_to(tmp_path / name, format="jsonl")
    assert lines(tmp_path / name) == uids(minutely(3))


async def test_a_folder_gets_a_file_named_after_the_dataset(tmp_path: Path) -> None:
    """A folder is a target, also with a suffix of its own or a slash at its end."""
    folder = tmp_path / "comments.parquet"
    folder.mkdir()
    async with serving(minutely(3)) as (_, dataset):
        first = await dataset.export_to(folder)
        second = await dataset.export_to(f"{folder}/", format="parquet")
    assert (first.path, second.path) == (folder / "name.jsonl", folder / "name.parquet")
    assert names(folder) == ["name.jsonl", "name.parquet"]


def make_pipe(path: Path) -> None:
    """Make a named pipe."""
    os.mkfifo(path)


def make_folder_of_that_name(path: Path) -> None:
    """Make a folder whose file would be a folder."""
    (path / "name.jsonl").mkdir(parents=True)


TARGETS: dict[str, tuple[str, Callable[[Path], object], type[Exception]]] = {
    "a folder that is missing": ("no/out.jsonl", lambda _: None, FileNotFoundError),
    "a missing folder with a slash": ("no/", lambda _: None, FileNotFoundError),
    "a pipe": ("pipe", make_pipe, TransferError),
    "a folder in the place of the file": ("folder", make_folder_of_that_name, TransferError),
    "too long a name": ("a" * 300, lambda _: None, OSError),
    "a name with NUL": ("a\0b", lambda _: None, ValueError),
}


@pytest.mark.parametrize("kind", TARGETS)
async def test_targets_that_cannot_be_written(tmp_path: Path, kind: str) -> None:
    """What cannot be written is refused before anything is sent, and nothing is left."""
    name, make, error = TARGETS[kind]
    make(tmp_path / name)
    before = names(tmp_path)
    async with serving(minutely(3)) as (server, dataset):
        with pytest.raises(error):
            await dataset.export_to(f"{tmp_path}/{name}", checkpoint=tmp_path / "checkpoint")
    assert server.requests == []
    assert names(tmp_path) == before


@pytest.mark.parametrize("checkpoint", [None, "checkpoint"])
async def test_what_stands_at_the_target_stays_what_it_is(
    tmp_path: Path, checkpoint: str | None
) -> None:
    """A symbolic link stays one, and a private file private."""
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("before")
    real.chmod(0o600)
    link.symlink_to(real)
    where = None if checkpoint is None else tmp_path / checkpoint
    async with serving(minutely(3)) as (_, dataset):
        await dataset.export_to(link, checkpoint=where)
    assert link.is_symlink()
    assert lines(real) == uids(minutely(3))
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert names(tmp_path) == ["link", "real"]


async def test_two_exports_to_one_path(tmp_path: Path) -> None:
    """The second of two exports to one file is refused, by whatever name, and sends nothing."""
    path, link = tmp_path / "out", tmp_path / "link"
    link.symlink_to(path)
    async with serving(minutely(90)) as (server, dataset):
        under_way = asyncio.Event()

        def progress(_: ExportProgress) -> None:
            server.gate.clear()
            under_way.set()

        first = asyncio.ensure_future(dataset.export_to(path, limit=10, on_progress=progress))
        await under_way.wait()
        for other in (path, link):
            with pytest.raises(TransferError, match="is being written by another"):
                await dataset.export_to(other, limit=11, checkpoint=tmp_path / "checkpoint")
        first.cancel()
        server.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert not any(each["limit"] == 11 for each in server.requests)
        assert names(tmp_path) == ["link"]
        await dataset.export_to(link, checkpoint=tmp_path / "checkpoint")
    assert lines(path) == uids(minutely(90))


OTHERS: dict[str, dict[str, Any]] = {
    "windows": {"windows": 2},
    "format": {"format": "csv"},
    "order_by": {"order_by": "created_at"},
    "from": {"from_": FIRST},
    "to": {"to": FIRST + timedelta(days=9)},
    "source_ids": {"source_ids": ["s"]},
    "comment_uids": {"comment_uids": ["s.1"]},
}


@pytest.mark.parametrize("name", OTHERS)
async def test_a_checkpoint_with_other_options(tmp_path: Path, name: str) -> None:
    """A checkpoint is refused for another option, which the error names, and nothing is sent."""
    path, checkpoint = tmp_path / "out", tmp_path / "checkpoint"
    async with serving(minutely(300)) as (server, dataset):
        await begin(dataset, path, checkpoint=checkpoint, limit=50)
        server.requests.clear()
        with pytest.raises(JournalError, match=f"belongs to another export: {name} is"):
            await dataset.export_to(path, checkpoint=checkpoint, **OTHERS[name])
        assert [each for each in server.requests if each["limit"] != 50] == []
        file = await dataset.export_to(path, checkpoint=checkpoint, limit=100)
        assert (file.resumed, lines(path)) == (True, uids(minutely(300)))


async def test_a_checkpoint_of_another_server_dataset_or_path(tmp_path: Path) -> None:
    """A checkpoint is refused at another server, for another dataset and for another path."""
    path, checkpoint = tmp_path / "out", tmp_path / "checkpoint"
    (tmp_path / "folder").mkdir()
    options: dict[str, Any] = {"checkpoint": checkpoint}
    async with (
        serving(minutely(300)) as (server, dataset),
        serving(minutely(300)) as (_, elsewhere),
        CommunicationsMiningClient("token", server.url) as mining,
    ):
        await begin(dataset, path, limit=50, **options)
        with pytest.raises(JournalError, match="base_url is 'http"):
            await elsewhere.export_to(path, **options)
        with pytest.raises(JournalError, match="dataset is 'project/name' there"):
            await mining.dataset("project", "other").export_to(path, **options)
        for other in (tmp_path / "folder" / "out", tmp_path / "out2"):
            with pytest.raises(JournalError, match="path is"):
                await dataset.export_to(other, **options)
        await mining.dataset("project", "name").export_to(path, **options)
    assert lines(path) == uids(minutely(300))


def cut(part: Path) -> None:
    """Shorten a file."""
    part.write_bytes(part.read_bytes()[:-1])


def change(part: Path) -> None:
    """Change a byte of a file."""
    part.write_bytes(b"[" + part.read_bytes()[1:])


def replace_by_link(part: Path) -> None:
    """Put a link in the place of a file."""
    part.rename(part.with_name("moved"))
    part.symlink_to("moved")


@pytest.mark.parametrize("spoil", [Path.unlink, cut, change, replace_by_link])
@pytest.mark.parametrize("format_", ["jsonl", "parquet"])
async def test_a_part_file_that_somebody_changed(
    tmp_path: Path, spoil: Callable[[Path], None], format_: str
) -> None:
    """A part file that is not what the export wrote is refused, and the error says what to do."""
    path, checkpoint = tmp_path / "out", tmp_path / "checkpoint"
    options: dict[str, Any] = {"checkpoint": checkpoint, "format": format_}
    async with serving(minutely(300)) as (_, dataset):
        await begin(dataset, path, limit=50, **options)
        spoil(part_of(tmp_path))
        with pytest.raises(JournalError, match=r"remove the checkpoint .*checkpoint to begin"):
            await dataset.export_to(path, **options)
        checkpoint.unlink()
        file = await dataset.export_to(path, **options)
        assert (file.comments, file.resumed) == (300, False)


async def test_what_follows_the_part_that_counts_is_dropped(tmp_path: Path) -> None:
    """Bytes behind those that the checkpoint counts, as a kill leaves them, are read again."""
    path, checkpoint = tmp_path / "out", tmp_path / "checkpoint"
    async with serving(minutely(300)) as (_, dataset):
        await begin(dataset, path, limit=50, checkpoint=checkpoint)
        with part_of(tmp_path).open("ab") as part:
            part.write(b'{"comment":{"uid":"s.00050"}}\n{"half')
        await dataset.export_to(path, checkpoint=checkpoint)
    assert lines(path) == uids(minutely(300))


class KilledError(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("format_", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("moment", ["before the rename", "after the rename"])
async def test_killed_at_the_last_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: Any, moment: str
) -> None:
    """Ended beside the rename into its place, the file is whole after the next run."""
    from claro_async.storage.atomic import AtomicFile  # noqa: PLC0415 - what is broken here

    path, checkpoint = tmp_path / "out", tmp_path / "checkpoint"
    commit, options = AtomicFile.commit, {"checkpoint": checkpoint, "format": format_}

    async def killed(self: AtomicFile, *, durable: bool = True) -> int:
        if moment == "after the rename":
            await commit(self, durable=durable)
        raise KilledError

    async with serving(minutely(300)) as (server, dataset):
        await dataset.export_to(tmp_path / "expected", format=format_)
        with monkeypatch.context() as patch:
            patch.setattr(AtomicFile, "commit", killed)
            with pytest.raises(KilledError):
                await dataset.export_to(path, **options)
        assert path.exists() == (moment == "after the rename")
        server.requests.clear()
        file = await dataset.export_to(path, **options)
        assert server.requests == []
    assert (file.comments, file.resumed) == (300, True)
    assert content(path) == content(tmp_path / "expected")
    assert names(tmp_path) == ["expected", "out"]


async def test_another_file_at_the_target_is_not_taken_for_the_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that somebody put at the target after the rename is no whole export."""
    path, checkpoint = tmp_path / "out", tmp_path / "checkpoint"

    async def fail(self: Checkpoint, **_: object) -> None:
        self._database.close()  # as the end of the process does, which removes nothing
        raise KilledError

    async with serving(minutely(300)) as (_, dataset):
        with monkeypatch.context() as patch:
            patch.setattr(Checkpoint, "close", fail)
            with pytest.raises(KilledError):
                await dataset.export_to(path, checkpoint=checkpoint)
        path.write_bytes(b"mine")
        with pytest.raises(JournalError, match="missing or shorter"):
            await dataset.export_to(path, checkpoint=checkpoint)
    assert content(path) == b"mine"


async def test_an_error_without_a_checkpoint_leaves_nothing(tmp_path: Path) -> None:
    """Without a checkpoint an error, a callback's exception and a cancellation leave no file."""
    path = tmp_path / "out"
    async with serving(minutely(300)) as (server, dataset):
        with pytest.raises(StopError):
            await dataset.export_to(path, on_progress=stop)
        server.answer = lambda asked: rejection("no", 403) if "continuation" in asked else None
        with pytest.raises(Exception, match="no"):
            await dataset.export_to(path, limit=50)
        server.answer = lambda _: None
        started = asyncio.Event()
        task = asyncio.ensure_future(
            dataset.export_to(path, limit=1, on_progress=lambda _: started.set())
        )
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert names(tmp_path) == []


async def test_an_export_that_got_nothing_leaves_nothing(tmp_path: Path) -> None:
    """Where the first page fails, neither checkpoint nor part file is left; after it, both are."""
    path, checkpoint = tmp_path / "out", tmp_path / "checkpoint"
    async with serving(minutely(300)) as (server, dataset):
        server.answer = lambda _: rejection("no", 401)
        with pytest.raises(AuthenticationError):
            await dataset.export_to(path, checkpoint=checkpoint)
        assert names(tmp_path) == []
        server.answer = lambda asked: rejection("no", 401) if "continuation" in asked else None
        with pytest.raises(AuthenticationError):
            await dataset.export_to(path, checkpoint=checkpoint, limit=50)
        assert len(content(part_of(tmp_path)).splitlines()) == 50
        assert checkpoint in (tmp_path / name for name in names(tmp_path))


@pytest.mark.parametrize("format_", ["jsonl", "csv"])
@pytest.mark.parametrize("failing", [1, 2, 4, 7])
async def test_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int, format_: Any
) -> None:
    """When the disk is full the error comes out, and the next run goes on and loses nothing."""
    path, checkpoint, writes = tmp_path / "out", tmp_path / "checkpoint", 0

    def write(file: Any, data: bytes) -> None:
        nonlocal writes
        writes += 1
        if writes == failing:
            file.write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        write_all(file, data)

    options: dict[str, Any] = {"checkpoint": checkpoint, "limit": 50, "format": format_}
    async with serving(minutely(600)) as (_, dataset):
        with monkeypatch.context() as patch:
            patch.setattr("claro_async.storage.growing.write_all", write)
            patch.setattr("claro_async.communications_mining.files._LONGEST_UNRECORDED", 0.0)
            with pytest.raises(OSError, match="No space left"):
                await dataset.export_to(path, **options)
        assert not path.exists()
        file = await dataset.export_to(path, **options)
        await dataset.export_to(tmp_path / "expected", format=format_)
    assert (file.comments, file.resumed) == (600, failing > 1)
    assert content(path) == content(tmp_path / "expected")
    assert names(tmp_path) == ["expected", "out"]


async def test_a_callback_stops_the_export_as_a_cancellation_does(tmp_path: Path) -> None:
    """What `on_progress` raises comes out as it is; the page that it saw is kept."""
    path, checkpoint = tmp_path / "out", tmp_path / "checkpoint"
    error = StopError("enough")
    seen: list[ExportProgress] = []

    def progress(done: ExportProgress) -> None:
        seen.append(done)
        if done.pages == 3:
            raise error

    async with serving(minutely(300)) as (server, dataset):
        with pytest.raises(StopError) as caught:
            await dataset.export_to(path, checkpoint=checkpoint, limit=50, on_progress=progress)
        assert caught.value is error
        assert len(content(part_of(tmp_path)).splitlines()) == 150
        server.requests.clear()
        await dataset.export_to(path, checkpoint=checkpoint, limit=50, on_progress=seen.append)
        assert [each for each in server.requests if each["continuation"] < "a.150"] == []
    assert lines(path) == uids(minutely(300))
    assert [(each.done, each.pages) for each in seen] == [
        (50, 1), (100, 2), (150, 3), (200, 1), (250, 2), (300, 3),
    ]  # fmt: skip


async def test_progress(tmp_path: Path) -> None:
    """The progress record counts rows and bytes, and is plain JSON when asked for it."""
    seen: list[ExportProgress] = []
    async with serving(minutely(60)) as (_, dataset):
        file = await dataset.export_to(tmp_path / "out", limit=50, on_progress=seen.append)
    last = seen[-1]
    assert (last.unit, last.done, last.comments, last.total) == ("rows", 60, 60, None)
    assert (last.size, last.pages, last.fraction) == (file.size, 2, None)
    assert last.seconds >= seen[0].seconds >= 0
    assert json.loads(json.dumps(last.to_dict()))["pages"] == 2
    assert pickle.loads(pickle.dumps(last)) == last  # noqa: S301 - our own


async def test_unknown_keywords(tmp_path: Path) -> None:
    """A keyword that there is not is refused as Python does, before anything is sent."""
    options: Any = {"page_size": 3}
    async with serving(minutely(3)) as (server, dataset):
        with pytest.raises(TypeError, match=r"export_to\(\) got an unexpected keyword"):
            await dataset.export_to(tmp_path / "out", **options)
        with pytest.raises(TypeError, match=r"export\(\) got an unexpected keyword"):
            dataset.export(**options)
    assert server.requests == []


@pytest.mark.parametrize("callback", [3, asyncio.sleep])
async def test_callbacks_that_cannot_be_called(tmp_path: Path, callback: Any) -> None:
    """What is not callable, or would have to be awaited, is refused before anything is sent."""
    async with serving(minutely(3)) as (server, dataset):
        with pytest.raises(TypeError, match="on_progress"):
            await dataset.export_to(tmp_path / "out", on_progress=callback)
    assert server.requests == []


async def test_records_are_plain(tmp_path: Path) -> None:
    """What the room returns goes through JSON and pickle."""
    async with serving([comment("a")]) as (server, dataset):
        file = await dataset.export_to(tmp_path / "out")
        server.answer = lambda _: page_of([])
    for record in (file, DatasetDeletion(project="p", name="n")):
        assert json.loads(json.dumps(record.to_dict()))
        assert pickle.loads(pickle.dumps(record)) == record  # noqa: S301 - our own
    assert file == CommentFile(**{**file.to_dict(), "path": file.path})


async def test_the_event_loop_goes_on_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a flush to the disk nor a record of the checkpoint happens in the event loop."""
    loop_thread: list[bool] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        try:
            asyncio.get_running_loop()
            loop_thread.append(True)
        except RuntimeError:
            loop_thread.append(False)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    async with serving(minutely(300)) as (_, dataset):
        for name in ("out.jsonl", "out.parquet"):
            await dataset.export_to(tmp_path / name, checkpoint=tmp_path / "c", limit=50)
    assert loop_thread
    assert not any(loop_thread)

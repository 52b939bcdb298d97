"""Exports to files: whole or not there, and taken up again after any end."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pytest
from pyarrow import parquet

from claro_async.communications_mining.checkpoint import Checkpoint
from claro_async.emulator import Emulator
from claro_async.errors import ConnectionFailedError, JournalError
from tests.folders import names as contents

if TYPE_CHECKING:
    from claro_async.communications_mining import (
        CommunicationsMiningClient,
        Dataset,
        ExportProgress,
    )
    from claro_async.communications_mining.comment_file import CommentFile

EXPORT = "mining.exportDataset"
PROGRAM = Path(__file__).parent / "exporter.py"


def part_of(folder: Path) -> Path:
    """The part file that an interrupted export has left."""
    (part,) = folder.glob(".claro-*.resume")
    return part


def lines(path: Path) -> list[str]:
    """The uids in a file of JSON lines."""
    return [json.loads(line)["comment"]["uid"] for line in path.read_bytes().splitlines()]


async def test_json_lines(example: Dataset, emulator: Emulator, tmp_path: Path) -> None:
    """A line a comment, as it came, and nothing else left in the folder."""
    seen: list[ExportProgress] = []
    path = tmp_path / "comments.jsonl"
    file = await example.export_to(path, on_progress=seen.append)
    assert lines(path) == emulator.mining.uids("project", "example")
    assert (file.path, file.comments, file.resumed, file.duplicates) == (path, 1000, False, 0)
    assert file.size == path.stat().st_size == seen[-1].size
    assert [each.comments for each in seen] == [256, 512, 768, 1000]
    assert contents(tmp_path) == [path.name]
    streamed = [comment.to_json() async for comment in example.export()]
    assert path.read_bytes().splitlines() == streamed


async def test_parquet(example: Dataset, tmp_path: Path) -> None:
    """Each documented field is in its column; the table equals the stream, comment by comment."""
    path = tmp_path / "comments.parquet"
    file = await example.export_to(str(path), format="parquet")
    assert file.comments == 1000
    table = parquet.read_table(path)
    assert table.schema.field("timestamp").type == pa.timestamp("us", "UTC")
    rows = table.to_pylist()
    at = 0
    async for each in example.export():
        row, comment = rows[at], each.comment
        at += 1
        assert row["uid"] == each.uid
        assert (row["timestamp"], row["created_at"]) == (comment.timestamp, comment.created_at)
        assert json.loads(row["user_properties"]) == comment.user_properties
        assert row["messages"][0]["body"] == comment.messages[0].body.text
        assert row["messages"][0]["from"] == comment.messages[0].from_
        names = [label["name"] for label in row["assigned_labels"]]
        assert names == [label.name for label in each.assigned_labels]
        scores = [label["probability"] for label in row["predicted_labels"]]
        assert scores == [label.probability for label in each.predicted_labels]
    assert at == len(rows)
    assert contents(tmp_path) == [path.name]


async def test_parquet_of_little(
    mining: CommunicationsMiningClient, emulator: Emulator, tmp_path: Path
) -> None:
    """Comments that lack everything optional, and no comments at all, make a file too."""
    emulator.mining.add_dataset(
        "project",
        "d",
        [{"comment": {"uid": "a.b", "timestamp": "2020-01-01"}, "predictions": None}],
    )
    await mining.dataset("project", "d").export_to(tmp_path / "one.parquet", format="parquet")
    (row,) = parquet.read_table(tmp_path / "one.parquet").to_pylist()
    assert (row["uid"], row["predicted_labels"]) == ("a.b", None)
    dataset = mining.dataset("project", "d")
    file = await dataset.export_to(tmp_path / "none.parquet", format="parquet", comment_uids=[])
    assert file.comments == 0
    assert parquet.read_table(tmp_path / "none.parquet").num_rows == 0


async def test_windows_and_uids(example: Dataset, emulator: Emulator, tmp_path: Path) -> None:
    """All that `export` takes, `export_to` takes."""
    expected = emulator.mining.uids("project", "example")
    await example.export_to(tmp_path / "w", windows=4, checkpoint=tmp_path / "c", limit=50)
    assert lines(tmp_path / "w") == expected
    file = await example.export_to(tmp_path / "u", comment_uids=expected[:300])
    assert (file.comments, sorted(lines(tmp_path / "u"))) == (300, sorted(expected[:300]))


async def test_a_failure_without_checkpoint_leaves_nothing(
    example: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """Without a checkpoint a failed export leaves what was there before, and no part."""
    path = tmp_path / "comments.jsonl"
    path.write_text("before")
    emulator.faults.add(EXPORT, "reset", after=2)
    with pytest.raises(ConnectionFailedError):
        await example.export_to(path)
    assert path.read_text() == "before"
    assert contents(tmp_path) == [path.name]


@pytest.mark.parametrize("format_", ["jsonl", "parquet"])
async def test_a_failure_with_checkpoint_is_gone_on_from(
    example: Dataset, emulator: Emulator, tmp_path: Path, format_: Any
) -> None:
    """The same call goes on behind the last whole page, and removes the checkpoint at the end."""
    path, checkpoint = tmp_path / "comments", tmp_path / "checkpoint"
    fault = emulator.faults.add(EXPORT, "reset", after=3)

    async def export() -> CommentFile:
        return await example.export_to(path, format=format_, checkpoint=checkpoint)

    with pytest.raises(ConnectionFailedError):
        await export()
    assert not path.exists()
    fault.remove()
    emulator.ledger.clear()
    file = await export()
    assert (file.comments, file.resumed) == (1000, True)
    assert emulator.ledger.count(EXPORT) == 1
    assert contents(tmp_path) == [path.name]
    expected = emulator.mining.uids("project", "example")
    if format_ == "jsonl":
        assert lines(path) == expected
    else:
        assert parquet.read_table(path)["uid"].to_pylist() == expected


async def test_a_cancelled_export_is_gone_on_from(
    example: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """Cancellation is recorded as a failure is; the next call goes on."""
    path, checkpoint = tmp_path / "comments", tmp_path / "checkpoint"
    reached = asyncio.Event()

    def progress(done: ExportProgress) -> None:
        if done.pages == 4:
            reached.set()

    task = asyncio.ensure_future(
        example.export_to(path, checkpoint=checkpoint, limit=50, on_progress=progress)
    )
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    emulator.ledger.clear()
    file = await example.export_to(path, checkpoint=checkpoint, limit=50)
    assert file.resumed
    assert emulator.ledger.count(EXPORT) <= 16
    assert lines(path) == emulator.mining.uids("project", "example")


async def test_an_end_at_the_last_moment(example: Dataset, tmp_path: Path) -> None:
    """Ended between putting the file in its place and removing the checkpoint, it is whole."""
    path, checkpoint = tmp_path / "comments", tmp_path / "checkpoint"
    saved: list[bytes] = []

    def progress(done: ExportProgress) -> None:
        if done.comments == 1000:
            saved.append(checkpoint.read_bytes())

    await example.export_to(path, checkpoint=checkpoint, on_progress=progress)
    whole = path.read_bytes()
    checkpoint.write_bytes(saved[0])
    with closing(sqlite3.connect(checkpoint)) as connection, connection:
        connection.execute(
            "UPDATE export SET comments = 1000, whole = 1, final_size = ?, final_digest = ?",
            (len(whole), hashlib.sha256(whole).hexdigest()),
        )
    file = await example.export_to(path, checkpoint=checkpoint)
    assert (file.comments, file.resumed) == (1000, True)
    assert path.read_bytes() == whole
    assert contents(tmp_path) == [path.name]


async def interrupted(dataset: Dataset, emulator: Emulator, folder: Path, **options: Any) -> None:
    """Begin an export that fails on its way."""
    fault = emulator.faults.add(EXPORT, "reset", after=2)
    with pytest.raises(ConnectionFailedError):
        await dataset.export_to(folder / "comments", checkpoint=folder / "checkpoint", **options)
    fault.remove()


async def test_a_checkpoint_of_another_export(
    example: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """A checkpoint of another file, format or filter is refused, and kept."""
    await interrupted(example, emulator, tmp_path)
    checkpoint = tmp_path / "checkpoint"
    others: list[tuple[str, dict[str, Any]]] = [
        ("other", {}),
        ("comments", {"format": "parquet"}),
        ("comments", {"order_by": "created_at"}),
        ("comments", {"comment_uids": ["a.b"]}),
    ]
    for name, options in others:
        with pytest.raises(JournalError, match="belongs to another export"):
            await example.export_to(tmp_path / name, checkpoint=checkpoint, **options)
    await example.export_to(tmp_path / "comments", checkpoint=checkpoint)
    assert lines(tmp_path / "comments") == emulator.mining.uids("project", "example")


async def test_checkpoints_that_cannot_be_used(
    example: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """Foreign, damaged, in use, without its part, or the file itself: refused and left alone."""
    path, checkpoint = tmp_path / "comments", tmp_path / "checkpoint"
    checkpoint.write_text("my notes, which are longer than the header of a database " * 10)
    with pytest.raises(JournalError, match="not a checkpoint"):
        await example.export_to(path, checkpoint=checkpoint)
    assert checkpoint.read_text().startswith("my notes")
    checkpoint.unlink()
    with closing(sqlite3.connect(checkpoint)) as connection, connection:
        connection.execute("CREATE TABLE mine (value)")
    with pytest.raises(JournalError, match="not a checkpoint"):
        await example.export_to(path, checkpoint=checkpoint)
    checkpoint.unlink()
    await interrupted(example, emulator, tmp_path)
    with closing(sqlite3.connect(checkpoint)) as connection:
        (job,) = connection.execute("SELECT job FROM export").fetchone()
    held = await Checkpoint.open(checkpoint, json.loads(job))
    with pytest.raises(JournalError, match="in use"):
        await example.export_to(path, checkpoint=checkpoint)
    await held.close()
    part_of(tmp_path).unlink()
    with pytest.raises(JournalError, match="missing or shorter"):
        await example.export_to(path, checkpoint=checkpoint)
    with pytest.raises(JournalError, match="cannot be opened"):
        await example.export_to(path, checkpoint=tmp_path / "no" / "folder")
    with pytest.raises(ValueError, match="another file"):
        await example.export_to(path, checkpoint=path)
    with pytest.raises(ValueError, match="format"):
        await example.export_to(path, format=cast("Any", "xml"))


async def test_no_secret_in_the_checkpoint(
    example: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """Neither the token nor a comment's text is in the checkpoint."""
    await interrupted(example, emulator, tmp_path)
    held = (tmp_path / "checkpoint").read_bytes()
    assert emulator.mining_token.encode() not in held
    assert b"organisation.org" not in held


def start(job: dict[str, Any]) -> subprocess.Popen[str]:
    """Start the program that exports, and wait until it does."""
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-P", str(PROGRAM), json.dumps(job)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


def kill_after(pages: int, process: subprocess.Popen[str]) -> bool:
    """Kill a program by its pid after so many pages; tell whether it was still there."""
    assert process.stdout is not None
    for _ in range(pages):
        if process.stdout.readline().startswith("{"):
            return False
    process.send_signal(signal.SIGKILL)
    return True


@pytest.mark.parametrize(
    ("format_", "windows", "kills"), [("jsonl", 1, 20), ("jsonl", 3, 6), ("parquet", 1, 4)]
)
def test_killed_and_resumed(tmp_path: Path, format_: str, windows: int, kills: int) -> None:
    """Killed at random points and run again, the program ends with each comment exactly once."""
    random = Random(kills)  # noqa: S311 - repeatable
    path, checkpoint = tmp_path / "comments", tmp_path / "checkpoint"
    with Emulator(sample_world=False, latency=0.004) as emulator:
        emulator.mining.add_dataset("project", "d", 500 * kills)
        emulator.faults.add(EXPORT, "overlap", probability=0.1)
        expected = emulator.mining.uids("project", "d")
        options = {
            "format": format_,
            "checkpoint": str(checkpoint),
            "limit": 20,
            "windows": windows,
        }
        job = {
            "token": emulator.mining_token,
            "base_url": emulator.mining_base_url,
            "dataset": "d",
            "path": str(path),
            "options": options,
        }
        killed, out = 0, ""
        while not path.exists():
            process = start(job)
            if killed < kills:
                killed += kill_after(random.randrange(1, 25), process)
            out, _ = process.communicate()
        assert killed == kills
        assert json.loads(out.splitlines()[-1])["resumed"]
    if format_ == "jsonl":
        assert lines(path) == expected
    else:
        assert parquet.read_table(path)["uid"].to_pylist() == expected


def test_a_hundred_thousand_comments_in_constant_memory(tmp_path: Path) -> None:
    """100,000 comments (94 MB) grow the memory of the program by less than 12 MB."""
    with Emulator(sample_world=False) as emulator:
        emulator.mining.add_dataset("project", "d", 100_000)
        job = {
            "token": emulator.mining_token,
            "base_url": emulator.mining_base_url,
            "dataset": "d",
            "path": str(tmp_path / "comments.jsonl"),
            "options": {"checkpoint": str(tmp_path / "checkpoint")},
        }
        process = start(job)
        out, _ = process.communicate()
        seen = json.loads(out.splitlines()[-1])
        assert process.returncode == 0
        assert seen["comments"] == 100_000
        assert seen["grown"] < 12 * 2**20
        found = set(lines(tmp_path / "comments.jsonl"))
        assert found == set(emulator.mining.uids("project", "d"))

"""The file that says how far an export is: what is in it, whose it is, and what cannot be one."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from claro_async.communications_mining.checkpoint import Checkpoint, Content, Record
from claro_async.errors import JournalError
from tests.folders import names

if TYPE_CHECKING:
    from pathlib import Path

JOB: dict[str, Any] = {"dataset": "p/n", "from": None, "windows": 2}
RECORDS = [
    Record(),
    Record(part="a.resume"),
    Record(
        part="b.resume",
        continuation="text",
        lines=Content(size=5, digest="d"),
        comments=3,
        whole=False,
    ),
    Record(
        part="c", lines=Content(size=7, digest="e"), comments=4, whole=True, final=Content(size=1)
    ),
    Record(final=Content(size=0, digest="f"), whole=True),
]


@pytest.mark.parametrize("record", RECORDS)
async def test_what_is_written_is_read(tmp_path: Path, record: Record) -> None:
    """A record is the same after it was written, and after the file was closed and opened."""
    path = tmp_path / "checkpoint"
    checkpoint = await Checkpoint.open(path, JOB)
    assert await checkpoint.read() == Record()
    await checkpoint.write(RECORDS[2])
    await checkpoint.write(record)
    assert await checkpoint.read() == record
    await checkpoint.close()
    again = await Checkpoint.open(path, dict(reversed(JOB.items())))
    assert await again.read() == record
    await again.close(remove=True)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"dataset": "p/m"}, "dataset is 'p/n' there, and 'p/m' here"),
        ({"from": "2020"}, "from is None there, and '2020' here"),
        ({"windows": 3}, "windows is 2 there, and 3 here"),
        ({"new": 1}, "new is None there, and 1 here"),
    ],
)
async def test_a_checkpoint_of_another_job(
    tmp_path: Path, change: dict[str, Any], text: str
) -> None:
    """What differs is named with both values; the file is unlocked, and as it was."""
    path = tmp_path / "checkpoint"
    checkpoint = await Checkpoint.open(path, JOB)
    await checkpoint.write(RECORDS[2])
    await checkpoint.close()
    with pytest.raises(JournalError) as caught:
        await Checkpoint.open(path, JOB | change)
    assert str(caught.value).startswith(f"checkpoint {path} belongs to another export: {text};")
    again = await Checkpoint.open(path, JOB)
    assert await again.read() == RECORDS[2]
    await again.close()


def text_file(path: Path) -> None:
    """A file of text."""
    path.write_text("notes " * 1000)


def foreign(path: Path) -> None:
    """Another program's database."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE mine (value)")


def version(path: Path) -> None:
    """A checkpoint of another version."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE export (job)")
        connection.execute(f"PRAGMA application_id = {0x436D4578}")
        connection.execute("PRAGMA user_version = 1")


def damaged(path: Path) -> None:
    """A checkpoint whose pages are overwritten."""
    version(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA user_version = 2")
    content = path.read_bytes()
    path.write_bytes(content[:110] + os.urandom(len(content) - 110))


BAD = {
    text_file: "is not a checkpoint: choose another file",
    foreign: "is not a checkpoint: choose another file",
    version: "was written by another version of this package: remove it to begin anew",
    damaged: "is damaged: remove it to begin anew",
}


@pytest.mark.parametrize("make", BAD)
async def test_files_that_are_no_checkpoints(tmp_path: Path, make: Any) -> None:
    """Each kind is named, with the way out, and the file is left as it is."""
    path = tmp_path / "checkpoint"
    make(path)
    before = path.read_bytes()
    with pytest.raises(JournalError) as caught:
        await Checkpoint.open(path, JOB)
    assert str(caught.value) == f"checkpoint {path} {BAD[make]}"
    assert path.read_bytes() == before


async def test_one_export_at_a_time(tmp_path: Path) -> None:
    """A second one is refused while it is open, and finds it after it was closed."""
    path = tmp_path / "checkpoint"
    first = await Checkpoint.open(path, JOB)
    with pytest.raises(JournalError, match="is in use by another export"):
        await Checkpoint.open(path, JOB)
    await first.close()
    second = await Checkpoint.open(path, JOB)
    await second.close()
    with pytest.raises(JournalError, match="cannot be opened: "):
        await Checkpoint.open(tmp_path / "no" / "folder", JOB)

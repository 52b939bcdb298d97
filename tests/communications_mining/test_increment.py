"""Exports that take up from the last complete one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import ConnectionFailedError, JournalError
from claro_async.communications_mining import increment
from tests.folders import names

if TYPE_CHECKING:
    from pathlib import Path

    from claro_async.communications_mining import CommunicationsMiningClient, Dataset
    from claro_async.emulator import Emulator

EXPORT = "mining.exportDataset"
START = datetime(2024, 1, 1, tzinfo=UTC)


def comment(number: int, minute: int) -> dict[str, Any]:
    """A comment of some minute."""
    time = (START + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")
    return {
        "id": f"{number:04x}",
        "source_id": "18ba5ce699f8da1f",
        "timestamp": time,
        "created_at": time,
        "messages": [{"body": {"text": f"comment {number}"}}],
    }


@pytest.fixture
def growing(mining: CommunicationsMiningClient, emulator: Emulator) -> Dataset:
    """A dataset of 300 comments, the last three of which have one time."""
    emulator.mining.add_dataset("project", "growing", 0)
    comments = [comment(n, min(n, 297)) for n in range(300)]
    emulator.mining.add_comments("project", "growing", comments)
    return mining.dataset("project", "growing")


def uids(path: Path) -> list[str]:
    """The uids in a file of JSON lines."""
    return [json.loads(line)["comment"]["uid"] for line in path.read_bytes().splitlines()]


async def test_a_second_run_adds_what_came_since(
    growing: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """Comments of the last time are not doubled, and new ones of that very time are not missed."""
    path = tmp_path / "c.jsonl"
    first = await growing.export_to(path, since_last=True, limit=100)
    assert (first.comments, first.resumed) == (300, False)
    assert emulator.ledger.count(EXPORT) == 3
    emulator.mining.add_comments(
        "project", "growing", [comment(300, 297), comment(301, 298), comment(302, 400)]
    )
    seen: list[int] = []
    second = await growing.export_to(
        path, since_last=True, limit=100, on_progress=lambda progress: seen.append(progress.done)
    )
    assert (second.comments, second.resumed) == (303, True)
    assert emulator.ledger.count(EXPORT) == 4
    assert seen == [303]
    assert sorted(uids(path)) == sorted(emulator.mining.uids("project", "growing"))
    assert len(set(uids(path))) == 303
    assert second.size == len(path.read_bytes())
    third = await growing.export_to(path, since_last=True)
    assert third.comments == 303
    assert names(tmp_path) == ["c.jsonl", "c.jsonl.last"]


async def test_a_run_that_breaks_off_changes_nothing(
    growing: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """The file is as the last complete run left it, and the next run takes up from there."""
    await growing.export_to(tmp_path / "c.jsonl", since_last=True)
    before = (tmp_path / "c.jsonl").read_bytes()
    emulator.mining.add_comments(
        "project", "growing", [comment(n, 300 + n) for n in range(300, 900)]
    )
    fault = emulator.faults.add(EXPORT, "reset", after=1)
    with pytest.raises(ConnectionFailedError):
        await growing.export_to(tmp_path / "c.jsonl", since_last=True)
    assert (tmp_path / "c.jsonl").read_bytes() == before
    fault.remove()
    await growing.export_to(tmp_path / "c.jsonl", since_last=True)
    assert uids(tmp_path / "c.jsonl") == emulator.mining.uids("project", "growing")
    assert names(tmp_path) == ["c.jsonl", "c.jsonl.last"]


async def test_killed_between_the_file_and_its_note(
    growing: Dataset, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file that holds more than was noted is taken up from there: nothing is doubled."""
    await growing.export_to(tmp_path / "c.jsonl", since_last=True)
    emulator.mining.add_comments(
        "project", "growing", [comment(n, 300 + n) for n in range(300, 400)]
    )

    def die(*_: object) -> str:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(increment, "_digest_from", die)
        with pytest.raises(MemoryError):
            await growing.export_to(tmp_path / "c.jsonl", since_last=True)
    assert len(uids(tmp_path / "c.jsonl")) == 400
    file = await growing.export_to(tmp_path / "c.jsonl", since_last=True)
    assert file.comments == 400
    assert uids(tmp_path / "c.jsonl") == emulator.mining.uids("project", "growing")


async def test_files_that_are_not_the_last_ones(growing: Dataset, tmp_path: Path) -> None:
    """A file that was changed or is gone, another export, a damaged note: each is named."""
    path, note = tmp_path / "c.jsonl", tmp_path / "c.jsonl.last"
    await growing.export_to(path, since_last=True)
    content = path.read_bytes()
    with pytest.raises(JournalError, match="of another export"):
        await growing.export_to(path, since_last=True, order_by="created_at")
    path.write_bytes(content.replace(b"comment 7", b"comment 8"))
    with pytest.raises(JournalError, match="is not the file that"):
        await growing.export_to(path, since_last=True)
    path.unlink()
    with pytest.raises(JournalError, match="is not the file that"):
        await growing.export_to(path, since_last=True)
    note.write_text("{", "utf-8")
    with pytest.raises(JournalError, match="is damaged"):
        await growing.export_to(path, since_last=True)
    note.write_text(json.dumps({"version": 9, "job": {}}), "utf-8")
    with pytest.raises(JournalError, match="later version"):
        await growing.export_to(path, since_last=True)
    note.unlink()
    await growing.export_to(tmp_path, since_last=True)
    assert (tmp_path / "growing.jsonl").read_bytes() == content


async def test_what_does_not_go_with_it(
    growing: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """Another format, a checkpoint and uids are refused before anything is sent."""
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("c.csv", {}),
        ("c.jsonl", {"checkpoint": tmp_path / "c"}),
        ("c.jsonl", {"comment_uids": ["a.b"]}),
    ]
    for name, options in wrong:
        with pytest.raises(ValueError, match="since_last"):
            await growing.export_to(tmp_path / name, since_last=True, **options)
    assert emulator.ledger.requests == []


async def test_comments_without_any(
    mining: CommunicationsMiningClient, emulator: Emulator, tmp_path: Path
) -> None:
    """An empty dataset makes an empty file, which a later run adds to."""
    emulator.mining.add_dataset("project", "empty", 0)
    dataset = mining.dataset("project", "empty")
    assert (await dataset.export_to(tmp_path / "e.jsonl", since_last=True)).comments == 0
    emulator.mining.add_comments("project", "empty", [comment(1, 1)])
    assert (await dataset.export_to(tmp_path / "e.jsonl", since_last=True)).comments == 1

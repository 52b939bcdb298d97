"""The journal's file: locked for good, without values where none are kept, never in the way."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from claro_async import JournalError, JournalIncompleteError, journal_status
from claro_async.bulk import journal as journals
from claro_async.bulk.edits import StagedEdit
from claro_async.bulk.journal import Journal
from claro_async.testing import HttpReply, json_reply
from tests.bulk.journals import ALONE
from tests.bulk.table import LOST, Asked, Table, dataset
from tests.folders import names
from tests.watching import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXPIRED = json_reply({"error": "the key has expired", "code": "UNAUTHORIZED"}, status=401)
OPEN_ELSEWHERE = """
import asyncio, sys
from claro_async import JournalError
from tests.bulk.journals import states
try:
    asyncio.run(states(sys.argv[1]))
except JournalError as error:
    print(error)
"""


async def test_no_descriptor_drops_the_lock(tmp_path: Path) -> None:
    """Reading, copying and closing the file in its process lets no other process in."""
    path = tmp_path / "j"
    table = Table(3)
    async with table.client() as claro:
        await dataset(claro).update_cells(table.edits("new"), journal=path)
    async with await Journal.open(path, ALONE):
        content_of(tmp_path)
        os.close(os.open(path, os.O_RDWR))
        journal_status(path)
        with pytest.raises(JournalError, match="in use"):
            await Journal.open(path, ALONE)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        printed = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", OPEN_ELSEWHERE, str(path)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        assert "in use" in printed.stdout
    assert names(tmp_path) == ["j"]


# --- values


def content_of(folder: Path) -> bytes:
    """All bytes of all files."""
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


async def test_no_value_of_an_ended_edit_is_kept(tmp_path: Path) -> None:
    """Without values, none is in the file once its edit has an outcome, whichever that is."""
    table, path = Table(120, value="SECRET-before"), tmp_path / "j"
    table.cells["r1.c1"] = "SECRET-unchanged"
    table.cells["r2.c1"] = "SECRET-read-back"

    def answer(asked: Asked) -> HttpReply | None:
        if asked.place == "r3.c1":
            error = {"error": f"{asked.value} is not allowed", "code": "INVALID_PARAMETERS"}
            return json_reply(error, status=422)
        return None

    table.answer = answer
    edits: list[Any] = [
        ("r1.c1", "SECRET-unchanged"),
        ("r2.c1", "SECRET-superseded"),
        ("r2.c1", "SECRET-updated"),
        ("r3.c1", "SECRET-rejected"),
        ("nowhere", "SECRET-not-found"),
        ("r4", "colour", "SECRET-no-column"),
        ("r5", "name", "SECRET-by-row"),
        {"SECRET-not-an-edit"},
        ("r6.c1", {"SECRET-not-sendable": object()}),
        *((f"r{row}.c1", f"SECRET-{row}") for row in range(10, 120)),
    ]
    async with table.client() as claro:
        report = await dataset(claro).update_cells(
            iter(edits), journal=path, journal_values=False, skip_unchanged=True
        )
        assert (report.updated, report.unchanged, report.superseded) == (112, 1, 1)
        assert report.failed == 5
        assert b"SECRET" not in content_of(tmp_path)
        again = await claro.resume_updates(path)
        assert (again.updated, again.failed) == (112, 5)
    assert b"SECRET" not in content_of(tmp_path)


async def test_no_value_is_kept_of_what_a_resume_read_back(tmp_path: Path) -> None:
    """Without values, an edit that a page shows as applied leaves none."""
    table, path = Table(3, value="SECRET-before"), tmp_path / "j"

    def answer(asked: Asked) -> HttpReply | None:
        if asked.method == "PATCH" and asked.place == "r0.c1":
            table.apply(asked)
            raise LOST
        return EXPIRED if asked.method == "PATCH" else None

    table.answer = answer
    edits = [("r0.c1", "SECRET-lost"), ("r1.c1", "SECRET-open")]
    async with table.client() as claro:
        await dataset(claro).update_cells(
            edits, journal=path, journal_values=False, skip_unchanged=False, max_concurrency=1
        )
        report = await claro.resume_updates(path)
        assert (report.updated, report.not_sent) == (1, 1)
        content = content_of(tmp_path)
        assert b"SECRET-open" in content
        assert b"SECRET-lost" not in content
        assert b"SECRET-before" not in content


# --- birth


@pytest.mark.parametrize("left", ["nothing", "an empty database", "no input", "half an input"])
async def test_a_journal_killed_at_birth_says_so_and_is_started_over(
    tmp_path: Path, left: str
) -> None:
    """What a kill leaves of a journal in the making says to start again, and can be."""
    table, path = Table(3), tmp_path / "j"
    if left in {"no input", "half an input"}:
        await begin_input(path, half=left == "half an input")
    else:
        make_empty(path, is_database=left == "an empty database")
    async with table.client() as claro:
        for ask in (claro.resume_updates, claro.revert_updates):
            with pytest.raises(JournalIncompleteError, match="start again"):
                await ask(path)
        report = await dataset(claro).update_cells(table.edits("new"), journal=path, resume=True)
        assert (report.updated, report.total) == (3, 3)
        assert (await claro.resume_updates(path)).updated == 3


def make_empty(path: Path, *, is_database: bool) -> None:
    """What a kill leaves before the tables are made."""
    path.touch(0o600)
    if is_database:
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.close()


async def begin_input(path: Path, *, half: bool) -> None:
    """What a kill leaves before the input is in."""
    about = {"values": "kept", "kind": "update", "base_url": "", "dataset_id": "d"}
    async with await Journal.create(path, about, ALONE) as journal:
        if half:
            await journal.edits.insert(0, [StagedEdit("r0.c1", None, None, b'"other"')])


async def test_an_input_that_breaks_off_leaves_no_journal(tmp_path: Path) -> None:
    """Where the caller's own iterator raises, its error comes out and the name is free again."""
    table, path = Table(3), tmp_path / "j"

    def broken() -> Iterator[Any]:
        yield from table.edits("other")
        raise LookupError("the caller's own")

    async with table.client() as claro:
        with pytest.raises(LookupError):
            await dataset(claro).update_cells(broken(), journal=path)
        assert not path.exists()
        assert (await dataset(claro).update_cells(table.edits("new"), journal=path)).updated == 3


# --- a full disk


def limit_pages(monkeypatch: pytest.MonkeyPatch, pages: int) -> None:
    """Journals take so many pages of 4 KiB: SQLite then says what it says of a full disk."""
    for name in ("KIND", "_NEW"):
        kind = getattr(journals, name)
        limit = f"PRAGMA max_page_count = {pages}"
        monkeypatch.setattr(journals, name, attrs.evolve(kind, settings=(*kind.settings, limit)))


@pytest.mark.parametrize("pages", [1, 5, 12])
async def test_no_room_for_the_input_is_a_journal_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    """A journal that has no room for its input says so, sends nothing and leaves nothing."""
    table, path = Table(800), tmp_path / "j"
    keyed = Table(1, {"k": "key", "t": "text"})
    async with table.client() as claro, keyed.client() as other_client:
        other = dataset(other_client)
        with monkeypatch.context() as full:
            limit_pages(full, pages)
            with pytest.raises(JournalError):
                await dataset(claro).update_cells(
                    table.edits("new" * 40), journal=path, skip_unchanged=False
                )
            with pytest.raises(JournalError):
                await other.update_from(
                    [{"key": "old", "text": "x" * 100_000}], key="key", journal=tmp_path / "k"
                )
        assert names(tmp_path) == []
        assert not table.writes
        await dataset(claro).update_cells(table.edits("new"), journal=path)
    assert set(table.cells.values()) == {"new"}


async def test_no_room_midway_ends_the_job_and_a_resume_does_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal that fills up while it is sent ends its job by an error; nothing is sent unseen."""
    table, path = Table(300, value="x" * 2000), tmp_path / "j"
    async with table.client() as claro:
        with monkeypatch.context() as full:
            limit_pages(full, 30)
            with pytest.raises(JournalError, match="cannot be written"):
                await dataset(claro).update_cells(
                    table.edits("new"), journal=path, skip_unchanged=False, max_concurrency=4
                )
        sent = len(table.writes)
        assert 0 < sent < 300
        report = await claro.resume_updates(path)
        assert (report.updated, report.total) == (300, 300)
        assert report.earlier_requests <= sent
    assert set(table.cells.values()) == {"new"}


async def test_no_room_for_a_revert_leaves_nothing_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A revert without room ends by a JournalError, and is run again when there is some."""
    table, path = Table(600, value="x" * 300), tmp_path / "j"
    async with table.client() as claro:
        await dataset(claro).update_cells(table.edits("new"), journal=path, skip_unchanged=False)
        with monkeypatch.context() as full:
            limit_pages(full, path.stat().st_size // 4096 + 2)
            with pytest.raises(JournalError):
                await claro.revert_updates(path)
        report = await claro.revert_updates(path)
    assert report.updated == 600
    assert set(table.cells.values()) == {"x" * 300}


async def test_a_cancelled_job_is_cancelled_whatever_the_journal_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the last commit of a cancelled job fails, its task is cancelled all the same."""
    table, path = Table(400, value="x" * 3000), tmp_path / "j"
    async with table.client() as claro:
        limit_pages(monkeypatch, 25)
        job = asyncio.ensure_future(
            dataset(claro).update_cells(table.edits("new"), journal=path, skip_unchanged=False)
        )
        await until(lambda: bool(table.writes))
        monkeypatch.setattr(
            "claro_async.bulk.database.Database._write",
            lambda *_: (_ for _ in ()).throw(JournalError("full")),
        )
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job


# --- what replies say


@pytest.mark.parametrize(
    "raw",
    [b'"\xff"', b'"\\ud83d"', b"1e999", b'{"a": ["\\udc00"]}', b"[[[1e400]]]"],
    ids=["no UTF-8", "half an emoji", "too large", "nested", "deep"],
)
@pytest.mark.parametrize("journaled", [False, True])
async def test_a_value_before_that_cannot_be_read_is_not_known(
    tmp_path: Path,
    raw: bytes,
    journaled: bool,  # noqa: FBT001
) -> None:
    """A reply with such a value marks its own edit as updated, with no value to set back to."""
    table, path = Table(9), tmp_path / "j"

    def answer(asked: Asked) -> HttpReply | None:
        if asked.place != "r4.c1":
            return None
        reply = table.apply(asked)
        content = b'{"cellId": "r4.c1", "value": "new", "previousValue": %b}' % raw
        return HttpReply(200, reply.headers, content)

    table.answer = answer
    async with table.client() as claro:
        report = await dataset(claro).update_cells(
            table.edits("new"), journal=path if journaled else None, skip_unchanged=False
        )
        assert (report.updated, report.total) == (9, 9)
        if journaled:
            table.answer = lambda _: None
            reverted = await claro.revert_updates(path)
            assert reverted.updated == 8
            assert [skip.cell_id for skip in reverted.skipped] == ["r4.c1"]

"""A quota shared by way of a file: for the processes of one machine."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import threading
from typing import TYPE_CHECKING, cast

import pytest

from claro_async import ClaroClient, ConfigurationError, ConnectionFailedError
from claro_async.emulator import Emulator
from claro_async.transport.quota.fair_share import Report
from claro_async.transport.quota.stores import file as quota_file
from claro_async.transport.quota.stores.file import FileQuotaStore
from tests.folders import names
from tests.quota.processes import assert_four_share_well, editing_processes, finish
from tests.quota.stores import send_report

if TYPE_CHECKING:
    from pathlib import Path

KEY = "a-key-that-must-not-be-found"


async def ask(store: FileQuotaStore, number: int = 1, want: int = 1) -> int:
    """Report as a client would; how many requests may go."""
    return (await send_report(store, Report(member="me", number=number, want=want))).granted


async def read(client: ClaroClient, count: int = 1) -> None:
    """Make some calls side by side."""
    await asyncio.gather(*(client.datasets.list() for _ in range(count)))


def look_into(folder: Path) -> tuple[bytes, set[int]]:
    """All bytes of the files in a folder, and their modes."""
    files = list(folder.iterdir())
    modes = {stat.S_IMODE(each.stat().st_mode) for each in files}
    return b"".join(each.read_bytes() for each in files), modes


def test_four_processes_share_evenly(tmp_path: Path) -> None:
    """No period has more than the limit, 90% are used, and shares differ by at most 10%."""
    assert_four_share_well((tmp_path / "quota.db").as_uri())


def test_killed_processes_leave_their_share(tmp_path: Path) -> None:
    """When two of three processes are killed the third one goes on with all of the quota."""
    url = (tmp_path / "quota.db").as_uri()
    with (
        Emulator(
            rate_limit=150,
            rate_window=1.5,
            latency=0.02,
            reset_format="epoch-ms",
            sample_world=False,
        ) as emulator,
        editing_processes(emulator, url, [100_000, 100_000, 450]) as processes,
    ):
        while emulator.ledger.count("updateCell") < 200:
            threading.Event().wait(0.02)
        for process in processes[:2]:
            process.kill()
        of_third = f"/api/v2/datasets/{cast('list[str]', processes[2].args)[5]}/"
        assert finish(processes[2]) == (450, 0)
        assert emulator.ledger.count(status=429) == 0
        survivor = [r for r in emulator.ledger.requests if r.raw_path.startswith(of_third)]
        # a third of about two periods, then, when the others are known to be gone, whole ones
        assert survivor[-1].received_at - survivor[0].received_at <= 6.5 * 1.5


async def test_the_file_is_private_and_does_not_hold_the_key(tmp_path: Path) -> None:
    """Only its owner can read the file, whatever the umask; neither key nor address is in it."""
    path = tmp_path / "quota.db"
    before = os.umask(0)
    try:
        async with (
            Emulator(api_key=KEY, rate_limit=50) as emulator,
            ClaroClient(KEY, emulator.base_url, quota=path.as_uri()) as client,
        ):
            await read(client, 10)
            contents, modes = look_into(tmp_path)
            assert client.rate_limit.remaining == 40
    finally:
        os.umask(before)
    assert modes == {0o600}
    assert KEY.encode() not in contents
    assert b"127.0.0.1" not in contents
    assert b'"limit":50' in contents


async def test_a_file_that_others_could_read_is_made_private(tmp_path: Path) -> None:
    """A file with wider rights is narrowed before anything is written to it."""
    path = tmp_path / "quota.db"
    path.touch(0o666)
    store = FileQuotaStore(path)
    assert await ask(store) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await store.close()


async def test_keys_and_servers_are_kept_apart(tmp_path: Path) -> None:
    """One file serves several keys and servers, each with a quota of its own."""
    url = (tmp_path / "quota.db").as_uri()
    async with (
        Emulator(api_key="one", rate_limit=10) as first,
        Emulator(api_key="two", rate_limit=10) as second,
        ClaroClient("one", first.base_url, quota=url) as one,
        ClaroClient("two", second.base_url, quota=url) as two,
    ):
        await read(one, 8)
        await read(two, 3)
        assert one.rate_limit.remaining == 2
        assert two.rate_limit.remaining == 7
        assert first.ledger.count(status=429) == second.ledger.count(status=429) == 0


async def test_what_was_learned_stays(tmp_path: Path) -> None:
    """A client that comes later knows what remains, and does not overrun the period."""
    url = (tmp_path / "quota.db").as_uri()
    async with Emulator(rate_limit=10, rate_window=1.2, reset_format="iso") as emulator:
        for _ in range(3):
            async with ClaroClient(emulator.api_key, emulator.base_url, quota=url) as client:
                await read(client, 7)
        assert emulator.ledger.count(status=200) == 21
        assert emulator.ledger.count(status=429) == 0


@pytest.mark.parametrize(
    "content", [b"Dear diary, " * 1000, b"x", b"SQLite format 3\0 and then nothing of the kind"]
)
async def test_a_file_that_is_none_is_refused_and_not_touched(
    content: bytes, tmp_path: Path
) -> None:
    """Whatever else the file is, the error says what to do, and the file stays as it was."""
    path = tmp_path / "quota.db"
    path.write_bytes(content)
    store = FileQuotaStore(path)
    with pytest.raises(ConfigurationError, match=r"quota\.db cannot be used.*name a new file"):
        await ask(store)
    await store.close()
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE quota (key, state)", "PRAGMA application_id = 7", "PRAGMA user_version = 99"],
)
async def test_another_database_is_refused(statement: str, tmp_path: Path) -> None:
    """A database of another program or of another version is left alone."""
    path = tmp_path / "quota.db"
    if "user_version" in statement:
        store = FileQuotaStore(path)
        await ask(store)
        await store.close()
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.close()
    before = path.read_bytes()
    store = FileQuotaStore(path)
    with pytest.raises(ConfigurationError, match="another program's, or another version's"):
        await ask(store)
    await store.close()
    assert path.read_bytes() == before


async def test_a_damaged_record_is_refused(tmp_path: Path) -> None:
    """A record that cannot be read is an error of the settings, not a crash."""
    path = tmp_path / "quota.db"
    store = FileQuotaStore(path)
    await ask(store)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE quota SET record = '{'")
    connection.commit()
    connection.close()
    with pytest.raises(ConfigurationError, match="record cannot be read"):
        await ask(store, 2)
    await store.close()


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """Where the file cannot be made the error names it and says why."""
    async with Emulator() as emulator:
        url = (tmp_path / "missing" / "quota.db").as_uri()
        async with ClaroClient(emulator.api_key, emulator.base_url, quota=url) as client:
            with pytest.raises(ConfigurationError, match=r"missing/quota\.db: No such file"):
                await client.datasets.list()
        assert emulator.ledger.requests == []
    store = FileQuotaStore(tmp_path)
    with pytest.raises(ConfigurationError, match="no database"):
        await ask(store)
    await store.close()


async def test_a_lock_stops_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody holds the lock the event loop goes on; a lock that stays is an error."""
    monkeypatch.setattr(quota_file, "_LOCK_TIMEOUT", 0.2)
    path = tmp_path / "quota.db"
    store = FileQuotaStore(path)
    await ask(store)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    waiting = asyncio.ensure_future(ask(store, 2))
    turns = 0
    while not waiting.done():
        await asyncio.sleep(0)
        turns += 1
    with pytest.raises(ConnectionFailedError, match="locked"):
        await waiting
    assert turns > 100
    holder.execute("ROLLBACK")
    holder.close()
    assert await ask(store, 3) in {0, 1}
    await store.close()


async def test_nothing_is_left_open(tmp_path: Path) -> None:
    """After closing there is no thread, and no file beside the one named."""
    path = tmp_path / "quota.db"
    async with (
        Emulator() as emulator,
        ClaroClient(emulator.api_key, emulator.base_url, quota=path.as_uri()) as client,
    ):
        await read(client, 5)
        assert [each for each in threading.enumerate() if "claro-quota" in each.name]
    assert not [each for each in threading.enumerate() if "claro-quota" in each.name]
    assert names(tmp_path) == ["quota.db"]


async def test_many_begin_at_once(tmp_path: Path) -> None:
    """Of many clients that make the file at one moment none fails."""
    for number in range(40):  # each shows a file that is locked but seldom
        path = tmp_path / f"{number}.db"
        stores = [FileQuotaStore(path) for _ in range(12)]
        granted = await asyncio.gather(*(ask(store) for store in stores))
        assert sum(granted) == 12  # one report by all of them: one answer
        await asyncio.gather(*(store.close() for store in stores))

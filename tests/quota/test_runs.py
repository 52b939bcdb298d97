"""Runs with a fence, and stores of the user's own: what `quota=` and `run=` do together."""

from __future__ import annotations

import asyncio
import pickle
import re
from typing import TYPE_CHECKING

import pytest

from claro_async import (
    ClaroClient,
    ClaroError,
    ConfigurationError,
    ConnectionFailedError,
    QuotaStore,
    RunClosedError,
)
from claro_async._secret import Secret
from claro_async.emulator import Emulator
from claro_async.quota_place import QuotaPlace, resolve_quota
from claro_async.transport.quota.stores.memory import MemoryQuotaStore
from tests.watching import until

if TYPE_CHECKING:
    from pathlib import Path

    from claro_async.quota_store import Change

URL = "http://127.0.0.1:9/api/v2"


class Recording:
    """A store of somebody's own: a dict, and a list of what was called."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._records: dict[str, bytes] = {}
        self._closed: set[tuple[str, str]] = set()
        self._busy = False
        self._time = 0.0

    async def update(self, name: str, change: Change, *, run: str = "") -> None:
        """As the protocol says; not two at once."""
        assert not self._busy
        self._busy = True
        self.calls.append("update")
        await asyncio.sleep(0)
        self._busy = False
        if (name, run) in self._closed:
            raise RunClosedError(run)
        assert re.fullmatch("[0-9a-f]{64}", name)
        self._time += 0.01
        change(self._records.get(name), self._time)  # called again, as the protocol allows
        self._records[name] = change(self._records.get(name), self._time)

    async def close_run(self, name: str, run: str) -> None:
        """As the protocol says."""
        self.calls.append(f"close {run}")
        self._closed.add((name, run))

    async def close(self) -> None:
        """What a client must not call, since it did not make the store."""
        self.calls.append("close")


async def test_a_store_of_ones_own_is_used_and_left_open() -> None:
    """Two clients share a store that is a plain class; nobody closes it for its maker."""
    store = Recording()
    assert isinstance(store, QuotaStore)
    async with (
        Emulator(rate_limit=20) as emulator,
        ClaroClient(emulator.api_key, emulator.base_url, quota=store) as first,
        ClaroClient(emulator.api_key, emulator.base_url, quota=MemoryQuotaStore()) as apart,
    ):
        for _ in range(3):
            await first.datasets.list()
        await apart.datasets.list()
        assert first.rate_limit.remaining == 17
        assert emulator.ledger.count(status=200) == 4
    assert set(store.calls) == {"update"}


async def test_a_closed_run_sends_nothing_more() -> None:
    """Calls of a closed run raise, all clients of the run are concerned, and no others."""
    store = MemoryQuotaStore()
    async with Emulator() as emulator:

        def client(run: str | None) -> ClaroClient:
            return ClaroClient(emulator.api_key, emulator.base_url, quota=store, run=run)

        async with (
            client("a") as first,
            client("a") as second,
            client("b") as other,
            client(None) as without,
        ):
            for each in (first, second, other, without):
                await each.datasets.list()
            sent = len(emulator.ledger.requests)
            await without.close_run("a")
            for each in (first, second, first):
                with pytest.raises(RunClosedError, match="'a' was closed"):
                    await each.datasets.list()
            assert len(emulator.ledger.requests) == sent
            await other.datasets.list()
            await without.datasets.list()
            await without.close_run("a")
            await without.close_run("b")
            with pytest.raises(RunClosedError) as caught:
                await other.datasets.list()
    assert caught.value.run == "b"
    assert isinstance(caught.value, ClaroError)
    assert pickle.loads(pickle.dumps(caught.value)).run == "b"  # noqa: S301 - our own


async def test_those_who_wait_are_sent_away_when_their_run_is_closed() -> None:
    """A job that waits for the next period ends as soon as its run is closed."""
    store = MemoryQuotaStore()
    async with (
        Emulator(rate_limit=3) as emulator,
        ClaroClient(emulator.api_key, emulator.base_url, quota=store, run="r") as zombie,
        ClaroClient(emulator.api_key, emulator.base_url, quota=store) as engine,
    ):
        calls = [asyncio.ensure_future(zombie.datasets.list()) for _ in range(6)]
        await until(lambda: emulator.ledger.count(status=200) >= 3)
        await engine.close_run("r")
        async with asyncio.timeout(10):
            results = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(each, RunClosedError) for each in results) == 3
    assert emulator.ledger.count() == 3


async def test_a_run_can_be_closed_before_it_begins(tmp_path: Path) -> None:
    """In a file, a run that nobody knew is closed for those who come later, also after a reopen."""
    url = (tmp_path / "quota.db").as_uri()
    async with Emulator() as emulator:
        async with ClaroClient(emulator.api_key, emulator.base_url, quota=url) as engine:
            await engine.close_run("late one")
        async with ClaroClient(
            emulator.api_key, emulator.base_url, quota=f"{url}?run=late%20one"
        ) as client:
            with pytest.raises(RunClosedError, match="'late one'"):
                await client.datasets.list()
        async with ClaroClient(
            emulator.api_key, emulator.base_url, quota=url, run="late two"
        ) as client:
            await client.datasets.list()
        assert emulator.ledger.count() == 1


async def test_a_bulk_job_of_a_closed_run_ends(tmp_path: Path) -> None:
    """A job whose run is closed midway sends no edit afterwards, and says why it ended."""
    store = MemoryQuotaStore()
    async with Emulator(sample_world=False, rate_limit=50, rate_window=1.0) as emulator:
        dataset = emulator.add_dataset("table", ["name"], [["old"]] * 300)
        edits = [(f"cell_{row}_1", "new") for row in range(1, 301)]
        async with (
            ClaroClient(emulator.api_key, emulator.base_url, quota=store, run="r") as zombie,
            ClaroClient(emulator.api_key, emulator.base_url, quota=store) as engine,
        ):
            job = asyncio.ensure_future(
                zombie.dataset(dataset).update_cells(
                    edits, skip_unchanged=False, journal=tmp_path / "j"
                )
            )
            await until(lambda: emulator.ledger.count("updateCell", 200) >= 20)
            await engine.close_run("r")
            await asyncio.wait({job}, timeout=10)
            sent = emulator.ledger.count("updateCell")
            assert job.done()
            assert sent < 300
            await asyncio.sleep(0)
            assert emulator.ledger.count("updateCell") == sent


async def test_a_run_needs_a_shared_quota() -> None:
    """Without a place where it is closed a run is an error of the settings, for both ways in."""
    with pytest.raises(ConfigurationError, match="pass quota= as well"):
        ClaroClient("key", URL, run="r")
    async with ClaroClient("key", URL) as client:
        with pytest.raises(ConfigurationError, match="make the client with quota="):
            await client.close_run("r")


@pytest.mark.parametrize("run", ["", "a\nb", "x" * 201, "\ud800"])
async def test_an_id_that_cannot_be_one(run: str) -> None:
    """Empty, endless or unprintable ids are refused wherever they are given."""
    with pytest.raises(ConfigurationError, match="1 to 200 printable characters"):
        ClaroClient("key", URL, quota=MemoryQuotaStore(), run=run)
    async with ClaroClient("key", URL, quota=MemoryQuotaStore()) as client:
        with pytest.raises(ConfigurationError, match="1 to 200 printable characters"):
            await client.close_run(run)


def test_the_run_of_a_url() -> None:
    """`?run=` is taken out of the URL; what else a Redis URL asks for stays."""
    place = resolve_quota("redis://u:p@h:7/1?db=2&run=a%2Fb&health_check_interval=3")
    assert place is not None
    assert place.run == "a/b"
    assert isinstance(place.where, Secret)
    assert place.where.reveal() == "redis://u:p@h:7/1?db=2&health_check_interval=3"
    alone = resolve_quota("redis://h/0?run=r", "r")
    assert alone is not None
    assert isinstance(alone.where, Secret)
    assert (alone.where.reveal(), alone.run) == ("redis://h/0", "r")
    store = MemoryQuotaStore()
    assert resolve_quota(store, "r") == QuotaPlace(store, "r")
    assert resolve_quota(store) == QuotaPlace(store, "")


@pytest.mark.parametrize("url", ["redis://h/0?run=a&run=b", "redis://h/0?run=", "file:///q?run="])
def test_a_url_without_one_run(url: str) -> None:
    """Two runs, or an empty one, are refused."""
    with pytest.raises(ConfigurationError):
        resolve_quota(url)


def test_two_different_runs() -> None:
    """The argument and the URL must not disagree."""
    with pytest.raises(ConfigurationError, match="different runs"):
        resolve_quota("redis://h/0?run=a", "b")


def test_what_is_no_store() -> None:
    """An object without the methods is refused, and the error says what is meant."""
    with pytest.raises(ConfigurationError, match="URL or a QuotaStore, not dict"):
        ClaroClient("key", URL, quota={})  # type: ignore[arg-type]


async def test_an_error_of_the_store_reaches_the_caller() -> None:
    """What a store of one's own raises comes out as it is."""

    class Broken(MemoryQuotaStore):
        async def update(self, name: str, change: Change, *, run: str = "") -> None:  # noqa: ARG002
            raise ConfigurationError("no such table: quota")

        async def close_run(self, name: str, run: str) -> None:  # noqa: ARG002
            raise ConnectionFailedError("db-1 is away")

    async with ClaroClient("key", URL, quota=Broken()) as client:
        with pytest.raises(ConfigurationError, match="no such table"):
            await client.datasets.list()
        with pytest.raises(ConnectionFailedError, match="db-1 is away"):
            await client.close_run("r")

"""A quota shared by way of a real Redis: for several machines."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

import pytest

from claro_async import ClaroClient, ConfigurationError, ConnectionFailedError, RunClosedError
from claro_async._secret import Secret
from claro_async.emulator import Emulator
from claro_async.transport.quota.fair_share import Report
from tests.quota.periods import periods_of
from tests.quota.processes import assert_four_share_well
from tests.quota.stores import NAME, send_report
from tests.watching import until

if TYPE_CHECKING:
    from collections.abc import Iterator

redis = pytest.importorskip("redis", reason="the extra [redis] is not installed")
from claro_async.transport.quota.stores.redis import RedisQuotaStore  # noqa: E402 - needs the extra

PASSWORD = "a-password-that-must-not-be-shown"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis of our own, which keeps nothing on the disk."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("the program redis-server is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    options = ["--save", "", "--appendonly", "no", "--requirepass", PASSWORD, "--dir", str(folder)]
    with subprocess.Popen(  # noqa: S603 - the program found above
        [program, "--port", str(port), "--bind", "127.0.0.1", *options],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "Ready to accept connections" in line:
                break
        yield f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
        process.terminate()


@pytest.fixture
def url(server: str) -> str:
    """The same, emptied."""
    with redis.Redis.from_url(server) as client:
        client.flushall()
    return server


def test_four_processes_share_evenly(url: str) -> None:
    """No period has more than the limit, 90% are used, and shares differ by at most 10%."""
    assert_four_share_well(url)


async def test_no_change_is_lost(url: str) -> None:
    """Ten clients that change the record 20 times each, all at once, lose none of the changes."""
    stores = [RedisQuotaStore(Secret(url)) for _ in range(10)]

    def count(content: bytes | None, _: float) -> bytes:
        return str(int(content or b"0") + 1).encode()

    async def change(store: RedisQuotaStore) -> None:
        for _ in range(20):
            await store.update("x", count)

    await asyncio.gather(*map(change, stores))
    with redis.Redis.from_url(url) as direct:
        assert direct.get("claro-async:quota:{x}") == b"200"
    for store in stores:
        await store.close()


async def test_the_record_is_named_by_a_hash_and_goes_away(url: str) -> None:
    """Neither name nor content shows the key or the address, and Redis forgets it after a day."""
    async with (
        Emulator(api_key="secret-key", rate_limit=50) as emulator,
        ClaroClient("secret-key", emulator.base_url, quota=url) as client,
    ):
        await client.datasets.list()
    with redis.Redis.from_url(url) as direct:
        (name,) = direct.keys("*")
        content = direct.get(name)
        lasts = direct.ttl(name)
    assert name.startswith(b"claro-async:quota:{")
    assert b"secret-key" not in name + content
    assert b"127.0.0.1" not in name + content
    assert 86_000 < lasts <= 86_400


async def test_something_else_under_our_name_is_refused(url: str) -> None:
    """What is no record of ours, or of another version, is neither used nor overwritten."""
    key = f"claro-async:quota:{{{NAME}}}"
    for content in (b"[1, 2]", b'{"version":99}', b"\xff"):
        with redis.Redis.from_url(url) as direct:
            direct.set(key, content)
        store = RedisQuotaStore(Secret(url))
        with pytest.raises(ConfigurationError, match="quota in Redis at 127"):
            await send_report(store, Report(member="me", number=1))
        await store.close()
        with redis.Redis.from_url(url) as direct:
            assert direct.get(key) == content


async def test_a_list_under_our_name_is_refused(url: str) -> None:
    """A key of another type is an error of the settings."""
    with redis.Redis.from_url(url) as direct:
        direct.rpush(f"claro-async:quota:{{{NAME}}}", "a")
    store = RedisQuotaStore(Secret(url))
    with pytest.raises(ConfigurationError, match="quota in Redis"):
        await send_report(store, Report(member="me", number=1))
    await store.close()


async def test_a_wrong_password_is_an_error_that_does_not_show_it(url: str) -> None:
    """Redis refuses; the error says so at once, and holds no password."""
    wrong = url.replace(PASSWORD, "wrong-password")
    async with (
        Emulator() as emulator,
        ClaroClient(emulator.api_key, emulator.base_url, quota=wrong) as client,
    ):
        with pytest.raises(ConfigurationError) as caught:
            await client.datasets.list()
        assert emulator.ledger.requests == []
        assert "wrong-password" not in repr(client._core.settings)
    assert "wrong-password" not in f"{caught.value!r} {caught.value.__context__!r}"


async def test_a_redis_that_is_not_there() -> None:
    """Without Redis nothing is sent, and the error names host and cause, not the URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    store = RedisQuotaStore(Secret(f"redis://:{PASSWORD}@127.0.0.1:{port}/0"))
    with pytest.raises(
        ConnectionFailedError, match=r"127\.0\.0\.1:\d+ cannot be reached: ConnectionError"
    ) as caught:
        await send_report(store, Report(member="me", number=1))
    await store.close()
    assert PASSWORD not in f"{caught.value!r} {caught.value.__context__!r}"


def test_a_url_that_redis_does_not_understand() -> None:
    """A database that is no number is an error of the settings."""
    with pytest.raises(ConfigurationError, match="Redis URL") as caught:
        RedisQuotaStore(Secret(f"redis://:{PASSWORD}@127.0.0.1:x/0"))
    assert PASSWORD not in repr(caught.value)


async def test_a_closed_run_in_redis(url: str) -> None:
    """The fence is a key of its own, checked in the script that gives permits; it lasts a month."""
    async with Emulator() as emulator:
        async with (
            ClaroClient(emulator.api_key, emulator.base_url, quota=f"{url}?run=r%201") as zombie,
            ClaroClient(emulator.api_key, emulator.base_url, quota=url, run="r 2") as other,
        ):
            await zombie.datasets.list()
            await other.close_run("r 1")
            with pytest.raises(RunClosedError, match="'r 1'"):
                await zombie.datasets.list()
            await other.datasets.list()
        assert emulator.ledger.count() == 2
    with redis.Redis.from_url(url) as direct:
        (fence,) = direct.keys("*:run:*")
        assert fence.endswith(b":run:r 1")
        assert direct.ttl(fence) > 29 * 86_400


async def test_an_answer_that_passes_is_waited_for(url: str) -> None:
    """A server that only reads, as a replica does in a failover, is one that is away for now."""
    store = RedisQuotaStore(Secret(url))
    with redis.Redis.from_url(url) as direct:
        direct.config_set("min-replicas-to-write", 1)
        try:
            with pytest.raises(ConnectionFailedError, match="cannot be changed now"):
                await send_report(store, Report(member="me", number=1))
        finally:
            direct.config_set("min-replicas-to-write", 0)
        direct.replicaof("127.0.0.1", "1")
        try:
            with pytest.raises(ConnectionFailedError, match="cannot be changed now"):
                await send_report(store, Report(member="me", number=1))
        finally:
            direct.replicaof("NO", "ONE")
    assert (await send_report(store, Report(member="me", number=1, want=2))).granted == 1
    await store.close()


async def test_a_user_without_rights_is_an_error_of_the_settings(url: str) -> None:
    """What Redis does not allow this user will not pass by itself: the error says so at once."""
    with redis.Redis.from_url(url) as direct:
        direct.acl_setuser("reader", enabled=True, passwords=["+pw"], keys=["*"], commands=["+get"])
    store = RedisQuotaStore(Secret(url.replace(f":{PASSWORD}@", "reader:pw@")))
    with pytest.raises(ConfigurationError, match="quota in Redis at") as caught:
        await send_report(store, Report(member="me", number=1))
    assert "pw" not in str(caught.value)
    await store.close()


def has_applied(emulator: Emulator, count: int) -> bool:
    """Whether the emulator has applied so many edits."""
    return emulator.ledger.count("updateCell", 200) >= count


async def test_four_clients_and_a_flush(url: str) -> None:
    """A real Redis that is flushed twice within a job costs seconds, and at most one request."""
    async with Emulator(
        sample_world=False, rate_limit=100, rate_window=2.0, reset_format="epoch-ms", latency=0.02
    ) as emulator:
        dataset = emulator.add_dataset("table", ["name"], [["old"]] * 400)
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(
                    ClaroClient(emulator.api_key, emulator.base_url, quota=url)
                )
                for _ in range(4)
            ]
            jobs = [
                asyncio.ensure_future(
                    client.dataset(dataset).update_cells(
                        [(f"cell_{100 * number + row}_1", "new") for row in range(1, 101)],
                        skip_unchanged=False,
                    )
                )
                for number, client in enumerate(clients)
            ]
            with redis.Redis.from_url(url) as direct:
                for count in (50, 250):
                    enough = partial(has_applied, emulator, count)
                    await until(enough)
                    direct.flushall()
            reports = await asyncio.gather(*jobs)
        assert [report.updated for report in reports] == [100] * 4
        throttled = emulator.ledger.count(status=429)
        assert throttled <= 1
        assert max(each.count for each in periods_of(emulator, 2.0)) <= 100 + throttled

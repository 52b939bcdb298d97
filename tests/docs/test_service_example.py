"""The service of the examples: a real process, behind a proxy and a private CA, stopped midway."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import pytest
import trustme

from claro_async import journal_status
from claro_async.emulator import Emulator
from tests.network.connect_proxy import ConnectProxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

pytest.importorskip("opentelemetry.exporter.prometheus", reason="an exporter is not installed")

EXAMPLE = Path(__file__).parents[2] / "examples" / "service.py"
CREDENTIALS = "ann:pass-Word-9"
ROWS = 300
PASS_AT_FIRST = 100  # edits, before the next ones are held up
SECONDS = 30.0  # for what other processes do


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what another process does."""
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - of another process, which sets no event here
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def tls_front(emulator: Emulator, context: ssl.SSLContext) -> AsyncIterator[str]:
    """The emulator's base URL with TLS: bytes are passed on, once they are decrypted."""
    port = int(emulator.base_url.split(":")[2].split("/")[0])

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while piece := await reader.read(1 << 16):
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, forth), copy(back, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}/api/v2"
    finally:
        server.close()


class Service:
    """The example as a process of its own.

    Args:
        folder: Its jobs, traces and profile.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    async def __aenter__(self) -> Self:
        self._log = self._folder.joinpath("service.log").open("ab")
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", str(EXAMPLE), "--port", str(self.port)),
            *("--jobs", str(self._folder / "jobs"), "--traces", str(self._folder / "traces.jsonl")),
            env={"XDG_CONFIG_HOME": str(self._folder), "CLARO_PROFILE": "service"},
            stdout=self._log,
            stderr=self._log,
        )
        self.http = aiohttp.ClientSession(f"http://127.0.0.1:{self.port}")
        async with asyncio.timeout(SECONDS):
            while not await self._is_up():
                assert self._process.returncode is None, self.log
                await asyncio.sleep(0.05)
        return self

    async def _is_up(self) -> bool:
        with contextlib.suppress(aiohttp.ClientConnectionError):
            async with self.http.get("/jobs/none") as answer:
                return answer.status == 404
        return False

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        self._log.close()

    @property
    def log(self) -> str:
        """What it has printed."""
        return self._folder.joinpath("service.log").read_text("utf-8")

    async def get(self, path: str) -> Any:
        """A JSON answer."""
        async with self.http.get(path) as answer:
            return await answer.json()

    async def report_of(self, job: str) -> Any:
        """A job's report, once it has ended."""
        async with asyncio.timeout(SECONDS):
            while (state := await self.get(f"/jobs/{job}"))["state"] != "ended":  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.02)
        return state["report"]

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Its exit code."""
        async with asyncio.timeout(SECONDS):
            return await self._process.wait()


class World:
    """An emulator that only a proxy with a password leads to, and a profile that knows the way."""

    def __init__(self, emulator: Emulator, proxy: ConnectProxy, folder: Path) -> None:
        self.emulator = emulator
        self.proxy = proxy
        self.folder = folder
        rows = [[f"name {row}"] for row in range(1, ROWS + 1)]
        self.dataset_id = emulator.add_dataset("table", ["name"], rows)
        edits = [[f"cell_{row}_1", f"new {row}"] for row in range(1, ROWS + 1)]
        self.order = {"dataset_id": self.dataset_id, "edits": edits}

    @property
    def values(self) -> list[Any]:
        """What the cells hold."""
        return list(self.emulator.values(self.dataset_id).values())

    @property
    def sent(self) -> int:
        """Requests for edits that have arrived."""
        return sum(each.operation == "updateCell" for each in self.emulator.ledger.requests)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """See :class:`World`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    async with (
        Emulator(sample_world=False) as emulator,
        tls_front(emulator, context) as base_url,
        ConnectProxy(CREDENTIALS) as proxy,
    ):
        (tmp_path / "claro").mkdir()
        profile = tmp_path / "claro" / "config.toml"
        profile.write_text(
            f'[profiles.service]\napi_key = "{emulator.api_key}"\nbase_url = "{base_url}"\n'
            f'[profiles.service.network]\nssl = "{tmp_path / "ca.pem"}"\n'
            f'proxy = "http://{CREDENTIALS}@{proxy.address}"\n'
        )
        profile.chmod(0o600)
        yield World(emulator, proxy, tmp_path)


async def test_rows_health_and_metrics(world: World) -> None:
    """Rows come as JSON lines, errors as answers, and everything goes through the proxy."""
    async with Service(world.folder) as service:
        assert (await service.get("/health"))["status"] == "ok"
        async with service.http.get(f"/datasets/{world.dataset_id}/rows") as answer:
            rows = [json.loads(line) async for line in answer.content]
        assert [row["name"] for row in rows] == [f"name {row}" for row in range(1, ROWS + 1)]
        async with service.http.get("/datasets/nowhere/rows") as answer:
            assert answer.status == 404
        async with service.http.put("/jobs/x", json={"edits": []}) as answer:
            assert answer.status == 400
        async with service.http.get("/metrics") as answer:
            metrics = await answer.text()
        service.send(signal.SIGTERM)
        assert await service.ended() == 0, service.log
    assert "http_client_request_duration_seconds_count{" in metrics
    assert 'url_template="/datasets/{datasetId}/data"' in metrics
    assert "claro_quota_remaining{" in metrics
    assert world.proxy.targets
    assert world.emulator.api_key.encode() not in world.proxy.seen
    for text in (metrics, service.log, (world.folder / "traces.jsonl").read_text()):
        assert world.emulator.api_key not in text
        assert CREDENTIALS.partition(":")[2] not in text


async def test_a_stop_midway_keeps_the_report_and_the_next_start_goes_on(world: World) -> None:
    """SIGTERM: what is under way is finished, the rest is not sent, and nothing is sent twice."""
    held = world.emulator.faults.add("updateCell", "stall", after=PASS_AT_FIRST)
    async with Service(world.folder) as service:
        async with service.http.put("/jobs/names", json=world.order) as answer:
            assert answer.status == 202
        await until(lambda: bool(held.waiters))
        assert (await service.get("/jobs/names"))["state"] == "running"
        service.send(signal.SIGTERM)
        await until(lambda: not_taken(service.port))
        held.remove()
        assert await service.ended() == 0, service.log
    report = json.loads((world.folder / "jobs" / "names.report.json").read_text())
    sent = world.sent
    assert PASS_AT_FIRST < sent < ROWS
    assert (report["updated"], report["not_sent"], report["unknown"]) == (sent, ROWS - sent, 0)
    assert report["stop_requested"]
    status = journal_status(world.folder / "jobs" / "names.claro")
    assert status.to_dict()["counts"]["updated"] == sent
    assert len(world.emulator.ledger.edits) == sent

    async with Service(world.folder) as service:
        await until(lambda: world.sent == ROWS)
        report = await service.report_of("names")
        service.send(signal.SIGINT)
        assert await service.ended() == 0, service.log
    assert (report["updated"], report["not_sent"]) == (ROWS, 0)
    assert world.values == [f"new {row}" for row in range(1, ROWS + 1)]
    assert len(world.emulator.ledger.edits) == ROWS
    lines = (world.folder / "traces.jsonl").read_text("utf-8").splitlines()
    spans = [json.loads(line) for line in lines]
    jobs = {span["name"]: span["attributes"] for span in spans if span["name"].startswith("bulk")}
    assert jobs["bulk update"]["claro.stopped"] is True
    assert jobs["bulk resume"]["claro.edits.updated"] == ROWS


async def test_a_kill_midway_loses_nothing(world: World) -> None:
    """SIGKILL: the next start goes on; what was in doubt is read, and each cell ends right."""
    held = world.emulator.faults.add("updateCell", "stall", after=PASS_AT_FIRST)
    async with Service(world.folder) as service:
        async with service.http.put("/jobs/names", json=world.order) as answer:
            assert answer.status == 202
        await until(lambda: bool(held.waiters))
        service.send(signal.SIGKILL)
        assert await service.ended() == -signal.SIGKILL
    held.remove()
    async with Service(world.folder) as service:
        report = await service.report_of("names")
    assert (report["updated"], report["total"]) == (ROWS, ROWS)
    assert world.values == [f"new {row}" for row in range(1, ROWS + 1)]


def not_taken(port: int) -> bool:
    """Whether nobody listens any more."""
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) != 0

"""The emulator's life: loops, threads, restarts, and what it may import."""

from __future__ import annotations

import ast
import asyncio
import json
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import claro_async.emulator
from claro_async.emulator import Emulator, ManualClock, airports_csv

FIRST = "550e8400-e29b-41d4-a716-446655440000"


def _get(emulator: Emulator, path: str) -> Any:
    request = urllib.request.Request(  # noqa: S310 - loopback
        emulator.base_url + path, headers={"Authorization": f"Bearer {emulator.api_key}"}
    )
    with urllib.request.urlopen(request) as reply:  # noqa: S310 - loopback
        return json.load(reply)


def test_it_runs_in_a_thread_of_its_own() -> None:
    """`with` needs no event loop, and its methods work from any thread."""
    with Emulator(sample_world=False, api_key="other") as emulator:
        with ThreadPoolExecutor(4) as pool:
            ids = list(pool.map(lambda n: emulator.add_dataset(f"d{n}", ["a"], [[n]]), range(8)))
        assert sorted(ids) == sorted(emulator.dataset_ids())
        listed = _get(emulator, "/datasets")["datasets"]
        assert {dataset["datasetId"] for dataset in listed} == set(ids)
        emulator.set_processing(ids[0])
        assert _get(emulator, f"/datasets/{ids[0]}")["status"] == "processing"


async def test_its_methods_work_from_another_thread(emulator: Emulator) -> None:
    """In an event loop, too, other threads may call its methods."""
    ids = await asyncio.to_thread(emulator.cell_ids, FIRST)
    assert ids == emulator.cell_ids(FIRST)


async def test_it_ends_at_once_with_open_connections(session: Any, until: Any) -> None:
    """Leaving does not wait for replies that are held up."""
    async with Emulator() as emulator:
        emulator.faults.add("listDatasets", "slow", delay=600)
        headers = {"Authorization": "Bearer emulator-key"}
        url = f"{emulator.base_url}/datasets"
        request = asyncio.ensure_future(session.get(url, headers=headers))
        await until(lambda: emulator.ledger.requests)
        idle = await asyncio.open_connection("127.0.0.1", emulator.port)
        started = time.monotonic()
    assert time.monotonic() - started < 5
    assert emulator.ledger.in_flight == 0
    with pytest.raises(aiohttp.ClientError):
        await request
    idle[1].close()
    await idle[1].wait_closed()


async def test_it_tells_when_it_is_not_running() -> None:
    """Before and after its life its methods raise; it cannot be started twice at a time."""
    emulator = Emulator(sample_world=False)
    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.base_url
    async with emulator:
        with pytest.raises(RuntimeError, match="running already"):
            await emulator.__aenter__()
    with pytest.raises(RuntimeError, match="not running"):
        emulator.dataset_ids()
    async with emulator:
        assert emulator.dataset_ids() == []


async def test_a_port_in_use_is_an_error(emulator: Emulator) -> None:
    """A second server on the same port does not start and leaves nothing behind."""
    with pytest.raises(OSError, match="in use"):
        await Emulator(port=emulator.port).__aenter__()


async def test_ipv6_loopback(api_of: Any) -> None:
    """The base URL of an IPv6 address has brackets and works."""
    async with Emulator(host="::1", sample_world=False) as emulator:
        assert emulator.base_url.startswith("http://[::1]:")
        assert (await api_of(emulator)("GET", "/datasets")).status == 200


async def test_a_file_keeps_the_state(tmp_path: Path, api_of: Any, clock: ManualClock) -> None:
    """After a restart edits, uploads, links, processing, exports and signed URLs are there."""
    seed = tmp_path / "airports.csv"
    seed.write_bytes(airports_csv())
    settings: dict[str, Any] = {"database": tmp_path / "state.db", "seed": [seed], "clock": clock}
    async with Emulator(**settings) as emulator:
        api, port = api_of(emulator), emulator.port
        await api("PATCH", f"/datasets/{FIRST}/cells/cell_1_1", json={"value": "kept"})
        path = f"/datasets/{FIRST}/cells/cell_2_1/upload-datasource"
        source = (await api.upload(path, b"some text", "a.txt")).json["datasourceId"]
        link = (await api("POST", f"/datasources/{source}/download")).json["downloadUrl"]
        body = {"format": "json", "rowCount": 1, "columnIds": ["col_1"]}
        export = (await api("POST", f"/datasets/{FIRST}/export", json=body)).json["downloadUrl"]
        emulator.set_processing(FIRST, until=50)
        before = emulator.dataset_ids(), emulator.datasource_ids()
    async with Emulator(**settings, port=port) as emulator:
        api = api_of(emulator)
        assert (emulator.dataset_ids(), emulator.datasource_ids()) == before
        assert emulator.cell(FIRST, "cell_1_1").value == "kept"
        assert emulator.cell(FIRST, "cell_2_1").linked_datasource == source
        assert (await api.fetch("GET", link)).body == b"some text"
        assert (await api.fetch("GET", export)).json == [{"product_name": "kept"}]
        assert (await api("GET", f"/datasets/{FIRST}")).json["status"] == "processing"
        clock.advance(50)
        assert (await api("GET", f"/datasets/{FIRST}")).json["status"] == "completed"


async def test_memory_leaves_nothing_behind(tmp_path: Path, monkeypatch: Any) -> None:
    """Files of an emulator in memory are gone when it ends."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with Emulator():
        assert any(tmp_path.iterdir())  # noqa: ASYNC240 - a look at a small folder
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240 - the same


async def test_unknown_ids_are_key_errors(emulator: Emulator) -> None:
    """The Python methods raise KeyError for what is not there."""
    for act in (
        lambda: emulator.values("nowhere"),
        lambda: emulator.cell_ids("nowhere"),
        lambda: emulator.cell(FIRST, "nowhere"),
        lambda: emulator.set_processing("nowhere"),
        lambda: emulator.finish_processing("datasource-1", kind="dataset"),
    ):
        with pytest.raises(KeyError):
            act()


@pytest.mark.parametrize(
    "given",
    [
        {"type": "other"},
        {"status": "other"},
        {"columns": [{"id": "x"}]},
        {"columns": [{"name": "x", "colour": "red"}]},
        {"columns": [{"name": "x", "taskType": "other"}]},
        {"rows": [[1, 2]]},
    ],
)
async def test_bad_datasets_are_refused(emulator: Emulator, given: dict[str, Any]) -> None:
    """A dataset that the API could not have is refused, and nothing of it is kept."""
    count = len(emulator.dataset_ids())
    columns, rows = given.pop("columns", ["a"]), given.pop("rows", [])
    with pytest.raises(ValueError, match=r"."):
        emulator.add_dataset("x", columns, rows, **given)
    assert len(emulator.dataset_ids()) == count


async def test_data_sources_come_from_paths_and_bytes(emulator: Emulator, tmp_path: Path) -> None:
    """Bytes need a name, and other kinds of files are refused."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"a\n1\n")
    assert emulator.add_datasource(path) in emulator.datasource_ids()
    assert emulator.add_datasource(b"x", file_name="a.txt", datasource_id="mine") == "mine"
    with pytest.raises(ValueError, match="file_name"):
        emulator.add_datasource(b"x")
    with pytest.raises(ValueError, match="neither"):
        emulator.add_datasource(b"x", file_name="a.png")


async def test_latency_is_waited_for(api_of: Any) -> None:
    """Every request takes at least the latency."""
    async with Emulator(latency=0.02) as emulator:
        api = api_of(emulator)
        started = time.monotonic()
        await api("GET", "/datasets")
        link = (await api("POST", "/datasources/datasource-1/download")).json["downloadUrl"]
        await api.fetch("GET", link)
        assert time.monotonic() - started >= 0.06


def test_the_fixture_serves_plain_tests(claro_emulator: Emulator) -> None:
    """The fixture of the pytest plugin works without any event loop."""
    assert len(_get(claro_emulator, "/datasets")["datasets"]) == 5
    assert claro_emulator.ledger.count("listDatasets", 200) == 1


def test_it_shares_no_code_with_the_client() -> None:
    """No module of the emulator imports anything of claro_async but the emulator itself."""
    folder = Path(claro_async.emulator.__file__).parent
    for path in folder.glob("**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, path
                names = [str(node.module)]
            for name in names:
                root = name.partition(".")[0]
                assert root != "claro_async" or name.startswith("claro_async.emulator"), path


def test_the_airports_table_is_whole() -> None:
    """The shipped table has 3,376 rows and 7 columns."""
    lines = airports_csv().decode().splitlines()
    assert lines[0] == "iata,name,city,state,country,latitude,longitude"
    assert len(lines) == 3377

"""Requests copied as curl, as a program and as a test do what the requests did."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import subprocess
import sys
from contextlib import redirect_stdout, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

import aiohttp
import pytest

from claro_async.emulator import Emulator
from tests.emulator.console.conftest import Console

if TYPE_CHECKING:
    from pathlib import Path

    from claro_async.emulator import RequestRecord
    from tests.emulator.conftest import Api

ODD = 'it\'s $HOME `id` "é" \\ \n%s'
HIGH = quote("rating > 2")
MINING = "/datasets/project/example"
ASKED: list[tuple[str, str, Any]] = [
    ("GET", "/datasets?type=extraction&page=1&limit=5", None),
    ("GET", "/datasets/your-dataset-id", None),
    (
        "GET",
        "/datasets/your-dataset-id/data?page=2&limit=3&columns=col_1,col_2&includeMetadata=true",
        None,
    ),
    (
        "PATCH",
        "/datasets/your-dataset-id/cells/cell_1_1",
        {"value": {"odd": [ODD, None, 1.5, True]}},
    ),
    (
        "PATCH",
        "/datasets/your-dataset-id/columns/col_1",
        {"name": "title", "metadata": {"note": ODD}},
    ),
    (
        "PUT",
        "/datasets/your-dataset-id/columns/col_2/task-type",
        {"taskType": "ai_enrich", "metadata": {"prompt": "x"}},
    ),
    (
        "POST",
        "/datasets/your-dataset-id/cells/cell_8_1/link-datasource",
        {"datasourceId": "datasource-2"},
    ),
    (
        "POST",
        "/datasets/your-dataset-id/export",
        {"format": "csv", "rowCount": 10, "columnIds": ["col_1"]},
    ),
    ("GET", "/datasources?contentType=text/csv&page=1&limit=20", None),
    ("GET", "/datasources/datasource-2", None),
    (
        "GET",
        f"/datasources/datasource-3/data?sort=rating&order=desc&filter={HIGH}&page=1&limit=50",
        None,
    ),
    ("POST", "/datasources/datasource-2/download", {"expiresIn": 60}),
]
REJECTED: list[tuple[str, str, Any]] = [
    ("GET", "/datasets/none", None),
    ("PATCH", "/datasets/your-dataset-id/cells/none", {"value": 1}),
    ("PATCH", "/datasets/your-dataset-id/cells/cell_1_1", {"value": 1, "more": 2}),
    ("GET", "/datasets?page=0", None),
]
MINED: list[tuple[str, str, Any]] = [
    ("GET", "/datasets", None),
    ("GET", "/datasets/project", None),
    ("GET", MINING, None),
    ("GET", f"{MINING}/model-tags", None),
    ("PUT", "/datasets/project/new", {"dataset": {"title": ODD, "has_sentiment": False}}),
    ("POST", MINING, {"dataset": {"title": "Other"}}),
    ("POST", f"{MINING}/export", {"limit": 2}),
    ("DELETE", "/datasets/project/new", None),
]

CELL = "/datasets/your-dataset-id/cells/cell_1_1"
JSON = {"Content-Type": "application/json"}
ODD_REQUESTS: list[tuple[str, str, dict[str, str], bytes | None]] = [
    ("GET", "/datasets/{a,b}", {}, None),
    ("GET", "/datasets/[1-3]", {}, None),
    ("GET", "/datasets/a/../b", {}, None),
    ("GET", "/datasets/./b", {}, None),
    ("GET", "/datasets/$(id)`id`;'x'&|", {}, None),
    ("GET", "/datasets?type=a&type=b", {}, None),
    ("GET", "/datasets?x=%FF&y=$HOME", {}, None),
    ("GET", "/datasets", {"X-Empty": "", "X-Odd": "$(id) `id` \"'\\"}, None),
    ("HEAD", "/datasets", {}, None),
    ("PATCH", CELL, {}, b'{"value": 1}'),
    ("PATCH", CELL, JSON, b"@/etc/passwd"),
    ("PATCH", CELL, JSON, b'{"value": "-n\\u0000"}\n'),
    ("PATCH", CELL, JSON, b'{"value": 1, "value": 2}'),
    ("PATCH", CELL, JSON, b'{"value": "\\ud800"}'),
    ("PATCH", CELL, {**JSON, "Authorization": ""}, b'{"value": 1}'),
    ("PATCH", CELL, {**JSON, "Authorization": "Bearer my-other-key"}, b'{"value": 1}'),
    ("PATCH", CELL, {**JSON, "Authorization": "bearer emulator-key"}, b'{"value": 1}'),
]


async def send_oddly(console: Console) -> None:
    """Send what curl, a shell or a client would write in another way, byte for byte."""
    for method, path, headers, body in ODD_REQUESTS:
        given = {"Authorization": f"Bearer {console.emulator.api_key}", **headers}
        if not given["Authorization"]:
            del given["Authorization"]
        options = {"headers": given, "data": body, "skip_auto_headers": ["Content-Type"]}
        await console.api.fetch(method, console.emulator.base_url + path, **options)


async def ask(console: Console, asked: list[tuple[str, str, Any]], *, mining: bool = False) -> None:
    """Send requests by hand, so that they are in the log."""
    emulator = console.emulator
    base, key = emulator.base_url, emulator.api_key
    if mining:
        base, key = emulator.mining_base_url, emulator.mining_token
    for method, path, body in asked:
        data = None if body is None else json.dumps(body)
        headers = {"Authorization": f"Bearer {key}", "X-Odd": 'it\'s "odd"'}
        if data is not None:
            headers["Content-Type"] = "application/json"
        await console.api.fetch(method, base + path, data=data, headers=headers)


async def copies(console: Console, form: str) -> list[str]:
    """Copy every request in the log, oldest first."""
    kept = (await console("GET", "requests?limit=500"))["requests"][::-1]
    return [
        (await console("GET", f"requests/{each['index']}/copy?as={form}"))["text"] for each in kept
    ]


def settings(emulator: Emulator) -> dict[str, str]:
    """The environment that ``claro emulator --format env`` sets."""
    return {
        **os.environ,
        "CLARO_BASE_URL": emulator.base_url,
        "CLARO_API_KEY": emulator.api_key,
        "COMMUNICATIONS_MINING_BASE_URL": emulator.mining_base_url,
        "COMMUNICATIONS_MINING_TOKEN": emulator.mining_token,
    }


def what_was_asked(record: RequestRecord) -> tuple[Any, ...]:
    """What makes a request that request, however it was written."""
    query = sorted(parse_qsl(record.query))
    return record.operation, record.method, record.raw_path, query, record.status


def what_was_done(emulator: Emulator) -> list[tuple[Any, ...]]:
    """Every change, without what is new each time."""
    return [(type(entry), *entry[1:3], *entry[3:5]) for entry in emulator.ledger.applied[:4]]


@pytest.fixture
async def fresh(api_of: type[Api]) -> Any:
    """Another emulator with the sample world, for the copies."""
    async with Emulator() as emulator:
        yield Console(api_of(emulator))  # type: ignore[call-arg] # bound to a session


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing")
async def test_curl_commands_send_the_same_bytes(console: Console, fresh: Console) -> None:
    """Run by a shell they send the same target, headers of one's own and body, with its key."""
    upload = "/datasets/your-dataset-id/cells/cell_8_1/upload-datasource"
    await ask(console, [*ASKED, *REJECTED])
    await ask(console, MINED, mining=True)
    await console.api.upload(upload, b"it's,odd\n1,\xc3\xa9\n", "it's ü.csv")
    for command in await copies(console, "curl"):
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", command), env=settings(fresh.emulator), stdout=subprocess.PIPE
        )
        await process.communicate()
        assert process.returncode == 0
    originals, again = console.emulator.ledger.requests, fresh.emulator.ledger.requests
    assert [each[1:5] for each in again] == [each[1:5] for each in originals]
    assert [each.status for each in again] == [each.status for each in originals]
    assert [each.body_sha256 for each in again[:-1]] == [
        each.body_sha256 for each in originals[:-1]
    ]
    assert {each.headers.get("X-Odd") for each in again[:-1]} == {'it\'s "odd"'}
    (was,), (made,) = console.emulator.ledger.uploads, fresh.emulator.ledger.uploads
    assert (made.file_name, made.size, made.sha256) == (was.file_name, was.size, was.sha256)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing")
async def test_curl_commands_send_what_curl_would_not(console: Console, fresh: Console) -> None:
    """Globs, dots, shell signs, empty and missing headers, bodies of no JSON, wrong keys."""
    await send_oddly(console)
    for command in await copies(console, "curl"):
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", command), env=settings(fresh.emulator), stdout=subprocess.PIPE
        )
        await process.communicate()
        assert process.returncode == 0
    originals, again = console.emulator.ledger.requests, fresh.emulator.ledger.requests
    assert len(again) == len(ODD_REQUESTS)
    for was, now in zip(originals, again, strict=True):
        assert now[1:5] == was[1:5]
        assert now[6:10] == was[6:10]  # key, body and status
        for name in ("Content-Type", "X-Empty", "X-Odd"):
            assert now.headers.get(name) == was.headers.get(name)


async def test_odd_requests_become_tests_that_pass_or_say_why_not(
    console: Console, tmp_path: Path
) -> None:
    """The client cannot send all of them; what it can send, with a wrong key, too, is rejected."""
    await send_oddly(console)
    made, refusals = 0, []
    for index in range(len(ODD_REQUESTS)):
        copy = await console.raw("GET", f"requests/{index}/copy?as=pytest")
        if copy.status == 200:
            (tmp_path / f"test_case_{index}.py").write_text(copy.json["text"], "utf-8")
            made += 1
        else:
            refusals.append(copy.json["details"]["message"])
    assert [text.split(",")[0] for text in refusals] == [
        *["the client sends only paths that are percent-encoded"] * 5,
        *["the client sends each parameter once"] * 2,
        "the body was not sent as JSON",
        *["the body is not JSON"] * 2,
        "the body holds text that the client cannot send",
        "it came without a key",
    ]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:asyncio", tmp_path),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert f"{made} passed" in out.decode(), out.decode()


def run(program: str) -> None:
    """Run a program as if it were a file, in a thread without an event loop."""
    with redirect_stdout(io.StringIO()):
        exec(compile(program, "copied.py", "exec"), {"__name__": "__main__"})  # noqa: S102 - what is tested


async def test_programs_make_the_same_calls(
    console: Console, fresh: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each operation is a call of the client that asks for the same and changes the same."""
    await ask(console, ASKED)
    await ask(console, MINED, mining=True)
    for name, value in settings(fresh.emulator).items():
        monkeypatch.setenv(name, value)
    programs = await copies(console, "python")
    assert [program for program in programs if ".request(" in program] == programs[-2:-1]
    for program in programs:
        await asyncio.to_thread(run, program)
    again = list(map(what_was_asked, fresh.emulator.ledger.requests))
    assert again.pop(5)[0] == "getDataset"  # which comes before a new task type
    assert again == list(map(what_was_asked, console.emulator.ledger.requests))
    assert what_was_done(fresh.emulator) == what_was_done(console.emulator)


async def test_programs_upload_and_download_files(
    console: Console, fresh: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An upload has the file in it; a signed URL becomes a download of the same data source."""
    upload = "/datasets/your-dataset-id/cells/cell_8_1/upload-datasource"
    await console.api.upload(upload, b"a\n\x001\n", "a.csv")
    link = await console.api("POST", "/datasources/datasource-1/download")
    await console.api.fetch("GET", link.json["downloadUrl"])
    for name, value in settings(fresh.emulator).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    for program in (await copies(console, "python"))[::2]:
        await asyncio.to_thread(run, program)
    ledger = fresh.emulator.ledger
    assert ledger.uploads[0].sha256 == console.emulator.ledger.uploads[0].sha256
    assert ledger.count("download", 200) == 1


async def test_tests_pass_on_their_own(console: Console, tmp_path: Path) -> None:
    """Each passes with nothing but what it makes itself, for rejected requests, too."""
    console.emulator.faults.add("getDataset", "status", times=1, match="your-dataset-id")
    await ask(console, [ASKED[1], *ASKED, *REJECTED])
    await ask(console, MINED[:-1], mining=True)
    for fault, details in (("truncate", {}), ("invalid_json", {}), ("status", {"status": 204})):
        console.emulator.faults.add("updateCell", fault, times=1, **details)
        with suppress(aiohttp.ClientError):
            await ask(console, [("PATCH", CELL, {"value": 1})])
    console.emulator.deny_access("datasource-2")
    console.emulator.set_processing("datasource-3", kind="datasource")
    await ask(console, [("GET", f"/datasources/datasource-{n}/data", None) for n in (2, 3)])
    link = await console.api("POST", "/datasources/datasource-1/download")
    await console.api.fetch("GET", link.json["downloadUrl"], headers={"Range": "bytes=0-1"})
    cases = await copies(console, "pytest")
    for number, case in enumerate(cases):
        (tmp_path / f"test_case_{number}.py").write_text(case, "utf-8")
    assert "emulator.faults.add('getDataset', 'status', times=1" in cases[0]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:asyncio", tmp_path),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert f"{len(cases)} passed" in out.decode(), out.decode()


async def test_what_cannot_be_copied_says_why(bare: Console) -> None:
    """A body that is not kept whole or no text, a path that the client has no call for."""
    long = json.dumps({"value": "x" * 20_000}).encode()
    await bare.api("PATCH", "/datasets/products/cells/cell_1_1", body=long)
    await bare.api("PATCH", "/datasets/products/cells/cell_1_1", body=b"\xff")
    await bare.api.fetch("GET", f"{bare.emulator.origin}/elsewhere")
    await bare.api.upload("/datasets/products/cells/none/upload-datasource", b"a\n1\n", "a.csv")
    said = [
        (await bare.refused("GET", f"requests/{index}/copy?as={form}"))[2]
        for index, form in (
            *((0, "curl"), (1, "curl"), (1, "python"), (2, "pytest"), (2, "other")),
            *((3, "curl"), (3, "python"), (3, "pytest")),
        )
    ]
    assert [text.split()[0] for text in said] == ["as"] * 8
    assert "not kept whole" in said[0]
    assert "not text" in said[1]
    assert "not JSON" in said[2]
    assert "no call for this path" in said[3]
    assert all("not kept whole" in text for text in said[5:])  # rejected before it was read
    shown = (await bare("GET", "requests/3"))["body"]
    assert (shown["kind"], shown["size"] > 100, shown["cut"]) == ("file", True, True)
    assert "/elsewhere" in (await bare("GET", "requests/2/copy?as=curl"))["text"]

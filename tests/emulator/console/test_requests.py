"""The console's log of requests, the calls that they belong to, and the ledger at a glance."""

from __future__ import annotations

import asyncio
import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientConnectionError

from claro_async import ClaroClient, RetryPolicy
from claro_async.emulator import Emulator
from claro_async.emulator.calls import Reply
from claro_async.emulator.recent import BODY_BYTES_KEPT, ENTRIES_KEPT
from tests.emulator.console.conftest import Console

if TYPE_CHECKING:
    from claro_async.emulator import ManualClock
    from tests.emulator.conftest import Api


async def listed(console: Console, filters: str = "") -> list[int]:
    """The indexes of the requests that filters leave, newest first."""
    return [each["index"] for each in (await console("GET", f"requests{filters}"))["requests"]]


async def test_a_request_is_shown_whole(bare: Console, clock: ManualClock) -> None:
    """Its headers without the key, its body, its reply with headers, and what it changed."""
    await bare.api(
        "PATCH",
        "/datasets/products/cells/cell_1_1",
        body=b'{"value":"New"}',
        headers={"X-Mine": "yes"},
    )
    shown = await bare("GET", "requests/0")
    assert (shown["operation"], shown["status"], shown["receivedAt"]) == (
        "updateCell",
        200,
        clock(),
    )
    assert (shown["authorization"], shown["bodySize"], shown["code"]) == ("valid", 15, None)
    assert ["X-Mine", "yes"] in shown["headers"]
    assert [value for name, value in shown["headers"] if name == "Authorization"] == ["[redacted]"]
    assert shown["body"] == {"kind": "json", "text": '{"value":"New"}', "size": 15, "cut": False}
    assert json.loads(shown["replyBody"]["text"])["previousValue"] == "Widget"
    assert shown["replySize"] == len(shown["replyBody"]["text"])
    assert "X-RateLimit-Limit" in dict(shown["replyHeaders"])
    (change,) = shown["changes"]
    assert change["at"] == shown["receivedAt"]
    assert (change["what"], change["row"], change["columnId"], change["value"]) == (
        "edit",
        0,
        "col_1",
        "New",
    )
    assert 0 <= shown["seconds"] < 10


async def test_long_and_binary_bodies_are_cut_and_named(bare: Console) -> None:
    """Of a long body its beginning is kept; what is no text is said to be none; files are files."""
    long = json.dumps({"value": "é" * BODY_BYTES_KEPT}, ensure_ascii=False).encode()
    await bare.api("PATCH", "/datasets/products/cells/cell_1_1", body=long)
    await bare.api("PATCH", "/datasets/products/cells/cell_1_1", body=b"\xff\xfe")
    await bare.api.upload(
        "/datasets/products/cells/cell_1_1/upload-datasource", b"\0" * 100_000, "a.txt"
    )
    await bare.api("GET", "/datasets")
    bodies = [(await bare("GET", f"requests/{index}"))["body"] for index in range(4)]
    assert [body["kind"] for body in bodies] == ["json", "binary", "file", "none"]
    assert (bodies[0]["cut"], bodies[0]["size"]) == (True, len(long))
    assert bodies[0]["text"] == '{"value": "' + "é" * ((BODY_BYTES_KEPT - 11) // 2)
    assert [body["text"] for body in bodies[1:]] == ["", "", ""]
    assert len((await bare("GET", "requests/2"))["changes"]) == 1


async def test_attempts_of_one_call_are_grouped(bare: Console) -> None:
    """What a client sends again after 503, 429 and a lost connection is one call."""
    for kind, detail in (
        ("status", {"retry_after": 0}),
        ("rate_limit", {"retry_after": 0}),
        ("disconnect", {"apply": True}),
    ):
        bare.emulator.faults.add("updateCell", kind, times=1, **detail)
    retry = RetryPolicy(base_delay=0)
    async with ClaroClient(bare.emulator.api_key, bare.emulator.base_url, retry=retry) as claro:
        await claro.dataset("products").get()
        await claro.dataset("products").update_cell("cell_1_1", 1)
        await claro.dataset("products").update_cell("cell_1_1", 1)
    shown = (await bare("GET", "requests"))["requests"][::-1]
    assert [(each["call"], each["attempt"]) for each in shown] == [
        (0, 1),
        (1, 1),
        (1, 2),
        (1, 3),
        (1, 4),
        (5, 1),
    ]
    assert [each["status"] for each in shown] == [200, 503, 429, None, 200, 200]
    assert [each["wait"] is None for each in shown] == [True, True, False, False, False, True]
    whole = await bare("GET", "requests/3")
    assert [each["index"] for each in whole["attempts"]] == [1, 2, 3, 4]
    assert await listed(bare, "?call=1") == [4, 3, 2, 1]
    assert await listed(bare, "?problem=retried") == [4, 3, 2]


async def test_what_only_looks_alike_is_not_grouped(bare: Console, clock: ManualClock) -> None:
    """Another body, a success before, or two minutes: each begins a call of its own."""
    fault = bare.emulator.faults.add("updateCell", "status")
    assert [await bare.edit("cell_1_1", 1), await bare.edit("cell_1_1", 2)] == [503, 503]
    fault.remove()
    assert await bare.edit("cell_1_1", 2) == 200
    assert await bare.edit("cell_1_1", 2) == 200
    clock.advance(121)
    assert await bare.edit("cell_1_1", 1) == 200
    shown = (await bare("GET", "requests"))["requests"][::-1]
    assert [each["call"] for each in shown] == [0, 1, 1, 3, 4]


async def test_a_key_of_ones_own_groups_requests(bare: Console) -> None:
    """Requests with the same ``Idempotency-Key`` are one call though their bodies differ."""
    bare.emulator.faults.add("updateCell", "status", times=1)
    for number in range(2):
        await bare.api(
            "PATCH",
            "/datasets/products/cells/cell_1_1",
            body=json.dumps({"value": number}),
            headers={"Idempotency-Key": "k-1"},
        )
    assert await listed(bare, "?call=0") == [1, 0]


async def test_filters_find_requests(bare: Console) -> None:
    """By operation, status, fault, text and kind of problem, alone and together, page by page."""
    bare.emulator.faults.add("updateCell", "html", times=1)
    bare.emulator.faults.add("updateCell", "reset", times=1, match="cell_2")
    statuses = [await bare.edit("cell_1_1", "needle")]
    with pytest.raises(ClientConnectionError):
        await bare.edit("cell_2_1", 1)
    statuses += [await bare.edit("cell_2_1", 1), await bare.edit("cell_9_9", 1)]
    statuses.append(
        (await bare.api("PATCH", "/datasets/products/cells/cell_1_1", body=b"{")).status
    )
    statuses.append((await bare.api("GET", "/datasets?page=2")).status)
    assert statuses == [502, 200, 404, 400, 200]
    expected = {
        "operation=updateCell": [4, 3, 2, 1, 0],
        "operation=listDatasets": [5],
        "status=200": [5, 2],
        "status=4xx": [4, 3],
        "status=none": [1],
        "fault=any": [1, 0],
        "fault=html": [0],
        "text=NEEDLE": [0],
        "text=cell_2": [2, 1],
        "text=page%3D2": [5],
        "problem=rejected": [4],
        "problem=dropped": [1],
        "problem=throttled": [],
        "operation=updateCell&status=4xx&text=cell_9": [3],
        "skip=1&limit=2": [4, 3],
        "skip=5&operation=updateCell": [],
    }
    assert {filters: await listed(bare, f"?{filters}") for filters in expected} == expected
    page = await bare("GET", "requests?status=4xx&limit=1")
    assert (page["total"], page["kept"], page["ever"], page["requests"][0]["code"]) == (
        2,
        6,
        6,
        "INVALID_PARAMETERS",
    )


@pytest.mark.parametrize(
    "query", ["status=4x", "status=ok", "problem=other", "call=x", "limit=0", "limit=501"]
)
async def test_a_filter_that_makes_no_sense_is_refused(bare: Console, query: str) -> None:
    """It is not taken for one that finds nothing."""
    assert (await bare.refused("GET", f"requests?{query}"))[:2] == (400, "INVALID_PARAMETERS")


async def test_invariants_say_what_ought_not_to_happen(bare: Console, until: Any) -> None:
    """A cell written twice, two requests for one cell at a time, a body that was rejected."""
    quiet = await bare("GET", "invariants")
    fault = bare.emulator.faults.add("updateCell", "stall", times=1)
    first = asyncio.ensure_future(bare.edit("cell_1_1", 1))
    await until(lambda: fault.waiters)
    await bare.edit("cell_1_1", 2)
    fault.release()
    await first
    await bare.edit("cell_2_1", 1)
    await bare.api("PATCH", "/datasets/products/cells/cell_3_1", body=b"[]")
    seen = await bare("GET", "invariants")
    cell = {"datasetId": "products", "cellId": "cell_1_1"}
    assert quiet["cellsWrittenTwice"] == {"count": 0, "examples": []}
    assert seen["cellsWrittenTwice"] == {"count": 1, "examples": [{**cell, "times": 2}]}
    assert quiet["cellsInFlightTwice"] == {"max": 0, "count": 0, "examples": []}
    assert seen["cellsInFlightTwice"] == {"max": 2, "count": 1, "examples": [cell]}
    assert seen["bodiesRejected"] == {"count": 1, "examples": [3]}
    assert (seen["requests"], seen["inFlight"], seen["statuses"]) == (4, 0, {"200": 3, "400": 1})


async def test_only_bodies_that_are_wrong_count_as_rejected(bare: Console) -> None:
    """Not a query that is wrong, nor a fault that says 400; after a clear it begins at zero."""
    await bare.api("GET", "/datasets?page=0")
    bare.emulator.faults.add("updateCell", "status", status=400, times=1)
    await bare.edit("cell_1_1", 1)
    assert (await bare("GET", "invariants"))["bodiesRejected"] == {"count": 0, "examples": []}
    await bare.api("PATCH", "/datasets/products/cells/cell_1_1", body=b"{}")
    await bare.api.upload("/datasets/products/cells/cell_1_1/upload-datasource", b"a", "a.exe")
    seen = (await bare("GET", "invariants"))["bodiesRejected"]
    assert seen == {"count": 2, "examples": [3, 2]}
    assert (await bare("GET", "requests?problem=rejected"))["total"] == 4
    await bare("POST", "ledger/clear")
    await bare.api("PATCH", "/datasets/products/cells/cell_1_1", body=b"{}")
    assert (await bare("GET", "invariants"))["bodiesRejected"]["count"] == 1


async def test_the_log_is_bounded(bare: Console) -> None:
    """The newest requests are kept; older ones stay in the ledger and are said to be gone."""
    recent = bare.emulator.ledger.recent
    await bare.edit("cell_1_1", 1)
    (kept,) = recent.newest_first()
    for _ in range(2 * ENTRIES_KEPT - 2):
        recent.add(kept.record, b"", None, 0.0)
    assert (await bare("GET", "requests"))["kept"] == 2 * ENTRIES_KEPT - 1
    await bare.edit("cell_1_1", 2)
    assert (await bare("GET", "requests"))["kept"] == ENTRIES_KEPT
    assert (await bare("GET", "requests/1"))["index"] == 1
    body, reply = b"x" * BODY_BYTES_KEPT, Reply(200, b"x" * 2 * BODY_BYTES_KEPT)
    for _ in range(ENTRIES_KEPT):
        recent.add(kept.record, body, reply, 0.0)
    page = await bare("GET", "requests")
    assert 512 <= page["kept"] <= 1024
    assert page["ever"] == 2
    assert (await bare.refused("GET", "requests/1"))[:2] == (404, "NOT_FOUND")


async def test_clearing_the_ledger_clears_the_log(bare: Console) -> None:
    """Counts begin anew, and a retry is not grouped with what is forgotten."""
    bare.emulator.faults.add("updateCell", "status", times=1)
    await bare.edit("cell_1_1", 1)
    await bare("GET", "requests")
    await bare("POST", "ledger/clear")
    await bare.edit("cell_1_1", 1)
    page = await bare("GET", "requests")
    assert [(each["index"], each["call"]) for each in page["requests"]] == [(1, 1)]
    assert (await bare("GET", "invariants"))["statuses"] == {"200": 1}
    assert bare.emulator.ledger.count() == 1


async def test_without_a_console_nothing_is_kept(api_of: type[Api]) -> None:
    """``console=False`` leaves the page, its routes and what they need out."""
    async with Emulator(sample_world=False, console=False) as emulator:
        console = Console(api_of(emulator))  # type: ignore[call-arg] # bound to a session
        answer = await console.raw("GET", "state")
        await console.api("GET", "/datasets")
        assert (answer.status, emulator.ledger.count()) == (401, 2)
        assert emulator.ledger.recent.added == 0


async def test_bytes_that_are_no_text_are_shown_as_escapes(bare: Console) -> None:
    """In headers, and in targets where the parser lets them through: log and stream go on."""
    await bare.api("GET", "/datasets")
    (kept,) = bare.emulator.ledger.recent.newest_first()
    value = b"a\xffb".decode("utf-8", "surrogateescape")
    odd = kept.record._replace(
        index=1, raw_path=f"/api/v2/{value}", query=value, raw_headers=((b"X-Odd", b"a\xffb"),)
    )
    bare.emulator.ledger.recent.add(odd, b"", None, 0.0)
    (first, _) = (await bare("GET", "requests"))["requests"]
    assert (first["path"], first["query"]) == ("/api/v2/a\udcffb", "a\udcffb")
    assert (await bare("GET", "requests/1"))["headers"][0] == ["X-Odd", "a\udcffb"]
    for form in ("curl", "python", "pytest"):
        assert (await bare.refused("GET", f"requests/1/copy?as={form}"))[0] == 400


async def test_faults_of_a_program_are_listed_whatever_they_hold(bare: Console) -> None:
    """Python may give details that no JSON has; the console lists them and goes on."""
    add = bare.emulator.faults.add
    add("updateCell", "slow", delay=math.inf)
    add("updateCell", "status", body=b"\xff", message="\ud800")
    shown = [each["details"] for each in (await bare("GET", "state"))["faults"]]
    assert shown == [{"delay": "inf"}, {"body": "\ufffd", "message": "\ud800"}]

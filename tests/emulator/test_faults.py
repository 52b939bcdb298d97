"""Faults: each kind on a real socket, and when a fault strikes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from claro_async.emulator import Faults

FIRST = "550e8400-e29b-41d4-a716-446655440000"
CELL = f"/datasets/{FIRST}/cells/cell_1_1"
DATA = b"0123456789" * 100


def _value(api: Any) -> Any:
    return api.emulator.cell(FIRST, "cell_1_1").value


async def _patch(api: Any, value: Any = "new") -> Any:
    return await api("PATCH", CELL, json={"value": value})


@pytest.mark.parametrize("apply", [False, True])
async def test_status_before_or_after_applying(api: Any, apply: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A 503 comes with the change made or not made, as asked for; it counts as a hit."""
    fault = api.emulator.faults.add("updateCell", "status", apply=apply, retry_after=7)
    answer = await _patch(api)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
    assert answer.code == "SERVER_ERROR"
    assert _value(api) == ("new" if apply else "Widget A")
    assert len(api.emulator.ledger.applied) == apply
    record = api.emulator.ledger.requests[-1]
    assert (fault.hits, record.fault, record.status) == (1, "status", 503)
    assert record.body_size == len(json.dumps({"value": "new"}))


async def test_status_takes_any_code_and_body(api: Any) -> None:
    """Any status with any code, or any body, can be answered."""
    faults = api.emulator.faults
    faults.add("getDataset", status=404, code="ROW_NOT_FOUND", details={"rowId": "row_9"}, times=1)
    answer = await api("GET", f"/datasets/{FIRST}")
    assert (answer.status, answer.code) == (404, "ROW_NOT_FOUND")
    assert answer.json["error"] == "Row not found"
    faults.add("getDataset", status=500, body="oops", html=True)
    answer = await api("GET", f"/datasets/{FIRST}")
    assert (answer.status, answer.body) == (500, b"oops")
    assert answer.headers["Content-Type"].startswith("text/html")


async def test_html(api: Any) -> None:
    """A gateway's page comes in place of JSON."""
    api.emulator.faults.add("*", "html")
    answer = await _patch(api)
    assert answer.status == 502
    assert answer.body.startswith(b"<html>")


async def test_rate_limit(api: Any) -> None:
    """A 429 out of nowhere has the envelope and the headers; it may use up the window."""
    api.emulator.faults.add("updateCell", "rate_limit", retry_after=3, times=1)
    answer = await _patch(api)
    assert (answer.status, answer.code) == (429, "RATE_LIMIT_EXCEEDED")
    assert answer.headers["Retry-After"] == "3"
    api.emulator.faults.add("updateCell", "rate_limit", exhaust=True, retry_after=None, times=1)
    answer = await _patch(api)
    assert answer.headers["X-RateLimit-Remaining"] == "0"
    assert "Retry-After" not in answer.headers
    assert (await _patch(api)).status == 429
    assert _value(api) == "Widget A"


@pytest.mark.parametrize("apply", [False, True])
@pytest.mark.parametrize(
    ("kind", "error"),
    [("reset", ConnectionResetError), ("disconnect", asyncio.IncompleteReadError)],
)
async def test_a_connection_ends_without_a_reply(
    api: Any,
    kind: str,
    error: type[Exception],
    apply: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A reset arrives as one and a close as an end, with the change made or not made, as asked."""
    api.emulator.faults.add("updateCell", kind, apply=apply)
    reader, writer = await asyncio.open_connection("127.0.0.1", api.emulator.port)
    writer.write(
        f"PATCH /api/v2{CELL} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer emulator-key\r\n"
        'Content-Type: application/json\r\nContent-Length: 11\r\n\r\n{"value":1}'.encode()
    )
    with pytest.raises(error):
        await reader.readexactly(1)
    writer.close()
    assert _value(api) == (1 if apply else "Widget A")
    (record,) = api.emulator.ledger.requests
    assert (record.status, record.fault, record.body_size) == (None, kind, 11)


async def test_a_reset_in_the_middle_of_an_upload(api: Any) -> None:
    """With after_bytes the connection drops while the body is still coming."""
    api.emulator.faults.add("uploadDatasource", "reset", after_bytes=1)
    path = f"/datasets/{FIRST}/cells/cell_2_1/upload-datasource"
    with pytest.raises(aiohttp.ClientError):
        await api.upload(path, b"x" * 500_000, "a.txt")
    (record,) = api.emulator.ledger.requests
    assert 1 <= record.body_size < 500_000
    assert api.emulator.ledger.uploads == []


async def test_slow_applies_and_then_waits(api: Any, until: Any) -> None:
    """A client that gives up on a slow reply finds its change made."""
    api.emulator.faults.add("updateCell", "slow", delay=30)
    request = asyncio.create_task(_patch(api))
    await until(lambda: api.emulator.ledger.applied)
    assert not request.done()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    await until(lambda: not api.emulator.ledger.in_flight)
    assert _value(api) == "new"


async def test_slow_may_wait_before_applying(api: Any, until: Any) -> None:
    """With apply=False a client that leaves early prevents the change."""
    api.emulator.faults.add("updateCell", "slow", delay=30, apply=False)
    request = asyncio.create_task(_patch(api))
    await until(lambda: api.emulator.ledger.in_flight)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    await until(lambda: not api.emulator.ledger.in_flight)
    assert _value(api) == "Widget A"


async def test_slow_answers_in_the_end(api: Any) -> None:
    """After the delay the usual reply comes, on either setting."""
    for apply in (True, False):
        api.emulator.faults.add("updateCell", "slow", delay=0.001, apply=apply, times=1)
        assert (await _patch(api)).status == 200


async def test_stall_holds_a_reply_until_released(api: Any) -> None:
    """Part of the body comes, then nothing, and the rest once the fault is released."""
    fault = api.emulator.faults.add("updateCell", "stall", after_bytes=10)
    url = api.emulator.base_url + CELL
    headers = {"Authorization": "Bearer emulator-key"}
    async with api.session.patch(url, json={"value": "new"}, headers=headers) as response:
        part = await response.content.readexactly(10)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(response.content.readexactly(1), 0.02)
        fault.release()
        rest = await response.content.read()
    assert json.loads(part + rest)["value"] == "new"


async def test_stall_gives_up_after_its_timeout(api: Any) -> None:
    """With a timeout nobody has to release it."""
    api.emulator.faults.add("updateCell", "stall", timeout=0.01)
    assert (await _patch(api)).json["value"] == "new"


@pytest.mark.parametrize("after", [0, 10, None])
async def test_truncate_sends_less_than_announced(api: Any, after: int | None) -> None:
    """The connection closes before Content-Length is reached, with the change made."""
    details = {} if after is None else {"after_bytes": after}
    api.emulator.faults.add("updateCell", "truncate", **details)
    with pytest.raises(aiohttp.ClientPayloadError):
        await _patch(api)
    assert _value(api) == "new"


async def test_invalid_json(api: Any) -> None:
    """A whole reply holds half a document."""
    api.emulator.faults.add("updateCell", "invalid_json")
    answer = await _patch(api)
    assert answer.status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.body)


async def test_stuck_processing(api: Any) -> None:
    """Details show processing, everything else answers that it is still going on."""
    api.emulator.faults.add("*", "stuck_processing")
    assert (await api("GET", f"/datasets/{FIRST}")).json["status"] == "processing"
    source = (await api("GET", f"/datasources/{FIRST}")).json
    assert (source["status"], source["processedAt"]) == ("processing", None)
    answer = await _patch(api)
    assert (answer.status, answer.code) == (409, "PROCESSING_IN_PROGRESS")
    assert answer.json["error"] == "Dataset still processing"
    answer = await api("GET", f"/datasources/{FIRST}/data")
    assert answer.json["error"] == "Data source still processing"
    assert _value(api) == "Widget A"


@pytest.fixture
async def link(api: Any) -> str:
    """A signed URL of a thousand bytes."""
    source = api.emulator.add_datasource(DATA, file_name="a.txt")
    return str((await api("POST", f"/datasources/{source}/download")).json["downloadUrl"])


async def test_wrong_length(api: Any, link: str) -> None:
    """A whole reply is shorter than the file; nothing but fileSize tells."""
    api.emulator.faults.add("download", "wrong_length", missing=3)
    answer = await api.fetch("GET", link)
    assert (answer.status, answer.body) == (200, DATA[:-3])
    assert answer.headers["Content-Length"] == "997"


async def test_change_file(api: Any, link: str) -> None:
    """Another file of the same length and another validator: If-Range gets it whole."""
    etag = (await api.fetch("GET", link)).headers["ETag"]
    api.emulator.faults.add("download", "change_file")
    asked = {"Range": "bytes=500-", "If-Range": etag}
    answer = await api.fetch("GET", link, headers=asked)
    assert (answer.status, len(answer.body)) == (200, 1000)
    assert answer.body != DATA
    assert answer.headers["ETag"] != etag


async def test_ignore_range(api: Any, link: str) -> None:
    """A range is answered with the whole file."""
    api.emulator.faults.add("download", "ignore_range")
    answer = await api.fetch("GET", link, headers={"Range": "bytes=500-"})
    assert (answer.status, answer.body) == (200, DATA)


async def test_no_length(api: Any, link: str) -> None:
    """The file comes in chunks and without a length."""
    api.emulator.faults.add("download", "no_length")
    answer = await api.fetch("GET", link)
    assert "Content-Length" not in answer.headers
    assert answer.body == DATA


async def test_bad_gzip(api: Any, link: str) -> None:
    """The reply claims to be compressed and is not."""
    api.emulator.faults.add("download", "bad_gzip")
    assert (await api.fetch("GET", link)).headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize("kind", ["truncate", "reset", "disconnect"])
async def test_a_download_breaks_off(api: Any, link: str, kind: str) -> None:
    """Downloads can be cut short or dropped like any request."""
    api.emulator.faults.add("download", kind)
    with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)):
        await api.fetch("GET", link)
    assert api.emulator.ledger.requests[-1].fault == kind


async def test_a_download_can_be_refused_slow_or_stalled(api: Any, link: str) -> None:
    """The other kinds work for downloads, too."""
    faults = api.emulator.faults
    faults.add("download", "status", status=500, times=1)
    assert (await api.fetch("GET", link)).status == 500
    faults.add("download", "slow", delay=0.001, times=1)
    assert (await api.fetch("GET", link)).body == DATA
    faults.add("download", "stall", timeout=0.001, times=1)
    assert (await api.fetch("GET", link)).body == DATA


async def test_when_a_fault_strikes(api: Any) -> None:
    """`after`, `times`, `match`, `remove` and `clear` say which requests are struck."""
    faults = api.emulator.faults
    fault = faults.add("updateCell", "status", after=2, times=2, match="cell_1_1")
    seen = [(await _patch(api)).status for _ in range(6)]
    assert seen == [200, 200, 503, 503, 200, 200]
    assert (fault.hits, fault.seen) == (2, 6)
    other = faults.add("updateCell", match="cell_9_9")
    assert (await _patch(api)).status == 200
    other.remove()
    everything = faults.add()
    assert (await api("GET", "/datasets")).status == 503
    everything.remove()
    faults.add("*")
    faults.clear()
    assert (await api("GET", "/datasets")).status == 200


def test_probability_is_repeatable() -> None:
    """Two runs with one seed strike the same requests, about as often as asked for."""

    def run(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add("updateCell", probability=0.3)
        return [faults.pick("updateCell", "/") is not None for _ in range(1000)]

    assert run(1) == run(1) != run(2)
    assert 250 < sum(run(1)) < 350


@pytest.mark.parametrize(
    "given",
    [
        {"operation": "nothing"},
        {"kind": "nothing"},
        {"kind": "reset", "delay": 1},
        {"probability": 1.5},
        {"probability": -0.1},
    ],
)
def test_bad_faults_are_refused(given: dict[str, Any]) -> None:
    """Typing errors in a fault do not pass unseen."""
    with pytest.raises(ValueError, match=r"unknown|takes no|probability"):
        Faults().add(**given)

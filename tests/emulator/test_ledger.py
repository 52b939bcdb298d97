"""The ledger: what it counts, in which order, and how many at a time."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest

from claro_async.emulator import (
    AppliedColumnUpdate,
    AppliedDelete,
    AppliedExport,
    AppliedLink,
    AppliedTaskType,
    AppliedUpload,
    ManualClock,
)

FIRST = "550e8400-e29b-41d4-a716-446655440000"
CELL = f"/datasets/{FIRST}/cells/cell_1_1"


async def test_a_request_is_entered_as_it_came(api: Any, clock: ManualClock) -> None:
    """Path and query are byte for byte, the body has its size and hash, the time is the clock's."""
    clock.advance(3)
    body = b'{"value": "x"}'
    await api("PATCH", f"/datasets/{FIRST}/cells/a%2fb%2F?x=%41+1", body=body, headers={"X-A": "é"})
    (record,) = api.emulator.ledger.requests
    assert record.index == 0
    assert record.operation == "updateCell"
    assert (record.method, record.status, record.fault) == ("PATCH", 404, None)
    assert record.raw_path == f"/api/v2/datasets/{FIRST}/cells/a%2fb%2F"
    assert record.query == "x=%41+1"
    assert (record.body_size, record.body_sha256) == (14, hashlib.sha256(body).hexdigest())
    assert record.received_at == clock()
    assert record.connection_id == 1
    assert record.headers["x-a"] == "é"
    with pytest.raises(AttributeError):
        record.status = 200


async def test_requests_are_counted(api: Any) -> None:
    """`count` takes an operation, a status, both or neither."""
    await api("GET", "/datasets")
    await api("GET", "/datasets?limit=0")
    await api("GET", "/datasources")
    await api("GET", "/nothing")
    ledger = api.emulator.ledger
    assert ledger.count() == 4
    assert ledger.count("listDatasets") == 2
    assert ledger.count(status=200) == 2
    assert ledger.count("listDatasets", 400) == 1
    ledger.clear()
    assert (ledger.count(), ledger.requests, ledger.applied) == (0, [], [])
    await api("GET", "/datasets")
    assert ledger.requests[0].index == 4


async def test_statuses_are_counted(api: Any, until: Any) -> None:
    """Once each, whenever they are asked for, in whatever order requests are decided."""
    ledger = api.emulator.ledger
    api.emulator.faults.add("updateCell", "slow", delay=60, apply=False)
    slow = asyncio.create_task(api("PATCH", CELL, json={"value": 1}))
    await until(lambda: ledger.in_flight == 1)
    await api("GET", "/datasets?limit=0")
    await api("GET", "/datasets")
    assert ledger.statuses == {400: 1, 200: 1}
    slow.cancel()  # it is decided after those that came later
    await until(lambda: not ledger.in_flight)
    assert len(ledger.requests) == 3
    assert ledger.statuses == {400: 1, 200: 1, None: 1}
    await api("GET", "/datasets")
    assert ledger.statuses == {400: 1, 200: 2, None: 1}
    ledger.clear()
    await api("GET", "/datasets")
    assert ledger.statuses == {200: 1}


async def test_the_busiest_window_is_found(api: Any, clock: ManualClock) -> None:
    """Any span of the given length counts, not only whole minutes; its end is excluded."""
    for pause in (0, 10, 10, 1, 1, 30):
        clock.advance(pause)
        await api("GET", "/datasets")
    ledger = api.emulator.ledger
    assert ledger.max_in_window(2) == 2
    assert ledger.max_in_window(2.5) == 3
    assert ledger.max_in_window(1000) == 6
    assert ledger.max_in_window(1000, "updateCell") == 0


async def test_requests_at_one_time_are_counted(api: Any, until: Any) -> None:
    """The most requests in flight are known, in all and for one cell."""
    fault = api.emulator.faults.add("updateCell", "slow", delay=60)
    paths = [CELL, CELL, f"/datasets/{FIRST}/cells/cell_1_2"]
    tasks = [asyncio.create_task(api("PATCH", path, json={"value": 1})) for path in paths]
    ledger = api.emulator.ledger
    await until(lambda: len(ledger.applied) == 3)
    assert ledger.in_flight == 3
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await until(lambda: not ledger.in_flight)
    fault.remove()
    assert (ledger.max_in_flight, ledger.max_in_flight_per_cell) == (3, 2)
    await api("PATCH", CELL, json={"value": 1})
    assert ledger.max_in_flight == 3


async def test_records_are_in_order_of_arrival(api: Any, until: Any) -> None:
    """A request that is decided late still stands where it arrived."""
    api.emulator.faults.add("getDataset", "slow", delay=60, apply=False)
    slow = asyncio.create_task(api("GET", f"/datasets/{FIRST}"))
    await until(lambda: api.emulator.ledger.in_flight)
    await api("GET", "/datasets")
    slow.cancel()
    await until(lambda: not api.emulator.ledger.in_flight)
    assert [one.operation for one in api.emulator.ledger.requests] == [
        "getDataset",
        "listDatasets",
    ]


async def test_every_kind_of_change_is_entered(api: Any) -> None:
    """Each operation that changes something has its own kind of entry, with its request."""
    await api("GET", "/datasets")
    await api.upload(f"/datasets/{FIRST}/cells/cell_2_1/upload-datasource", b"x", "a.txt")
    link = {"datasourceId": "datasource-1"}
    await api("POST", f"/datasets/{FIRST}/cells/cell_2_1/link-datasource", json=link)
    await api("PATCH", f"/datasets/{FIRST}/columns/col_1", json={"name": "n"})
    await api("PUT", f"/datasets/{FIRST}/columns/col_1/task-type", json={"taskType": "raw"})
    await api("POST", f"/datasets/{FIRST}/export", json={"format": "csv", "rowCount": 1})
    await api("DELETE", "/datasources/datasource-1")
    await api("DELETE", f"/datasets/{FIRST}")
    applied = api.emulator.ledger.applied
    assert [type(entry) for entry in applied] == [
        AppliedUpload,
        AppliedLink,
        AppliedColumnUpdate,
        AppliedTaskType,
        AppliedExport,
        AppliedDelete,
        AppliedDelete,
    ]
    assert [entry.request_index for entry in applied] == [1, 2, 3, 4, 5, 6, 7]
    assert applied[1].previous_datasource == applied[0].datasource_id
    assert applied[3].affected_cells == 150
    assert applied[6] == AppliedDelete(7, "dataset", FIRST)
    assert api.emulator.ledger.edits == []

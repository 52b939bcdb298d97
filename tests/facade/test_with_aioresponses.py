"""The facade with HTTP mocked by aioresponses, the way users of aiohttp test their own code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aioresponses import aioresponses

from claro_async import CellNotFoundError, ClaroClient, DatasetNotFoundError, ServerError
from tests.clocks import ManualClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

BASE = "https://claro.example/api/v2"


@pytest.fixture
def mocked() -> Iterator[aioresponses]:
    """All HTTP, mocked."""
    with aioresponses() as mock:
        yield mock


@pytest.fixture
async def client() -> AsyncIterator[ClaroClient]:
    """A client of an API that is not there."""
    clock = ManualClock()
    async with ClaroClient("key", BASE, clock=clock) as client:
        with clock.automatic():
            yield client


async def test_update_cell(mocked: aioresponses, client: ClaroClient) -> None:
    """A mocked reply becomes a typed result."""
    mocked.patch(
        f"{BASE}/datasets/d/cells/c",
        payload={
            "cellId": "c",
            "datasetId": "d",
            "value": 2,
            "previousValue": 1,
            "metadataReset": True,
            "updatedAt": "2024-03-14T15:30:00Z",
            "updatedBy": "user_123",
        },
    )
    result = await client.dataset("d").update_cell("c", 2)
    assert (result.cell_id, result.previous_value, result.value) == ("c", 1, 2)


async def test_errors(mocked: aioresponses, client: ClaroClient) -> None:
    """A mocked refusal becomes a typed error."""
    mocked.patch(
        f"{BASE}/datasets/d/cells/c",
        status=404,
        payload={"error": "Cell not found", "code": "CELL_NOT_FOUND", "details": {"cellId": "c"}},
    )
    with pytest.raises(CellNotFoundError, match="Cell not found") as caught:
        await client.dataset("d").update_cell("c", 2)
    assert caught.value.details == {"cellId": "c"}


async def test_rows(mocked: aioresponses, client: ClaroClient) -> None:
    """Mocked pages are walked."""
    for page in (1, 2):
        cell = {"cellId": f"x{page}", "rowId": f"r{page}", "columnId": "c", "value": page}
        mocked.get(
            f"{BASE}/datasets/d/data?limit=1&page={page}",
            payload={
                "rows": [[cell]],
                "columns": [{"columnId": "c", "name": "n", "type": "number"}],
                "pagination": {"page": page, "limit": 1, "total": 2, "totalPages": 2},
            },
        )
    assert [row["n"] async for row in client.dataset("d").rows(limit=1)] == [1, 2]


async def test_retries(mocked: aioresponses, client: ClaroClient) -> None:
    """A mocked 503 is tried again, without waiting in real time."""
    url = f"{BASE}/datasets/d"
    mocked.get(url, status=503, repeat=3)
    mocked.get(
        url, status=404, payload={"error": "none", "code": "DATASET_NOT_FOUND", "details": {}}
    )
    with pytest.raises(DatasetNotFoundError):
        await client.dataset("d").get()
    mocked.get(url, status=503, repeat=4)
    with pytest.raises(ServerError):
        await client.dataset("d").get()


async def test_rate_limit(mocked: aioresponses, client: ClaroClient) -> None:
    """Mocked headers show in `rate_limit`."""
    headers = {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "42", "X-RateLimit-Reset": "30"}
    mocked.get(f"{BASE}/x", payload={"a": 1}, headers=headers)
    assert await client.request("GET", "/x") == {"a": 1}
    assert (client.rate_limit.limit, client.rate_limit.remaining) == (100, 42)

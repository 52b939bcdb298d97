"""Waiting until something is processed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import attrs
import pytest

from claro_async import DatasetStatus, ProcessingFailedError
from claro_async.transfers.waiting import wait_until_ready

if TYPE_CHECKING:
    from claro_async import ClaroClient
    from claro_async.emulator import Emulator
    from claro_async.models import DatasetDetails
    from tests.clocks import ManualClock


async def test_what_is_ready_is_not_waited_for(
    client: ClaroClient, emulator: Emulator, clock: ManualClock
) -> None:
    """One look is enough."""
    made = emulator.add_dataset("d", ["a"], [["1"]])
    details = await client.dataset(made).wait_until_ready()
    assert details.row_count == 1
    assert clock.slept == []
    assert len(emulator.ledger.requests) == 1


async def test_the_estimate_is_waited_for(
    client: ClaroClient, emulator: Emulator, clock: ManualClock
) -> None:
    """Where the server tells when it will be done, it is left alone until then."""
    source = emulator.add_datasource(b"a\n1\n", file_name="a.csv")
    emulator.set_processing(source, until=200)
    details = await client.datasource(source).wait_until_ready(timeout=300)
    assert details.status == "completed"
    assert len(emulator.ledger.requests) <= 6
    assert 199 <= clock.monotonic() <= 203


async def test_without_an_estimate_the_steps_grow(
    client: ClaroClient, emulator: Emulator, clock: ManualClock
) -> None:
    """A dataset can be read while it is processed, so nothing tells when: looks get rarer."""
    made = emulator.add_dataset("d", ["a"], [["1"]])
    emulator.set_processing(made, until=100)
    await client.dataset(made).wait_until_ready(timeout=300)
    assert clock.slept == [1, 2, 4, 8, 16, 30, 30, 30]
    assert emulator.ledger.count("getDatasetData") == 1


async def test_an_estimate_that_moves_is_asked_for_again(
    client: ClaroClient, emulator: Emulator, clock: ManualClock
) -> None:
    """What was estimated and did not come is estimated anew, and the time limit holds."""
    source = emulator.add_datasource(b"a\n1\n", file_name="a.csv")
    emulator.set_processing(source)
    with pytest.raises(TimeoutError, match="not ready after 150 seconds"):
        await client.datasource(source).wait_until_ready(timeout=150)
    assert clock.monotonic() == pytest.approx(150, abs=1)
    assert emulator.ledger.count("getDatasource") == 4


async def test_a_failure_is_an_error(client: ClaroClient, emulator: Emulator) -> None:
    """`failed` ends the wait with an error of its own, for datasets and data sources."""
    made = emulator.add_dataset("d", ["a"], [["1"]], status="failed")
    with pytest.raises(ProcessingFailedError, match="dataset"):
        await client.dataset(made).wait_until_ready()
    source = emulator.add_datasource(b"{broken", file_name="a.json")
    with pytest.raises(ProcessingFailedError, match="data source"):
        await client.datasource(source).wait_until_ready()


async def test_a_time_limit_must_be_one(client: ClaroClient) -> None:
    """Zero seconds are refused."""
    with pytest.raises(ValueError, match="timeout must be more than 0"):
        await client.dataset("d").wait_until_ready(timeout=0)


@pytest.mark.parametrize("status", ["queued", "PENDING", "Processing"])
async def test_a_status_that_is_not_documented_is_waited_for(
    status: str, client: ClaroClient, emulator: Emulator, clock: ManualClock
) -> None:
    """Whatever is neither completed nor failed, in any case, is not ready; the error names it."""
    dataset = client.dataset(emulator.add_dataset("d", ["a"], [["1"]]))
    ready_at = 150.0

    async def get() -> DatasetDetails:
        details = await dataset.get()
        present = status if clock.monotonic() < ready_at else "COMPLETED"
        return attrs.evolve(details, status=DatasetStatus(present))

    wait = partial(wait_until_ready, "it", get, dataset.rows().first, client._core.transport)
    with pytest.raises(TimeoutError, match=f"its status is .*{status}"):
        await wait(100)
    assert (await wait(100)).status == "COMPLETED"

"""A part of the quota is left to others, and calls that leave none go first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from claro_async import ClaroClient
from claro_async.emulator import Emulator
from tests.quota.periods import periods_of
from tests.quota.servers import REQUEST, LimitedServer, send_many, transport_to

if TYPE_CHECKING:
    from claro_async.transport.transport import Transport
    from tests.clocks import ManualClock


async def call_now_and_then(transport: Transport, clock: ManualClock, count: int) -> list[float]:
    """Make calls 7.3 seconds apart; how long each took, in seconds."""
    took = []
    for _ in range(count):
        await clock.sleep(7.3)
        before = clock.monotonic()
        await transport.exchange(REQUEST)
        took.append(clock.monotonic() - before)
    return took


@pytest.mark.parametrize(("reserve", "left"), [(0.1, 10), (0.25, 25), (0.005, 1), (1.0, 99)])
async def test_a_bulk_job_leaves_its_reserve(reserve: float, left: int, clock: ManualClock) -> None:
    """Of 100 requests a period a job uses what it does not leave; even if it leaves all, one."""
    server = LimitedServer(clock, 100, form="iso")
    transport = transport_to(server)
    with clock.automatic(0):
        tasks = (
            send_many(transport, (100 - left) * 3 // 10 + 1, reserve=reserve) for _ in range(10)
        )
        await asyncio.gather(*tasks)
        await transport.close()
    assert server.throttled == 0
    assert set(server.counts[:3]) == {100 - left}


async def test_calls_find_permits_while_a_job_runs(clock: ManualClock) -> None:
    """With a tenth left to them, single calls go at once all the time that a job uses the rest."""
    server = LimitedServer(clock, 100, form="iso")
    transport = transport_to(server)
    with clock.automatic(0):
        job = asyncio.gather(*(send_many(transport, 50, reserve=0.1) for _ in range(20)))
        took = await call_now_and_then(transport, clock, 60)
        await job
        await transport.close()
    assert server.throttled == 0
    # but where a new period has not been heard of yet: that costs one more round trip
    assert max(took) <= 0.05
    assert server.utilisation >= 0.95


async def test_without_a_reserve_calls_wait_for_the_next_period(clock: ManualClock) -> None:
    """That is what the reserve is for: a job that leaves none makes calls wait for a minute."""
    server = LimitedServer(clock, 100, form="iso")
    transport = transport_to(server)
    with clock.automatic(0):
        job = asyncio.gather(*(send_many(transport, 50) for _ in range(20)))
        took = await call_now_and_then(transport, clock, 3)
        await job
        await transport.close()
    assert max(took) > 30


async def test_calls_go_before_a_job_that_waits(clock: ManualClock) -> None:
    """When a period opens, the calls that wait go first, although the job waited longer."""
    server = LimitedServer(clock, 10, form="iso")
    transport = transport_to(server)
    order: list[str] = []

    async def send(name: str, reserve: float) -> None:
        await transport.exchange(REQUEST, reserve=reserve)
        order.append(name)

    with clock.automatic(0):
        await asyncio.gather(*(send("early", 0.0) for _ in range(10)))
        waiting = [asyncio.ensure_future(send("job", 0.1)) for _ in range(12)]
        await asyncio.sleep(0)
        waiting += [asyncio.ensure_future(send("call", 0.0)) for _ in range(5)]
        await asyncio.gather(*waiting)
        await transport.close()
    assert order[10:] == ["call"] * 5 + ["job"] * 12
    assert server.counts == [10, 9, 8]


async def test_a_bulk_update_leaves_its_reserve(clock: ManualClock) -> None:
    """`update_cells(..., reserve=0.25)` leaves 5 of 20 requests to calls, which go at once."""
    async with Emulator(
        clock=clock.time, rate_limit=20, reset_format="iso", sample_world=False
    ) as emulator:
        dataset_id = emulator.add_dataset("table", ["name"], [["old"]] * 90)
        edits = [(f"cell_{row}_1", "new") for row in range(1, 91)]
        with clock.automatic():
            async with ClaroClient(emulator.api_key, emulator.base_url, clock=clock) as claro:
                dataset = claro.dataset(dataset_id)
                job = asyncio.ensure_future(
                    dataset.update_cells(edits, reserve=0.25, skip_unchanged=False)
                )
                for _ in range(12):
                    await clock.sleep(20)
                    before = clock.monotonic()
                    await dataset.get()
                    assert clock.monotonic() - before < 0.01
                report = await job
        assert (report.updated, report.throttled) == (90, 0)
        periods = periods_of(emulator, 60)
        # 5 are left at any time, so what calls had used before is not the job's
        assert all(12 <= period.edits <= 15 for period in periods[:5])
        assert all(period.count <= 18 for period in periods)

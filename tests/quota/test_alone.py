"""A client that is the only user of its key uses all of the quota, and is never throttled."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from claro_async import ClaroClient
from claro_async.emulator import Emulator
from claro_async.transport.events import QuotaPaused, QuotaResumed
from claro_async.transport.quota.gate import QuotaGate
from tests.quota.periods import periods_of
from tests.quota.servers import LimitedServer, Rounding, send_many, transport_to

if TYPE_CHECKING:
    from claro_async.emulator.clock import ResetFormat
    from claro_async.transport.events import Event
    from tests.clocks import ManualClock

FORMS: tuple[tuple[ResetFormat, Rounding], ...] = (
    ("epoch", "none"),
    ("epoch", "up"),
    ("epoch", "down"),
    ("epoch-ms", "up"),
    ("delta", "up"),
    ("delta", "down"),
    ("http-date", "up"),
    ("iso", "none"),
)


async def send_side_by_side(server: LimitedServer, count: int, tasks: int = 30) -> QuotaGate:
    """Send so many requests from so many tasks; the gate that they passed."""
    gate = QuotaGate(server.clock)
    transport = transport_to(server, gate)
    with server.clock.automatic(0):
        await asyncio.gather(*(send_many(transport, count // tasks) for _ in range(tasks)))
        await transport.close()
    assert server.clock.pending == []
    return gate


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.77, 0.99])
@pytest.mark.parametrize("aligned", [False, True], ids=["anchored", "aligned"])
@pytest.mark.parametrize(("form", "rounding"), FORMS)
async def test_the_whole_quota_is_used(
    form: ResetFormat, rounding: Rounding, *, aligned: bool, fraction: float, clock: ManualClock
) -> None:
    """Whatever form the reset has and however it is rounded: 99% are used, 97% of 3 s periods."""
    for period, least in ((60.0, 0.99), (3.0, 0.97)):
        clock.set_time(1_710_430_200 + fraction)
        server = LimitedServer(clock, 300, period, aligned, form, rounding)
        await send_side_by_side(server, 3000)
        assert server.utilisation >= least
        # a count-down that is rounded down tells too little to be sure of the first period's end
        assert server.throttled <= ((form, rounding, aligned) == ("delta", "down", True))
        assert max(server.counts) <= 300


async def test_a_day_of_quota_in_seconds(clock: ManualClock) -> None:
    """100,000 requests at 300 a minute take 5.5 hours of the clock; 99.5% are used, no 429."""
    server = LimitedServer(clock)
    gate = await send_side_by_side(server, 100_000, 32)
    assert server.throttled == gate.throttled == 0
    assert server.utilisation >= 0.995
    assert sum(server.counts) == 100_000
    assert 19_980 <= clock.monotonic() <= 20_080
    assert gate.seconds_waited > 0.9 * 32 * clock.monotonic()


@pytest.mark.parametrize("limit", [1, 2, 5, 19, 20, 21, 100, 500])
@pytest.mark.parametrize("form", ["epoch", "iso"])
async def test_any_limit(limit: int, form: ResetFormat, clock: ManualClock) -> None:
    """Small quotas are used as fully as large ones, but for the second of a rounded reset."""
    server = LimitedServer(clock, limit, form=form)
    await send_side_by_side(server, 6 * limit, limit)
    assert server.throttled == 0
    assert server.utilisation >= 0.98


@pytest.mark.parametrize("latency", [0.0, 0.5, 4.0])
async def test_any_latency(latency: float, clock: ManualClock) -> None:
    """Slow replies cost one round trip a period, and never a 429."""
    server = LimitedServer(clock, latency=latency)
    await send_side_by_side(server, 3000, 300)
    assert server.throttled == 0
    assert server.utilisation >= 0.99 * 60 / (60 + latency)


@pytest.mark.parametrize("ahead", [-300.7, -0.4, 0.4, 20.3])
@pytest.mark.parametrize(("form", "rounding"), FORMS)
async def test_a_server_whose_clock_differs(
    form: ResetFormat, rounding: Rounding, ahead: float, clock: ManualClock
) -> None:
    """Where our clock is wrong the first periods may cost a 429 or a second; not more."""
    clock.set_time(1_710_430_200.3)
    server = LimitedServer(clock, 300, 60.0, False, form, rounding, ahead=ahead)
    await send_side_by_side(server, 3000)
    assert server.throttled <= 2
    assert server.utilisation >= 0.98


async def test_a_burst_that_fits_does_not_wait(clock: ManualClock) -> None:
    """As many requests as the period has go at once, one after the other or side by side."""
    for tasks in (1, 100):
        server = LimitedServer(clock, 100)
        before = clock.monotonic()
        await send_side_by_side(server, 100, tasks)
        assert clock.monotonic() - before < 100 / tasks * 0.021 + 0.3
        clock.advance(100)


async def test_an_idle_client_learns_anew(clock: ManualClock) -> None:
    """After a pause of many periods one request goes ahead, and the others follow its reply."""
    server = LimitedServer(clock, 10)
    transport = transport_to(server)
    with clock.automatic(0):
        await asyncio.gather(*(send_many(transport, 1) for _ in range(10)))
        clock.advance(1000)
        server.most_under_way = 0
        before = clock.monotonic()
        await asyncio.gather(*(send_many(transport, 1) for _ in range(10)))
        assert clock.monotonic() - before < 0.1
        await transport.close()
    assert server.counts == [10, 10]
    assert server.most_under_way == 9


async def test_pauses_are_announced(clock: ManualClock) -> None:
    """Each period that is used up is one pause, announced once with its length, and one end."""
    events: list[Event] = []
    server = LimitedServer(clock, 10, form="iso")
    transport = transport_to(server, on_event=events.append)
    with clock.automatic(0):
        await asyncio.gather(*(send_many(transport, 1) for _ in range(35)))
        await transport.close()
    paused = [event for event in events if isinstance(event, QuotaPaused)]
    assert [event.waiting for event in paused] == [25, 15, 5]
    assert all(59 < event.seconds < 60.1 and not event.throttled for event in paused)
    assert sum(isinstance(event, QuotaResumed) for event in events) == 3


async def test_three_thousand_edits_against_the_emulator() -> None:
    """At 300 a period and 20 ms latency, 97% of what the server allows are used, without a 429."""
    async with Emulator(
        rate_limit=300, rate_window=2.0, latency=0.02, reset_format="epoch-ms", sample_world=False
    ) as emulator:
        dataset_id = emulator.add_dataset("table", ["name"], [["old"]] * 3000)
        async with ClaroClient(emulator.api_key, emulator.base_url) as claro:
            edits = ((f"cell_{row}_1", "new") for row in range(1, 3001))
            report = await claro.dataset(dataset_id).update_cells(edits, skip_unchanged=False)
        assert report.updated == 3000
        assert report.throttled == emulator.ledger.count(status=429) == 0
        periods = periods_of(emulator, 2.0)
        allowed = 300 * (periods[-1].began - periods[0].began) / 2.0
        assert sum(period.count for period in periods[:-1]) / allowed >= 0.97
        assert Counter(period.count for period in periods)[300] >= 9

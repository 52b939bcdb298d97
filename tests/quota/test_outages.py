"""A store that is away, forgets, or falls back: requests wait, and no period is overrun."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from claro_async.errors import ConnectionFailedError
from claro_async.transport.quota.shared_gate import FIRST_PATIENCE, STORE_PATIENCE, SharedGate
from tests.quota.servers import REQUEST, LimitedServer, send_many, transport_to
from tests.quota.stores import NAME, FaultyStore

if TYPE_CHECKING:
    from claro_async.transport.transport import Transport
    from tests.clocks import ManualClock


def members_of(server: LimitedServer, store: FaultyStore, count: int) -> list[Transport]:
    """Clients that share a quota."""
    clock = server.clock
    return [transport_to(server, SharedGate(store, NAME, clock)) for _ in range(count)]


async def end(transports: list[Transport], jobs: list[asyncio.Future[None]]) -> None:
    """Stop the jobs, and close the clients."""
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)
    for transport in transports:
        await transport.close()


def begin(transports: list[Transport]) -> list[asyncio.Future[None]]:
    """Let each of them send for ever from eight tasks."""
    return [
        asyncio.ensure_future(send_many(transport, 10**7))
        for transport in transports
        for _ in range(8)
    ]


@pytest.mark.parametrize("seconds", [1.0, 20.0, 60.0, 80.0])
async def test_a_store_that_is_away_delays_and_fails_nothing(
    seconds: float, clock: ManualClock
) -> None:
    """Requests wait while the store is away; then both members go on, and nothing is overrun."""
    server, store = LimitedServer(clock, form="epoch-ms"), FaultyStore(clock)
    transports = members_of(server, store, 2)
    with clock.automatic(0):
        jobs = begin(transports)
        await clock.sleep(30.5)
        store.is_away = True
        await clock.sleep(seconds)
        sent = sum(server.counts)
        store.is_away = False
        await clock.sleep(125)
        assert not any(job.done() for job in jobs)
        assert sum(server.counts) >= sent + 300
        await end(transports, jobs)
    assert max(server.counts) <= 300
    assert server.throttled == 0


@pytest.mark.parametrize(("reached", "patience"), [(True, STORE_PATIENCE), (False, FIRST_PATIENCE)])
async def test_the_error_at_the_end_is_that_of_the_store(
    clock: ManualClock, *, reached: bool, patience: float
) -> None:
    """Those who wait fail with the store's own words, each once: soon if it was never reached."""
    server, store = LimitedServer(clock, form="epoch-ms"), FaultyStore(clock)
    (transport,) = members_of(server, store, 1)
    with clock.automatic(0):
        if reached:
            await transport.exchange(REQUEST)
            await clock.sleep(90)
        store.is_away = True
        began = clock.monotonic()
        calls = [transport.exchange(REQUEST) for _ in range(3)]
        errors = await asyncio.gather(*calls, return_exceptions=True)
        assert patience <= clock.monotonic() - began <= patience + 2
        assert [str(error) for error in errors] == ["the store is away"] * 3
        assert all(isinstance(error, ConnectionFailedError) for error in errors)
        assert len({id(error) for error in errors}) == 3
        store.is_away = False
        await transport.exchange(REQUEST)
        await transport.close()
    assert server.counts == [1] * (1 + reached)


@pytest.mark.parametrize("at", [0.05, 0.5, 20.0, 59.9, 60.01, 61.0])
async def test_a_flush_overruns_nothing(at: float, clock: ManualClock) -> None:
    """A store that forgets everything, at any time, costs about a second and not a period."""
    server, store = LimitedServer(clock, form="epoch-ms"), FaultyStore(clock)
    transports = members_of(server, store, 3)
    with clock.automatic(0):
        jobs = begin(transports)
        await clock.sleep(at)
        for _ in range(4):
            store.flush()
            await clock.sleep(55.3)
        await end(transports, jobs)
    assert max(server.counts) <= 300
    assert server.throttled <= 1
    assert server.utilisation >= 0.93


@pytest.mark.parametrize("lag", [0.05, 1.0, 10.0])
async def test_a_failover_overruns_nothing(lag: float, clock: ManualClock) -> None:
    """A store that falls back to an older record is brought up to date by those who know more."""
    server, store = LimitedServer(clock, form="epoch-ms"), FaultyStore(clock)
    transports = members_of(server, store, 3)
    with clock.automatic(0):
        jobs = begin(transports)
        await clock.sleep(2)
        for _ in range(6):
            replica = store.copy()
            await clock.sleep(lag)
            store.fall_back(replica)
            store.ahead += 40.0
            await clock.sleep(50.7 - lag)
        await end(transports, jobs)
    assert max(server.counts) <= 300
    assert server.throttled <= 1
    assert server.utilisation >= 0.93


async def test_a_pause_survives_a_flush(clock: ManualClock) -> None:
    """A ``Retry-After`` is kept to though the store forgets it meanwhile."""
    server, store = LimitedServer(clock, form="epoch-ms"), FaultyStore(clock)
    transports = members_of(server, store, 2)
    with clock.automatic(0):
        jobs = begin(transports)
        await clock.sleep(5)
        server.retry_after = 300.0
        await clock.sleep(60)
        throttled_at = clock.monotonic()
        server.retry_after = None
        counted = sum(server.counts)
        await clock.sleep(30)
        store.flush()
        await clock.sleep(30)
        assert sum(server.counts) == counted
        await clock.sleep(400 - (clock.monotonic() - throttled_at))
        assert sum(server.counts) > counted
        await end(transports, jobs)


async def test_a_task_that_was_cancelled_does_not_go_on(clock: ManualClock) -> None:
    """Where a store swallows a cancellation, as redis-py does at times, the loop still ends."""

    class Swallowing(FaultyStore):
        async def update(self, *arguments: object, **more: object) -> None:
            try:
                await self.clock.sleep(5)
            except asyncio.CancelledError:
                self.swallowed += 1
            await super().update(*arguments, **more)  # type: ignore[arg-type]

        swallowed = 0

    server = LimitedServer(clock, form="epoch-ms")
    store = Swallowing(clock)
    (transport,) = members_of(server, store, 1)
    with clock.automatic(0):
        call = asyncio.ensure_future(transport.exchange(REQUEST))
        await clock.sleep(1)
        others = asyncio.all_tasks() - {call, asyncio.current_task()}
        for task in others:
            task.cancel()
        results = await asyncio.gather(*others, return_exceptions=True)
        assert store.swallowed == 1
        assert all(isinstance(result, asyncio.CancelledError) for result in results)
        await asyncio.wait({call})
        await transport.close()

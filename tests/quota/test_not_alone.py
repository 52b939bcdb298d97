"""Others use the key, too, and do not share a gate with us: we follow what remains."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.quota.servers import LimitedServer, send_many, transport_to

if TYPE_CHECKING:
    from claro_async.emulator.clock import ResetFormat
    from tests.clocks import ManualClock


async def use_up(server: LimitedServer, rate: float, seconds: float, seed: int) -> int:
    """Be somebody who knows nothing of quotas; how many requests were served."""
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    ends = server.clock.monotonic() + seconds
    served = 0
    while server.clock.monotonic() < ends:
        await server.clock.sleep(random.expovariate(rate))
        served += server.take()
    return served


@pytest.mark.parametrize("form", ["epoch", "epoch-ms", "delta"])
@pytest.mark.parametrize("rate", [0.5, 2.0, 4.0])
async def test_another_user_takes_a_part(
    rate: float, form: ResetFormat, clock: ManualClock
) -> None:
    """With somebody else on the key all of the quota is used, with two 429 or fewer a period."""
    clock.set_time(1_710_430_200.6)
    server = LimitedServer(clock, 300, form=form, rounding="up")
    transport = transport_to(server)
    throttled_others = 0

    async def other() -> None:
        nonlocal throttled_others
        before = server.throttled
        served = await use_up(server, rate, 600, 1)
        assert served > 0
        throttled_others = before

    with clock.automatic(0):
        others = asyncio.ensure_future(other())
        ours = [asyncio.ensure_future(send_many(transport, 10**6)) for _ in range(16)]
        await others
        for task in ours:
            task.cancel()
        await asyncio.gather(*ours, return_exceptions=True)
        await transport.close()
    assert transport.quota.throttled <= 2 * len(server.counts)
    assert server.utilisation >= 0.97


@pytest.mark.parametrize(("tasks", "most"), [(8, 0.01), (32, 0.02)])
async def test_two_gates_that_know_nothing_of_each_other(
    tasks: int, most: float, clock: ManualClock
) -> None:
    """Two clients without a shared gate use all of the quota; few requests are throttled."""
    server = LimitedServer(clock, 300, form="epoch-ms")
    transports = [transport_to(server) for _ in range(2)]
    with clock.automatic(0):
        jobs = (send_many(each, 4500 // tasks) for each in transports for _ in range(tasks))
        await asyncio.gather(*jobs)
        for transport in transports:
            await transport.close()
    assert server.throttled <= most * sum(server.counts)
    assert server.utilisation >= 0.99


async def test_care_is_given_up_again(clock: ManualClock) -> None:
    """When the other user has gone, the whole period goes out side by side again after a while."""
    server = LimitedServer(clock, 300, form="epoch-ms")
    transport, other = transport_to(server), transport_to(server)
    with clock.automatic(0):
        both = (send_many(each, 20) for each in (transport, other) for _ in range(32))
        await asyncio.gather(*both)
        assert server.throttled > 0
        await other.close()
        throttled = server.throttled
        await asyncio.gather(*(send_many(transport, 300) for _ in range(32)))
        await transport.close()
    assert server.throttled == throttled
    assert server.busy[-2] <= 0.3  # 300 requests, 32 at a time, are 10 round trips

"""Hours of quota in seconds: a simulated server on a clock that jumps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulated import SimulatedServer, simulated_dataset

if TYPE_CHECKING:
    from tests.clocks import ManualClock


async def test_hours_of_quota_are_used_up(clock: ManualClock) -> None:
    """100,000 edits at 300 a minute take 5.5 hours, use 99% of what is allowed and meet no 429."""
    server = SimulatedServer(clock, limit=300)
    dataset = simulated_dataset(server, clock)
    started = clock.monotonic()

    with clock.automatic():
        report = await dataset.update_cells(
            ((f"cell_{row}", row) for row in range(100_000)), max_concurrency=32
        )

    assert report.updated == 100_000
    assert (server.throttled, report.throttled) == (0, 0)
    assert max(server.periods) <= 300
    minutes = (clock.monotonic() - started) / 60
    assert 100_000 / (300 * (minutes + 1)) >= 0.99

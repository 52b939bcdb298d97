"""A job on a bad day: refusals, failures, resets and cut replies, half of them after applying."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from claro_async import ClaroClient
    from claro_async.emulator import Emulator

PATIENT = RetryPolicy(max_attempts=12, base_delay=0.01, max_delay=0.1, max_rate_limit_waits=100)


def edits(count: int) -> Iterator[tuple[str, Any]]:
    """So many edits of three quarters as many cells: a third of these come twice, far apart."""
    for number in range(count):
        yield (f"cell_{number % (count * 3 // 4) + 1}_1", number)


def add_faults(emulator: Emulator) -> None:
    """5% 429, 2% 503 and 1% resets, half of each applied, and 1% cut replies."""
    emulator.faults.add("updateCell", "rate_limit", probability=0.05, retry_after=0)
    for apply in (False, True):
        emulator.faults.add("updateCell", "status", status=503, probability=0.01, apply=apply)
        emulator.faults.add("updateCell", "reset", probability=0.005, apply=apply)
    emulator.faults.add("updateCell", "truncate", probability=0.01)


@pytest.mark.parametrize("count", [4000, pytest.param(20_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("journal", [None, "run.claro"], ids=["streamed", "journaled"])
async def test_every_cell_is_right(
    tmp_path: Path,
    emulator: Emulator,
    connect: Callable[..., ClaroClient],
    journal: str | None,
    count: int,
) -> None:
    """Every edit is in exactly one state, every cell ends at its last value, one send at a time."""
    dataset_id = emulator.add_dataset("table", ["name"], [[None]] * (count * 3 // 4))
    add_faults(emulator)
    path = None if journal is None else tmp_path / journal

    report = (
        await connect(retry=PATIENT)
        .dataset(dataset_id)
        .update_cells(edits(count), max_concurrency=64, journal=path, skip_unchanged=False)
    )

    expected = dict(edits(count))
    assert emulator.values(dataset_id) == expected
    assert report.updated + report.superseded == report.total == count
    assert report.requests == emulator.ledger.count("updateCell")
    assert report.throttled == emulator.ledger.count("updateCell", status=429)
    assert emulator.ledger.max_in_flight_per_cell == 1
    faults = Counter(record.fault for record in emulator.ledger.requests)
    assert {"rate_limit", "status", "reset", "truncate"} <= set(faults)
    order: dict[str, list[Any]] = {}
    for edit in emulator.ledger.edits:
        order.setdefault(edit.cell_id, []).append(edit.value)
    assert all(values == sorted(values) for values in order.values())

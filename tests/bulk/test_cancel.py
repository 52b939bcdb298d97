"""Cancelling a bulk update at any moment leaves nothing behind but a journal that is right."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import ClaroClient
from claro_async.bulk.states import State
from claro_async.emulator import Emulator
from tests.bulk.journals import states

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS = 300
CONCURRENCY = 8


@contextmanager
def cancelled_after(job: asyncio.Task[Any], steps: int) -> Iterator[None]:
    """Cancel a task when the event loop has turned so many times, each time for an event."""
    selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
    real = selector.select
    turns = 0

    def select(timeout: float | None = None) -> Any:
        nonlocal turns
        turns += 1
        if turns > steps:
            job.cancel()
            selector.select = real
            return real(0)
        return real(timeout)

    selector.select = select
    try:
        yield
    finally:
        selector.select = real


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An emulator in a thread of its own, so that this loop has the client's steps only."""
    with Emulator(sample_world=False) as running:
        yield running


async def test_cancelled_at_each_of_the_first_steps(tmp_path: Path, emulator: Emulator) -> None:
    """After a cancellation at any step no task or thread is left, and the journal is right."""
    dataset_id = emulator.add_dataset("table", ["name"], [["old"]] * ROWS)
    whole = 0
    for step in range(200):
        edits = [(f"cell_{row}_1", f"{step} {row}") for row in range(1, ROWS + 1)]
        journal = tmp_path / f"{step}.claro"
        async with ClaroClient(emulator.api_key, emulator.base_url) as claro:
            before = asyncio.all_tasks()
            job = asyncio.ensure_future(
                claro.dataset(dataset_id).update_cells(
                    edits, journal=journal, max_concurrency=CONCURRENCY
                )
            )
            with cancelled_after(job, step), pytest.raises(asyncio.CancelledError):
                await job
            assert asyncio.all_tasks() == before
            assert not [each for each in threading.enumerate() if "claro-store" in each.name]
        whole += await check_journal(journal, edits)
    assert 0 < whole < 200


async def check_journal(path: Path, edits: list[tuple[str, str]]) -> bool:
    """Check what a cancellation left; returns whether the whole input had been written down."""
    if not path.exists():  # noqa: ASYNC240 - blocks no more than the rest
        return False
    counts = await states(path)  # raises where a file is left without the whole input
    assert sum(counts.values()) == len(edits)
    assert State.SENT not in counts
    assert counts.get(State.UNKNOWN, 0) <= CONCURRENCY
    return True

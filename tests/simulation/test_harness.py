"""The simulation itself: its loop, its processes, its files, and that a seed is one run."""

from __future__ import annotations

import asyncio
import sqlite3
from itertools import repeat
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tests.simulation.clock import SimulatedClock
from tests.simulation.loop import EndlessError, SimulatedLoop, StalledError, run
from tests.simulation.process import Interruption, Process
from tests.simulation.trace import Trace
from tests.simulation.world import simulate, simulated_machine

if TYPE_CHECKING:
    from pathlib import Path


def _process(loop: SimulatedLoop, **planned: Any) -> Process:
    return Process(
        "under test",
        clock=SimulatedClock(loop=loop),
        random=Random(0),
        interruption=Interruption(**planned),
        trace=Trace(),
    )


def test_time_jumps_to_what_is_due_next() -> None:
    """A day of sleep takes no time, and things happen in the order of their moments."""
    loop = SimulatedLoop()
    order: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        order.append((name, loop.time()))

    async def main() -> None:
        await asyncio.gather(sleeper("late", 86_400.0), sleeper("early", 1.5))

    run(loop, main())
    assert order == [("early", 1.5), ("late", 86_400.0)]


def test_somebody_who_waits_for_ever_is_noticed() -> None:
    """Where nothing is due any more and a task still waits, the run ends with an error."""
    loop = SimulatedLoop()

    async def main() -> None:
        await loop.create_future()

    with pytest.raises(StalledError):
        run(loop, main())


def test_an_endless_loop_is_noticed() -> None:
    """A task that never does anything else than to go on ends the run with an error."""

    async def main() -> None:
        for _ in repeat(None):
            await asyncio.sleep(0)

    with pytest.raises(EndlessError):
        run(SimulatedLoop(), main())


def test_a_killed_process_does_nothing_more() -> None:
    """After a kill, neither the rest of a job runs nor its clean-up."""
    loop = SimulatedLoop()
    process = _process(loop, kill_at_step=3)
    did: list[str] = []

    async def job() -> None:
        try:
            did.append("began")
            await asyncio.sleep(1.0)
            await asyncio.sleep(1.0)
            did.append("went on")
        finally:
            did.append("cleaned up")

    run(loop, process.run(job))
    assert did == ["began"]
    assert not process.alive


@pytest.mark.parametrize(("planned", "kept"), [("before", 1), ("after", 2)])
def test_a_kill_keeps_what_was_committed(tmp_path: Path, planned: str, kept: int) -> None:
    """A process that is killed at its third write leaves the writes that SQLite had committed."""
    loop = SimulatedLoop()
    file = tmp_path / "journal"

    def write() -> None:
        connection = sqlite3.connect(f"{file.as_uri()}?mode=rwc", uri=True, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (x)")
        for number in range(5):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO t VALUES (?)", (number,))
            connection.execute("COMMIT")

    async def job() -> None:
        await asyncio.to_thread(write)

    with simulated_machine():
        process = _process(loop, **{f"kill_{planned}_commit": 3}, torn_tail=True)
        run(loop, process.run(job))
        process.forget()
    connection = sqlite3.connect(file)
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (kept,)
    connection.close()


def test_a_full_disk_is_told_as_sqlite_tells_it(tmp_path: Path) -> None:
    """The write for which there is no room raises the error that SQLite raises."""
    loop = SimulatedLoop()
    process = _process(loop, disk_full_at_write=1)

    async def job() -> None:
        connection = sqlite3.connect(tmp_path / "journal", isolation_level=None)
        try:
            connection.execute("CREATE TABLE t (x)")
        finally:
            connection.close()

    with simulated_machine():
        run(loop, process.run(job))
    assert isinstance(process.error, sqlite3.OperationalError)
    assert process.error.sqlite_errorcode == sqlite3.SQLITE_FULL


@pytest.mark.parametrize("seed", [2, 7, 11, 40])
def test_a_seed_is_one_run(seed: int) -> None:
    """The same seed gives the same run, event by event."""
    first, second = simulate(seed), simulate(seed)
    assert first.trace.events
    assert first.trace.text() == second.trace.text()

"""Several processes that use one key at the same time."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from claro_async.emulator import Emulator
from tests.quota import one_of_several
from tests.quota.periods import periods_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def editing_processes(
    emulator: Emulator, quota: str, edits: list[int]
) -> Iterator[list[subprocess.Popen[str]]]:
    """Start processes, each of which edits a dataset of its own so often, all at one moment."""
    processes: list[subprocess.Popen[str]] = []
    try:
        for number, count in enumerate(edits):
            dataset = emulator.add_dataset(f"table {number}", ["name"], [["old"]] * 1000)
            processes.append(_start(emulator, quota, dataset, count))
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _start(emulator: Emulator, quota: str, dataset: str, count: int) -> subprocess.Popen[str]:
    arguments = [emulator.base_url, emulator.api_key, quota, dataset, str(count)]
    return subprocess.Popen(  # noqa: S603 - this interpreter, our own program
        [sys.executable, one_of_several.__file__, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, int]:
    """Wait for the end of a process: its edits applied, and how often it was throttled."""
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    updated, throttled = output.split()
    return int(updated), int(throttled)


def assert_four_share_well(quota: str) -> None:
    """Check what the server counts of four processes over four periods.

    The first period is left out of how well they share: who begins first on a busy machine has
    it to itself. And a request that such a machine holds back until its period is over counts in
    the next one, so one in a hundred may be throttled.
    """
    limit, period, processes = 300, 2.5, 4
    with (
        Emulator(
            rate_limit=limit,
            rate_window=period,
            latency=0.02,
            reset_format="epoch-ms",
            sample_world=False,
        ) as emulator,
        editing_processes(emulator, quota, [100_000] * processes),
    ):
        while emulator.ledger.count("updateCell") < 4 * limit:
            threading.Event().wait(0.02)
    throttled = emulator.ledger.count(status=429)
    assert throttled <= limit * 4 / 100
    periods = periods_of(emulator, period)
    assert max(each.count for each in periods) <= limit + throttled
    full = periods[1:-1]
    allowed = limit * (periods[-1].began - full[0].began) / period
    assert sum(each.count for each in full) / allowed >= 0.9
    shares = sum((each.shares for each in full), start=type(full[0].shares)())
    assert len(shares) == processes
    assert min(shares.values()) >= 0.9 * max(shares.values()), shares

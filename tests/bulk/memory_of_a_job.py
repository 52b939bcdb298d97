"""A program of its own for the memory test: prints by how many MiB the peak memory grew.

Arguments: number of edits, journal or ``-``.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from claro_async.transport.clock import SystemClock

sys.path.append(str(Path(__file__).parents[2]))  # last, so that the installed package comes first

from tests.simulated import SimulatedServer, simulated_dataset


async def main(count: int, journal: str | None) -> None:
    """Run a small job for all that is made once, then the large one."""
    dataset = simulated_dataset(SimulatedServer(SystemClock()))
    warm_up = ((f"warm_{row}", f"value {row}") for row in range(5000))
    await dataset.update_cells(warm_up, journal=journal and journal + ".warm")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    edits = ((f"cell_{row}_1", f"value {row}") for row in range(count))
    report = await dataset.update_cells(edits, journal=journal)
    assert report.updated == report.total == count, report
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.stdout.write(f"{(after - before) / 1024:.1f}\n")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), None if sys.argv[2] == "-" else sys.argv[2]))

"""A program of its own for the tests with several processes: edits cells, and says when it began.

Arguments: base URL, key, where the quota is shared, dataset id, number of edits.
"""

from __future__ import annotations

import asyncio
import sys

from claro_async import ClaroClient


async def main(base_url: str, key: str, quota: str, dataset_id: str, count: str) -> None:
    """Run until done."""
    async with ClaroClient(key, base_url, quota=quota) as claro:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        edits = (("cell_1_1", number) for number in range(int(count)))
        cells = ((f"cell_{number % 1000 + 1}_1", value) for number, (_, value) in enumerate(edits))
        report = await claro.dataset(dataset_id).update_cells(
            cells, max_concurrency=16, skip_unchanged=False
        )
    sys.stdout.write(f"{report.updated} {report.throttled}\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:6]))

"""Make a dataset agree with a table from elsewhere: only cells that differ are sent.

Run it against the emulator, or with CLARO_API_KEY set against the real API:

    python examples/frame_sync.py DATASET_ID products.csv sku

The table is a CSV, JSON, JSON lines, Parquet or Arrow file; a data frame does as well.
"""

from __future__ import annotations

import asyncio
import sys

from claro_async import BulkReport, ClaroClient


async def sync(claro: ClaroClient, dataset_id: str, path: str, key: str) -> BulkReport:
    """Bring the rows of a file into a dataset, matched by a key column."""
    return await claro.dataset(dataset_id).update_from(path, key=key, coerce="column")


async def main(dataset_id: str, path: str, key: str) -> None:
    """Run it and say what was done."""
    async with ClaroClient() as claro:
        report = await sync(claro, dataset_id, path, key)
    print(f"{report.updated:,} cells updated, {report.unchanged:,} had the value already")
    for failure in report.failures[:10]:
        print(f"not done: {failure.error}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))

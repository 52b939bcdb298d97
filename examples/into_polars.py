"""Read a dataset into a polars data frame and describe it.

    CLARO_API_KEY=… python examples/into_polars.py DATASET_ID

Needs ``claro-async[arrow]`` and polars. pandas works alike: ``table.to_pandas()``.
"""

import asyncio
import sys

import polars as pl

from claro_async import ClaroClient


async def main(dataset_id: str) -> None:
    """Read, and print columns and statistics."""
    async with ClaroClient() as claro:
        table = await claro.dataset(dataset_id).to_arrow(on_type_error="null")
    frame = pl.DataFrame(table)
    print(frame.schema)
    print(frame.describe())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

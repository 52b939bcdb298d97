"""Write rows to a dataset from a dlt pipeline; here the lines of a CSV file.

    CLARO_API_KEY=… python examples/dlt_destination.py DATASET_ID sku prices.csv

Rows are matched by a key column, and only cells that differ are sent. dlt calls a destination again
with the same rows after a break: a journal for each batch, named by the load and by what is in it,
makes that exact. Needs ``dlt``.
"""

import asyncio
import csv
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt

from claro_async import BulkReport, ClaroClient, JournalIncompleteError

PLACE = Path(".dlt-claro")


async def write(dataset_id: str, key: str, rows: list[dict[str, Any]], journal: Path) -> BulkReport:
    """Write a batch, or go on with it."""
    async with ClaroClient() as claro:
        if await asyncio.to_thread(journal.exists):
            try:
                return await claro.resume_updates(journal)
            except JournalIncompleteError:  # nothing was sent
                await asyncio.to_thread(journal.unlink)
        dataset = claro.dataset(dataset_id)
        return await dataset.update_from(rows, key=key, coerce="column", journal=journal)


def destination(dataset_id: str, key: str) -> Any:
    """Make a destination that writes to a dataset."""

    @dlt.destination(name="claro", batch_size=1000, naming_convention="direct")
    def claro(rows: Any, table: Any) -> None:
        plain = [{name: row[name] for name in row if not name.startswith("_dlt")} for row in rows]
        load = dlt.current.load_package_state()["load_id"]
        digest = hashlib.sha256(json.dumps([table["name"], plain]).encode()).hexdigest()[:16]
        PLACE.mkdir(exist_ok=True)
        report = asyncio.run(write(dataset_id, key, plain, PLACE / f"{load}-{digest}.claro"))
        print(f"{report.updated} updated, {report.unchanged} unchanged, {report.failed} failed")
        report.raise_for_failures()

    return claro()


def lines(path: Path) -> Iterator[dict[str, str]]:
    """Read the lines of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def main(dataset_id: str, key: str, path: Path) -> int:
    """Write the file's lines."""
    pipeline = dlt.pipeline(
        pipeline_name="claro_destination",
        pipelines_dir=".dlt-pipelines",
        destination=destination(dataset_id, key),
    )
    pipeline.run(lines(path), table_name="rows").raise_on_failed_jobs()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))

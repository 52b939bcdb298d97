"""Load every dataset that changed into whatever dlt writes to; here DuckDB.

    CLARO_API_KEY=… python examples/dlt_source.py claro-files/ lake.duckdb

What changed since the last run is exported to Parquet by the folder's manifest: a request for each
hundred datasets that did not. What was loaded stands in dlt's own state, by the SHA-256 of its
file, so that a load that failed is made up for by the next. Needs ``claro-async[arrow]`` and
``dlt[duckdb]``.
"""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
from pyarrow import parquet

from claro_async import ClaroClient, ExportAllReport, ManifestEntry


async def export(folder: Path) -> ExportAllReport:
    """Export what changed."""
    async with ClaroClient() as claro:
        return await claro.export_all(
            folder,
            format="parquet",
            since_last=True,
            on_change="restart",
            on_type_error="string",
            cell_ids=True,
        )


def batches(path: Path, entry: ManifestEntry) -> Iterator[Any]:
    """Read a file, some rows at a time; then note, in the state of this load, which it was."""
    with parquet.ParquetFile(path) as file:
        yield from file.iter_batches()
    dlt.current.source_state().setdefault("loaded", {})[entry.dataset_id] = entry.sha256


@dlt.source(name="claro")
def claro_source(folder: Path) -> Iterator[Any]:
    """Give a table for each dataset whose file was not loaded yet."""
    report = asyncio.run(export(folder))
    for failure in report.failures:
        print(f"{failure.key}: {failure.error}", file=sys.stderr)
    loaded = dlt.current.source_state().get("loaded", {})
    for entry in [*report.exported_before, *report.results.values()]:
        if loaded.get(entry.dataset_id) != entry.sha256:
            found = batches(folder / entry.file, entry)
            yield dlt.resource(found, name=entry.name, write_disposition="replace")


def main(folder: Path, database: Path) -> int:
    """Load, and say what was loaded."""
    pipeline = dlt.pipeline(
        pipeline_name="claro",
        pipelines_dir=str(folder.parent / ".dlt-pipelines"),
        destination=dlt.destinations.duckdb(str(database)),
        dataset_name="claro_datasets",
    )
    source = claro_source(folder)
    names = sorted(source.resources)
    if names:
        pipeline.run(source).raise_on_failed_jobs()
    for name in names:
        print(f"loaded {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))

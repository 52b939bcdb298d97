"""Export every dataset to Parquet, into a folder of the day: for a nightly job.

    CLARO_API_KEY=… python examples/nightly_export.py /data/claro

Run it again after a break and it goes on where it was: what the manifest lists is not fetched
again. The exit status is 1 if any dataset could not be exported. Needs ``claro-async[arrow]``.
"""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from claro_async import ClaroClient


async def main(root: Path) -> int:
    """Export, and say what became of each dataset."""
    folder = root / f"{datetime.now(UTC):%Y-%m-%d}"
    async with ClaroClient() as claro:
        report = await claro.export_all(
            folder,
            format="parquet",
            on_change="restart",  # a dataset that is being edited is read again
            on_type_error="string",  # a column with a stray value becomes one of text
        )
    for entry in [*report.exported_before, *report.results.values()]:
        print(f"{entry.file}: {entry.rows:,} rows, {entry.size:,} bytes")
    for failure in report.failures:
        print(f"{failure.key}: {failure.error}", file=sys.stderr)
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]))))

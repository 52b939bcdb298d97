"""Bring a folder of PDFs to the cells of the rows that name them.

    CLARO_API_KEY=… python examples/upload_folder.py DATASET_ID invoices/ file_name document

The dataset's column ``file_name`` says which file belongs to which row; ``document`` is a raw data
column, whose cells get the files. Run it again after a break and it goes on where it was: cells
that have a document are left alone.
"""

import asyncio
import sys
from pathlib import Path

from claro_async import ClaroClient


async def main(dataset_id: str, folder: Path, key: str, column: str) -> int:
    """Upload, and say what found no partner."""
    async with ClaroClient() as claro:
        dataset = claro.dataset(dataset_id)
        report = await dataset.upload_folder(folder, key=key, column=column, max_concurrency=4)
    print(f"{report.succeeded} uploaded, {len(report.linked_before)} were there before")
    for path in report.unmatched_files:
        print(f"no row names {path.name}")
    for name in report.unmatched_keys:
        print(f"no file is called {name}")
    for failure in report.failures:
        print(f"{failure.key}: {failure.error}", file=sys.stderr)
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4])))

"""A bulk edit that may be stopped at any time and goes on when it is started again.

Run it against the emulator, or with CLARO_API_KEY set against the real API:

    python examples/resumable_job.py DATASET_ID COLUMN run.claro

It trims the texts of a column. Press Ctrl-C and start it again: it goes on where it was.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from claro_async import BulkProgress, BulkReport, ClaroClient


def show(progress: BulkProgress) -> None:
    """Print a line for progress, over the one before."""
    print(f"\r{progress.done:,} edits done, {progress.requests:,} requests", end="", flush=True)


async def trim_column(
    claro: ClaroClient, dataset_id: str, column: str, journal: Path
) -> BulkReport:
    """Trim the texts of a column; goes on with the journal if it is there."""
    if await asyncio.to_thread(journal.exists):
        return await claro.resume_updates(journal, on_progress=show)
    dataset = claro.dataset(dataset_id)
    edits = [
        (row.cell(column).cell_id, row[column].strip())
        async for row in dataset.rows()
        if isinstance(row[column], str) and row[column] != row[column].strip()
    ]
    # what to send is known from the rows just read, so nothing is read again
    return await dataset.update_cells(
        edits, journal=journal, skip_unchanged=False, on_progress=show
    )


async def main(dataset_id: str, column: str, journal: str) -> None:
    """Run the job and say what became of it."""
    async with ClaroClient() as claro:
        report = await trim_column(claro, dataset_id, column, Path(journal))
    print(f"\n{report.updated:,} updated, {report.failed:,} failed, {report.not_sent:,} not sent")
    report.raise_for_failures()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))

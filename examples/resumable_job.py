"""A bulk edit that may be stopped at any time and goes on when it is started again.

Run it against the emulator, or with CLARO_API_KEY set against the real API:

    python examples/resumable_job.py DATASET_ID edits.csv run.claro

The file of edits has the columns ``cell_id`` and ``value``. Press Ctrl-C and start it again: it
goes on where it was. With another file of edits it is refused: the journal is of another job.
"""

from __future__ import annotations

import asyncio
import sys

from claro_async import BulkProgress, ClaroClient


def show(progress: BulkProgress) -> None:
    """Print a line for progress, over the one before."""
    print(f"\r{progress.done:,} edits done, {progress.requests:,} requests", end="", flush=True)


async def main(dataset_id: str, edits: str, journal: str) -> None:
    """Begin the job or go on with it, and say what became of it."""
    async with ClaroClient() as claro:
        report = await claro.dataset(dataset_id).update_cells(
            edits,
            journal=journal,
            resume=True,
            on_progress=show,
        )
    print(f"\n{report.updated:,} updated, {report.failed:,} failed, {report.not_sent:,} not sent")
    report.raise_for_failures()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))

"""Bring the labels of comments into a Claro dataset, by a key column.

Run it against the emulator, or with CLARO_API_KEY, COMMUNICATIONS_MINING_TOKEN and
COMMUNICATIONS_MINING_BASE_URL set against the real APIs:

    python examples/labels_to_cells.py PROJECT/DATASET CLARO_DATASET_ID KEY LABELS run

Each comment's assigned labels go into the column LABELS of the row whose column KEY holds the
comment's uid. Stop it at any time and start it again: the export goes on from `run.export`, the
updates from `run.claro`. Comments that have no row are counted, and change nothing.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from claro_async import BulkReport, ClaroClient, CommunicationsMiningClient, JournalIncompleteError

if TYPE_CHECKING:
    from collections.abc import Iterator


def labelled(path: Path, key: str, column: str) -> Iterator[dict[str, Any]]:
    """A row for each comment that has labels."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            exported = json.loads(line)
            labels = (exported.get("annotations") or {}).get("labels") or {}
            # a child's name holds its parent's: "Order > Late"
            names = sorted({label["name"] for label in labels.get("assigned") or ()})
            if names:
                yield {key: exported["comment"]["uid"], column: "; ".join(names)}


async def bring_over(
    source: tuple[str, str], dataset_id: str, key: str, column: str, run: Path
) -> BulkReport:
    """Export, then update; each goes on where it was."""
    comments = run.with_name(f"{run.name}.jsonl")
    if not await asyncio.to_thread(comments.exists):
        async with CommunicationsMiningClient() as mining:
            dataset = mining.dataset(*source)
            await dataset.export_to(comments, checkpoint=run.with_name(f"{run.name}.export"))
    async with ClaroClient() as claro:
        journal = run.with_name(f"{run.name}.claro")
        if await asyncio.to_thread(journal.exists):
            try:
                return await claro.resume_updates(journal)
            except JournalIncompleteError:
                await asyncio.to_thread(journal.unlink)
        rows = labelled(comments, key, column)
        return await claro.dataset(dataset_id).update_from(rows, key=key, journal=journal)


async def main(source: str, dataset_id: str, key: str, column: str, run: str) -> None:
    """Run the pipeline and say what became of it."""
    project, _, name = source.partition("/")
    report = await bring_over((project, name), dataset_id, key, column, Path(run))
    print(
        f"{report.updated:,} cells updated, {report.unchanged:,} had their labels already,"
        f" {report.failed:,} comments have no row"
    )


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:6]))

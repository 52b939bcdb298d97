"""A program that exports to a file: it is killed, resumed and weighed by the tests.

It prints a line for each page. Its last line is a JSON object with the comments written and the
growth of its memory.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from typing import Any

from claro_async.communications_mining import CommunicationsMiningClient, ExportProgress
from claro_async.config import RetryPolicy


def memory() -> int:
    """The most memory that this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def tell(done: ExportProgress) -> None:
    """Print a line for a page."""
    sys.stdout.write(f"{done.pages}\n")
    sys.stdout.flush()


async def main(job: dict[str, Any]) -> None:
    """Export as the job says."""
    retry = RetryPolicy(base_delay=0.0)
    async with CommunicationsMiningClient(job["token"], job["base_url"], retry=retry) as client:
        dataset = client.dataset("project", job["dataset"])
        async for _ in dataset.export(limit=256):  # what is brought in once does not count
            break
        before = memory()
        sys.stdout.write("started\n")
        sys.stdout.flush()
        file = await dataset.export_to(job["path"], on_progress=tell, **job["options"])
        grown = memory() - before
    sys.stdout.write(
        json.dumps({"comments": file.comments, "resumed": file.resumed, "grown": grown}) + "\n"
    )


asyncio.run(main(json.loads(sys.argv[1])))

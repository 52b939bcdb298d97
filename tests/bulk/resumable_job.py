"""A program of its own for the kill test: starts or goes on with a job, and tells every reply.

Arguments: base URL, key, dataset id, number of edits, journal.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from claro_async import ClaroClient, JournalError, JournalIncompleteError, RetryPolicy
from claro_async.transport.events import Event, ReplyReceived

CONCURRENCY = 16


def tell(event: Event) -> None:
    """Print a line for every reply to an edit."""
    if isinstance(event, ReplyReceived):
        sys.stdout.write(".\n")
        sys.stdout.flush()


async def main(base_url: str, key: str, dataset_id: str, count: str, journal: Path) -> None:
    """Run until done."""
    retry = RetryPolicy(max_attempts=20, base_delay=0.001, max_delay=0.01, max_rate_limit_waits=50)
    async with ClaroClient(key, base_url, on_event=tell, retry=retry) as claro:
        try:
            report = await claro.resume_updates(journal, max_concurrency=CONCURRENCY)
        except JournalError as error:
            if isinstance(error, JournalIncompleteError):
                journal.unlink()  # noqa: ASYNC240 - killed before the whole input was written down
            elif "no such journal" not in str(error):
                raise
            edits = ((f"cell_{row}_1", f"new {row}") for row in range(1, int(count) + 1))
            report = await claro.dataset(dataset_id).update_cells(
                edits, journal=journal, max_concurrency=CONCURRENCY, skip_unchanged=False
            )
    sys.stdout.write(f"done {report.updated} {report.total}\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], Path(sys.argv[5])))

"""claro-async: edits as fast as the quota allows."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from benchmarks.harness import Job
from claro_async import ClaroClient


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Open a client; the work is a number of edits, spread over the cells of a dataset."""
    key, dataset_id, rows = (job.arguments[name] for name in ("key", "dataset_id", "rows"))
    async with ClaroClient(key, job.base_url, quota=job.arguments["quota"] or None) as claro:

        async def edit(count: int) -> int:
            edits = ((f"cell_{number % int(rows) + 1}_1", number) for number in range(count))
            report = await claro.dataset(dataset_id).update_cells(
                edits, max_concurrency=job.concurrency, skip_unchanged=False
            )
            report.raise_for_failures()
            return report.requests

        yield edit

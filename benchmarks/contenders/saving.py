"""`update_cells` where most cells hold their value already; the emulator counts the requests."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from benchmarks.harness import Job
from claro_async import ClaroClient
from claro_async.emulator import Emulator


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Edit a cell of each row; a unit of work is a request."""
    values = [(f"product {row}", row * 0.25) for row in range(job.requests)]
    every = job.requests // int(job.arguments["different"])
    with Emulator(sample_world=False) as emulator:
        dataset_id = emulator.add_dataset("Products", ["name", "price"], values)
        async with ClaroClient(emulator.api_key, emulator.base_url) as claro:
            dataset = claro.dataset(dataset_id)
            cells = [row.cell("name") async for row in dataset.rows()]
            edits = [
                (cell.cell_id, cell.value if at % every else f"{cell.value}, new")
                for at, cell in enumerate(cells)
            ]

            async def work(_: int) -> int:
                before = emulator.ledger.count()
                report = await dataset.update_cells(edits, max_concurrency=job.concurrency)
                if report.updated + report.unchanged != len(edits):
                    raise RuntimeError(f"not all edits were made: {report}")
                return emulator.ledger.count() - before

            yield work

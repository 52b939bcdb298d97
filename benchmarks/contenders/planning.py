"""`plan_updates` for every cell of a dataset, and the reading alone that it takes.

``arguments["way"]`` chooses: ``plan`` or ``read``.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from benchmarks.harness import Job
from benchmarks.server import COLUMNS
from claro_async import ClaroClient


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Plan so many rows, where one in ten differs; a unit of work is a cell."""
    width = len(COLUMNS)
    async with ClaroClient("bench-key", job.base_url) as claro:
        dataset = claro.dataset("bench")

        def value(row: int, column: int) -> object:
            if row % 10 == 0:
                return "changed"
            name = COLUMNS[column - 1]
            return row * 0.25 if name == "price" else f"{name} of product {row}"

        edits = [
            (f"cell_{row}_{column}", value(row, column))
            for row in range(1, job.requests + 1)
            for column in range(1, width + 1)
        ]

        async def plan(rows: int) -> int:
            with await dataset.plan_updates(edits, skip_unchanged=True) as planned:
                if planned.requests != rows // 10 * width:
                    raise RuntimeError(f"not what was to be planned: {planned}")
            return len(edits)

        async def read(rows: int) -> int:
            cells = 0
            async for page in dataset.rows(read_ahead=1).pages():
                cells += len(page) * width
            if cells != rows * width:
                raise RuntimeError(f"only {cells} cells came")
            return cells

        yield {"plan": plan, "read": read}[job.arguments["way"]]

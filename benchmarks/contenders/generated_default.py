"""The client that openapi-python-client writes from our description with its own templates."""

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import get_type_hints

from benchmarks.harness import Job


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Import what was generated (``folder``, ``package``, ``endpoint``); a task for each edit."""
    sys.path.insert(0, job.arguments["folder"])
    package = importlib.import_module(job.arguments["package"])
    endpoint = importlib.import_module(job.arguments["endpoint"])
    body_type = get_type_hints(endpoint.asyncio_detailed)["body"]
    semaphore = asyncio.Semaphore(job.concurrency)
    credentials = {"token": "bench-key"}
    async with package.AuthenticatedClient(base_url=job.base_url, **credentials) as client:

        async def edit(row: int) -> None:
            cell, value = f"cell_{row}_1", f"Updated Widget {row}"
            async with semaphore:
                reply = await endpoint.asyncio_detailed(
                    "bench", cell, client=client, body=body_type(value=value)
                )
                if reply.status_code != 200 or reply.parsed is None:
                    raise RuntimeError(f"not understood: {reply}")

        async def work(requests: int) -> int:
            await asyncio.gather(*(edit(row) for row in range(requests)))
            return requests

        yield work

"""One contender in a process of its own: ``python -m benchmarks.contender JOB`` (as JSON)."""

import asyncio
import importlib
import json
import os
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from benchmarks import memory
from benchmarks.harness import Job, Sample

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager


async def measure(job: Job) -> Sample:
    """Open the contender, warm it up, then measure the work that it was asked for."""
    module = importlib.import_module(f"benchmarks.contenders.{job.module}")
    opened: AbstractAsyncContextManager[Callable[[int], Awaitable[int]]] = module.opened(job)
    async with opened as work:
        if job.warmup:
            await work(job.warmup)
        base = memory.forget_peak()
        wall, cpu = time.perf_counter(), time.process_time()
        units = await work(job.requests)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        return Sample(units=units, cpu=cpu, wall=wall, peak_growth=memory.peak() - base)


def run(job: Job) -> Sample:
    """Measure on the event loop that the job asks for: asyncio's own, or uvloop's."""
    make = importlib.import_module("uvloop").new_event_loop if job.uvloop else None
    with asyncio.Runner(loop_factory=make) as runner:
        return runner.run(measure(job))


if __name__ == "__main__":
    print(json.dumps(asdict(run(Job(**json.loads(sys.argv[1]))))), flush=True)
    os._exit(0)  # a client with threads of its own may not survive the interpreter's end

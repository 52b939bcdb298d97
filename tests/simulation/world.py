"""One run: the world of a scenario, its processes one after the other, and the judge's verdict."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import secrets
import shutil
import sys
import tempfile
import warnings
from contextlib import ExitStack, contextmanager
from contextvars import Context
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import attrs

from claro_async import ClaroClient
from claro_async.config import RetryPolicy, Timeout
from claro_async.errors import JournalError
from tests.simulation.clock import SimulatedClock
from tests.simulation.disk import SHARED_QUOTA, watched_files
from tests.simulation.judge import Judge
from tests.simulation.loop import (
    MOST_STEPS,
    EndlessError,
    SimulatedLoop,
    StalledError,
    run,
    without_threads,
)
from tests.simulation.network import Network, SimulatedSession
from tests.simulation.process import CallbackError, Process
from tests.simulation.scenario import Action, Scenario, draw
from tests.simulation.server import DATASET, Server
from tests.simulation.stores import SimulatedRedis, SimulatedStore
from tests.simulation.trace import Trace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from claro_async import QuotaStore
    from tests.simulation.scenario import ClockPlan

BASE_URL = "http://127.0.0.1/api/v2"
JOURNAL = "job.claro"


@attrs.frozen(kw_only=True)
class Verdict:
    """What became of a run.

    Attributes:
        scenario: The run.
        violations: Promises that were not kept, as sentences; none where all is well.
        trace: What happened.
        requests: How many requests there were.
    """

    scenario: Scenario
    violations: list[str]
    trace: Trace
    requests: int


class World:
    """The world of one run.

    Args:
        scenario: What happens.
        folder: Where its files are.
        most_steps: Steps of the loop after which it counts as endless.
    """

    def __init__(self, scenario: Scenario, folder: Path, *, most_steps: int = MOST_STEPS) -> None:
        self.scenario = scenario
        self.folder = folder
        self.trace = Trace()
        self.loop = SimulatedLoop(most_steps=most_steps)
        self.server = Server(
            scenario.server,
            self.clock(scenario.server_clock),
            self.random("server"),
            self.trace,
        )
        self.network = Network(
            self.loop, scenario.network, self.server, self.random("network"), self.trace
        )
        self.redis = SimulatedRedis(self.loop, scenario.store_outages, scenario.store_losses)
        self.processes: list[Process] = []
        self.judge = Judge(self)
        self.network.on_send.append(self.judge.judge_send)

    @property
    def journal(self) -> Path:
        """The job's journal."""
        return self.folder / JOURNAL

    def random(self, name: str) -> Random:
        """A source of randomness of its own, so that what one draws does not change another."""
        return Random(f"{self.scenario.seed} {name}")

    def clock(self, plan: ClockPlan) -> SimulatedClock:
        """A machine's clock."""
        return SimulatedClock(loop=self.loop, offset=plan.offset, rate=plan.rate, steps=plan.steps)

    def run(self) -> None:
        """Let it all happen."""
        try:
            run(self.loop, self._run())
        except StalledError as error:
            self.judge.say(f"P1 a job waits for ever: {error}")
        except EndlessError as error:
            self.judge.say(f"P2 a job never comes to its end: {error}")

    def forget(self) -> None:
        """Drop what the processes left in memory."""
        for process in self.processes:
            process.forget()

    async def _run(self) -> None:
        self._schedule_others()
        if self.scenario.family == "quota":
            await asyncio.gather(*(self._perform(each) for each in self.scenario.actions))
            self.judge.judge_quota()
            return
        for action in self.scenario.actions:
            await self._perform(action)
        if self.scenario.family == "job":
            await self._calm_down()
            await self._finish()
        else:
            await self._calm_down()
            self.judge.judge_values(finished=False)

    async def _perform(self, action: Action) -> Process:
        await asyncio.sleep(action.pause)
        process = self._start(action)
        others = [] if action.beside is None else [self._perform(action.beside)]
        await asyncio.gather(self._live(process, action), *others)
        return process

    async def _live(self, process: Process, action: Action) -> None:
        await process.run(lambda: self._act(process, action))
        self.judge.judge_process(process, action)

    def _start(self, action: Action) -> Process:
        name = f"{action.kind}-{len(self.processes)}"
        self.trace.add(self.loop.time(), name, "BEGINS", str(action.interruption))
        process = Process(
            name,
            clock=self.clock(action.clock),
            random=self.random(name),
            interruption=action.interruption,
            trace=self.trace,
        )
        self.processes.append(process)
        return process

    async def _act(self, process: Process, action: Action) -> Any:
        async with self._client(process) as claro:
            match action.kind:
                case "update":
                    return await self._update(claro, process)
                case "resume":
                    options = self._options(process)
                    if self.scenario.job.own_equal:
                        options["equal"] = process.is_equal
                    return await claro.resume_updates(self.journal, **options)
                case _:
                    return await claro.revert_updates(self.journal, **self._options(process))

    def _options(self, process: Process) -> dict[str, Any]:
        return {
            "max_concurrency": self.scenario.job.max_concurrency,
            "on_progress": lambda _: process.call_back(),
            "stop": process.stop,
        }

    async def _update(self, claro: ClaroClient, process: Process) -> Any:
        job = self.scenario.job
        dataset = claro.dataset(DATASET)
        options = self._options(process)
        options["skip_unchanged"] = job.skip_unchanged
        if job.own_equal:
            options["equal"] = process.is_equal
        if job.outcomes:
            del options["on_progress"]
            async with dataset.iter_updates(self._input(process), **options) as outcomes:
                async for outcome in outcomes:
                    process.call_back()
                    self.judge.judge_outcome(outcome)
            return outcomes.report
        if job.journal:
            options |= {"journal": self.journal, "journal_values": job.keep_values}
        return await dataset.update_cells(self._input(process), **options)

    def _input(self, process: Process) -> Any:
        edits = self._part_of(process)
        match self.scenario.job.form:
            case "list":
                return list(edits)
            case "mapping":
                return dict(edits)
            case "iterator":
                return self._iterate(process, edits)
            case _:
                return self._aiterate(process, edits)

    def _part_of(self, process: Process) -> tuple[Any, ...]:
        edits = self.scenario.job.edits
        if self.scenario.family != "quota":
            return edits
        members = len(self.scenario.actions)
        size = len(edits) // members
        number = self.processes.index(process)
        return edits[number * size : (number + 1) * size]

    def _iterate(self, process: Process, edits: tuple[Any, ...]) -> Iterator[Any]:
        for place, edit in enumerate(edits, 1):
            if place == process.interruption.input_raises_at:
                raise CallbackError("the input failed")
            self.judge.taken += 1
            yield edit

    async def _aiterate(self, process: Process, edits: tuple[Any, ...]) -> AsyncIterator[Any]:
        random = self.random(f"input of {process.name}")
        for edit in self._iterate(process, edits):
            if random.random() < 0.3:
                await asyncio.sleep(random.choice((0.0, 0.01, 3.0)))
            yield edit

    def _client(self, process: Process) -> ClaroClient:
        scenario = self.scenario
        places: dict[str, str | QuotaStore] = {
            "file": f"file://{self.folder}/{SHARED_QUOTA}",
            "redis": SimulatedStore(self.redis),
        }
        return ClaroClient(
            "simulated-key",
            BASE_URL,
            session=SimulatedSession(self.network, process),
            clock=process.clock,
            on_event=lambda _: process.call_back(),
            random=self.random(f"client {process.name}"),
            timeout=Timeout(),
            retry=RetryPolicy(max_attempts=scenario.job.max_attempts),
            quota=places.get(scenario.store),
        )

    def _schedule_others(self) -> None:
        plan = self.scenario.server
        for when in plan.writes_by_others:
            self.loop.call_later(when, self.server.write_by_others, context=Context())
        for when in self.scenario.others:
            self.loop.call_later(when, self.server.count_by_others, context=Context())

    async def _calm_down(self) -> None:
        """From here on nothing goes wrong any more; what is under way arrives first."""
        self.network.is_calm = self.server.is_calm = True
        plan = self.scenario.server
        settled = max((self.network.late_until, *plan.writes_by_others))
        await asyncio.sleep(max(0.0, settled - self.loop.time()) + 600.0)
        self.trace.add(self.loop.time(), "world", "CALM", "nothing goes wrong from here on")

    async def _finish(self) -> None:
        """Bring the job to its end, then set it back."""
        for _ in range(3):
            process = await self._perform(Action(kind="resume"))
            if isinstance(process.error, JournalError) and not self.judge.was_reverted:
                self.judge.judge_never_begun(process.error)
                for path in self.folder.glob(f"{JOURNAL}*"):
                    path.unlink()
                await self._perform(Action(kind="update"))
        self.judge.judge_values(finished=True)
        await self._perform(Action(kind="revert"))
        self.judge.judge_reverted()
        sent = len(self.network.sent)
        await self._perform(Action(kind="revert"))
        self.judge.judge_nothing_left(sent)
        await self._perform(Action(kind="resume"))


@contextmanager
def simulated_machine() -> Iterator[None]:
    """Within this block there are no threads, and files and random names are those of the run."""
    names = Random("names")
    with ExitStack() as stack:
        stack.enter_context(_garbage_kept())
        stack.enter_context(without_threads())
        stack.enter_context(watched_files())
        stack.enter_context(
            patch.object(secrets, "token_hex", lambda size=16: names.randbytes(size).hex())
        )
        yield


@contextmanager
def _garbage_kept() -> Iterator[None]:
    """Within this block nothing of a dead process is cleaned up; all of it is at the end."""
    collects, log = gc.isenabled(), logging.getLogger("claro_async")
    gc.disable()
    gc.freeze()
    try:
        with (
            patch.object(sys, "unraisablehook", lambda _: None),  # the dead have nothing to say
            patch.object(log, "disabled", new=True),
        ):
            yield
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of coroutines that were never awaited
                gc.collect()
    finally:
        gc.unfreeze()
        if collects:
            gc.enable()


def simulate(scenario: Scenario | int) -> Verdict:
    """Run a scenario, or that of a seed, and judge it."""
    if isinstance(scenario, int):
        scenario = draw(scenario)
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - memory, no disk
    folder = Path(tempfile.mkdtemp(prefix="simulation-", dir=place))
    try:
        with simulated_machine():
            world = World(scenario, folder)
            world.run()
            world.forget()
            verdict = Verdict(
                scenario=scenario,
                violations=world.judge.violations,
                trace=world.trace,
                requests=len(world.network.sent),
            )
            del world
        return verdict
    finally:
        shutil.rmtree(folder, ignore_errors=True)

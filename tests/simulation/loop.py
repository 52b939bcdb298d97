"""An event loop in which time jumps, threads do not exist, and a process can end at any step.

Every callback belongs to the simulated process in whose context it was scheduled, or to the world
(the server, the network). A process that has been killed takes no further step, and nothing of it
is cleaned up: that is what a SIGKILL does.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import Context, ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from tests.simulation.process import Process

PROCESS: ContextVar[Process | None] = ContextVar("PROCESS", default=None)
"""The simulated process that the running callback belongs to."""
MOST_STEPS = 150_000
"""Steps of the loop in one run; more are an endless loop."""


class StalledError(Exception):
    """Nothing is ready and nothing is due, but somebody still waits."""


class EndlessError(Exception):
    """The run takes more steps or more time than any of its parts can need."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs what is ready in order, then jumps to what is due next.

    Args:
        latest: The moment after which a run counts as endless.
        most_steps: The number of steps after which it does.

    Attributes:
        steps: Callbacks run so far.
    """

    def __init__(self, latest: float = 10 * 86_400.0, most_steps: int = MOST_STEPS) -> None:
        super().__init__()
        self._most_steps = most_steps
        self._now = 0.0
        self._latest = latest
        self.steps = 0
        self.set_exception_handler(lambda _loop, _context: None)

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        # these attributes are those of BaseEventLoop, which typeshed does not list
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        ready: deque[asyncio.Handle] = self._ready  # type: ignore[attr-defined]
        while scheduled and scheduled[0].cancelled():
            heapq.heappop(scheduled)._scheduled = False  # type: ignore[attr-defined]
        if not ready and not self._stopping:  # type: ignore[attr-defined]
            if not scheduled:
                raise StalledError("nothing is ready and nothing is due")
            self._now = max(self._now, scheduled[0].when())
            if self._now > self._latest:
                raise EndlessError(f"still running after {self._latest:,.0f} s")
        while scheduled and scheduled[0].when() <= self._now:
            handle = heapq.heappop(scheduled)
            handle._scheduled = False  # type: ignore[attr-defined]
            if not handle.cancelled():
                ready.append(handle)
        for _ in range(len(ready)):
            self._step(ready.popleft())

    def _step(self, handle: asyncio.Handle) -> None:
        if handle.cancelled():
            return
        self.steps += 1
        if self.steps > self._most_steps:
            raise EndlessError(f"more than {self._most_steps:,} steps")
        process = handle._context.get(PROCESS)  # type: ignore[attr-defined]
        if process is None or process.may_step():
            handle._run()

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        task = super().create_task(coro, **options)
        process = (options.get("context") or Context()).get(PROCESS) or PROCESS.get()
        if process is not None:
            process.tasks.append(task)
        return task

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Any, *args: Any
    ) -> asyncio.Future[Any]:
        pool = executor if executor is not None else _WORLD_POOL
        return asyncio.wrap_future(pool.submit(func, *args), loop=self)

    async def shutdown_default_executor(self, *_: Any) -> None:
        """There is none."""

    def _process_events(self, event_list: Any) -> None:
        """There is no selector."""

    def _write_to_self(self) -> None:
        """There is no other thread."""


class SimulatedFuture(Future[Any]):
    """What a call in a simulated thread will give; waiting for it runs the thread on."""

    def __init__(self, queue: deque[_Call]) -> None:
        super().__init__()
        self._queue = queue

    def result(self, timeout: float | None = None) -> Any:
        _drain(self._queue)
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        _drain(self._queue)
        return super().exception(timeout)


_Call = tuple[SimulatedFuture, "Callable[..., Any]", tuple[Any, ...], dict[str, Any]]


def _drain(queue: deque[_Call]) -> None:
    while queue:
        _run_one(queue)


def _run_one(queue: deque[_Call]) -> None:
    if not queue:
        return
    future, function, args, kwargs = queue.popleft()
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function(*args, **kwargs)
    except BaseException as error:  # noqa: BLE001 - as a real pool does
        future.set_exception(error)
    else:
        future.set_result(result)


class _Pool(ThreadPoolExecutor):
    """The pool of those who ask for no pool of their own."""


_WORLD_POOL = _Pool(1)
_QUEUE = "_simulated_queue"


def _submit(pool: ThreadPoolExecutor, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
    """Call a function as a thread would: a little later, and after what was asked for before."""
    queue: deque[_Call] = pool.__dict__.setdefault(_QUEUE, deque())
    future = SimulatedFuture(queue)
    queue.append((future, function, args, kwargs))
    process = PROCESS.get()
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        _drain(queue)
        return future
    delay = 0.0 if process is None else process.disk_delay()
    loop.call_later(delay, _run_one, queue)
    return future


def _shutdown(pool: ThreadPoolExecutor, wait: bool = True, **_: Any) -> None:  # noqa: FBT001, FBT002 - the library's own
    if wait:
        _drain(pool.__dict__.setdefault(_QUEUE, deque()))


@contextmanager
def without_threads() -> Iterator[None]:
    """Within this block, thread pools run their calls in the loop's own thread."""
    submit, shutdown = ThreadPoolExecutor.submit, ThreadPoolExecutor.shutdown
    ThreadPoolExecutor.submit = _submit  # type: ignore[method-assign,assignment]
    ThreadPoolExecutor.shutdown = _shutdown  # type: ignore[assignment]
    try:
        yield
    finally:
        ThreadPoolExecutor.submit = submit  # type: ignore[method-assign]
        ThreadPoolExecutor.shutdown = shutdown  # type: ignore[method-assign]


def run(loop: SimulatedLoop, main: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end in a simulated loop, and leave nothing of the loop behind."""
    asyncio.set_event_loop(None)
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()

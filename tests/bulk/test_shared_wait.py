"""Many tasks wait for one thing, and each of them goes on by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

import pytest

from claro_async import JournalError
from claro_async.bulk.shared_wait import SharedWait

Main: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


def as_python(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Future[Any]:
    """A task of asyncio's version in Python, which interpreters without the other one have."""
    task: asyncio.Future[Any] = asyncio.tasks._PyTask(  # type: ignore[attr-defined]
        coro, loop=loop, **options
    )
    return task


@pytest.fixture(params=["asyncio", "asyncio in Python", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Main], None]:
    """Runs a coroutine in an event loop, whichever it is."""

    def run(main: Main) -> None:
        factory = None
        if request.param == "uvloop":
            factory = pytest.importorskip("uvloop").new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            if request.param == "asyncio in Python":
                runner.get_loop().set_task_factory(as_python)
            runner.run(asyncio.wait_for(main(), 20))

    return run


async def waiting_for(wait: SharedWait) -> str:
    """Wait, as a worker does."""
    await wait
    return "done"


async def some_turns() -> None:
    """Let the loop do what it has to do."""
    for _ in range(5):
        await asyncio.sleep(0)


async def begun(wait: SharedWait, number: int) -> list[asyncio.Task[str]]:
    """So many tasks that wait already."""
    tasks = [asyncio.ensure_future(waiting_for(wait)) for _ in range(number)]
    await asyncio.sleep(0)
    return tasks


def test_all_who_wait_go_on(run: Callable[[Main], None]) -> None:
    """They do when it ends, and not before; who comes later does not wait at all."""

    async def main() -> None:
        wait = SharedWait()
        tasks = await begun(wait, 3)
        await some_turns()
        assert not any(task.done() for task in tasks)
        wait.end()
        assert await asyncio.gather(*tasks) == ["done"] * 3
        assert await waiting_for(wait) == "done"

    run(main)


def test_each_gets_an_exception_of_its_own(run: Callable[[Main], None]) -> None:
    """What ends with an error raises another object in every task, and in those that come later."""

    async def main() -> None:
        wait = SharedWait()
        tasks = await begun(wait, 3)
        wait.end(lambda: JournalError("full"))
        found = await asyncio.gather(*tasks, waiting_for(wait), return_exceptions=True)
        assert [str(each) for each in found] == ["full"] * 4
        assert len(set(map(id, found))) == 4

    run(main)


def test_who_is_cancelled_goes_on_alone(run: Callable[[Main], None]) -> None:
    """A task that is cancelled ends at once, and the others wait until all is over."""

    async def main() -> None:
        wait = SharedWait()
        tasks = await begun(wait, 4)
        tasks[1].cancel()
        tasks[2].cancel()
        await asyncio.wait(tasks[1:3])
        assert [task.cancelled() for task in tasks] == [False, True, True, False]
        await some_turns()
        assert not any(task.done() for task in (tasks[0], tasks[3]))
        wait.end()
        assert [await tasks[0], await tasks[3]] == ["done"] * 2

    run(main)


def test_who_is_cancelled_as_it_ends_is_cancelled(run: Callable[[Main], None]) -> None:
    """A cancellation between the end and the next step of a task is not lost."""

    async def main() -> None:
        wait = SharedWait()
        tasks = await begun(wait, 2)
        wait.end()
        tasks[0].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        assert found[1] == "done"

    run(main)


def test_the_end_of_the_program_in_one_task_strands_no_other() -> None:
    """After a KeyboardInterrupt that comes out of one of them, the others can still go on."""

    async def interrupt(wait: SharedWait) -> None:
        await wait
        raise KeyboardInterrupt

    async def begin() -> tuple[SharedWait, list[asyncio.Task[str]], asyncio.Task[None]]:
        wait = SharedWait()
        first = await begun(wait, 1)
        interrupted = asyncio.ensure_future(interrupt(wait))
        return wait, first + await begun(wait, 2), interrupted

    loop = asyncio.new_event_loop()
    wait, tasks, interrupted = loop.run_until_complete(begin())
    loop.call_soon(wait.end)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    all_done = asyncio.wait_for(asyncio.gather(*tasks), 20)
    assert loop.run_until_complete(all_done) == ["done"] * 3
    assert isinstance(interrupted.exception(), KeyboardInterrupt)
    loop.close()

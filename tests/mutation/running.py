"""Runs a module's tests against mutants of it, each in a process forked for that.

Most mutants are judged the quick way: a process collects the tests once, and is forked for each
mutant, whose functions take the place of the module's. What runs while a module is imported is
still the unchanged code then, so a mutant that survives is tried again the thorough way: in a
process that imports everything anew, with the change.
"""

from __future__ import annotations

import gc
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import signal
import sys
import time
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.mutation.mutants import Mutant, mutated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import ModuleType

_OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "--no-header")


class MutantFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the one module with its change to whoever imports it."""

    def __init__(self, name: str, path: Path, mutant: Mutant) -> None:
        self._name = name
        self._path = path
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The mutant's specification, for its own name only."""
        del path, target
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._path, loader=self)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """The ordinary kind of module."""
        del spec
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed code in it."""
        tree = mutated(self._path.read_text("utf-8"), self._mutant)
        exec(compile(tree, self._path, "exec"), module.__dict__)  # noqa: S102 - that is the point


def survivors(
    root: Path, module: str, mutants: Sequence[Mutant], tests: Sequence[str], *, thorough: bool
) -> list[Mutant] | None:
    """The mutants that tests do not notice, or None where the tests fail without any change.

    Args:
        root: The checkout.
        module: The module's path in it.
        mutants: What to try.
        tests: What to run.
        thorough: Whether those that survive the quick way are tried again.
    """
    found = _survivors_quickly(root, module, mutants, tests)
    if not found or not thorough:
        return found
    seconds = _passes(lambda: _test(root, module, None, tests))
    if seconds is None:
        return None
    return _alive(found, lambda mutant: _test(root, module, mutant, tests), _limit(seconds))


def _survivors_quickly(
    root: Path, module: str, mutants: Sequence[Mutant], tests: Sequence[str]
) -> list[Mutant] | None:
    """Have a process collect the tests, and judge the mutants in forks of that."""
    reading, writing = os.pipe()

    def judge() -> int:
        os.close(reading)
        plugin = _Quick(root / module, mutants)
        pytest.main([*_OPTIONS, *tests], plugins=[plugin])
        with os.fdopen(writing, "w", encoding="utf-8") as file:
            json.dump(plugin.alive, file)
        return 0

    child = _fork(judge)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as file:
        text = file.read()
    os.waitpid(child, 0)
    alive = json.loads(text) if text else None
    return None if alive is None else [mutants[number] for number in alive]


class _Quick:
    """Runs the tests that were collected against each mutant, instead of once.

    Attributes:
        alive: The places of the mutants that survived; None where the tests fail without any.
    """

    def __init__(self, path: Path, mutants: Sequence[Mutant]) -> None:
        self._source = path.read_text("utf-8")
        self._path = path
        self._mutants = mutants
        self.alive: list[int] | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Called once the tests are collected."""
        if session.testsfailed or not session.items:
            return True
        seconds = _passes(lambda: _run(session))
        if seconds is not None:
            alive = _alive(
                self._mutants,
                lambda mutant: _run(session) if self._apply(mutant) else 0,
                _limit(seconds),
            )
            self.alive = [self._mutants.index(mutant) for mutant in alive]
        return True

    def _apply(self, mutant: Mutant) -> bool:
        """Give the module's functions the code of the mutant; False where that cannot be."""
        before = _codes(compile(self._source, self._path, "exec"))
        after = _codes(compile(mutated(self._source, mutant), self._path, "exec"))
        changed = {
            place: after.get(place) for place, code in before.items() if code != after.get(place)
        }
        live = {
            (each.__code__.co_qualname, each.__code__.co_firstlineno): each
            for each in gc.get_objects()
            if isinstance(each, FunctionType) and each.__code__.co_filename == str(self._path)
        }
        applied = False
        for place, code in changed.items():
            function = live.get(place)
            if code is None or function is None:
                continue
            try:
                function.__code__ = code
            except ValueError:  # other variables of an outer function
                return False
            applied = True
        return applied


def _codes(module: CodeType) -> dict[tuple[str, int], CodeType]:
    """The code of all functions and classes of a module, by name and line."""

    def below(code: CodeType) -> Iterator[tuple[tuple[str, int], CodeType]]:
        for each in code.co_consts:
            if isinstance(each, CodeType):
                yield (each.co_qualname, each.co_firstlineno), each
                yield from below(each)

    return dict(below(module))


def _run(session: pytest.Session) -> int:
    """Run tests up to the first that fails; 1 if one does."""
    items = session.items
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return 1
    return 0


def _test(root: Path, module: str, mutant: Mutant | None, tests: Sequence[str]) -> int:
    """Import everything, the module with its change, and run the tests."""
    plugins: list[object] = []
    if mutant is not None:
        name = module.removesuffix(".py").replace("/", ".")
        plugins.append(_Install(MutantFinder(name, root / module, mutant)))
    return int(pytest.main([*_OPTIONS, *tests], plugins=plugins))


class _Install:
    """Puts the finder before that of pytest, which comes first otherwise."""

    def __init__(self, finder: MutantFinder) -> None:
        self._finder = finder

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self) -> None:
        """Called before anything of the tests is imported."""
        sys.meta_path.insert(0, self._finder)


# --- processes


class _Process(NamedTuple):
    child: int
    mutant: Mutant
    deadline: float


def _alive(mutants: Sequence[Mutant], test: Callable[[Mutant], int], limit: float) -> list[Mutant]:
    """The mutants whose tests end with 0; one process for each processor at a time.

    Args:
        mutants: What to try.
        test: Runs the tests, in a process of its own.
        limit: Seconds after which a run counts as noticed, since it hangs.
    """
    waiting = list(reversed(mutants))
    running: list[_Process] = []
    alive = set()
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            mutant = waiting.pop()
            child = _fork(lambda mutant=mutant: test(mutant))  # type: ignore[misc]
            running.append(_Process(child, mutant, time.monotonic() + limit))
        time.sleep(0.02)
        for process in list(running):
            status = _poll(process)
            if status is not None:
                running.remove(process)
                if status == 0:
                    alive.add(process.mutant)
    return [mutant for mutant in mutants if mutant in alive]


def _passes(test: Callable[[], int]) -> float | None:
    """Seconds that a run takes, or None where it does not end with 0."""
    began = time.monotonic()
    _, status = os.waitpid(_fork(test), 0)
    return None if os.waitstatus_to_exitcode(status) else time.monotonic() - began


def _limit(seconds: float) -> float:
    """Seconds after which a run hangs, where one without a change takes so many."""
    return 10 + 5 * seconds


def _poll(process: _Process) -> int | None:
    """The exit status of a run that has ended, by itself or by its deadline; else None."""
    ended, status = os.waitpid(process.child, os.WNOHANG)
    if ended:
        return os.waitstatus_to_exitcode(status)
    if time.monotonic() < process.deadline:
        return None
    os.killpg(process.child, signal.SIGKILL)
    os.waitpid(process.child, 0)
    return -signal.SIGKILL


def _fork(work: Callable[[], int]) -> int:
    """Fork a quiet process that does its work and ends with what it returns."""
    child = os.fork()
    if child:
        return child
    os.setsid()  # so that what the tests start can be ended with them
    quiet = os.open(os.devnull, os.O_WRONLY)
    for output in (1, 2):
        os.dup2(quiet, output)
    status = 1
    try:
        status = work()
    finally:
        os._exit(status)

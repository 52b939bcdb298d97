"""Runs a module's tests against one mutant of it, in a process forked for that."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.mutation.mutants import Mutant, mutated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import ModuleType


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
    root: Path, module: str, mutants: Sequence[Mutant], tests: Sequence[str], limit: float
) -> list[Mutant]:
    """The mutants that tests do not notice; one process for each processor at a time.

    Args:
        root: The checkout.
        module: The module's path in it.
        mutants: What to try.
        tests: What to run.
        limit: Seconds after which a run counts as noticed, since it hangs.
    """
    waiting = list(reversed(mutants))
    running: list[_Run] = []
    alive = set()
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            mutant = waiting.pop()
            child = _start(root, module, mutant, tests)
            running.append(_Run(child, mutant, time.monotonic() + limit))
        time.sleep(0.02)
        for run in list(running):
            status = _poll(run)
            if status is not None:
                running.remove(run)
                if status == 0:
                    alive.add(run.mutant)
    return [mutant for mutant in mutants if mutant in alive]


def passes(root: Path, module: str, tests: Sequence[str]) -> float | None:
    """Seconds that the tests take for the module as it is, or None where they fail."""
    began = time.monotonic()
    _, status = os.waitpid(_start(root, module, None, tests), 0)
    return None if os.waitstatus_to_exitcode(status) else time.monotonic() - began


class _Run(NamedTuple):
    child: int
    mutant: Mutant
    deadline: float


def _poll(run: _Run) -> int | None:
    """The exit status of a run that has ended, by itself or by its deadline; else None."""
    ended, status = os.waitpid(run.child, os.WNOHANG)
    if ended:
        return os.waitstatus_to_exitcode(status)
    if time.monotonic() < run.deadline:
        return None
    os.killpg(run.child, signal.SIGKILL)
    os.waitpid(run.child, 0)
    return -signal.SIGKILL


def _start(root: Path, module: str, mutant: Mutant | None, tests: Sequence[str]) -> int:
    """Fork a process that runs tests against a mutant, or against the module as it is."""
    child = os.fork()
    if child:
        return child
    os.setsid()  # so that what the tests start can be ended with them
    quiet = os.open(os.devnull, os.O_WRONLY)
    for output in (1, 2):
        os.dup2(quiet, output)
    plugins: list[object] = []
    if mutant is not None:
        name = module.removesuffix(".py").replace("/", ".")
        plugins.append(_Install(MutantFinder(name, root / module, mutant)))
    options = ("-x", "-q", "-p", "no:cacheprovider", "--no-header")
    os._exit(int(pytest.main([*options, *tests], plugins=plugins)))


class _Install:
    """Puts the finder before that of pytest, which comes first otherwise."""

    def __init__(self, finder: MutantFinder) -> None:
        self._finder = finder

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self) -> None:
        """Called before anything of the tests is imported."""
        sys.meta_path.insert(0, self._finder)

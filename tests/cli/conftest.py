"""The command line as a program, and a server for it that tests can look into."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shlex
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from claro_async.cli.agents import AGENT_VARIABLES
from claro_async.cli.app import run
from claro_async.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path

COMMAND = [sys.executable, "-P", "-W", "error", "-m", "claro_async"]
PASSED_ON = ("PATH", "PYTHONPATH", "SYSTEMROOT", "COVERAGE_PROCESS_START")


class World:
    """An emulator that runs in a thread of its own.

    Attributes:
        emulator: The emulator: its ledger, faults and data.
    """

    def __init__(self, **settings: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.emulator = Emulator(**settings)
        self.run(self.emulator.__aenter__())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Carry a coroutine out in the emulator's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def at_request(self, number: int, act: Callable[[], None]) -> None:
        """Do something when the so-manieth further request arrives, before it is answered."""
        ledger = self.emulator.ledger
        arrive = type(ledger).arrive
        left = number

        def counted() -> int:
            nonlocal left
            left -= 1
            if left == 0:
                act()
            return arrive(ledger)

        ledger.arrive = counted  # type: ignore[method-assign]

    def close(self) -> None:
        """Stop the emulator."""
        self.run(self.emulator.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()


@attrs.frozen
class Done:
    """What a command left behind.

    Attributes:
        status: The exit status.
        out: What it wrote to stdout.
        err: What it wrote to stderr.
    """

    status: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """The records that it wrote as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def record(self) -> dict[str, Any]:
        """The only record that it wrote."""
        (only,) = self.records
        return only


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """An emulator with the sample world, for all tests of a module."""
    running = World()
    yield running
    running.close()


@pytest.fixture
def environment(world: World, tmp_path: Path) -> dict[str, str]:
    """What a command finds around it: the emulator's address and key, an empty home, no agent."""
    emulator = world.emulator
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    assert not set(kept) & set(AGENT_VARIABLES)
    return {
        **kept,
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "CLARO_API_KEY": emulator.api_key,
        "CLARO_BASE_URL": emulator.base_url,
        "COMMUNICATIONS_MINING_TOKEN": emulator.mining_token,
        "COMMUNICATIONS_MINING_BASE_URL": emulator.mining_base_url,
    }


@pytest.fixture
def claro(
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., Done]:
    """Run ``claro`` in this process: ``claro("datasets", "list", CLARO_API_KEY="k")``."""

    def call(*arguments: str, stdin: str = "", **variables: str | None) -> Done:
        merged = {**environment, **variables}
        known = {name: text for name, text in merged.items() if text is not None}
        with monkeypatch.context() as patch:
            patch.setattr(os, "environ", known)
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            patch.chdir(tmp_path)
            capsys.readouterr()
            status = run(arguments)
            out, err = capsys.readouterr()
        assert "Traceback" not in err or "--debug" in arguments
        return Done(status, out, err)

    return call


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A folder with a program ``claro``, for shells: put it on their path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    command = folder / "claro"
    words = " ".join(map(shlex.quote, COMMAND))
    command.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    command.chmod(0o755)
    return folder


@pytest.fixture
def program(environment: dict[str, str], tmp_path: Path) -> Callable[..., Done]:
    """Run ``claro`` as a program of its own, in a pipe; it takes longer than ``claro``."""

    def call(*arguments: str, stdin: str = "", **variables: str | None) -> Done:
        merged = {**environment, **variables}
        done = subprocess.run(  # noqa: S603 - our own command
            [*COMMAND, *arguments],
            cwd=tmp_path,
            env={name: text for name, text in merged.items() if text is not None},
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr or "--debug" in arguments
        return Done(done.returncode, done.stdout, done.stderr)

    return call

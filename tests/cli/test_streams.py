"""What happens at the ends of pipes: readers that go, disks that are full, other locales."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Done, World

    Program = Callable[..., Done]
    Shell = Callable[..., tuple[int, str, str]]

DATASET = "your-dataset-id"


@pytest.fixture
def shell(environment: dict[str, str], script: Path, tmp_path: Path) -> Shell:
    """Run a line of bash that names ``claro``; gives its status, stdout and stderr."""

    def call(line: str, **variables: str) -> tuple[int, str, str]:
        path = f"{script}{os.pathsep}{environment['PATH']}"
        done = subprocess.run(  # noqa: S603 - a test's own line
            ["bash", "-c", line],  # noqa: S607 - bash as a user has it
            cwd=tmp_path,
            env={**environment, "PATH": path, **variables},
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return call


@pytest.fixture(scope="module")
def large(world: World) -> str:
    """A dataset of more rows than a pipe holds, with letters beyond ASCII."""
    rows = [[number, f"Zürich {number} " + "x" * 100] for number in range(3000)]
    added: str = world.emulator.add_dataset("large", ["number", "text"], rows)
    return added


def test_a_reader_that_goes_ends_it_quietly(shell: Shell, large: str) -> None:
    """``| head -1`` gives the first row; there is no word on stderr, and nothing failed."""
    status, out, err = shell(f'claro rows {large} | head -1; exit "${{PIPESTATUS[0]}}"')
    assert json.loads(out)["number"] == 0
    assert (status, err) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_an_error(shell: Shell) -> None:
    """Output that cannot be written ends with status 1 and one line."""
    status, _, err = shell(f"claro rows {DATASET} > /dev/full")
    assert (status, err) == (1, "Error: No space left on device\n")


def test_a_closed_stdout_is_an_error(shell: Shell) -> None:
    """Without a stdout, the command fails rather than to lose what it would write."""
    status, _, err = shell(f"claro rows {DATASET} >&-")
    assert (status, err) == (1, "Error: stdout: Bad file descriptor\n")


def test_a_closed_stderr_is_no_error(shell: Shell) -> None:
    """Without a stderr, the data still come, and a failure still has its status."""
    status, out, _ = shell(f"claro rows {DATASET} --limit 1 2>&-")
    assert (status, json.loads(out)["product_name"]) == (0, "Widget A")
    assert shell("claro datasets get nothing 2>&-")[0] == 1


def test_data_are_utf_8_whatever_the_locale(shell: Shell, large: str) -> None:
    """In a locale without UTF-8, data in a pipe are UTF-8 all the same."""
    variables = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    status, out, err = shell(f"claro rows {large} --limit 1", **variables)
    assert (status, err) == (0, "")
    assert "Zürich" in out


def test_it_is_the_same_as_a_module(program: Program, shell: Shell) -> None:
    """``python -m claro_async`` is ``claro``."""
    assert program("--help").out.replace("__main__.py", "claro") == shell("claro --help")[1]
    assert program("--version").out.startswith("claro ")

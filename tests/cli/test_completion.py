"""Completion in the shells themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Done

BASH = """
eval "$(claro completion bash -q)"
complete -p claro > /dev/null || exit 9
COMP_WORDS=(claro {words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_claro_completion claro
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
FISH = """
claro completion fish -q | source
complete --do-complete "claro {words}"
"""
TYPED = pytest.mark.parametrize(
    ("words", "expected"), [("datasou", "datasources"), ("datasets de", "delete")]
)


@pytest.fixture
def with_claro(environment: dict[str, str], script: Path) -> dict[str, str]:
    """An environment whose path leads to ``claro``."""
    return {**environment, "PATH": f"{script}{os.pathsep}{environment['PATH']}"}


def installed(shell: str) -> str:
    """Where a shell is; the test is skipped where it is not."""
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    return found


@TYPED
@pytest.mark.parametrize(
    ("shell", "program"), [("bash", BASH), ("fish", FISH)], ids=["bash", "fish"]
)
def test_a_shell_completes_commands(
    with_claro: dict[str, str], *, shell: str, program: str, words: str, expected: str
) -> None:
    """What ``claro completion`` writes makes bash and fish complete commands, at each level."""
    done = subprocess.run(  # noqa: S603 - a shell, and our own lines
        [installed(shell), "-c", program.format(words=words)],
        env=with_claro,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == [expected]


@TYPED
def test_zsh_completes_commands(with_claro: dict[str, str], words: str, expected: str) -> None:
    """The same in a zsh at a terminal, where the Tab key is hit."""
    zsh = installed("zsh")
    if sys.platform == "win32":
        pytest.skip("there are no pseudo-terminals")
    pexpect: Any = pytest.importorskip("pexpect", reason="pexpect is missing")
    environment = {**with_claro, "TERM": "dumb"}
    child = pexpect.spawn(zsh, ["-f", "-i"], env=environment, encoding="utf-8", timeout=30)
    child.sendline("autoload -U compinit && compinit -u -D")
    child.sendline('eval "$(claro completion zsh -q)" && print LOAD""ED')
    child.expect("LOADED")
    child.send(f"claro {words}\t")
    child.expect(expected)
    child.close(force=True)


def test_what_to_do_is_said(claro: Callable[..., Done]) -> None:
    """The lines for the shell are on stdout; how to keep them is on stderr."""
    done = claro("completion", "bash")
    assert done.status == 0
    assert "~/.bashrc" in done.err
    assert "_CLARO_COMPLETE=bash_complete" in done.out
    assert claro("completion", "tcsh").status == 2

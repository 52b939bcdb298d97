"""The tour of the getting-started page, typed into a shell in a terminal as it is printed."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.docs.pages import ROOT, blocks_of, by_page

if TYPE_CHECKING:
    from collections.abc import Iterator

pexpect = pytest.importorskip("pexpect", reason="pexpect is not installed")
PAGE = ROOT / "docs" / "getting-started.md"
INTERRUPT = "^C"
NOT_TYPED = re.compile(r"(pip|python3) ")
"""What installs, and the demo: both have tests of their own."""
PROMPT = re.compile(r"<<(\d+)>> ")
FIVE_MINUTES = 300


def lines() -> Iterator[str]:
    """Yield what a reader types."""
    for block in by_page(list(blocks_of(PAGE)), "console")["docs/getting-started.md"]:
        for line in block.text.splitlines():
            if not NOT_TYPED.match(line.removeprefix("$ ")):
                yield line


class Shell:
    """A shell in a terminal, which says the status of each command with its prompt.

    Args:
        folder: Its working folder, in which nothing else is.
    """

    def __init__(self, folder: Path) -> None:
        environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder),
            "TERM": "xterm",
            "LC_ALL": "C.UTF-8",
            "PS1": "<<$?>> ",
        }
        self._shell: Any = pexpect.spawn(
            "/bin/bash",
            ["--norc", "--noprofile", "-i"],
            cwd=str(folder),
            env=environment,
            encoding="utf-8",
            timeout=60,
            dimensions=(50, 300),
            echo=False,
        )
        self.output = ""
        self._wait()

    def type(self, line: str, *, interrupted: bool = False) -> tuple[int, str]:
        """Type a line, with Ctrl-C in the middle or not; return its status and what it wrote."""
        self._shell.sendline(line)
        before = ""
        if interrupted:
            self._shell.expect(r"[1-9]\d*/150 edits")
            before = str(self._shell.before) + str(self._shell.after)
            self._shell.sendintr()
        status, written = self._wait()
        return status, before + written

    def _wait(self) -> tuple[int, str]:
        self._shell.expect(PROMPT)
        return int(self._shell.match[1]), str(self._shell.before)

    def close(self) -> None:
        """End it, with what it started."""
        self._shell.close(force=True)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A shell in an empty folder."""
    running = Shell(tmp_path)
    yield running
    running.close()


def test_the_tour_runs_as_printed(shell: Shell, tmp_path: Path) -> None:
    """Each command ends with status 0, the interrupted one with 130, and each does its part."""
    typed = list(lines())
    written: dict[str, str] = {}
    for line, following in zip(typed, [*typed[1:], ""], strict=True):
        if line == INTERRUPT:
            continue
        interrupted = following == INTERRUPT
        command = line.removeprefix("$ ")
        status, written[command] = shell.type(command, interrupted=interrupted)
        assert status == (130 if interrupted else 0), (command, written[command])

    def output(beginning: str) -> str:
        (found,) = (text for command, text in written.items() if command.startswith(beginning))
        return found

    assert "Product Analysis Dataset" in output("claro datasets list")
    assert "WIDGET A" in output("claro cells set $DATASET --from edits.csv --dry-run")
    assert "claro journal resume run.claro" in output(
        "claro cells set $DATASET --from edits.csv --journal"
    )
    assert re.search(r"updated\W+150\b", output("claro journal resume"))
    assert re.search(r"updated\W+150\b", output("claro journal revert"))
    assert re.search(r"updated\W+1\b", output("claro sync"))
    assert (tmp_path / "products.parquet").read_bytes().startswith(b"PAR1")

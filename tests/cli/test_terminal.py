"""The command line as a person has it: in a (pseudo-)terminal."""

from __future__ import annotations

import re
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.conftest import COMMAND, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pexpect = pytest.importorskip("pexpect", reason="pexpect is missing")
if sys.platform == "win32":
    pytest.skip("there are no pseudo-terminals", allow_module_level=True)

DATASET = "your-dataset-id"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def terminal(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Start ``claro`` in a terminal of 100 columns."""
    started: list[Any] = []

    def start(*arguments: str, **variables: str) -> Any:
        child = pexpect.spawn(
            COMMAND[0],
            [*COMMAND[1:], *arguments],
            cwd=str(tmp_path),
            env={**environment, "TERM": "xterm", **variables},
            dimensions=(40, 100),
            encoding="utf-8",
            timeout=30,
        )
        started.append(child)
        return child

    yield start
    for child in started:
        child.close(force=True)


def finish(child: Any) -> tuple[int, str]:
    """Wait for the end; gives the status and all that was written since the last question."""
    text = child.read()
    child.close()
    return child.exitstatus, text


def test_data_are_a_table(terminal: Callable[..., Any]) -> None:
    """On a terminal a listing is a table, with whole ids and a bold header."""
    status, text = finish(terminal("datasets", "list"))
    assert status == 0
    assert "550e8400-e29b-41d4-a716-446655440000" in text
    assert "datasetId" in text
    assert COLOUR.search(text)
    assert not text.lstrip().startswith("{")


@pytest.mark.parametrize("variable", ["NO_COLOR", "CLAUDECODE"])
def test_colours_go_where_they_are_not_wanted(terminal: Callable[..., Any], variable: str) -> None:
    """``NO_COLOR`` gives a table without any; an agent gets JSON lines."""
    status, text = finish(terminal("datasets", "list", **{variable: "1"}))
    assert (status, COLOUR.search(text)) == (0, None)
    assert text.startswith("{") == (variable != "NO_COLOR")


def test_the_id_typed_back_lets_it_go_on(terminal: Callable[..., Any], world: World) -> None:
    """What destroys asks for the id; anything else than the id, and nothing is done."""
    doomed = world.emulator.add_dataset("doomed", ["a"], [[1]])
    for typed, status in (("yes", 2), ("", 2), (doomed, 0)):
        child = terminal("datasets", "delete", doomed)
        child.expect(f"Type {doomed} to go on")
        assert doomed in world.emulator.dataset_ids()
        child.sendline(typed)
        assert finish(child)[0] == status
    assert doomed not in world.emulator.dataset_ids()


@pytest.mark.parametrize(
    ("options", "variables"), [(["--no-input"], {}), ([], {"CLAUDECODE": "1"})]
)
def test_nobody_is_asked_who_cannot_answer(
    terminal: Callable[..., Any], options: list[str], variables: dict[str, str]
) -> None:
    """With ``--no-input``, and in an agent's shell, a question is an error with the way out."""
    status, text = finish(terminal("datasets", "delete", DATASET, *options, **variables))
    assert status == 2
    assert "add --yes" in text


def test_a_key_is_asked_for_and_not_shown(
    terminal: Callable[..., Any], world: World, tmp_path: Path
) -> None:
    """``auth login`` asks for the key, shows nothing of what is typed, and stores it."""
    child = terminal("auth", "login", "--no-keyring")
    child.expect("api_key: ")
    child.sendline(world.emulator.api_key)
    status, text = finish(child)
    assert status == 0
    assert world.emulator.api_key not in text
    assert world.emulator.api_key in (tmp_path / ".config/claro/config.toml").read_text()


def test_progress_is_drawn_also_while_the_quota_pauses(terminal: Callable[..., Any]) -> None:
    """The line tells the quota that is left, counts a pause of it down, and is gone in the end."""
    limited = World(rate_limit=10, rate_window=600.0)
    try:
        while spend(limited) > 1:
            pass
        where = limited.emulator.base_url
        child = terminal("export", DATASET, "-o", "x.jsonl", CLARO_BASE_URL=where)
        child.expect(r"exporting  .*quota left 0/10  quota pause until \d\d:\d\d:\d\d \(\d+ s\)")
        child.sendintr()
        status, text = finish(child)
    finally:
        limited.close()
    assert status == 130
    assert text.endswith("\x1b[2KError: interrupted\r\n")


def spend(world: World) -> int:
    """Spend a request of the key; gives what remains."""
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{world.emulator.base_url}/datasets",
        headers={"Authorization": f"Bearer {world.emulator.api_key}"},
    )
    with urllib.request.urlopen(request) as reply:  # noqa: S310 - loopback
        return int(reply.headers["X-RateLimit-Remaining"])


def test_quiet_writes_no_progress(terminal: Callable[..., Any]) -> None:
    """``-q`` leaves the data alone on the terminal."""
    status, text = finish(terminal("export", DATASET, "-o", "x.csv", "-q", "--format", "csv"))
    assert status == 0
    assert "exporting" not in text

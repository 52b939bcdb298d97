"""What every command has: global options, exit statuses, and errors of one or two lines."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Done


def test_help_imports_no_command() -> None:
    """``claro --help`` lists all commands, and imports none of them, nor rich, nor the client."""
    program = (
        "import sys, io, contextlib; from claro_async.cli.app import run, COMMANDS;"
        "out = io.StringIO()\n"
        "with contextlib.redirect_stdout(out): assert run(['--help']) == 0\n"
        "assert all(name in out.getvalue() for name in COMMANDS)\n"
        "heavy = {'rich', 'attrs', 'asyncio', 'aiohttp', 'msgspec', 'claro_async.client'}\n"
        "heavy |= {entry.target.split(':')[0] for entry in COMMANDS.values()}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-P", "-c", program], check=True)  # noqa: S603 - our own program


def test_data_is_json_lines_in_a_pipe(claro: Callable[..., Done]) -> None:
    """Without a terminal each record is a line of JSON, and nothing is on stderr."""
    done = claro("datasets", "list")
    assert (done.status, done.err) == (0, "")
    assert len([json.loads(line)["datasetId"] for line in done.out.splitlines()]) == 5


@pytest.mark.parametrize(
    ("arguments", "variables", "status", "text"),
    [
        (["datasets", "list"], {"CLARO_API_KEY": "wrong"}, 4, "claro auth login"),
        (["datasets", "get", "nothing"], {}, 1, "claro datasets list"),
        (["datasets", "list", "--type", "x"], {}, 2, "type must be one of"),
        (["datsets"], {}, 2, "did you mean 'datasets'"),
        (["datasets", "get"], {}, 2, "claro datasets get --help"),
        (["datasets", "delete", "your-dataset-id"], {}, 2, "add --yes"),
    ],
)
def test_what_fails_says_why_and_what_next(
    claro: Callable[..., Done],
    arguments: list[str],
    variables: dict[str, str],
    status: int,
    text: str,
) -> None:
    """An error has its exit status, and one or two lines on stderr that name the next step."""
    done = claro(*arguments, **variables)
    assert (done.status, done.out) == (status, "")
    assert text in done.err
    assert len(done.err.splitlines()) <= 2


def test_global_options_stand_anywhere(claro: Callable[..., Done]) -> None:
    """A global option before, between or after the commands says the same."""
    places = (["--format", "csv", "datasets", "list"], ["datasets", "--format", "csv", "list"])
    outputs = {claro(*place).out for place in (*places, ["datasets", "list", "--format", "csv"])}
    assert len(outputs) == 1
    assert outputs.pop().startswith("datasetId,name,")

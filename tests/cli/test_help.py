"""The help of every command, as a snapshot to be read.

``python -m tests.cli.test_help`` writes ``tests/cli/help.txt`` anew after a change.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from claro_async.cli.app import claro

if TYPE_CHECKING:
    from collections.abc import Iterator

SNAPSHOT = Path(__file__).with_name("help.txt")
WIDTH = 80


def helps(command: click.Command, parent: click.Context | None, name: str) -> Iterator[str]:
    """The help of a command and of all below it."""
    settings = {**command.context_settings, "terminal_width": WIDTH, "obj": {}}
    context = click.Context(command, parent=parent, info_name=name, **settings)
    yield f"$ {context.command_path} --help\n{command.get_help(context)}\n"
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            below = command.get_command(context, each)
            assert below is not None
            yield from helps(below, context, each)


def all_helps() -> str:
    """The help of every command, one after the other."""
    return "\n".join(helps(claro, None, "claro"))


def test_help_is_as_it_was_read() -> None:
    """What ``--help`` says of each command is what stands in the snapshot, which people read."""
    assert all_helps() == SNAPSHOT.read_text("utf-8")


def test_every_option_and_command_has_a_help_text() -> None:
    """No option and no command is left without a word on what it does."""
    for part in all_helps().split("\n$ "):
        command, _, text = part.partition("\n")
        for line in text.partition("Options:")[2].splitlines():
            if line.lstrip().startswith("-"):
                assert "  " in line.strip() or len(line) < WIDTH, f"{command}: {line}"
        assert text.partition("\n\n")[2].strip(), command


if __name__ == "__main__":
    SNAPSHOT.write_text(all_helps(), "utf-8")

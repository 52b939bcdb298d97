"""``claro completion``: what makes a shell complete commands and options."""

from __future__ import annotations

import click

from claro_async.cli.commands import Command
from claro_async.cli.invocation import Invocation, runs

_HOW = {
    "bash": 'eval "$(claro completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(claro completion zsh)" in ~/.zshrc',
    "fish": "claro completion fish | source in ~/.config/fish/config.fish",
}


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(list(_HOW)))
@runs
async def completion(cli: Invocation, shell: str) -> None:
    """Write the lines that make a shell complete commands and options.

    bash: eval "$(claro completion bash)" in ~/.bashrc. zsh: the same in ~/.zshrc. fish:
    claro completion fish | source in ~/.config/fish/config.fish.
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - seldom wanted

    from claro_async.cli.app import COMPLETION_VARIABLE, claro  # noqa: PLC0415 - it imports this

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"{shell} is not known to the installed click")
    click.echo(kind(claro, {}, "claro", COMPLETION_VARIABLE).source())
    cli.say(f"for every new shell: {_HOW[shell]}")

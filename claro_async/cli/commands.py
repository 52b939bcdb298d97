"""Commands that take the global options at any place, and the group that imports them on use.

Everything here is loaded for ``claro --help``: it imports click and nothing of the library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from click.shell_completion import CompletionItem

FORMATS: Final = ("auto", "table", "json", "jsonl", "csv", "agent")


F = TypeVar("F", bound="Callable[..., Any] | click.Command")


class Decorator(Protocol):
    """What adds an option to a command."""

    def __call__(self, command: F, /) -> F:
        """Add it."""


class Entry(NamedTuple):
    """A line of the table of commands.

    Attributes:
        target: Where the command is: ``module:attribute``.
        help: One line for ``claro --help``, which imports no command.
    """

    target: str
    help: str


def _keep(context: click.Context, option: click.Parameter, value: Any) -> None:
    if value and option.name:
        context.find_root().obj[option.name] = value


def _option(*names: str, **settings: Any) -> Callable[..., click.Option]:
    def make(*, hidden: bool) -> click.Option:
        return click.Option(names, expose_value=False, callback=_keep, hidden=hidden, **settings)

    return make


_GLOBAL: Final = (
    _option("--profile", metavar="NAME", help="Profile of the configuration file to use."),
    _option("--base-url", metavar="URL", help="The API's root, with its version."),
    _option(
        "--quota",
        metavar="URL",
        help="Where the key's quota is shared: file:///path or redis://host/0.",
    ),
    _option("--proxy", metavar="URL", help="Proxy to go through; 'none' for no proxy."),
    _option(
        "--format",
        type=click.Choice(FORMATS),
        help="How data is written: by default, a table on a terminal and jsonl elsewhere.",
    ),
    _option("-q", "--quiet", is_flag=True, help="Write errors only to stderr."),
    _option("--debug", is_flag=True, help="Show the log, and tracebacks of errors."),
    _option("--no-input", is_flag=True, help="Never ask anything."),
)


def _with_global(own: list[click.Parameter], *, hidden: bool) -> list[click.Parameter]:
    """A command's parameters and the global options that it has no option of the same name for."""
    taken = {name for parameter in own for name in parameter.opts}
    options = (make(hidden=hidden) for make in _GLOBAL)
    return [*own, *(each for each in options if taken.isdisjoint(each.opts))]


class Command(click.Command):
    """A command that also takes the global options."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's parameters, and the global options, which its help leaves out."""
        return _with_global(super().get_params(ctx), hidden=True)


class Group(click.Group):
    """A group of commands that also takes the global options."""

    command_class: type[click.Command] | None = Command
    group_class: type[click.Group | type] | None = type

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The group's parameters, and the global options, which are shown at the root only."""
        return _with_global(super().get_params(ctx), hidden=ctx.parent is not None)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help where nothing is asked for."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, args)


class LazyGroup(Group):
    """A group that knows its commands by a table, and imports one when it is named.

    Attributes:
        entries: The table.
    """

    def __init__(self, *args: Any, entries: Mapping[str, Entry], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.entries = entries

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of all commands, in the order of the table."""
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        module, _, name = entry.target.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is named, or say which may be meant."""
        name = args[0]
        if name not in self.entries and not name.startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches  # noqa: PLC0415 - seldom wanted

            close = get_close_matches(name, self.entries)
            ctx.fail(f"no command {name!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in self.entries.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name without importing any."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - seldom wanted

        options = click.Command.shell_complete(self, ctx, incomplete)
        names = (
            CompletionItem(name, help=entry.help)
            for name, entry in self.entries.items()
            if name.startswith(incomplete)
        )
        return [*names, *options]

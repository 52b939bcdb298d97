"""The command ``claro``: its table of commands, and how the process ends."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from claro_async.cli.commands import Entry, LazyGroup
from claro_async.cli.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMMANDS: Final[Mapping[str, Entry]] = {
    "auth": Entry("claro_async.cli.auth:auth", "Store keys, and choose which one counts."),
    "doctor": Entry(
        "claro_async.cli.doctor:doctor",
        "Check key, base URL, network, clock and quota, and list versions.",
    ),
    "datasets": Entry(
        "claro_async.cli.datasets:datasets", "List, show, await and delete datasets."
    ),
    "columns": Entry(
        "claro_async.cli.columns:columns", "List and change the columns of a dataset."
    ),
    "rows": Entry("claro_async.cli.rows:rows", "Write the rows of a dataset."),
    "cells": Entry("claro_async.cli.tables:cells", "Set a cell, or the cells that a file names."),
    "sync": Entry(
        "claro_async.cli.tables:sync",
        "Make the rows of a dataset agree with those of a table: the table wins.",
    ),
    "journal": Entry(
        "claro_async.cli.journal:journal",
        "Show the job that a journal holds, go on with it, or set it back.",
    ),
    "upload": Entry(
        "claro_async.cli.upload:upload", "Upload a file as a data source, and link it to a cell."
    ),
    "link": Entry("claro_async.cli.link:link", "Link data sources to cells, as a file says."),
    "export": Entry(
        "claro_async.cli.export:export",
        "Export a dataset to a file, or with --all every one to a folder.",
    ),
    "datasources": Entry(
        "claro_async.cli.datasources:datasources", "List, read, download and delete data sources."
    ),
    "mining": Entry("claro_async.cli.mining:mining", "Work with Communications Mining."),
    "emulator": Entry(
        "claro_async.cli.emulator:emulator",
        "Run a local server that behaves as the documents of the Claro API say.",
    ),
    "request": Entry(
        "claro_async.cli.request:request",
        "Send a request to a path below the base URL, and write the reply's JSON.",
    ),
    "completion": Entry(
        "claro_async.cli.completion:completion",
        "Write the lines that make a shell complete commands and options.",
    ),
}

COMPLETION_VARIABLE: Final = "_CLARO_COMPLETE"


def _print_version(context: click.Context, _: click.Parameter, value: Any) -> None:
    if value:
        from claro_async._version import __version__  # noqa: PLC0415 - seldom wanted

        click.echo(f"claro {__version__}")
        context.exit()


@click.group(
    cls=LazyGroup,
    entries=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="The global options can also follow a command. `claro COMMAND --help` says more.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version.",
)
def claro() -> None:
    """Work with Claro datasets from the command line.

    Data goes to stdout, everything else to stderr. The exit status is 0 when all is done, 1 when
    it failed, 2 for a wrong call, 3 when a part is done, 4 without a key that is taken, and 130
    when interrupted.
    """


def run(arguments: Sequence[str]) -> int:
    """Run a command; whatever happens, say it in a line or two.

    Args:
        arguments: The command line without the program's name.

    Returns:
        The exit status.
    """
    if COMPLETION_VARIABLE in os.environ:
        claro.main([], prog_name="claro")  # click's own; it ends the process
    _prepare(sys.stdout)
    options: dict[str, Any] = {}
    status: int = Exit.DONE
    try:
        with claro.make_context("claro", list(arguments), obj=options) as context:
            claro.invoke(context)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.exceptions.Exit as end:
        status = end.exit_code
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last place that can say what happened
        status = _explain(error, options)
    return _flush(status, options)


def _prepare(stream: Any) -> None:
    """Make data UTF-8 whatever the locale; a terminal gets what it can show."""
    if stream is None or not hasattr(stream, "reconfigure"):
        return
    if stream.isatty():
        stream.reconfigure(errors="replace")
    else:
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")


def _explain(error: BaseException, options: Mapping[str, Any]) -> int:
    from claro_async.cli.failures import tell  # noqa: PLC0415 - brings the library's errors in

    return tell(error, debug=bool(options.get("debug")))


def _flush(status: int, options: Mapping[str, Any]) -> int:
    """Write what is left of the output, so that nothing fails after this."""
    if sys.stdout is None:
        return status
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        failed = _explain(error, options)
        status = status or failed
        _drop_output()
    return status


def _drop_output() -> None:
    """Let the interpreter's own flush at its end go nowhere: it would change the exit status."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)

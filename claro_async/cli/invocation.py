"""What a command gets: the global options, clients, and a way to write and to ask."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import attrs
import click

from claro_async.cli import output
from claro_async.cli.agents import in_agent_shell
from claro_async.cli.exits import Exit
from claro_async.cli.interrupts import stop_on_interrupt
from claro_async.cli.progress import Meter, ProgressDisplay

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from contextlib import AbstractContextManager

    from claro_async._secret import Secret
    from claro_async.client import ClaroClient
    from claro_async.communications_mining import CommunicationsMiningClient
    from claro_async.config import Names
    from claro_async.network import Network
    from claro_async.transport.events import Event

P = ParamSpec("P")

JOURNAL_FROM = 1000
"""Edits above which a command keeps a journal without being asked to."""


@attrs.frozen(kw_only=True)
class GlobalOptions:
    """The options that every command takes.

    Attributes:
        profile: The profile to use, or None.
        base_url: The API's root, or None.
        quota: Where the quota is shared, or None.
        proxy: The proxy's URL, ``none``, or None.
        format: How data is written, or None.
        quiet: Whether only errors are written to stderr.
        debug: Whether the log and tracebacks are shown.
        no_input: Whether nothing may be asked.
    """

    profile: str | None = None
    base_url: str | None = None
    quota: str | None = None
    proxy: str | None = None
    format: str | None = None
    quiet: bool = False
    debug: bool = False
    no_input: bool = False


class Invocation:
    """One run of a command.

    Args:
        options: The global options.
        environ: The environment.

    Attributes:
        options: The global options.
        agent: Whether an agent runs the command: nothing is asked, and data are JSON lines.
    """

    def __init__(self, options: GlobalOptions, environ: Mapping[str, str]) -> None:
        self.options = options
        self.agent: bool = options.format == "agent" or in_agent_shell(environ)
        self._display: ProgressDisplay | None = None
        self._meter: Meter | None = None

    # ---- data, on stdout

    @property
    def form(self) -> str:
        """How data is written: ``table``, ``json``, ``jsonl`` or ``csv``."""
        wanted, terminal = self.options.format, _is_terminal(sys.stdout)
        return output.choose_format(wanted, terminal=terminal, agent=self.agent)

    def records(self, shown: Sequence[str] | None = None) -> output.Records:
        """What writes many records: ``with cli.records() as records: records.add({…})``.

        Args:
            shown: The fields that a table shows; all when left out.
        """
        terminal = _is_terminal(sys.stdout) and not self.agent
        return output.records(self.form, sys.stdout, shown, terminal=terminal)

    def record(self, record: Mapping[str, Any]) -> None:
        """Write the one record that the command gives."""
        terminal = _is_terminal(sys.stdout) and not self.agent
        output.write_record(self.form, sys.stdout, record, terminal=terminal)

    # ---- talk, on stderr

    def say(self, text: str) -> None:
        """Tell something; not with ``--quiet``."""
        if not self.options.quiet:
            self.warn(text)

    def warn(self, text: str) -> None:
        """Tell something that has to be known."""
        if self._display is not None:
            self._display.clear()
        click.echo(text, err=True)

    def progress(
        self, label: str, client: ClaroClient | CommunicationsMiningClient
    ) -> ProgressDisplay:
        """Tell how far the work is: ``async with cli.progress("exporting", claro) as display``.

        Args:
            label: What is being done.
            client: The client that does it, which :meth:`claro` or :meth:`mining` opened.
        """
        terminal = _is_terminal(sys.stderr) and not self.agent
        stream = None if self.options.quiet else sys.stderr
        self._meter = Meter(label, time.monotonic)
        self._display = ProgressDisplay(self._meter, stream, client, terminal=terminal)
        return self._display

    # ---- questions

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there who can answer."""
        if self.options.no_input or self.agent:
            return False
        return _is_terminal(sys.stdin) and _is_terminal(sys.stderr)

    def confirm(self, action: str, identifier: str, *, yes: bool) -> None:
        """Make sure that something is to be destroyed: by ``--yes``, or the id typed back.

        Args:
            action: What is about to happen, such as ``delete the dataset and all its rows``.
            identifier: What has to be typed.
            yes: Whether ``--yes`` was given.

        Raises:
            click.UsageError: Nobody can be asked, or something else was typed.
        """
        if yes:
            return
        if not self.can_ask:
            raise click.UsageError(
                f"to {action} ({identifier}), add --yes: nobody can be asked here"
            )
        question = f"This will {action}. Type {identifier} to go on"
        typed = click.prompt(question, err=True, default="", show_default=False)
        if typed.strip() != identifier:
            raise click.UsageError("that is not the id: nothing was done")

    # ---- clients

    def claro(self, key: Secret | None = None, base_url: str | None = None) -> ClaroClient:
        """A client of the Claro API with the global options; use it with ``async with``.

        Args:
            key: The key, where it is not to be looked up.
            base_url: The API's root, where that is not to be looked up.

        Raises:
            ConfigurationError: No key, or settings that cannot work.
        """
        from claro_async.client import ClaroClient  # noqa: PLC0415 - most of a start's time
        from claro_async.config import CLARO  # noqa: PLC0415

        chosen = self.options
        return ClaroClient(
            key.reveal() if key else None,
            base_url or chosen.base_url,
            profile=None if key else chosen.profile,
            quota=chosen.quota,
            network=self._network(CLARO, key),
            on_event=self._observe,
        )

    def mining(
        self, key: Secret | None = None, base_url: str | None = None
    ) -> CommunicationsMiningClient:
        """A client of the Communications Mining API; see :meth:`claro`.

        Raises:
            ConfigurationError: No token, or settings that cannot work.
        """
        from claro_async.communications_mining import (  # noqa: PLC0415 - see above
            CommunicationsMiningClient,
        )
        from claro_async.config import COMMUNICATIONS_MINING  # noqa: PLC0415

        chosen = self.options
        if chosen.quota is not None:
            raise click.UsageError("--quota is for the Claro API: Communications Mining has none")
        return CommunicationsMiningClient(
            key.reveal() if key else None,
            base_url or chosen.base_url,
            profile=None if key else chosen.profile,
            network=self._network(COMMUNICATIONS_MINING, key),
            on_event=self._observe,
        )

    def _network(self, names: Names, key: Secret | None) -> Network | None:
        """The profile's network with the proxy of ``--proxy``; None where nothing was said."""
        if self.options.proxy is None:
            return None
        from claro_async.config import resolve  # noqa: PLC0415 - light
        from claro_async.network import Network  # noqa: PLC0415 - light

        profile = None if key else self.options.profile
        found = resolve(names, key, self.options.base_url, profile).network
        proxy = None if self.options.proxy == "none" else self.options.proxy
        return attrs.evolve(found or Network(), proxy=proxy)

    def _observe(self, event: Event) -> None:
        if self._meter is not None:
            self._meter.observe(event)

    # ---- bulk commands

    def stop_on_interrupt(self) -> AbstractContextManager[asyncio.Event]:
        """Give the ``stop`` of a bulk command, which the first Ctrl-C sets."""
        return stop_on_interrupt(self.warn)

    def journal_for(self, command: str, dataset_id: str, edits: int) -> Path | None:
        """The journal that a command keeps by itself, named on stderr. None for a small one.

        Args:
            command: The command, for the file's name.
            dataset_id: The dataset.
            edits: How many edits there are.
        """
        if edits <= JOURNAL_FROM:
            return None
        path = journal_name(command, dataset_id, time.localtime())
        self.warn(f"the journal of this job is {path}")
        return path

    # ---- the run

    def run(self, work: Coroutine[Any, Any, Exit | None]) -> Exit:
        """Carry a command out; return its exit status."""
        if self.options.debug:
            from claro_async._logging import show_log  # noqa: PLC0415 - seldom wanted

            show_log(10)
        try:
            return asyncio.run(work) or Exit.DONE
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


def runs(
    command: Callable[Concatenate[Invocation, P], Coroutine[Any, Any, Exit | None]],
) -> Callable[P, None]:
    """Make a function of a command's coroutine, which gets the invocation before its parameters."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        context = click.get_current_context()
        cli = Invocation(GlobalOptions(**context.find_root().obj), os.environ)
        context.exit(cli.run(command(cli, *args, **kwargs)))

    return run


def journal_name(
    command: str, dataset_id: str, now: time.struct_time, suffix: str = ".claro"
) -> Path:
    """The name of a journal in the working folder, such as ``claro-set-d1-20260102-030405.claro``.

    Args:
        command: The command.
        dataset_id: The dataset; what a file's name should not hold becomes ``_``.
        now: The local time.
        suffix: Of another file than a journal.
    """
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", dataset_id)[:40]
    return Path(f"claro-{command}-{safe}-{time.strftime('%Y%m%d-%H%M%S', now)}{suffix}")


def _is_terminal(stream: Any) -> bool:
    try:
        return stream is not None and bool(stream.isatty())
    except ValueError:  # closed
        return False

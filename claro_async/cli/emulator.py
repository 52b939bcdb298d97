"""``claro emulator``: the local server as a program of its own."""

from __future__ import annotations

import asyncio
import json
import logging
import shlex
import signal
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from claro_async.cli.commands import Command

if TYPE_CHECKING:
    from claro_async.emulator import Emulator


_FILES = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(cls=Command)
@click.option(
    "--config",
    type=_FILES,
    help="TOML file of options, under the names that Emulator has for them in Python; those"
    " given here count in their place.",
)
@click.option("--host", help="Loopback address to bind to.  [default: 127.0.0.1]")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.  [default: 0]",
)
@click.option(
    "--seed",
    multiple=True,
    type=_FILES,
    help="CSV, TSV, JSON, JSONL, PDF or text file to load; may be given more than once."
    " Without it there is a small sample world.",
)
@click.option(
    "--sample-world/--no-sample-world",
    default=None,
    help="Whether an empty database gets the sample world; default: without a seed.",
)
@click.option("--rate-limit", type=click.IntRange(1), help="Requests a period; default: no limit.")
@click.option(
    "--rate-window",
    type=click.FloatRange(0, min_open=True),
    help="Length of a rate-limit period in seconds.  [default: 60]",
)
@click.option(
    "--reset-format",
    type=click.Choice(["epoch", "epoch-ms", "delta", "http-date", "iso"]),
    help="How X-RateLimit-Reset is written.  [default: epoch]",
)
@click.option("--latency", type=click.FloatRange(0), help="Seconds that every request waits.")
@click.option("--latency-ms", type=click.FloatRange(0), help="The same in milliseconds.")
@click.option(
    "--database",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that keeps the state; default: memory.",
)
@click.option("--random-seed", type=int, help="Seeds the choice of faults.  [default: 0]")
@click.option(
    "--max-upload-size",
    type=click.IntRange(1),
    help="Limit of an uploaded file in bytes; default: 100 MiB.",
)
@click.option(
    "--metadata-on-request",
    is_flag=True,
    default=None,
    help="Send cells' metadata only where includeMetadata asks for it; default: always.",
)
@click.option("--api-key", help="Bearer that is let in.  [default: emulator-key]")
@click.option(
    "--mining-token",
    help="Bearer that is let in to the Communications Mining part."
    "  [default: emulator-mining-token]",
)
@click.option(
    "--mining-seed",
    multiple=True,
    type=_FILES,
    help="JSON lines of comments; each file becomes a dataset of the project 'project', named as"
    " the file. May be given more than once.",
)
@click.option(
    "--console/--no-console",
    default=None,
    help="Whether there is a page at /_emulator that shows what happens; default: there is.",
)
@click.option("--open", "is_opened", is_flag=True, help="Open that page in the browser.")
@click.option(
    "--format",
    "ready_format",
    type=click.Choice(["json", "env"]),
    default="json",
    show_default=True,
    help="How the first line is written: as JSON, or as lines for eval in a shell.",
)
def emulator(
    config: Path | None,
    latency_ms: float | None,
    ready_format: str,
    *,
    is_opened: bool,
    **given: Any,
) -> None:
    """Run a local server that behaves as the documents of the Claro API say.

    The same server answers the Communications Mining API under /api/v1, and shows what happens
    to it on a page at /_emulator.

    Prints one line of JSON when it is ready, or with --format env lines that set CLARO_BASE_URL,
    CLARO_API_KEY and their like; its log goes to stderr. SIGINT and SIGTERM end it.
    """
    from claro_async.emulator import (  # noqa: PLC0415 - brings aiohttp in
        Emulator,
        UnreadableFileError,
    )
    from claro_async.emulator.settings import read_options  # noqa: PLC0415 - the same

    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    try:
        options: dict[str, Any] = {} if config is None else {**read_options(config)}
        options |= _chosen(given, latency_ms)
        options.setdefault("sample_world", not options.get("seed"))
        if is_opened and options.get("console") is False:
            raise click.UsageError("--open needs the console")
        asyncio.run(_serve(Emulator(**options), ready_format, is_opened=is_opened))
    except (ImportError, OSError, UnreadableFileError, ValueError) as error:
        raise click.ClickException(str(error)) from error


def _chosen(given: dict[str, Any], latency_ms: float | None) -> dict[str, Any]:
    """The options that were given; the others are the file's, or have their defaults."""
    chosen = {name: value for name, value in given.items() if value not in {None, ()}}
    if latency_ms is not None:
        if "latency" in chosen:
            raise click.UsageError("--latency and --latency-ms are the same option")
        chosen["latency"] = latency_ms / 1000
    return chosen


async def _serve(server: Emulator, ready_format: str, *, is_opened: bool) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopped.set)
    log = logging.getLogger("claro_async.emulator")
    async with server:
        ready: dict[str, Any] = {
            "base_url": server.base_url,
            "api_key": server.api_key,
            "datasets": server.dataset_ids(),
            "datasources": server.datasource_ids(),
            "mining_base_url": server.mining_base_url,
            "mining_token": server.mining_token,
            "mining_datasets": server.mining.dataset_names(),
        }
        if server.has_console:
            ready["console_url"] = server.console_url
        click.echo(json.dumps(ready) if ready_format == "json" else _as_shell(ready))
        log.info("listening on %s", server.origin)
        if is_opened:
            found = await asyncio.to_thread(webbrowser.open, server.console_url)
            log.info("opened %s" if found else "no browser was found for %s", server.console_url)
        await stopped.wait()
        log.info("stopping after %d requests", server.ledger.count())


def _as_shell(ready: dict[str, Any]) -> str:
    """Where the server is, as lines for eval."""
    variables = {
        "CLARO_BASE_URL": ready["base_url"],
        "CLARO_API_KEY": ready["api_key"],
        "COMMUNICATIONS_MINING_BASE_URL": ready["mining_base_url"],
        "COMMUNICATIONS_MINING_TOKEN": ready["mining_token"],
    }
    if "console_url" in ready:
        variables["CLARO_CONSOLE_URL"] = ready["console_url"]
    return "\n".join(f"export {name}={shlex.quote(text)}" for name, text in variables.items())

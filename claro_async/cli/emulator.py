"""``claro emulator``: the local server as a program of its own."""

from __future__ import annotations

import asyncio
import json
import logging
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from claro_async.cli.commands import Command

if TYPE_CHECKING:
    from claro_async.emulator import Emulator


@click.command(cls=Command)
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback address to bind to.")
@click.option(
    "--port",
    default=0,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--seed",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV, TSV, JSON, JSONL, PDF or text file to load; may be given more than once."
    " Without it there is a small sample world.",
)
@click.option("--rate-limit", type=click.IntRange(1), help="Requests a period; default: no limit.")
@click.option(
    "--rate-window",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Length of a rate-limit period in seconds.",
)
@click.option(
    "--reset-format",
    default="epoch",
    show_default=True,
    type=click.Choice(["epoch", "epoch-ms", "delta", "http-date", "iso"]),
    help="How X-RateLimit-Reset is written.",
)
@click.option(
    "--latency-ms",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Milliseconds that every request waits.",
)
@click.option(
    "--database",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that keeps the state; default: memory.",
)
@click.option(
    "--metadata-on-request",
    is_flag=True,
    help="Send cells' metadata only where includeMetadata asks for it; default: always.",
)
@click.option("--api-key", default="emulator-key", show_default=True, help="Bearer that is let in.")
@click.option(
    "--mining-token",
    default="emulator-mining-token",
    show_default=True,
    help="Bearer that is let in to the Communications Mining part.",
)
@click.option(
    "--mining-seed",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON lines of comments; each file becomes a dataset of the project 'project', named as"
    " the file. May be given more than once.",
)
@click.option(
    "--format",
    "ready_format",
    type=click.Choice(["json", "env"]),
    default="json",
    show_default=True,
    help="How the first line is written: as JSON, or as lines for eval in a shell.",
)
def emulator(
    seed: tuple[Path, ...],
    latency_ms: float,
    mining_seed: tuple[Path, ...],
    ready_format: str,
    **settings: Any,
) -> None:
    """Run a local server that behaves as the documents of the Claro API say.

    The same server answers the Communications Mining API under /api/v1.

    Prints one line of JSON when it is ready, or with --format env lines that set CLARO_BASE_URL,
    CLARO_API_KEY and their like; its log goes to stderr. SIGINT and SIGTERM end it.
    """
    from claro_async.emulator import (  # noqa: PLC0415 - brings aiohttp in
        Emulator,
        UnreadableFileError,
    )

    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    try:
        server = Emulator(seed=seed, latency=latency_ms / 1000, sample_world=not seed, **settings)
        asyncio.run(_serve(server, mining_seed, ready_format))
    except (ImportError, OSError, UnreadableFileError, ValueError) as error:
        raise click.ClickException(str(error)) from error


async def _serve(server: Emulator, mining_seed: tuple[Path, ...], ready_format: str) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopped.set)
    log = logging.getLogger("claro_async.emulator")
    async with server:
        for path in mining_seed:
            if f"project/{path.stem}" not in server.mining.dataset_names():
                server.mining.add_dataset("project", path.stem, path)
        ready = {
            "base_url": server.base_url,
            "api_key": server.api_key,
            "datasets": server.dataset_ids(),
            "datasources": server.datasource_ids(),
            "mining_base_url": server.mining_base_url,
            "mining_token": server.mining_token,
            "mining_datasets": server.mining.dataset_names(),
        }
        click.echo(json.dumps(ready) if ready_format == "json" else _as_shell(ready))
        log.info("listening on %s", server.origin)
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
    return "\n".join(f"export {name}={shlex.quote(text)}" for name, text in variables.items())

"""``claro request``: any request, with the client's key, quota, retries and errors."""

from __future__ import annotations

import sys
from typing import Any

import click

from claro_async.cli.auth import mining_option
from claro_async.cli.commands import Command
from claro_async.cli.invocation import Invocation, runs
from claro_async.cli.output import as_json
from claro_async.cli.values import JSON_VALUE


@click.command(cls=Command)
@click.argument("method")
@click.argument("path")
@click.option("-d", "--data", type=JSON_VALUE, metavar="JSON|@FILE", help="The body, as JSON.")
@click.option("-p", "--param", multiple=True, metavar="NAME=VALUE", help="A query parameter.")
@click.option("-H", "--header", multiple=True, metavar="NAME: VALUE", help="A further header.")
@click.option("--idempotent", is_flag=True, help="It may be sent again when in doubt.")
@mining_option
@runs
async def request(  # noqa: PLR0913 - the parts of a request
    cli: Invocation,
    *,
    method: str,
    path: str,
    data: Any,
    param: tuple[str, ...],
    header: tuple[str, ...],
    idempotent: bool,
    mining: bool,
) -> None:
    """Send a request to a path below the base URL, and write the reply's JSON.

    METHOD is GET, POST, and so on; PATH begins with a slash, its ids percent-encoded.
    """
    async with cli.mining() if mining else cli.claro() as client:
        reply = await client.request(
            method.upper(),
            path,
            params=_pairs(param, "=", "--param"),
            json=data,
            headers=_pairs(header, ":", "--header"),
            idempotent=True if idempotent else None,
        )
    if reply is not None and sys.stdout is not None:
        indent = 2 if cli.form in {"table", "json"} else None
        sys.stdout.write(as_json(reply, indent) + "\n")


def _pairs(given: tuple[str, ...], separator: str, option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for each in given:
        name, found, value = each.partition(separator)
        if not found:
            raise click.UsageError(f"{option} takes NAME{separator}VALUE, not {each!r}")
        pairs[name.strip()] = value.strip()
    return pairs

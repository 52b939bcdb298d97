"""``claro doctor``: what counts here, and whether the API can be reached with it."""

from __future__ import annotations

import os
import platform
import ssl
from importlib import metadata
from typing import TYPE_CHECKING, Any

import attrs
import click

from claro_async.cli import failures
from claro_async.cli.auth import mining_option
from claro_async.cli.commands import Command
from claro_async.cli.exits import Exit
from claro_async.cli.invocation import Invocation, runs
from claro_async.config import CLARO, COMMUNICATIONS_MINING, resolve
from claro_async.errors import ClaroError
from claro_async.network import Network
from claro_async.transport.dialing import proxy_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claro_async.config import Credentials
    from claro_async.transport.ping import PingResult

_SKEW = 5.0  # seconds from which a clock is worth a word
_PACKAGES = ("claro-async", "aiohttp", "attrs", "cattrs", "msgspec", "click", "rich")
_OPTIONAL = ("pyarrow", "redis", "keyring", "opentelemetry-api")


@click.command(cls=Command)
@mining_option
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    default=30.0,
    show_default=True,
    help="Seconds to wait for an answer.",
)
@runs
async def doctor(cli: Invocation, timeout: float, *, mining: bool) -> Exit:  # noqa: ASYNC109 - an option
    """Check key, base URL, network, clock and quota, and list versions.

    One cheap request is sent, which counts in the quota.
    """
    checkup = Checkup(cli, mining=mining)
    with cli.records() as records:
        async for check in checkup.run(timeout):
            records.add(attrs.asdict(check))
    return checkup.status


@attrs.frozen
class Check:
    """What was looked at.

    Attributes:
        check: What.
        ok: Whether it is as it should be.
        detail: What was found.
    """

    check: str
    ok: bool
    detail: str


class Checkup:
    """All checks, one after the other.

    Args:
        cli: The invocation.
        mining: Whether Communications Mining is looked at.

    Attributes:
        status: The exit status that the first failure means.
    """

    def __init__(self, cli: Invocation, *, mining: bool) -> None:
        self._cli = cli
        self._mining = mining
        self.status: Exit = Exit.DONE

    async def run(self, seconds: float) -> Any:
        """Look at everything; a failure ends what depends on it."""
        for check in _versions():
            yield check
        options = self._cli.options
        names = COMMUNICATIONS_MINING if self._mining else CLARO
        try:
            found = resolve(names, None, options.base_url, options.profile)
        except ClaroError as error:
            yield self._failed("key", error)
            return
        yield Check("key", True, f"from {found.key_from}")
        yield Check("base URL", True, f"{found.base_url}, from {found.base_url_from}")
        try:
            yield Check("proxy", True, self._proxy(found))
            async with self._cli.mining() if self._mining else self._cli.claro() as client:
                from asyncio import timeout  # noqa: PLC0415 - the name of an option here

                async with timeout(seconds):
                    answer = await client.ping()
        except (ClaroError, TimeoutError) as error:
            yield self._failed("API", error)
            return
        for check in _of_answer(answer):
            yield check

    def _failed(self, what: str, error: Exception) -> Check:
        explanation = failures.explain(error)
        self.status = explanation.status
        message = explanation.message if str(error) else "no answer in time"
        return Check(what, False, ": ".join(filter(None, (message, explanation.next_step))))

    def _proxy(self, found: Credentials) -> str:
        network = found.network or Network()
        if self._cli.options.proxy is not None:
            proxy = None if self._cli.options.proxy == "none" else self._cli.options.proxy
            network = attrs.evolve(network, proxy=proxy)
        return proxy_of(network, found.base_url, os.environ) or "none"


def _versions() -> Iterator[Check]:
    python = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Check("Python", True, f"{python}, {ssl.OPENSSL_VERSION}")
    for package in (*_PACKAGES, *_OPTIONAL):
        try:
            yield Check(package, True, metadata.version(package))
        except metadata.PackageNotFoundError:
            if package in _PACKAGES:
                yield Check(package, False, "not installed")


def _of_answer(answer: PingResult) -> Iterator[Check]:
    yield Check("API", True, f"answers after {answer.seconds * 1000:.0f} ms")
    skew = answer.clock_skew
    if skew is None:
        yield Check("clock", True, "the server names no time")
    else:
        is_right = abs(skew) < _SKEW
        ahead = "ahead of" if skew > 0 else "behind"
        off = "right" if is_right else f"the server's is {abs(skew):.0f} s {ahead} this machine's"
        yield Check("clock", is_right, off)
    limit = answer.rate_limit
    if limit.limit is None:
        yield Check("quota", True, "the server reports none")
    else:
        resets = f", resets at {limit.resets_at:%H:%M:%S} UTC" if limit.resets_at else ""
        yield Check("quota", True, f"{limit.remaining} of {limit.limit} requests left{resets}")

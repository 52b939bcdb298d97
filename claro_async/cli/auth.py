"""``claro auth``: keys, where they are stored, and which one counts."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from claro_async.cli.commands import Group
from claro_async.cli.invocation import Invocation, runs
from claro_async.config import CLARO, COMMUNICATIONS_MINING, Names, resolve
from claro_async.errors import AuthenticationError, MissingKeyError
from claro_async.profile_file import hide
from claro_async.profiles import Profiles, check_profile_name

if TYPE_CHECKING:
    from claro_async._secret import Secret
    from claro_async.cli.commands import Decorator

mining_option: Decorator = click.option(
    "--mining", is_flag=True, help="Communications Mining, in place of the Claro API."
)


@click.group(cls=Group)
def auth() -> None:
    """Store keys, and choose which one counts."""


@auth.command("login")
@mining_option
@click.option("--no-keyring", is_flag=True, help="Store in the file even if a keyring works.")
@click.option("--no-check", is_flag=True, help="Store the key without trying it.")
@runs
async def login(cli: Invocation, *, mining: bool, no_keyring: bool, no_check: bool) -> None:
    """Store a key, which is asked for on a terminal and read from stdin elsewhere.

    It goes into the profile that --profile names ('default' without it), with --base-url where
    that is given: into the system's keyring if that works, else into the configuration file, which
    its owner alone can read. The key is tried first.
    """
    names = COMMUNICATIONS_MINING if mining else CLARO
    profile = cli.options.profile or "default"
    check_profile_name(profile)
    profiles = Profiles()
    base_url = cli.options.base_url or os.environ.get(names.base_url) or None
    known = any(each.name == profile and each.base_url for each in profiles.list())
    if mining and not (base_url or known):
        raise click.UsageError("add --base-url: each tenant of Communications Mining has its own")
    key = hide(_read_key(cli, names))
    if key is None:
        raise MissingKeyError(f"no {names.argument} was given; nothing was stored")
    if not no_check:
        await _try(cli, key, base_url or _base_url_of(profiles, profile), names)
    in_keyring = profiles.store(profile, key, names, base_url=base_url, use_keyring=not no_keyring)
    place = "the system keyring" if in_keyring else str(profiles.path)
    cli.say(f"the {names.argument} of profile {profile!r} is stored in {place}")
    variable = next((name for name in names.api_key if os.environ.get(name)), None)
    if variable:
        cli.say(f"{variable} is set and comes first: unset it to use the profile")


@auth.command("logout")
@runs
async def logout(cli: Invocation) -> None:
    """Forget the keys of a profile: of --profile, or of the default one."""
    profiles = Profiles()
    name = cli.options.profile or profiles.default(CLARO)
    name = name or profiles.default(COMMUNICATIONS_MINING)
    if name is None:
        raise click.UsageError("there is no default profile: say which with --profile")
    profiles.remove(name)
    cli.say(f"the keys of profile {name!r} are gone")


@auth.command("status")
@mining_option
@runs
async def status(cli: Invocation, *, mining: bool) -> None:
    """Show which key and base URL count here, and why; nothing is sent."""
    names = COMMUNICATIONS_MINING if mining else CLARO
    found = resolve(names, None, cli.options.base_url, cli.options.profile)
    cli.record(
        {
            "key_from": found.key_from,
            "base_url": found.base_url,
            "base_url_from": "--base-url" if cli.options.base_url else found.base_url_from,
            "default_profile": Profiles().default(names),
        }
    )


@auth.command("list")
@runs
async def list_profiles(cli: Invocation) -> None:
    """List the profiles of the configuration file, without their keys."""
    with cli.records() as records:
        for profile in Profiles().list():
            records.add(profile.to_dict())


@auth.command("use")
@click.argument("name")
@runs
async def use(cli: Invocation, name: str) -> None:
    """Make a profile the one that counts where nothing else is said."""
    Profiles().use(name)
    cli.say(f"profile {name!r} is the default now")
    for variable in (*CLARO.api_key, CLARO.profile):
        if os.environ.get(variable):
            cli.say(f"{variable} is set and comes first")


def _read_key(cli: Invocation, names: Names) -> str:
    if sys.stdin is not None and not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    if not cli.can_ask:
        raise click.UsageError(
            f"give the {names.argument} on stdin: claro auth login < FILE; nothing can be asked"
        )
    answer: str = click.prompt(names.argument, hide_input=True, err=True)
    return answer.strip()


def _base_url_of(profiles: Profiles, name: str) -> str | None:
    return next((each.base_url for each in profiles.list() if each.name == name), None)


async def _try(cli: Invocation, key: Secret, base_url: str | None, names: Names) -> None:
    """See that a key is taken.

    Raises:
        AuthenticationError: It is not.
        ClaroError: It cannot be tried.
    """
    client = (
        cli.mining(key, base_url) if names is COMMUNICATIONS_MINING else cli.claro(key, base_url)
    )
    try:
        async with client:
            await client.ping()
    except AuthenticationError as error:
        error.add_note("nothing was stored")
        raise

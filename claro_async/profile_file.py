"""Profiles in the user's configuration file: what a name stands for.

The file is ``~/.config/claro/config.toml``; :mod:`claro_async.profiles` writes it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from claro_async._secret import Secret
from claro_async.errors import ConfigurationError
from claro_async.network import Network, network_of

if TYPE_CHECKING:
    from collections.abc import Mapping

KEYRING_SERVICE = "claro-async"
"""What keys are filed under in the system's keyring."""
_IN_PROFILES = ("api_key", "token", "base_url", "network", "keyring")


@attrs.frozen
class Found:
    """What a profile and the environment hold, or why that cannot be used.

    An objection is not raised here: what raises must hold no text of a key in its variables.

    Attributes:
        key: The bearer key, or None.
        base_url: The API's root, or None.
        objection: Why nothing of it may be used, or None.
        network: How servers are reached, or None.
        key_from: Where the key comes from, in words.
        base_url_from: Where the base URL comes from, in words; empty without one.
    """

    key: Secret | None = None
    base_url: str | None = None
    objection: str | None = None
    network: Network | None = None
    key_from: str = ""
    base_url_from: str = ""


def hide(key: str | None) -> Secret | None:
    """A key as an object that does not show it; every frame below then holds that alone."""
    return Secret(key) if key else None


def profile_path(environ: Mapping[str, str]) -> Path:
    """Where profiles are: ``claro/config.toml`` in the folder for users' configuration."""
    home = environ.get("HOME") or Path.home()
    folder = environ.get("XDG_CONFIG_HOME") or str(Path(home) / ".config")
    return Path(folder) / "claro" / "config.toml"


def default_name(argument: str) -> str:
    """What the file calls the default profile of an API, which its key's name tells."""
    return "default_profile" if argument == "api_key" else "default_mining_profile"


def from_default_profile(argument: str, env: Mapping[str, str]) -> Found:
    """What the profile holds that counts where nothing else was said; nothing without one."""
    path = profile_path(env)
    if not path.exists():
        return Found()
    document, objection = load(path)
    if objection:
        return Found(objection=objection)
    name = document.get(default_name(argument))
    return from_profile(name, argument, env) if isinstance(name, str) else Found()


def from_profile(name: str, argument: str, env: Mapping[str, str]) -> Found:
    """What a profile holds, or why that cannot be used.

    Args:
        name: The profile.
        argument: Name of the key in it.
        env: The environment, which says where the file is.
    """
    path = profile_path(env)
    document, objection = load(path)
    if objection:
        return Found(objection=f"profile {name!r}: {objection}")
    profiles = document.get("profiles")
    profile = profiles.get(name) if isinstance(profiles, dict) else None
    if not isinstance(profile, dict):
        return Found(objection=f"no profile {name!r}: {path} has no table [profiles.{name}]")
    try:
        found = _read_profile(profile, argument)
        stored = str(path)
        if found.key is None and profile.get("keyring") is True:
            found = attrs.evolve(found, key=_from_keyring(name, argument))
            stored = "the system keyring"
    except ConfigurationError as error:
        return Found(objection=f"profile {name!r}: {error}")
    where = f"profile {name!r}"
    return attrs.evolve(
        found,
        key_from=f"{where} ({stored})",
        base_url_from=where if found.base_url else "",
    )


def load(path: Path) -> tuple[dict[str, Any], str | None]:
    """What the file holds, and what is wrong with it, or None."""
    import tomllib  # noqa: PLC0415 - for profiles only

    try:
        return tomllib.loads(path.read_text("utf-8")), None
    except OSError as error:
        return {}, f"cannot read {path}: {error.strerror}"
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        # the parser's own words could quote a line that holds a key
        return {}, f"{path} is not valid TOML"


def _read_profile(profile: Mapping[str, Any], argument: str) -> Found:
    """What a profile says. What cannot be read is never left out: the key would go elsewhere.

    Raises:
        ConfigurationError: A setting that there is not, or one of another type.
    """
    unknown = sorted(profile.keys() - set(_IN_PROFILES))
    if unknown:
        raise ConfigurationError(f"there is no {unknown[0]!r}, but {', '.join(_IN_PROFILES)}")
    network = profile.get("network", {})
    if not isinstance(profile.get("base_url", ""), str) or not isinstance(network, dict):
        raise ConfigurationError("base_url must be text, and network a table")
    if not isinstance(profile.get("keyring", False), bool):
        raise ConfigurationError("keyring must be true or false")
    texts = {key: text for key, text in profile.items() if isinstance(text, str)}
    found = network_of(network)
    return Found(hide(texts.get(argument)), texts.get("base_url"), network=found)


def _from_keyring(profile: str, argument: str) -> Secret | None:
    """A profile's key in the system's keyring; None where it is not there.

    Raises:
        ConfigurationError: The keyring cannot be read.
    """
    try:
        import keyring  # noqa: PLC0415 - optional, and takes a while

        return hide(keyring.get_password(KEYRING_SERVICE, keyring_name(profile, argument)))
    except Exception as error:  # noqa: BLE001 - any of a backend's
        reason = type(error).__name__
    raise ConfigurationError(f"the system keyring, which holds its key, cannot be read ({reason})")


def keyring_name(profile: str, argument: str) -> str:
    """What a profile's key is called in the system's keyring."""
    return f"{profile}/{argument}"

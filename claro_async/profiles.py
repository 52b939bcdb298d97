"""Profiles as a program changes them: keys stored and removed, and which profile is the default.

The file is edited, not written anew: comments and settings that others put there stay. It is
readable by its owner alone. Where the package ``keyring`` is installed and works, keys go to the
system's keyring instead.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from typing import TYPE_CHECKING, Any

import attrs

from claro_async._plain import PlainRecord
from claro_async.config import check_base_url
from claro_async.errors import ConfigurationError
from claro_async.profile_file import (
    KEYRING_SERVICE,
    default_name,
    keyring_name,
    load,
    profile_path,
)
from claro_async.storage.atomic import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from claro_async._secret import Secret
    from claro_async.config import Names

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch
_HEADER = re.compile(r"\s*\[")
_PRIVATE = 0o600


@attrs.frozen(kw_only=True)
class StoredProfile(PlainRecord):
    """A profile of the configuration file.

    Attributes:
        name: Its name.
        base_url: Its base URL, or None for the default.
        keys: What keys it holds: ``api_key``, ``token``, or ``keyring`` for those of the system's
            keyring.
        default: Whether it counts where nothing else was said, for either API.
    """

    name: str
    base_url: str | None
    keys: tuple[str, ...]
    default: bool


class Profiles:
    """The profiles of the user's configuration file; every method blocks for a moment.

    Args:
        environ: The environment, which says where the file is.

    Attributes:
        path: The file.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self.path: Path = profile_path(os.environ if environ is None else environ)

    def list(self) -> list[StoredProfile]:
        """All profiles, in the file's order.

        Raises:
            ConfigurationError: The file cannot be read.
        """
        document = self._read()
        defaults = {document.get(default_name(each)) for each in ("api_key", "token")}
        return [
            StoredProfile(
                name=name,
                base_url=profile.get("base_url"),
                keys=tuple(key for key in ("api_key", "token", "keyring") if profile.get(key)),
                default=name in defaults,
            )
            for name, profile in document.get("profiles", {}).items()
        ]

    def default(self, names: Names) -> str | None:
        """The profile that counts for an API where nothing else was said."""
        name = self._read().get(default_name(names.argument))
        return name if isinstance(name, str) else None

    def store(
        self,
        name: str,
        key: Secret,
        names: Names,
        *,
        base_url: str | None = None,
        use_keyring: bool = True,
    ) -> bool:
        """Store a key; the first one of an API becomes its default.

        Args:
            name: The profile; made if need be.
            key: The key.
            names: The API.
            base_url: Where the key goes; None leaves what the profile says.
            use_keyring: Whether the system's keyring is to hold it, where that works.

        Returns:
            Whether the keyring holds it.

        Raises:
            ConfigurationError: The file cannot be edited, or the base URL cannot be used.
            OSError: The file cannot be written.
            ValueError: The name cannot be one.
        """
        check_profile_name(name)
        url = None if base_url is None else check_base_url(base_url)
        document = self._read()
        in_keyring = use_keyring and _put(name, key, names)
        values: dict[str, Any] = {
            names.argument: None if in_keyring else key.reveal(),
            "keyring": True if in_keyring else _kept(document, name, "keyring"),
            "base_url": url or _kept(document, name, "base_url"),
        }
        default = document.get(default_name(names.argument)) or name
        self._edit(name, values, {default_name(names.argument): default})
        return in_keyring

    def remove(self, name: str) -> None:
        """Forget a profile's keys, and the profile where it holds nothing but its base URL.

        Raises:
            ConfigurationError: There is no such profile, or the file cannot be edited.
            OSError: The file cannot be written.
        """
        document = self._read()
        profile = self._profile(document, name)
        if profile.get("keyring"):
            for argument in ("api_key", "token"):
                _forget(name, argument)
        keys = {"api_key", "token", "keyring"}
        values: dict[str, Any] | None = dict.fromkeys(keys)
        if not profile.keys() - keys - {"base_url"}:
            values = None
        defaults = {
            default_name(each): None
            for each in ("api_key", "token")
            if document.get(default_name(each)) == name
        }
        self._edit(name, values, defaults)

    def use(self, name: str) -> None:
        """Make a profile the default of each API that it has a key for.

        Raises:
            ConfigurationError: There is no such profile, or the file cannot be edited.
            OSError: The file cannot be written.
        """
        profile = self._profile(self._read(), name)
        arguments = ["token"] if profile.get("token") else []
        if not arguments or profile.get("api_key") or profile.get("keyring"):
            arguments.append("api_key")
        self._edit(name, {}, {default_name(each): name for each in arguments})

    def _profile(self, document: Mapping[str, Any], name: str) -> dict[str, Any]:
        profile = document.get("profiles", {}).get(name)
        if not isinstance(profile, dict):
            raise ConfigurationError(f"there is no profile {name!r} in {self.path}")
        return profile

    def _read(self) -> dict[str, Any]:
        if not self.path.exists():
            return {}
        document, objection = load(self.path)
        if objection:
            raise ConfigurationError(objection)
        return document

    def _edit(
        self, name: str, values: Mapping[str, Any] | None, defaults: Mapping[str, str | None]
    ) -> None:
        text = self.path.read_text("utf-8") if self.path.exists() else ""
        edited = edit_profiles(text, name, values, defaults)
        if edited is None:
            raise ConfigurationError(
                f"{self.path} is written in a way that cannot be edited here: change it by hand"
            )
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(self.path, edited.encode(), mode=_PRIVATE)


def check_profile_name(name: str) -> None:
    """Refuse what cannot name a profile that a program writes.

    Raises:
        ValueError: Not 1 to 64 letters, digits, ``-`` and ``_``.
    """
    if not _NAME(name):
        raise ValueError(f"a profile's name is 1 to 64 letters, digits, - and _, not {name!r}")


def edit_profiles(
    text: str, name: str, values: Mapping[str, Any] | None, defaults: Mapping[str, str | None]
) -> str | None:
    """The text of the file with one profile and the defaults changed; all else stays as it is.

    Args:
        text: The file's text.
        name: The profile.
        values: What its settings are to be, None for none; or None to remove the whole profile.
        defaults: What the settings above all tables are to be.

    Returns:
        The new text, or None where it would not say what it is meant to.
    """
    lines = text.splitlines()
    begin, end = _table(lines, name)
    if values is None:
        table: list[str] = []
    else:
        head = lines[begin : begin + 1] or ["", f"[profiles.{name}]"]
        table = head + _set(lines[begin + 1 : end], values)
    lines[begin:end] = table
    top = next((at for at, line in enumerate(lines) if _HEADER.match(line)), len(lines))
    lines[:top] = _set(lines[:top], defaults)
    edited = "\n".join(lines).strip("\n") + "\n"
    try:
        is_right = tomllib.loads(edited) == _expected(tomllib.loads(text), name, values, defaults)
    except tomllib.TOMLDecodeError:
        return None
    return edited if is_right else None


def _expected(
    document: dict[str, Any],
    name: str,
    values: Mapping[str, Any] | None,
    defaults: Mapping[str, str | None],
) -> dict[str, Any]:
    """What the edited text must hold."""
    profiles = document.setdefault("profiles", {})
    changed = {**profiles.pop(name, {}), **(values or {})}
    if values is not None:
        profiles[name] = {key: value for key, value in changed.items() if value is not None}
    if not profiles:
        del document["profiles"]
    document.update(defaults)
    return {key: value for key, value in document.items() if value is not None}


def _table(lines: list[str], name: str) -> tuple[int, int]:
    """From where to where a profile's own table stands; at the end where there is none."""
    header = re.compile(rf"\s*\[\s*profiles\s*\.\s*([\"']?){re.escape(name)}\1\s*\]\s*(#.*)?")
    begin = next((at for at, line in enumerate(lines) if header.fullmatch(line)), None)
    if begin is None:
        return len(lines), len(lines)
    after = range(begin + 1, len(lines))
    return begin, next((at for at in after if _HEADER.match(lines[at])), len(lines))


def _set(lines: list[str], values: Mapping[str, Any]) -> list[str]:
    """The lines of a table with some settings changed; new ones come first."""
    pattern = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=")
    written = {key: _line(key, value) for key, value in values.items() if value is not None}
    kept: list[str] = []
    for line in lines:
        found = pattern.match(line)
        key = found[1] if found else None
        if key not in values:
            kept.append(line)
        elif key in written:
            kept.append(written.pop(key))
    return [*written.values(), *kept]


def _line(key: str, value: Any) -> str:
    return f"{key} = {json.dumps(value)}"  # of text and booleans, JSON's form is TOML's


def _kept(document: Mapping[str, Any], name: str, key: str) -> Any:
    return document.get("profiles", {}).get(name, {}).get(key)


def _put(profile: str, key: Secret, names: Names) -> bool:
    """Store a key in the system's keyring; returns whether it can be read back."""
    try:
        import keyring  # noqa: PLC0415 - optional, and takes a while

        name = keyring_name(profile, names.argument)
        keyring.set_password(KEYRING_SERVICE, name, key.reveal())
        return bool(keyring.get_password(KEYRING_SERVICE, name) == key.reveal())
    except Exception:  # noqa: BLE001 - any of a backend's: the file takes the key then
        return False


def _forget(profile: str, argument: str) -> None:
    """Remove a key from the system's keyring, if it is there."""
    try:
        import keyring  # noqa: PLC0415 - see above

        keyring.delete_password(KEYRING_SERVICE, keyring_name(profile, argument))
    except Exception:  # noqa: BLE001 - not there, or no keyring: there is nothing to remove
        return

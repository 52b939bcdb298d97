"""Keys: how they come in, where they are stored, and which one counts."""

from __future__ import annotations

import stat
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Done, World

    Claro = Callable[..., Done]

NO_KEY: dict[str, Any] = {"CLARO_API_KEY": None, "CLARO_BASE_URL": None}
KEYRING = """
import json, pathlib, keyring.backend, keyring.errors
FILE = pathlib.Path(__file__).with_name("keys.json")
class Keyring(keyring.backend.KeyringBackend):
    priority = 1
    def _all(self):
        return json.loads(FILE.read_text()) if FILE.exists() else {}
    def get_password(self, service, username):
        return self._all().get(f"{service} {username}")
    def set_password(self, service, username, password):
        FILE.write_text(json.dumps({**self._all(), f"{service} {username}": password}))
    def delete_password(self, service, username):
        kept = self._all()
        if kept.pop(f"{service} {username}", None) is None:
            raise keyring.errors.PasswordDeleteError
        FILE.write_text(json.dumps(kept))
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Where the configuration file is."""
    return tmp_path / ".config" / "claro" / "config.toml"


def login(claro: Claro, world: World, *options: str, **variables: Any) -> Done:
    """Store the emulator's key, given on stdin."""
    arguments = ["auth", "login", "--base-url", world.emulator.base_url, "--no-keyring", *options]
    return claro(*arguments, stdin=f"{world.emulator.api_key}\n", **{**NO_KEY, **variables})


def test_a_key_from_stdin_is_stored_for_its_owner_alone(
    claro: Claro, world: World, config: Path
) -> None:
    """``auth login`` reads the key from stdin; the file has mode 0600, its folder 0700."""
    done = login(claro, world)
    assert (done.status, done.out) == (0, "")
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert stat.S_IMODE(config.parent.stat().st_mode) == 0o700
    assert world.emulator.api_key not in done.err
    assert claro("datasets", "list", **NO_KEY).status == 0


def test_a_file_that_others_could_read_is_closed(claro: Claro, world: World, config: Path) -> None:
    """A configuration file that was open to all is open to its owner alone after a login."""
    config.parent.mkdir(parents=True)
    config.write_text("# mine\n")
    config.chmod(0o644)
    login(claro, world)
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert config.read_text().startswith("default_profile")
    assert "# mine" in config.read_text()


def test_a_wrong_key_is_not_stored(claro: Claro, world: World, config: Path) -> None:
    """The key is tried first: one that is not taken ends with status 4, and nothing is written."""
    done = claro("auth", "login", "--base-url", world.emulator.base_url, stdin="no\n", **NO_KEY)
    assert (done.status, config.exists()) == (4, False)
    empty = claro("auth", "login", "--base-url", world.emulator.base_url, stdin="", **NO_KEY)
    assert (empty.status, config.exists()) == (4, False)
    unchecked = claro(
        *("auth", "login", "--no-check", "--no-keyring", "--base-url", world.emulator.base_url),
        stdin="later\n",
        **NO_KEY,
    )
    assert (unchecked.status, config.exists()) == (0, True)


def test_the_environment_comes_first(claro: Claro, world: World) -> None:
    """A key of the environment counts before a stored one, and ``login`` says so."""
    login(claro, world)
    assert claro("datasets", "list", CLARO_API_KEY="wrong").status == 4
    shown = claro("auth", "status").record
    assert (shown["key_from"], shown["base_url_from"]) == ("CLARO_API_KEY", "CLARO_BASE_URL")
    told = login(claro, world, CLARO_API_KEY=world.emulator.api_key)
    assert "CLARO_API_KEY is set and comes first" in told.err


def test_profiles_are_listed_and_one_is_the_default(
    claro: Claro, world: World, config: Path
) -> None:
    """The first profile is the default until ``auth use`` names another."""
    login(claro, world, "--profile", "one")
    login(claro, world, "--profile", "two")
    listed = {each["name"]: each["default"] for each in claro("auth", "list").records}
    assert listed == {"one": True, "two": False}
    assert claro("auth", "use", "two").status == 0
    assert claro("auth", "status", **NO_KEY).record["key_from"] == f"profile 'two' ({config})"
    assert claro("auth", "use", "three").status == 2
    assert claro("datasets", "list", "--profile", "three", **NO_KEY).status == 2
    assert claro("datasets", "list", "--profile", "one", **NO_KEY).status == 0


def test_logout_forgets_the_key_and_keeps_the_rest(
    claro: Claro, world: World, config: Path
) -> None:
    """After ``auth logout`` no key is left; settings that others made stay."""
    login(claro, world)
    config.write_text(config.read_text() + '\n[profiles.default.network]\nproxy = ""\n')
    assert claro("auth", "logout", **NO_KEY).status == 0
    kept = tomllib.loads(config.read_text())
    assert kept == {
        "profiles": {"default": {"base_url": world.emulator.base_url, "network": {"proxy": ""}}}
    }
    missing = claro("datasets", "list", **NO_KEY)
    assert (missing.status, "claro auth login" in missing.err) == (4, True)
    assert claro("auth", "logout", **NO_KEY).status == 2


def test_a_working_keyring_takes_the_key(
    program: Claro, world: World, tmp_path: Path, config: Path
) -> None:
    """Where a keyring works the file says that it has the key, and the key is read from there."""
    (tmp_path / "backend_in_a_file.py").write_text(KEYRING)
    variables = {**NO_KEY, "PYTHON_KEYRING_BACKEND": "backend_in_a_file.Keyring"}
    variables["PYTHONPATH"] = str(tmp_path)
    arguments = ["auth", "login", "--base-url", world.emulator.base_url]
    done = program(*arguments, stdin=world.emulator.api_key, **variables)
    assert "the system keyring" in done.err
    assert tomllib.loads(config.read_text())["profiles"]["default"]["keyring"] is True
    assert world.emulator.api_key not in config.read_text()
    shown = program("auth", "status", **variables).record
    assert shown["key_from"] == "profile 'default' (the system keyring)"
    assert program("auth", "logout", **variables).status == 0
    assert (tmp_path / "keys.json").read_text() == "{}"


def test_a_keyring_that_fails_is_explained(claro: Claro, world: World, config: Path) -> None:
    """A key that only a keyring has, which cannot be read here, ends with a sentence."""
    config.parent.mkdir(parents=True)
    config.write_text('[profiles.default]\nkeyring = true\nbase_url = "https://x.example/api"\n')
    done = claro(
        *("datasets", "list", "--profile", "default"),
        **NO_KEY,
        PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring",
    )
    assert done.status in {2, 4}
    assert "key" in done.err
    assert world.emulator.api_key not in done.err


def test_a_mining_token_has_a_profile_of_its_own(claro: Claro, world: World, config: Path) -> None:
    """``--mining`` stores a token with its tenant's URL, which becomes that API's default."""
    nothing: dict[str, Any] = {
        "COMMUNICATIONS_MINING_TOKEN": None,
        "COMMUNICATIONS_MINING_BASE_URL": None,
    }
    token = world.emulator.mining_token
    refused = claro("auth", "login", "--mining", stdin=token, **nothing)
    assert (refused.status, "--base-url" in refused.err) == (2, True)
    done = claro(
        *("auth", "login", "--mining", "--no-keyring", "--profile", "tenant"),
        *("--base-url", world.emulator.mining_base_url),
        stdin=token,
        **nothing,
    )
    assert done.status == 0
    assert claro("mining", "datasets", "list", **nothing).status == 0
    assert claro("auth", "status", "--mining", **nothing).record["default_profile"] == "tenant"
    assert "default_mining_profile" in config.read_text()


@pytest.mark.parametrize("name", ["a b", "", "x" * 65, "a.b"])
def test_a_name_that_cannot_be_one_is_refused(
    claro: Claro, world: World, config: Path, name: str
) -> None:
    """A profile's name is letters, digits, ``-`` and ``_``; an empty one stands for the default."""
    done = login(claro, world, "--profile", name)
    assert (done.status, config.exists()) == ((0, True) if name == "" else (2, False))


def test_the_key_shows_nowhere(program: Claro, world: World) -> None:
    """Not even with ``--debug`` does a failing command show the key."""
    key = "a-key-that-nobody-may-see"
    done = program("datasets", "list", "--debug", CLARO_API_KEY=key)
    assert done.status == 4
    assert "Traceback" in done.err
    assert key not in done.err + done.out
    assert world.emulator.api_key not in done.err

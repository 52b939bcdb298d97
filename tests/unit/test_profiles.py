"""The configuration file as a program edits it."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from claro_async._secret import Secret
from claro_async.config import CLARO, resolve
from claro_async.errors import ConfigurationError, MissingKeyError
from claro_async.profiles import Profiles, edit_profiles

if TYPE_CHECKING:
    from pathlib import Path

BY_HAND = """\
# mine
[other]
x = 1

[profiles.work]  # the office
api_key = "old"   # rotate in May
base_url = "https://a.example/api/v2"
[profiles.work.network]
proxy = "http://proxy.example:3128"

[profiles.home]
api_key = "h"
"""


def test_what_others_wrote_stays() -> None:
    """Only the profile's own settings change: comments, tables and their order stay."""
    edited = edit_profiles(BY_HAND, "work", {"api_key": "new"}, {"default_profile": "work"})
    changed = BY_HAND.replace('api_key = "old"   # rotate in May', 'api_key = "new"')
    assert edited == 'default_profile = "work"\n' + changed


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("", {"api_key": "k"}, {"profiles": {"work": {"api_key": "k"}}}),
        (
            '["profiles"."work"]\n',
            {"api_key": "k"},
            None,  # another way to write the same table: it is left alone
        ),
        ('profiles.work.api_key = "a"\n', {"api_key": "k"}, None),
        ('[profiles]\nwork = { api_key = "a" }\n', {"api_key": "k"}, None),
        ('[profiles."work"]\napi_key = "a"\n', {"api_key": None}, {"profiles": {"work": {}}}),
        ('[profiles.work]\napi_key = """\na\n"""\n', {"api_key": "k"}, None),
        ('[profiles.work]\nquote = "a"\n', {"api_key": 'q"\\'}, ...),
    ],
)
def test_an_edit_says_what_it_shall_or_is_not_made(
    text: str, values: dict[str, Any], expected: Any
) -> None:
    """The edited text is read again: where it would not say what it must, there is none."""
    edited = edit_profiles(text, "work", values, {})
    if expected is None:
        assert edited is None
        return
    assert edited is not None
    found = tomllib.loads(edited)
    assert found["profiles"]["work"] == (
        {"quote": "a", **values} if expected is ... else expected["profiles"]["work"]
    )


def test_a_profile_is_removed_with_its_table_only() -> None:
    """Removing a profile leaves the others and what is not a profile."""
    text = BY_HAND.replace("[profiles.work.network]\nproxy", "[profiles.net.network]\nproxy")
    edited = edit_profiles(text, "work", None, {})
    assert edited is not None
    assert set(tomllib.loads(edited)["profiles"]) == {"home", "net"}
    assert tomllib.loads(edited)["other"] == {"x": 1}


def test_a_file_that_cannot_be_edited_is_left_as_it_is(tmp_path: Path) -> None:
    """Where an edit would not hold, the file stays, and the error says what to do."""
    profiles = Profiles({"XDG_CONFIG_HOME": str(tmp_path)})
    profiles.path.parent.mkdir()
    text = 'profiles = { work = { api_key = "a" } }\n'
    profiles.path.write_text(text)
    with pytest.raises(ConfigurationError, match="change it by hand"):
        profiles.store("work", Secret("k"), CLARO, use_keyring=False)
    assert profiles.path.read_text() == text
    profiles.path.write_text("= nonsense")
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        profiles.list()


def test_the_default_profile_counts_last(tmp_path: Path) -> None:
    """Neither an argument nor the environment needs the file; without both its default counts."""
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    with pytest.raises(MissingKeyError):
        resolve(CLARO, None, None, None, environ=environ)
    profiles = Profiles(environ)
    url = "https://stored.example/api/v2"
    profiles.store("work", Secret("stored"), CLARO, base_url=url, use_keyring=False)
    found = resolve(CLARO, None, None, None, environ=environ)
    assert (found.key.reveal(), found.base_url) == ("stored", url)
    set_key = resolve(CLARO, None, None, None, environ={**environ, "CLARO_API_KEY": "env"})
    assert set_key.key.reveal() == "env"
    assert set_key.base_url.startswith("https://secure-api")
    passed = resolve(CLARO, Secret("given"), None, None, environ=environ)
    assert passed.base_url.startswith("https://secure-api")


def test_a_broken_file_is_an_error_where_it_would_count(tmp_path: Path) -> None:
    """A file that cannot be read is never taken for one without a default."""
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    (tmp_path / "claro").mkdir()
    (tmp_path / "claro" / "config.toml").write_text('api_key = "secret-in-a-broken-line')
    with pytest.raises(ConfigurationError, match="not valid TOML") as caught:
        resolve(CLARO, None, None, None, environ=environ)
    assert "secret" not in str(caught.value)

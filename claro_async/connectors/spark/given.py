"""Options as users write them: texts by name, each checked when it is read."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import msgspec

from claro_async.errors import ConfigurationError
from claro_async.wire.identifiers import encode_segment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PATH = "load() and save() take no path: name the dataset by option 'dataset'"
_decode_names = msgspec.json.Decoder(list[str]).decode


class GivenOptions:
    """Reads the options of one purpose. Spark does not tell capital letters in names apart.

    Args:
        given: The options.
        known: The names of this purpose.
        purpose: What that is, in a few words.
        elsewhere: The names of other purposes, and what these are.

    Raises:
        ConfigurationError: There is no such option; says which one may be meant.
    """

    def __init__(
        self,
        given: Mapping[str, str],
        known: Sequence[str],
        purpose: str,
        elsewhere: Mapping[str, str],
    ) -> None:
        self._given = {name.lower(): value for name, value in given.items()}
        self._known = {name.lower(): name for name in known}
        self._purpose = purpose
        self._elsewhere = {name.lower(): what for name, what in elsewhere.items()}
        for name in given:
            if name.lower() not in self._known:
                raise ConfigurationError(self._unknown(name))

    def _unknown(self, name: str) -> str:
        if name.lower() == "path":
            return _PATH
        text = f"there is no option {name!r} for {self._purpose}"
        close = get_close_matches(name.lower(), self._known, 1)
        if name.lower() in self._elsewhere:
            text += f": it is for {self._elsewhere[name.lower()]}"
        elif close:
            text += f"; did you mean {self._known[close[0]]!r}?"
        return f"{text}; there are {', '.join(self._known.values())}"

    def text(self, name: str) -> str | None:
        """An option, or None where it was not given."""
        return self._given.get(name.lower())

    def needed(self, name: str, why: str) -> str:
        """An option that has to be given."""
        value = self.text(name)
        if not value:
            raise ConfigurationError(f"option {name!r} is missing: {why}")
        return value

    def identifier(self, name: str, what: str) -> str:
        """An option that has to be given and is an id of the API's."""
        value = self.needed(name, what)
        try:
            encode_segment(value, name)
        except ValueError as error:
            raise ConfigurationError(f"option {name!r} must be {what}: {error}") from None
        return value

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        """An option that is one of some words."""
        value = self._given.get(name.lower(), default)
        if value not in choices:
            raise ConfigurationError(
                f"option {name!r} must be {' or '.join(choices)}, not {value!r}"
            )
        return value

    def number(self, name: str, low: int, high: int | None = None, *, step: int = 1) -> int | None:
        """An option that is a whole number within limits; None where it was not given."""
        value = self.text(name)
        if value is None:
            return None
        number = int(value) if value.isascii() and value.isdigit() else -1
        if number < low or (high is not None and number > high) or number % step:
            kind = "a whole number" if step == 1 else f"a multiple of {step}"
            limit = f"of {low} or more" if high is None else f"from {low} to {high}"
            raise ConfigurationError(f"option {name!r} must be {kind} {limit}, not {value!r}")
        return number

    def truth(self, name: str) -> bool:
        """An option that is ``true`` or ``false``, which it is where it was not given."""
        return self.choice(name, ("true", "false"), "false") == "true"

    def names(self, name: str) -> tuple[str, ...] | None:
        """An option that is a list of names; None where it was not given."""
        value = self.text(name)
        if value is None:
            return None
        if value.lstrip().startswith("["):
            try:
                found = _decode_names(value)
            except msgspec.MsgspecError as error:
                raise ConfigurationError(
                    f"option {name!r} begins with a bracket and is no list in JSON: {error}"
                ) from None
        else:
            found = [each.strip() for each in value.split(",")]
        twice = [each for each in found if found.count(each) > 1]
        if not found or "" in found or twice:
            wrong = f"{twice[0]!r} twice" if twice and twice[0] else "an empty name"
            raise ConfigurationError(
                f"option {name!r} has {wrong}: write names with commas between, or as a list in"
                ' JSON where they have commas themselves, such as ["a, b", "c"]'
            )
        return tuple(found)

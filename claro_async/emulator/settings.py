"""What an emulator is made with: the same options from Python, on the command line, in a file."""

from __future__ import annotations

import ipaddress
import math
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict

from claro_async.emulator.clock import RESET_FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from claro_async.emulator.clock import Clock, ResetFormat

MAX_UPLOAD_BYTES: Final = 100 * 1024 * 1024


class EmulatorKeywords(TypedDict, total=False):
    """The options of `Emulator`, which says what each is."""

    host: str
    port: int
    api_key: str
    database: str | Path | None
    rate_limit: int | None
    rate_window: float
    reset_format: ResetFormat
    latency: float
    seed: Iterable[str | Path]
    sample_world: bool
    clock: Clock
    random_seed: int
    max_upload_size: int
    metadata_on_request: bool
    mining_token: str
    mining_seed: Iterable[str | Path]
    console: bool


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options with their defaults, checked."""

    host: str = "127.0.0.1"
    port: int = 0
    api_key: str = "emulator-key"
    database: str | Path | None = None
    rate_limit: int | None = None
    rate_window: float = 60.0
    reset_format: ResetFormat = "epoch"
    latency: float = 0.0
    seed: Iterable[str | Path] = ()
    sample_world: bool = True
    clock: Clock = time.time
    random_seed: int = 0
    max_upload_size: int = MAX_UPLOAD_BYTES
    metadata_on_request: bool = False
    mining_token: str = "emulator-mining-token"  # noqa: S105 - opens nothing but this server
    mining_seed: Iterable[str | Path] = ()
    console: bool = True

    def __post_init__(self) -> None:
        """See that each option is in range.

        Raises:
            ValueError: One is not.
        """
        if self.host != "localhost" and not ipaddress.ip_address(self.host).is_loopback:
            raise ValueError("the emulator binds to loopback addresses only")
        if not 0 <= self.port <= 65535:  # noqa: PLR2004 - a port
            raise ValueError("port must be from 0 to 65535")
        if self.reset_format not in RESET_FORMATS:
            raise ValueError(f"reset_format must be one of {', '.join(RESET_FORMATS)}")
        if not 0 <= self.latency < math.inf:
            raise ValueError("latency must be a number of seconds, not negative")
        if self.max_upload_size < 1:
            raise ValueError("max_upload_size must be at least 1")


_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "host": (str,),
    "port": (int,),
    "api_key": (str,),
    "database": (str,),
    "rate_limit": (int,),
    "rate_window": (float, int),
    "reset_format": (str,),
    "latency": (float, int),
    "seed": (list,),
    "sample_world": (bool,),
    "random_seed": (int,),
    "max_upload_size": (int,),
    "metadata_on_request": (bool,),
    "mining_token": (str,),
    "mining_seed": (list,),
    "console": (bool,),
}
"""What a file can have; a clock is a function."""
_LISTS_OF_FILES: Final = ("seed", "mining_seed")


def read_options(path: str | Path) -> EmulatorKeywords:
    """Read options from a TOML file, under their names in Python.

    Args:
        path: The file; what it names as ``database``, ``seed`` and ``mining_seed`` is found from
            the folder that it is in.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no TOML, or has an option that there is not, or of another type.
    """
    path = Path(path)
    try:
        options = tomllib.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error
    for name, value in options.items():
        problem = _problem(name, value)
        if problem:
            raise ValueError(f"{path.name}: {name} {problem}")
    for name in _LISTS_OF_FILES:
        if name in options:
            options[name] = [path.parent / each for each in options[name]]
    if "database" in options:
        options["database"] = path.parent / options["database"]
    keywords: EmulatorKeywords = options  # type: ignore[assignment] # each was checked
    return keywords


def _problem(name: str, value: Any) -> str | None:
    kinds = _KINDS.get(name)
    if kinds is None:
        return f"is no option; there are {', '.join(_KINDS)}"
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        return f"must be {_WORDS[kinds[0]]}"
    if isinstance(value, list) and not all(isinstance(each, str) for each in value):
        return "must be a list of file names"
    return None


_WORDS: Final[Mapping[type, str]] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list of file names",
}

"""The formats of files, in one table: what they are called, who makes them, what that needs."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@attrs.frozen(kw_only=True)
class FileFormat:
    """A format that exports can have.

    Attributes:
        name: As users give it.
        suffixes: Suffixes of paths that stand for it; the first is the one that it gives.
        by_server: Whether the server writes it (Claro API v2, "Manage Dataset", section "Export
            Dataset"); else it is made here from rows.
        can_be_joined: Whether several files of the server's make one.
        can_be_read: Whether rows are read from such a file.
        read_suffixes: Further suffixes of files that are read as it, but never written.
        package: What has to be installed for it, or None.
        extra: The extra of this package that installs it, or None.
    """

    name: str
    suffixes: tuple[str, ...]
    by_server: bool = False
    can_be_joined: bool = False
    can_be_read: bool = True
    read_suffixes: tuple[str, ...] = ()
    package: str | None = None
    extra: str | None = None

    def check_installed(self) -> None:
        """See that what the format needs is installed.

        Raises:
            ImportError: It is not; the message says what to install.
        """
        if self.package is not None and find_spec(self.package) is None:
            raise ImportError(
                f"{self.name} files need {self.package}: pip install 'claro-async[{self.extra}]'",
                name=self.package,
            )


def _table(*formats: FileFormat) -> Mapping[str, FileFormat]:
    return {each.name: each for each in formats}


FORMATS = _table(
    FileFormat(
        name="csv",
        suffixes=(".csv",),
        by_server=True,
        can_be_joined=True,
        read_suffixes=(".tsv", ".tab"),
    ),
    FileFormat(name="json", suffixes=(".json",), by_server=True, can_be_joined=True),
    FileFormat(name="xlsx", suffixes=(".xlsx",), by_server=True, can_be_read=False),
    FileFormat(name="jsonl", suffixes=(".jsonl", ".ndjson")),
    FileFormat(name="parquet", suffixes=(".parquet", ".pq"), package="pyarrow", extra="arrow"),
    FileFormat(name="arrow", suffixes=(".arrow", ".feather"), package="pyarrow", extra="arrow"),
)
"""Every format, by name."""


def format_of(
    target: object, wanted: str | None, known: Iterable[str] = tuple(FORMATS)
) -> FileFormat:
    """The format asked for, or else the one that a path's suffix names.

    Args:
        target: A path, or anything else, which names no format.
        wanted: The name of the format asked for, or None.
        known: Names of the formats that there are in this place.

    Raises:
        ImportError: What the format needs is not installed.
        ValueError: Not one of the formats, or none is named.
    """
    names = ", ".join(known)
    if wanted is None:
        found = _by_suffix(target)
        if found is None or found.name not in known:
            raise ValueError(f"format is needed where the path does not name it: {names}")
    else:
        name = str(getattr(wanted, "value", wanted))
        if name not in known or name not in FORMATS:
            raise ValueError(f"format must be one of {names}, not {name!r}")
        found = FORMATS[name]
    found.check_installed()
    return found


def readable_format(path: str, wanted: str | None) -> FileFormat:
    """The format of a file that rows are read from: the one named, or else by its suffix.

    Raises:
        ImportError: What the format needs is not installed.
        ValueError: Not one of the formats, or none is named.
    """
    readable = tuple(each.name for each in FORMATS.values() if each.can_be_read)
    found = _by_suffix(path, to_read=True)
    if wanted is None and found is not None and not found.can_be_read:
        raise ValueError(
            f"{found.name} files are not read: save the table as CSV, or pass format= if it is one"
            f" of {', '.join(readable)}"
        )
    if wanted is None and found is not None:
        wanted = found.name
    return format_of(None, wanted, readable)


def names_format(path: str) -> bool:
    """Whether a text is the path of a file whose suffix names a format."""
    return _by_suffix(path, to_read=True) is not None


def _by_suffix(target: object, *, to_read: bool = False) -> FileFormat | None:
    if not isinstance(target, str | os.PathLike):
        return None
    suffix = Path(target).suffix.lower()
    for each in FORMATS.values():
        if suffix in each.suffixes or (to_read and suffix in each.read_suffixes):
            return each
    return None

"""The lists of CONTRIBUTING.md lead to files that are there, and nothing on them was forgotten."""

from __future__ import annotations

import re
from importlib import import_module
from typing import get_args

import pytest

import claro_async
from claro_async.cli.app import COMMANDS
from claro_async.emulator.faults import DETAILS_BY_KIND
from claro_async.formats import FORMATS
from claro_async.transport import events
from tests.files.test_round_trips import SIX
from tests.packaging.conftest import ROOT

STORES = ROOT / "claro_async" / "transport" / "quota" / "stores"
WAYS = (
    "an endpoint",
    "a format",
    "a quota store",
    "a retry rule",
    "a command",
    "an event",
    "a fault to the emulator",
    "a page or a snippet",
)


def documentation() -> str:
    """The README and all pages of docs/."""
    pages = (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
    return "\n".join(page.read_text("utf-8") for page in pages)


@pytest.mark.parametrize("way", WAYS)
def test_each_way_in_leads_to_files_that_are_there(way: str) -> None:
    """Every path that a list names exists, and each list says what holds it."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    _, _, after = text.partition(f"### Add {way}\n")
    steps, _, _ = after.partition("\n##")
    paths = re.findall(r"`((?:claro_async|openapi|tests|docs)/[\w./]*)`", steps)
    assert len(paths) >= 2
    assert "Held by" in steps
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_every_format_is_documented_and_read_back() -> None:
    """A format of the registry stands in the guide to files and in the round trips."""
    guide = (ROOT / "docs" / "transfers.md").read_text("utf-8").lower()
    assert set(FORMATS) == set(SIX)
    assert not [name for name in FORMATS if name not in guide and name != "jsonl"]
    assert "json lines" in guide


def test_every_quota_store_is_documented_and_tested() -> None:
    """A module of stores has tests of its own and stands in the documentation."""
    names = {path.stem for path in STORES.glob("*.py")} - {"__init__", "memory"}
    assert names
    for name in names:
        assert (ROOT / "tests" / "quota" / f"test_{name}.py").exists()
        assert f"{name}://" in documentation()


def test_every_command_is_documented_and_there() -> None:
    """A line of the table of commands leads to a command, and users can read of it."""
    for name, entry in COMMANDS.items():
        module, _, attribute = entry.target.partition(":")
        command = getattr(import_module(module), attribute)
        assert (command.name, command.get_short_help_str(100)) == (name, entry.help)
        assert f"claro {name}" in documentation()


def test_every_event_is_public_and_documented() -> None:
    """An event of the union is a name of the package, and says what it is."""
    for event in get_args(events.Event):
        assert getattr(claro_async, event.__name__) is event
        assert event.__name__ in claro_async.__all__
        assert event.__doc__


def test_every_fault_is_documented() -> None:
    """A kind of fault stands in one of the two lists of faults."""
    pages = documentation()
    assert not [kind for kind in DETAILS_BY_KIND if f"`{kind}`" not in pages]

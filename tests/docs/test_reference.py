"""The reference has all public names; `nox -s docs` holds the same against the built site."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from tests.docs.pages import ROOT

REFERENCE = "\n".join(
    path.read_text("utf-8") for path in sorted((ROOT / "docs" / "reference").glob("*.md"))
)
MODULES = (
    "claro_async",
    "claro_async.communications_mining",
    "claro_async.emulator",
    "claro_async.errors",
    "claro_async.models",
    "claro_async.testing",
)


@pytest.mark.parametrize("module", MODULES)
def test_each_public_name_is_on_a_page(module: str) -> None:
    """A name of a public module stands on a line of `docs/reference/`."""
    names = set(import_module(module).__all__) - {"__version__"}
    line = re.compile(r"^(?:\.\. py:\w+:: [\w.]+\.)?(\w+)(?: without [\w ]+)?$", re.MULTILINE)
    found = set(line.findall(REFERENCE))
    assert not names - found, f"add to a page of docs/reference: {sorted(names - found)}"

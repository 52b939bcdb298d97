"""Which names are public, and where users import them from."""

from __future__ import annotations

import inspect
import re
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from sphinx.ext.autodoc.mock import mock  # type: ignore[attr-defined]  # for extensions

if TYPE_CHECKING:
    from types import ModuleType

MODULES = (
    "claro_async",
    "claro_async.communications_mining",
    "claro_async.connectors.otel",
    "claro_async.connectors.spark",
    "claro_async.emulator",
    "claro_async.errors",
    "claro_async.models",
    "claro_async.testing",
)

NOT_INSTALLED = ("pyspark",)
"""What public modules import and the site is built without; its names stay names."""

ROLE = re.compile(r":(class|exc|meth|attr|func|mod):`")


def load(module_name: str) -> ModuleType:
    """Import a public module."""
    with mock(list(NOT_INSTALLED)):
        return import_module(module_name)


def public_names() -> dict[str, object]:
    """Return each public object under the first of its public names."""
    found: dict[str, object] = {}
    seen: set[int] = set()
    for module_name in MODULES:
        module = load(module_name)
        for name in sorted(module.__all__):
            value = getattr(module, name)
            if name == "__version__" or id(value) in seen:
                continue
            if inspect.isclass(value) or inspect.isfunction(value):
                seen.add(id(value))
            found[f"{module_name}.{name}"] = value
    return found


@cache
def public_by_home() -> dict[str, str]:
    """Return the public name of each object by that of the module which defines it."""
    return {
        f"{value.__module__}.{value.__qualname__}": name
        for name, value in public_names().items()
        if inspect.isclass(value) or inspect.isfunction(value)
    }


def summary(value: object) -> str:
    """Return the first sentence of a docstring, on one line, as Markdown."""
    text = inspect.getdoc(value) or ""
    text = " ".join(text.partition("\n\n")[0].split()).replace("``", "`")
    return ROLE.sub(r"{py:\1}`", text)

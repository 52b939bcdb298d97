"""What an import brings in."""

import inspect
from collections.abc import Callable
from typing import Any

import claro_async

HEAVY = {"aiohttp", "cattrs", "claro_async.emulator", "click", "rich"}


def modules_after(statement: str) -> str:
    """Return code that runs a statement and prints the names of all modules then loaded."""
    return f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"


def test_import_is_nearly_free(ask_fresh_interpreter: Callable[[str], Any]) -> None:
    """`import claro_async` loads the names only: what stands behind them comes on use."""
    loaded = ask_fresh_interpreter(modules_after("import claro_async"))
    own = {name for name in loaded if name.startswith("claro_async")}
    assert own == {"claro_async", "claro_async._version"}
    assert sorted({"asyncio", "attrs", "msgspec"}.intersection(loaded)) == []


def test_client_leaves_out_what_its_methods_use(
    ask_fresh_interpreter: Callable[[str], Any],
) -> None:
    """The class alone loads settings and errors: no HTTP library, no models, no bulk engine."""
    loaded = ask_fresh_interpreter(modules_after("from claro_async import ClaroClient"))
    assert "claro_async.client" in loaded
    for_methods = {
        *("msgspec", "pyarrow", "sqlite3", "ssl", "tomllib", "claro_async._generated"),
        *("claro_async.bulk", "claro_async.dataset", "claro_async.options", "claro_async.paging"),
        *("claro_async.storage", "claro_async.transfers.export", "claro_async.wire"),
    }
    beyond = set(loaded) - set(ask_fresh_interpreter(modules_after("import asyncio, attr")))
    assert sorted((HEAVY | for_methods) & beyond) == []


def test_an_open_client_has_loaded_what_requests_need(
    ask_fresh_interpreter: Callable[[str], Any],
) -> None:
    """Opening loads the transport, so that no first request waits for imports of it."""
    opened = """import asyncio
from claro_async import ClaroClient

async def main():
    async with ClaroClient("key", "http://127.0.0.1:1/api/v2"):
        pass

asyncio.run(main())"""
    loaded = ask_fresh_interpreter(modules_after(opened))
    assert {"aiohttp", "cattrs", "msgspec", "claro_async.transport.transport"} <= set(loaded)
    assert sorted({"claro_async.emulator", "click", "rich", "pyarrow"}.intersection(loaded)) == []


def test_pytest_plugin_is_light(ask_fresh_interpreter: Callable[[str], Any]) -> None:
    """The plugin, which every pytest run of every user loads, brings in no server and no client."""
    loaded = ask_fresh_interpreter(modules_after("import pytest, claro_async.pytest_plugin"))
    assert sorted(HEAVY.intersection(loaded)) == []


def test_public_names_exist() -> None:
    """Every name in `__all__` resolves, once, to something documented where it can be."""
    names = claro_async.__all__
    assert len(names) == len(set(names))
    for name in names:
        value = getattr(claro_async, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), name


def test_public_names_are_listed_by_dir() -> None:
    """`dir(claro_async)` shows all public names, for completion in editors and shells."""
    assert set(claro_async.__all__) <= set(dir(claro_async))

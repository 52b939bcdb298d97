"""What the snippets of the documentation run in: an emulator, clients, files and names."""

from __future__ import annotations

import ast
import inspect
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import trustme

import claro_async
from claro_async import ClaroClient, CommunicationsMiningClient
from claro_async.emulator import Emulator, make_pdf

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    import pytest

    from tests.docs.pages import Block

DATASET = "550e8400-e29b-41d4-a716-446655440000"
Names = dict[str, Any]


async def run(block: Block, names: Names) -> None:
    """Run a block that may await at its top level; a traceback shows its page and line."""
    source = "\n" * (block.line - 1) + block.text
    code = compile(source, block.page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, names)  # noqa: S307 - the project's own page
    if inspect.isawaitable(result):
        await result


def point_environment_to(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients without arguments find the emulator."""
    monkeypatch.setenv("CLARO_API_KEY", emulator.api_key)
    monkeypatch.setenv("CLARO_BASE_URL", emulator.base_url)
    monkeypatch.setenv("COMMUNICATIONS_MINING_TOKEN", emulator.mining_token)
    monkeypatch.setenv("COMMUNICATIONS_MINING_BASE_URL", emulator.mining_base_url)


def write_files(folder: Path) -> None:
    """Write the files that snippets name."""
    folder.joinpath("document.pdf").write_bytes(make_pdf(["An invoice"]))
    trustme.CA().cert_pem.write_to_path(str(folder / "company.pem"))
    folder.joinpath("edits.csv").write_text("cell_id,value\ncell_1_1,Gadget\n")
    folder.joinpath("edits.jsonl").write_text('{"cell_id": "cell_1_1", "value": "Gadget"}\n')
    folder.joinpath("products.csv").write_text("product_name,price\nWidget B,31.5\n")
    folder.joinpath("prices.txt").write_text("product_name|price\nWidget C|9.5\n", "cp1252")


@asynccontextmanager
async def world(page: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> AsyncIterator[Names]:
    """Yield the names that a page's snippets begin with."""
    monkeypatch.chdir(folder)
    write_files(folder)
    async with Emulator() as emulator:
        point_environment_to(emulator, monkeypatch)
        async with ClaroClient() as claro, CommunicationsMiningClient() as mining:
            names: Names = {
                **{name: getattr(claro_async, name) for name in claro_async.__all__},
                "Emulator": Emulator,
                "emulator": emulator,
                "claro": claro,
                "mining": mining,
                "dataset": claro.dataset(DATASET),
            }
            PREPARED.get(page, nothing_more)(names)
            yield names


async def run_all(blocks: list[Block], given: Names) -> None:
    """Run the blocks of a page; what the page begins with is the same for each of them."""
    names: Names = {}
    for block in blocks:
        if block.text.startswith("import requests"):
            continue  # the documents' own: see `test_the_documents_own_snippets`
        names |= given
        await run(block, names)
    if main := names.get("main"):
        await main()
    for name, value in list(names.items()):
        if name.startswith("test_"):
            await run_test(value)


async def run_test(test: Callable[..., Awaitable[None]]) -> None:
    """Run a test that a page shows, with the fixture that it asks for."""
    if "claro_emulator" not in inspect.signature(test).parameters:
        await test()
        return
    with Emulator() as emulator:
        await test(emulator)


def nothing_more(names: Names) -> None:
    """Add nothing: most pages need no more."""


def for_mining(names: Names) -> None:
    """Add what the page on Communications Mining leaves to its reader."""

    async def handle(_: object) -> None:
        """Do something with a comment or with a continuation."""

    names["emulator"].mining.add_dataset("project", "name", 300)
    names["dataset"] = names["mining"].dataset("project", "name")
    names |= {"handle": handle, "save": handle, "since": datetime(2020, 1, 1, tzinfo=UTC)}


def for_readme(names: Names) -> None:
    """Add the function that the README's test is of."""

    async def trim_names(dataset: claro_async.Dataset) -> None:
        edits = [(row.cell("name").cell_id, row["name"].strip()) async for row in dataset.rows()]
        await dataset.update_cells(edits)

    names["trim_names"] = trim_names


PREPARED: dict[str, Callable[[Names], None]] = {
    "README.md": for_readme,
    "docs/communications-mining.md": for_mining,
    "claro_async/communications_mining/__init__.py": for_mining,
}

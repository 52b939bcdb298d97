"""The Python of the guide and of the docstrings runs as it stands, with addresses of the test."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("pyspark", reason="the extra [spark] is not installed")

from claro_async import ClaroClient
from tests.docs.pages import all_blocks, by_page, docstring_blocks
from tests.docs.test_snippets import ON_A_CLUSTER
from tests.docs.world import run_all

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

    from claro_async.emulator import Emulator

pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas")

PAGES = by_page(
    [
        block
        for block in (*all_blocks(), *docstring_blocks())
        if block.page.startswith(ON_A_CLUSTER)
    ],
    "python",
)


@pytest.mark.parametrize("page", PAGES)
def test_python_of_a_page(  # noqa: PLR0913, PLR0917 - fixtures
    page: str,
    spark: SparkSession,
    emulator: Emulator,
    redis: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The blocks of a page run one after the other, and the edits that they show arrive."""
    dataset = emulator.add_dataset("people", ["name"], [[f"name {at}"] for at in range(40)])
    emulator.mining.add_dataset("project", "name", 300)
    monkeypatch.setenv("CLARO_BASE_URL", emulator.base_url)
    monkeypatch.chdir(tmp_path)
    rows = [(f"cell_{at + 1}_1", f"new {at}") for at in range(20)]
    (tmp_path / "in").mkdir()
    frame = spark.createDataFrame(rows, "cell_id string, value string")
    names: dict[str, Any] = {
        "ClaroClient": ClaroClient,
        "spark": spark,
        "dataset_id": dataset,
        "corrections": frame,
        "quota": redis,
        "receipts": str(tmp_path / "receipts"),
        "checkpoint": str(tmp_path / "checkpoint"),
    }
    addresses = {
        "redis://host/0": redis,
        "s3://bucket/claro": str(tmp_path / "receipts"),
        '"d7e0"': repr(dataset),
        # processes of the cluster began before this emulator, so an option names it
        '.format("claro")': f'.format("claro").option("baseUrl", {emulator.base_url!r})',
        '.option("api", "mining")': (
            f'.option("api", "mining").option("baseUrl", {emulator.mining_base_url!r})'
            f'.option("token", {emulator.mining_token!r})'
        ),
    }
    for block in PAGES[page]:
        text = block.text
        for shown, real in addresses.items():
            text = text.replace(shown, real)
        if "writeStream" in text:
            frame.write.json(str(tmp_path / "in"), mode="overwrite")
            names["corrections"] = spark.readStream.schema(frame.schema).json(str(tmp_path / "in"))
        asyncio.run(run_all([replace(block, text=text)], names))
    for query in spark.streams.active:
        query.processAllAvailable()
        query.stop()
    assert {edit.cell_id for edit in emulator.ledger.edits} == {cell for cell, _ in rows}

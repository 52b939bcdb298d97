"""The Python snippets of docs/bulk.md, run one after the other against the emulator."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from claro_async import ClaroClient
from claro_async.emulator import Emulator

if TYPE_CHECKING:
    import pytest

PAGE = Path(__file__).parents[2] / "docs" / "bulk.md"


async def test_the_snippets_do_what_they_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each snippet runs as printed, and prints what the files and the dataset say."""
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("products.csv").write_text("product_name,price\nNut,2.5\nBolt,4\nX,1\n")
    tmp_path.joinpath("edits.jsonl").write_text('{"cell_id": "cell_1_2", "value": 3}\n')
    tmp_path.joinpath("prices.txt").write_text("product_name|price\nNut|9\n", "cp1252")
    columns: list[Any] = ["product_name", {"name": "price", "type": "number"}]
    async with Emulator(sample_world=False) as emulator:
        dataset_id = emulator.add_dataset("table", columns, [["Nut", 2.5], ["Bolt", 3]])
        async with ClaroClient(emulator.api_key, emulator.base_url) as claro:
            names: dict[str, Any] = {"claro": claro, "dataset": claro.dataset(dataset_id)}
            for snippet in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
                code = compile(snippet, PAGE.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
                result = eval(code, names)  # noqa: S307 - the project's own page
                if inspect.isawaitable(result):
                    await result
        values = emulator.values(dataset_id)
    assert values == {"cell_1_1": "Nut", "cell_1_2": 9, "cell_2_1": "Bolt", "cell_2_2": 4}
    assert capsys.readouterr().out.splitlines() == [
        "1 cells would change, 1 keys are unknown",
        "1 updated, 0 values did not fit",
        "1 of 1 edits applied",
        "Nut 9",
    ]

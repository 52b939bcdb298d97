"""The documents' own cURL, Python and JavaScript snippets, run against the emulator.

``snippets/`` holds them word for word, under the id of their operation. At run time only the
server's URL and the key are put in; the shell's variables and the browser's file field, which the
snippets leave to the reader, are set around them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from claro_async.emulator import OPERATION_IDS, Emulator, make_pdf

FOLDER = Path(__file__).parent / "snippets"
SAMPLES = Path(__file__).parent.parent / "spec" / "samples" / "claro"
SERVER = "https://secure-api.getclaro.ai/api/v2"

VARIABLES = {
    "DATASET_ID": "550e8400-e29b-41d4-a716-446655440000",
    "DATASOURCE_ID": "550e8400-e29b-41d4-a716-446655440000",
    "COLUMN_ID": "col_1",
    # "Must be in a raw data column" for the links and uploads, any cell for the rest.
    "CELL_ID": "cell_2_1",
}
FILE_FIELD = """
import { readFileSync } from "node:fs";
globalThis.document = {
  getElementById: () => ({ files: [new File([readFileSync("document.pdf")], "document.pdf")] }),
};
"""
JAVASCRIPT_END = """
if (!response.ok) throw new Error(await response.text());
console.log(await response.text());
"""
PYTHON_END = """
response.raise_for_status()
print(response.text)
"""


def program(language: str, text: str) -> tuple[list[str], str]:
    """Make a command, and what it reads on stdin, of a snippet."""
    if language == "bash":
        for tool in ("bash", "curl"):
            if shutil.which(tool) is None:
                pytest.skip(f"{tool} is not installed")
        return ["bash", "-s"], text.replace("curl ", "curl --fail-with-body --silent ", 1)
    if language == "javascript":
        if shutil.which("node") is None:
            pytest.skip("node is not installed")
        return ["node", "--input-type=module", "-"], FILE_FIELD + text + JAVASCRIPT_END
    return [sys.executable, "-P", "-"], text + PYTHON_END


def assert_same_shape(found: Any, sample: Any, place: str = "reply") -> None:
    """Hold a reply to a sample: the same fields, and values of the same types."""
    if place.endswith(".metadata"):
        assert isinstance(found, dict), place
    elif isinstance(sample, dict):
        assert isinstance(found, dict), place
        assert set(found) == set(sample), place
        for name, value in sample.items():
            assert_same_shape(found[name], value, f"{place}.{name}")
    elif isinstance(sample, list):
        assert isinstance(found, list), place
        if sample and found:
            assert_same_shape(found[0], sample[0], f"{place}[0]")
    elif sample is not None and found is not None:
        kinds = (int, float) if isinstance(sample, int | float) else type(sample)
        assert isinstance(found, kinds), place


def test_every_operation_has_its_snippets() -> None:
    """Each of the 15 operations is there in each of the three languages."""
    names = {path.name for path in FOLDER.iterdir()}
    languages = ("bash", "python", "javascript")
    assert names == {f"{one}.{language}" for one in OPERATION_IDS for language in languages}


@pytest.mark.parametrize("language", ["bash", "python", "javascript"])
@pytest.mark.parametrize("operation_id", sorted(OPERATION_IDS))
def test_a_snippet_succeeds(
    claro_emulator: Emulator, tmp_path: Path, operation_id: str, language: str
) -> None:
    """The snippet gets a success whose reply has the shape of the document's sample."""
    text = (FOLDER / f"{operation_id}.{language}").read_text(encoding="utf-8")
    assert SERVER in text
    text = text.replace(SERVER, claro_emulator.base_url)
    text = text.replace("YOUR_API_KEY", claro_emulator.api_key)
    (tmp_path / "document.pdf").write_bytes(make_pdf(["A document"]))
    command, source = program(language, text)
    done = subprocess.run(  # noqa: S603 - the documents' own programs
        command,
        input=source,
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, **VARIABLES},
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sample = json.loads((SAMPLES / f"{operation_id}.reply.json").read_text(encoding="utf-8"))
    assert_same_shape(json.loads(done.stdout), sample["body"])
    (record,) = claro_emulator.ledger.requests
    assert (record.operation, record.status) == (operation_id, 200)

"""The document's own cURL, Python and Node snippets, run against the emulator.

``snippets/`` holds them word for word, under the id of their operation. At run time only the
server, the project and, for the model tags, the dataset that the snippets leave out of the path
are put in. The Python snippets lack their imports; the Node snippets need the module ``request``,
which is no longer published as maintained, so a stand-in with its four calls is put beside them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.test_snippets import assert_same_shape

if TYPE_CHECKING:
    from claro_async.emulator import Emulator

FOLDER = Path(__file__).parent / "snippets"
SAMPLES = Path(__file__).parent.parent / "spec" / "samples" / "communications_mining"
SERVER = "https://<my_api_endpoint>/api/v1"
OPERATIONS = (
    "listAllDatasets",
    "getProjectDataset",
    "getModelTags",
    "createDataset",
    "updateDataset",
    "deleteDataset",
    "exportDataset",
)
"""The section "Get datasets by project" has no snippet."""

IMPORTS = "import json, os, requests\n"
REQUEST_MODULE = """
const call = (method) => (options, callback) => {
  const headers = { ...options.headers };
  let body;
  if (options.json) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(options.body);
  }
  fetch(options.url, { method, headers, body }).then(async (response) => {
    const text = await response.text();
    process.exitCode = response.ok ? 0 : 1;
    callback(null, { statusCode: response.status }, options.json ? JSON.parse(text) : text);
  }, callback);
};
module.exports = { get: call("GET"), put: call("PUT"), post: call("POST"), delete: call("DELETE") };
"""


def program(language: str, text: str, folder: Path) -> tuple[list[str], str]:
    """Make a command, and what it reads on stdin, of a snippet."""
    tools = {"bash": ("bash", "curl"), "javascript": ("node",), "python": ()}
    for tool in tools[language]:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    if language == "bash":
        return ["bash", "-s"], text.replace("curl ", "curl --fail-with-body --silent ", 1)
    if language == "javascript":
        module = folder / "node_modules" / "request"
        module.mkdir(parents=True)
        (module / "index.js").write_text(REQUEST_MODULE)
        return ["node", "-"], text
    return [sys.executable, "-P", "-"], IMPORTS + text + "response.raise_for_status()\n"


def printed(text: str) -> Any:
    """Read what a snippet printed; Node prints the body as a JSON string where it did not parse."""
    value = json.loads(text)
    return json.loads(value) if isinstance(value, str) else value


def test_every_operation_has_its_snippets() -> None:
    """Each of the seven sections with snippets has them in each of the three languages."""
    names = {path.name for path in FOLDER.iterdir()}
    languages = ("bash", "python", "javascript")
    assert names == {f"{one}.{language}" for one in OPERATIONS for language in languages}


@pytest.mark.parametrize("language", ["bash", "python", "javascript"])
@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_a_snippet_succeeds(
    claro_emulator: Emulator, tmp_path: Path, operation_id: str, language: str
) -> None:
    """The snippet gets a success whose reply has the shape of the document's sample."""
    text = (FOLDER / f"{operation_id}.{language}").read_text(encoding="utf-8")
    assert SERVER in text
    text = text.replace(SERVER, claro_emulator.mining_base_url).replace("<project>", "project")
    if operation_id == "getModelTags":  # the path line is right, the snippets are not
        text = text.replace("project/model-tags", "project/example/model-tags")
    command, source = program(language, text, tmp_path)
    done = subprocess.run(  # noqa: S603 - the document's own programs
        command,
        input=source,
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "REINFER_TOKEN": claro_emulator.mining_token},
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sample = json.loads((SAMPLES / f"{operation_id}.reply.json").read_text(encoding="utf-8"))
    assert_same_shape(printed(done.stdout), sample["body"])
    (record,) = claro_emulator.ledger.requests
    assert (record.operation, record.status) == (f"mining.{operation_id}", 200)

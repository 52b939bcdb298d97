"""Where the checkout is, and how to look at the package from a fresh interpreter."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "claro_async": ROOT / "claro_async",
    "claro_async/_generated/claro_api": ROOT / "generated" / "claro_api",
    "claro_async/_generated/communications_mining_api": ROOT
    / "generated"
    / "communications_mining_api",
}
"""Folders of the wheel, and those of the repository that they are made of."""


def source_files() -> set[str]:
    """Return every file of the checkout's packages, as its path inside the wheel."""
    return {
        f"{name}/{path.relative_to(folder).as_posix()}"
        for name, folder in PACKAGES.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyi"
    }


@pytest.fixture
def ask_fresh_interpreter(tmp_path: Path) -> Callable[[str], Any]:
    """Run code in a new interpreter outside the checkout; return what it prints, from JSON."""
    spec = importlib.util.find_spec("claro_async")
    assert spec is not None
    assert spec.origin is not None
    environment = os.environ | {"PYTHONPATH": str(Path(spec.origin).resolve().parents[1])}

    def ask(code: str) -> Any:
        command = [sys.executable, "-W", "error", "-c", code]
        done = subprocess.run(  # noqa: S603  # the code is a test's own
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return ask

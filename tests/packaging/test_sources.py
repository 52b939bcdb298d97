"""Rules that hold for every file of the repository."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import claro_async
from tests.packaging.conftest import ROOT

FOLDERS = ("benchmarks", "claro_async", "docs", "examples", "generated", "openapi", "tests", ".ci")
MAX_LINES = 400
FACADES = {
    "claro_async/dataset.py",
    "claro_async/emulator/_emulator.py",
    "claro_async/errors.py",
}
"""Mostly docstrings: what users read of one class stands in one place."""


def repository_files() -> list[Path]:
    """Return the files of the repository: top-level ones and those of its own folders."""
    nested = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
    return [
        path
        for path in (*ROOT.glob("*.*"), *nested)
        if path.is_file() and "__pycache__" not in path.parts
    ]


def package_indexes() -> set[str]:
    """Return hosts that this machine's pip is configured to ask."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    done = subprocess.run(  # noqa: S603  # fixed words
        command, check=False, capture_output=True, text=True
    )
    words = done.stdout.replace("'", " ").split()
    hosts = {word.split("/")[2] for word in words if word.startswith(("http://", "https://"))}
    return {host.rpartition("@")[2] for host in hosts}


def test_no_file_names_the_machine_it_was_written_on() -> None:
    """No file holds a path of the machine at hand or the host of its package index."""
    paths = {f"{ROOT}/", f"{Path.home()}/", f"{sys.prefix}/"} - {"//", "/"}
    needles = [needle.encode() for needle in paths | package_indexes()]
    found = [
        f"{path.relative_to(ROOT)}: {needle.decode()}"
        for path in repository_files()
        for needle in needles
        if needle in path.read_bytes()
    ]
    assert not found


def test_no_module_imports_what_the_root_has_for_users() -> None:
    """Inside the package every name is imported from its own module, so that layers hold."""
    found = [
        f"{path.relative_to(ROOT)}: {alias.name}"
        for path in (ROOT / "claro_async").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module, node.level) == ("claro_async", 0)
        for alias in node.names
        if alias.name in claro_async.__all__
    ]
    assert not found


@pytest.mark.parametrize("folder", ["claro_async", "openapi"])
def test_modules_stay_short(folder: str) -> None:
    """No hand-written module is longer than 400 lines, but for facades of delegates."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for path in (ROOT / folder).rglob("*.py")
    }
    for facade in FACADES:
        lengths.pop(facade, None)
    assert not {name: lines for name, lines in lengths.items() if lines > MAX_LINES}

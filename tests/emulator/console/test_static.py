"""How the page's files are served."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from claro_async.emulator.console import service

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator.console.conftest import Console


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of files that the next emulator serves as its page."""
    static = tmp_path / "static"
    (static / "vendor").mkdir(parents=True)
    (static / "index.html").write_text("<!doctype html><title>Console</title>")
    (static / "app.js").write_text("export {};")
    (static / "vendor" / "lib.mjs").write_text("export {};")
    (static / "vendor" / "LICENSE").write_text("MIT")
    (static / "style.css").write_text("")
    (static / "run.py").write_text("secret = 1")
    (tmp_path / "outside.txt").write_text("outside")
    monkeypatch.setattr(service, "packaged", lambda: static)
    return static


@pytest.mark.usefixtures("folder")
async def test_files_are_served_with_type_and_policy(bare: Console) -> None:
    """Each file of the folder under its path, by its ending; only own scripts may run."""
    types = {}
    for path in (
        "",
        "/",
        "/index.html",
        "/app.js",
        "/vendor/lib.mjs",
        "/style.css",
        "/vendor/LICENSE",
    ):
        answer = await bare.api.fetch("GET", bare.emulator.console_url + path)
        assert answer.status == 200
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        types[path] = answer.headers["Content-Type"].partition(";")[0]
    assert types == {
        "": "text/html",
        "/": "text/html",
        "/index.html": "text/html",
        "/app.js": "text/javascript",
        "/vendor/lib.mjs": "text/javascript",
        "/style.css": "text/css",
        "/vendor/LICENSE": "text/plain",
    }


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "path",
    [
        "/../outside.txt",
        "/%2e%2e/outside.txt",
        "/..%2Foutside.txt",
        "/vendor/..%5C..%5Coutside.txt",
        "//etc/hostname",
        "/vendor",
        "/none.js",
        "/run.py",
        "x",
        "/app.js/",
    ],
)
async def test_nothing_else_is_served(bare: Console, path: str) -> None:
    """No path leads out of the folder, no folder is listed, and unknown kinds stay inside."""
    answer = await bare.api.fetch("GET", bare.emulator.console_url + path)
    assert answer.status in {400, 404}
    assert b"outside" not in answer.body.replace(path.encode(), b"")


@pytest.mark.usefixtures("folder")
async def test_a_file_that_has_not_changed_is_not_sent_again(bare: Console, folder: Path) -> None:
    """By its ``ETag``; a changed one is."""
    url = f"{bare.emulator.console_url}/app.js"
    tag = {"If-None-Match": (await bare.api.fetch("GET", url)).headers["ETag"]}
    assert (await bare.api.fetch("GET", url, headers=tag)).status == 304
    (folder / "app.js").write_text("export const changed = 1;")
    assert (await bare.api.fetch("GET", url, headers=tag)).body == b"export const changed = 1;"
    assert (await bare.api.fetch("HEAD", url)).body == b""
    posted = await bare.api.fetch("POST", url, headers={"Content-Type": "application/json"})
    assert posted.status == 405

"""The command ``claro`` as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from claro_async.emulator import airports_csv

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMAND = [sys.executable, "-P", "-m", "claro_async.cli"]


@contextmanager
def running(
    *options: str, environment: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Start ``claro emulator`` and read its line."""
    with subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, "emulator", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    ) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()
            process.communicate()


def get(ready: dict[str, Any], path: str) -> tuple[int, Any, Any]:
    """Send a GET with the key that was printed."""
    request = urllib.request.Request(  # noqa: S310 - loopback
        ready["base_url"] + path, headers={"Authorization": f"Bearer {ready['api_key']}"}
    )
    try:
        with urllib.request.urlopen(request) as reply:  # noqa: S310 - loopback
            return reply.status, reply.headers, json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, json.load(error)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_it_tells_where_it_is_and_ends_on_a_signal(name: str) -> None:
    """One line of JSON on stdout, the log on stderr, and a clean end with a connection open."""
    with running() as (process, ready):
        mining = {"mining_base_url", "mining_token", "mining_datasets"}
        claro = {"base_url", "api_key", "datasets", "datasources", "console_url"}
        assert set(ready) == claro | mining
        assert ready["base_url"].endswith("/api/v2")
        assert (len(ready["datasets"]), len(ready["datasources"])) == (5, 8)
        status, _headers, listed = get(ready, "/datasets")
        assert status == 200
        assert [one["datasetId"] for one in listed["datasets"]] == ready["datasets"]
        port = int(ready["base_url"].split(":")[2].split("/")[0])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /api/v2/datasets HTTP/1.1\r\n")
            started = time.monotonic()
            process.send_signal(getattr(signal, name))
            out, err = process.communicate(timeout=10)
        assert time.monotonic() - started < 5
        assert (process.returncode, out) == (0, "")
        assert "listening on" in err
        assert "Traceback" not in err


def test_its_options_set_it_up(tmp_path: Path) -> None:
    """Seed, key, limit, window, latency and database do what they say."""
    seed = tmp_path / "airports.csv"
    seed.write_bytes(airports_csv())
    database = tmp_path / "state.db"
    options = ["--seed", str(seed), "--api-key", "k", "--rate-limit", "2", "--rate-window", "3600"]
    options += ["--latency-ms", "20", "--database", str(database), "--reset-format", "delta"]
    with running(*options) as (process, ready):
        assert ready["api_key"] == "k"
        (dataset,), (_source,) = ready["datasets"], ready["datasources"]
        started = time.monotonic()
        status, headers, details = get(ready, f"/datasets/{dataset}")
        assert time.monotonic() - started >= 0.02
        assert (status, details["name"], details["rowCount"]) == (200, "airports", 3376)
        assert headers["X-RateLimit-Limit"] == "2"
        assert headers["X-RateLimit-Reset"] == "3600"
        assert [get(ready, "/datasets")[0] for _ in range(2)] == [200, 429]
        process.terminate()
        assert process.wait(timeout=10) == 0
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM cells").fetchone() == (3376 * 7,)
    connection.close()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--host", "0.0.0.0"], "loopback"),  # noqa: S104 - that it is refused is shown
        (["--rate-limit", "0"], "rate-limit"),
        (["--rate-window", "0"], "rate-window"),
        (["--port", "70000"], "port"),
        (["--seed", "missing.csv"], "missing.csv"),
        (["--config", "missing.toml"], "missing.toml"),
        (["--latency", "1", "--latency-ms", "1"], "same option"),
        (["--open", "--no-console"], "needs the console"),
    ],
)
def test_bad_options_are_explained(options: list[str], text: str) -> None:
    """A mistake ends with a sentence on stderr and no traceback."""
    done = subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, "emulator", *options], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert done.stdout == ""
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_seed_is_explained(tmp_path: Path) -> None:
    """A seed file that cannot be read ends with a sentence, too."""
    seed = tmp_path / "a.json"
    seed.write_text("{")
    done = subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, "emulator", "--seed", str(seed)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")


@pytest.mark.parametrize("works", [True, False])
def test_it_opens_its_console_in_the_browser(tmp_path: Path, works: bool) -> None:  # noqa: FBT001 - a parameter
    """The browser gets the URL that is in the line; without one the log says where it is."""
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n' if works else "#!/bin/sh\nexit 1\n")
    browser.chmod(0o755)
    with running("--open", environment={"BROWSER": f"{browser} %s"}) as (process, ready):
        assert process.stderr is not None
        wanted = "opened" if works else "no browser"
        assert ready["console_url"] in next(line for line in process.stderr if wanted in line)
    assert opened.exists() is works
    assert not works or opened.read_text().strip() == ready["console_url"]


def test_help_brings_nothing_heavy_in() -> None:
    """``claro --help`` lists the commands without importing the server."""
    program = (
        "import sys; from click.testing import CliRunner;"
        "from claro_async.cli.app import claro;"
        "result = CliRunner().invoke(claro, ['--help']);"
        "assert 'emulator' in result.output and result.exit_code == 0, result.output;"
        "assert 'aiohttp' not in sys.modules"
    )
    subprocess.run([sys.executable, "-P", "-c", program], check=True)  # noqa: S603 - our own program


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    """Without click the command names the extra."""
    (tmp_path / "click.py").write_text("raise ModuleNotFoundError(name='click')")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(  # noqa: S603 - our own command
        COMMAND,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 1
    assert 'pip install "claro-async[cli]"' in done.stderr


def test_a_shell_can_take_its_lines() -> None:
    """With ``--format env`` the first lines set, in a shell, where it is and the keys let in."""
    key = "it's $HOME"
    with subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, "emulator", "--format", "env", "--api-key", key],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = "".join(process.stdout.readline() for _ in range(4))
        process.terminate()
        assert process.wait(timeout=10) == 0
    shown = subprocess.run(  # noqa: S603 - our own lines
        ["sh", "-c", f'{lines}printf "%s\\n" "$CLARO_API_KEY" "$CLARO_BASE_URL"'],  # noqa: S607 - any sh
        capture_output=True,
        text=True,
        check=True,
    )
    found, base_url = shown.stdout.splitlines()
    assert (found, base_url.endswith("/api/v2")) == (key, True)
    assert lines.count("export ") == 4
    assert "COMMUNICATIONS_MINING_TOKEN=emulator-mining-token" in lines

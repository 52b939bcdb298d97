"""The same options from Python, in a TOML file and on the command line."""

from __future__ import annotations

import dataclasses
import inspect
from typing import TYPE_CHECKING

import pytest

from claro_async.cli.emulator import emulator as command
from claro_async.emulator import Emulator, airports_csv
from claro_async.emulator import settings as options
from tests.emulator.test_cli import get, running

if TYPE_CHECKING:
    from pathlib import Path

EVERY = """
host = "localhost"
port = 0
api_key = "k"
database = "state.db"
rate_limit = 7
rate_window = 30
reset_format = "delta"
latency = 0.001
seed = ["airports.csv"]
sample_world = false
random_seed = 3
max_upload_size = 1000
metadata_on_request = true
mining_token = "t"
mining_seed = ["inbox.jsonl"]
console = false
"""
OF_THE_COMMAND = {"config", "ready_format", "is_opened", "latency_ms"}


def test_every_way_has_the_same_options() -> None:
    """Python, the file and the command have one list of names, but for the clock."""
    names = {field.name for field in dataclasses.fields(options.Settings)}
    assert set(options.EmulatorKeywords.__annotations__) == names
    assert {line.partition(" = ")[0] for line in EVERY.split("\n") if line} == names - {"clock"}
    assert {each.name for each in command.params} - OF_THE_COMMAND == names - {"clock"}
    documented = inspect.getdoc(Emulator) or ""
    assert not [name for name in names if f"    {name}: " not in documented]


@pytest.fixture
def every(tmp_path: Path) -> Path:
    """A file with every option, beside the files that it names."""
    (tmp_path / "airports.csv").write_bytes(airports_csv())
    (tmp_path / "inbox.jsonl").write_text(
        '{"uid": "a.1", "timestamp": "2020-01-01T00:00:00Z", "text": "Hello"}\n'
    )
    path = tmp_path / "emulator.toml"
    path.write_text(EVERY)
    return path


def test_a_file_sets_everything_up(every: Path) -> None:
    """Paths are found from the file's own folder, and an argument counts in place of the file's."""
    with Emulator.from_file(every, mining_token="other") as emulator:
        assert (emulator.api_key, emulator.mining_token, emulator.has_console) == (
            "k",
            "other",
            False,
        )
        assert emulator.base_url.startswith("http://localhost:")
        (dataset_id,) = emulator.dataset_ids()
        assert len(emulator.values(dataset_id)) == 3376 * 7
        assert emulator.mining.uids("project", "inbox") == ["a.1"]
    assert every.with_name("state.db").exists()


def test_the_command_reads_the_same_file(every: Path) -> None:
    """Options that are given count in place of the file's; the ready line says where it is."""
    with running("--config", str(every), "--rate-limit", "9", "--console") as (_process, ready):
        assert (ready["api_key"], ready["mining_datasets"]) == ("k", ["project/inbox"])
        assert len(ready["datasets"]) == 1
        assert ready["console_url"] == ready["base_url"].replace("/api/v2", "/_emulator")
        status, headers, _listed = get(ready, "/datasets")
        assert (status, headers["X-RateLimit-Limit"], headers["X-RateLimit-Reset"]) == (
            200,
            "9",
            "30",
        )
    with running("--config", str(every)) as (_process, ready):
        assert "console_url" not in ready


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = ", "bad.toml: "),
        ("colour = 1", "bad.toml: colour is no option; there are host, port"),
        ("clock = 1", "bad.toml: clock is no option"),
        ('port = "80"', "bad.toml: port must be a whole number"),
        ("port = true", "bad.toml: port must be a whole number"),
        ("latency = false", "bad.toml: latency must be a number"),
        ("console = 1", "bad.toml: console must be true or false"),
        ('seed = "a.csv"', "bad.toml: seed must be a list of file names"),
        ("seed = [1]", "bad.toml: seed must be a list of file names"),
        ("port = 70000", "port must be from 0 to 65535"),
        ('reset_format = "epochs"', "reset_format must be one of epoch, "),
        ("latency = -1", "latency must be"),
        ("latency = nan", "latency must be"),
        ("max_upload_size = 0", "max_upload_size must be"),
        ("rate_limit = 0", "rate_limit must be"),
    ],
)
def test_a_file_that_is_wrong_is_explained(tmp_path: Path, text: str, said: str) -> None:
    """The error names the file, the option, and what it has to be."""
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=said.replace(".", r"\.")):
        Emulator.from_file(path)


def test_an_option_that_there_is_not_is_refused() -> None:
    """Python says so by itself."""
    with pytest.raises(TypeError, match="colour"):
        Emulator(colour=1)  # type: ignore[call-arg] # the mistake

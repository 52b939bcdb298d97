"""Commands against a server that misbehaves, and against none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.conftest import Done, World

    Claro = Callable[..., Done]

DATASET = "your-dataset-id"


@pytest.fixture
def fault(world: World) -> Iterator[Callable[..., None]]:
    """Switch a fault of the emulator on, for the time of a test."""
    added: list[Any] = []

    def add(operation: str, kind: str, **details: Any) -> None:
        added.append(world.emulator.faults.add(operation, kind, **details))

    yield add
    for each in added:
        each.remove()


@pytest.mark.parametrize(
    ("operation", "kind", "details", "arguments"),
    [
        ("listDatasets", "status", {"status": 503}, ["datasets", "list"]),
        ("getDatasetData", "reset", {}, ["rows", DATASET]),
        ("getDatasetData", "truncate", {}, ["rows", DATASET]),
        ("download", "truncate", {}, ["export", DATASET, "-o", "x.csv"]),
        ("deleteDatasource", "reset", {"apply": True}, ["datasources", "delete", "--yes"]),
    ],
)
def test_what_passes_is_not_noticed(  # noqa: PLR0913 - a fault and a command
    claro: Claro,
    world: World,
    fault: Callable[..., None],
    *,
    operation: str,
    kind: str,
    details: dict[str, Any],
    arguments: list[str],
) -> None:
    """A fault that strikes once is retried: the command ends as if nothing had been."""
    fault(operation, kind, times=1, **details)
    if "delete" in arguments:
        source = world.emulator.add_datasource(b"text", file_name="a.txt")
        arguments = [*arguments, source]
    done = claro(*arguments)
    assert (done.status, done.err) == (0, "")
    assert done.records


@pytest.mark.parametrize(
    ("operation", "kind", "details", "status", "next_step"),
    [
        ("listDatasets", "status", {"status": 403}, 4, "--profile NAME"),
        ("listDatasets", "html", {"status": 400}, 1, ""),
        ("listDatasets", "rate_limit", {"retry_after": 7200}, 1, "claro doctor"),
        ("listDatasets", "status", {"status": 503}, 1, "again in a while"),
    ],
)
def test_what_lasts_is_explained(  # noqa: PLR0913 - a fault and what comes of it
    claro: Claro,
    fault: Callable[..., None],
    *,
    operation: str,
    kind: str,
    details: dict[str, Any],
    status: int,
    next_step: str,
) -> None:
    """A fault that goes on ends with its exit status, one line, and the next step."""
    fault(operation, kind, **details)
    done = claro("datasets", "list")
    assert (done.status, done.out) == (status, "")
    assert next_step in done.err
    assert 1 <= len(done.err.splitlines()) <= 2


def test_a_locked_dataset_says_what_to_do(
    claro: Claro, fault: Callable[..., None], tmp_path: Path
) -> None:
    """While a dataset is being processed, the way out is to wait for it."""
    fault("exportDataset", "stuck_processing")
    done = claro("export", DATASET, "-o", "x.csv")
    assert (done.status, "claro datasets wait DATASET" in done.err) == (1, True)
    assert not (tmp_path / "x.csv").exists()


def test_a_lost_reply_that_may_not_be_repeated_is_told_as_such(
    claro: Claro, fault: Callable[..., None]
) -> None:
    """A raw POST whose reply is lost is in doubt: it is not sent again, and that is said."""
    fault("linkDatasource", "reset", apply=True)
    done = claro(
        *("request", "POST", f"/datasets/{DATASET}/cells/cell_2_3/link-datasource"),
        *("-d", '{"datasourceId": "datasource-2"}'),
    )
    assert (done.status, "see whether it was applied" in done.err) == (1, True)


def test_a_dead_server_is_named(claro: Claro) -> None:
    """Where nobody listens, the error names ``claro doctor``."""
    done = claro("request", "POST", "/x", CLARO_BASE_URL="http://127.0.0.1:9/api/v2")
    assert (done.status, "claro doctor" in done.err) == (1, True)


@pytest.mark.parametrize(
    "options",
    [
        ["--quota", "nonsense"],
        ["--proxy", "ftp://x"],
        ["--base-url", "http://elsewhere.example/api/v2"],
        ["--profile", "nobody"],
    ],
)
def test_settings_that_cannot_work_are_a_wrong_call(claro: Claro, options: list[str]) -> None:
    """A global option that cannot work ends with status 2 before anything is sent."""
    done = claro("datasets", "list", *options)
    assert (done.status, done.out) == (2, "")
    assert len(done.err.splitlines()) == 2


def test_settings_that_work_are_used(claro: Claro, tmp_path: Path) -> None:
    """A shared quota and a proxy that plain http leaves out change nothing of the data."""
    quota = f"file://{tmp_path}/quota"
    done = claro("datasets", "list", "--quota", quota, "--proxy", "none")
    assert (done.status, len(done.records)) == (0, 5)
    assert (tmp_path / "quota").exists()

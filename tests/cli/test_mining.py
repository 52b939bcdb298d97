"""Commands of Communications Mining."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Done, World

    Claro = Callable[..., Done]

EXAMPLE = "project/example"


def test_datasets_are_listed_and_shown(claro: Claro) -> None:
    """Datasets of Communications Mining are named by project and name."""
    names = [record["name"] for record in claro("mining", "datasets", "list").records]
    assert "example" in names
    assert claro("mining", "datasets", "list", "--project", "project").status == 0
    assert claro("mining", "datasets", "get", EXAMPLE).record["name"] == "example"
    assert claro("mining", "datasets", "get", "example").status == 2
    assert claro("mining", "datasets", "get", "project/nothing").status == 1


def test_a_dataset_is_made_changed_and_deleted(claro: Claro) -> None:
    """A dataset lives through the commands; deleting wants ``--yes``."""
    name = "project/made-here"
    made = claro("mining", "datasets", "create", name, "--title", "One")
    assert made.status == 0
    changed = claro("mining", "datasets", "update", name, "--title", "Two").record
    assert changed["title"] == "Two"
    assert claro("mining", "datasets", "delete", name).status == 2
    assert claro("mining", "datasets", "delete", name, "--yes").status == 0
    assert claro("mining", "datasets", "get", name).status == 1


def test_comments_are_exported_to_a_pipe_and_to_a_file(
    claro: Claro, tmp_path: Path, world: World
) -> None:
    """Comments go to stdout or to a file, chosen by time; each comes once."""
    every = claro("mining", "datasets", "export", EXAMPLE).records
    uids = [comment["comment"]["uid"] for comment in every]
    assert len(set(uids)) == len(uids) > 900
    moments = sorted(comment["comment"]["timestamp"] for comment in every)
    middle = moments[len(moments) // 2]
    done = claro(
        *("mining", "datasets", "export", EXAMPLE, "-o", "c.jsonl", "--from", middle),
        *("--checkpoint", "c.checkpoint"),
    ).record
    lines = (tmp_path / "c.jsonl").read_text("utf-8").splitlines()
    wanted = [moment for moment in moments if moment >= middle]
    assert len(lines) == done["comments"] == len(wanted)
    assert {json.loads(line)["comment"]["timestamp"] for line in lines} == set(wanted)
    assert world.emulator.ledger is not None
    refused = claro("mining", "datasets", "export", EXAMPLE, "--checkpoint", "c")
    assert (refused.status, "-o FILE" in refused.err) == (2, True)
    assert claro("mining", "datasets", "export", EXAMPLE, "--to", "soon").status == 2


def test_a_quota_is_for_the_claro_api_only(claro: Claro, tmp_path: Path) -> None:
    """``--quota`` with Communications Mining is refused, and says why."""
    done = claro("mining", "datasets", "list", "--quota", f"file://{tmp_path}/q")
    assert (done.status, "Communications Mining has none" in done.err) == (2, True)

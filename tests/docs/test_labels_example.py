"""The example that brings labels from one API to the other, run against the emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from claro_async.emulator import Emulator
from claro_async.errors import ClaroError
from tests.docs.test_bulk_examples import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

COMMENTS = [
    ("src.1", ["Order > Late", "Order"]),
    ("src.2", []),
    ("src.3", ["Praise"]),
    ("src.4", ["Praise"]),
    ("src.9", ["Access"]),
]
EXPECTED = ["Order; Order > Late", None, "Praise", "Praise", "kept"]


@pytest.fixture
async def emulator(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Emulator]:
    """An emulator of both APIs that the environment points to, with five comments."""
    async with Emulator(sample_world=False) as running:
        monkeypatch.setenv("CLARO_API_KEY", running.api_key)
        monkeypatch.setenv("CLARO_BASE_URL", running.base_url)
        monkeypatch.setenv("COMMUNICATIONS_MINING_TOKEN", running.mining_token)
        monkeypatch.setenv("COMMUNICATIONS_MINING_BASE_URL", running.mining_base_url)
        comments: list[dict[str, Any]] = [
            {
                "comment": {"uid": uid, "timestamp": "2024-01-01T00:00:00Z", "text": "Hello"},
                "annotations": {"labels": {"assigned": [{"name": name} for name in names]}},
            }
            for uid, names in COMMENTS
        ]
        running.mining.add_dataset("support", "inbox", comments)
        yield running


def add_tickets(emulator: Emulator) -> str:
    """A dataset with a row for four of the comments; one has its labels already."""
    rows: list[list[Any]] = [
        ["src.1", None],
        ["src.2", None],
        ["src.3", "old"],
        ["src.4", "Praise"],
        ["x", "kept"],
    ]
    return emulator.add_dataset("Tickets", ["comment", "labels"], rows)


def labels(emulator: Emulator, dataset_id: str) -> list[Any]:
    """What is in the column of labels."""
    return list(emulator.values(dataset_id).values())[1::2]


async def test_labels_to_cells(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each labelled comment's row gets its labels; what is right already is not sent."""
    dataset_id = add_tickets(emulator)
    main = load("labels_to_cells").main
    arguments = ("support/inbox", dataset_id, "comment", "labels", str(tmp_path / "run"))
    await main(*arguments)
    assert labels(emulator, dataset_id) == EXPECTED
    assert len(emulator.ledger.edits) == 2
    assert capsys.readouterr().out == (
        "2 cells updated, 1 had their labels already, 1 comments have no row\n"
    )
    await main(*arguments)  # finds all done
    assert len(emulator.ledger.edits) == 2


@pytest.mark.parametrize(
    ("operation", "after"),
    [("mining.exportDataset", 0), ("getDatasetData", 0), ("updateCell", 0), ("updateCell", 1)],
)
async def test_labels_to_cells_resumed(
    emulator: Emulator, tmp_path: Path, operation: str, after: int
) -> None:
    """Stopped at any stage and started again, it ends as if it had never been stopped."""
    dataset_id = add_tickets(emulator)
    main = load("labels_to_cells").main
    arguments = ("support/inbox", dataset_id, "comment", "labels", str(tmp_path / "run"))
    fault = emulator.faults.add(operation, "status", status=401, after=after)
    try:
        await main(*arguments)
    except ClaroError:
        assert operation != "updateCell"
    fault.remove()
    await main(*arguments)
    assert labels(emulator, dataset_id) == EXPECTED

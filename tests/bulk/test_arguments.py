"""Arguments of bulk updates that would do something else than they seem to are refused."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import BulkUpdateError, JournalError, journal_status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from claro_async import ClaroClient, Dataset
    from claro_async.emulator import Emulator

EDITS = [("cell_1_1", "new")]


class Later:
    """A callable that would have to be awaited."""

    async def __call__(self, *_: object) -> bool:
        """Never awaited."""
        return True

    def answer(self, *values: object) -> Any:
        """A plain function that returns a coroutine."""
        return self(*values)


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"skip_unchanged": 1}, ValueError, "skip_unchanged must be True, False or 'auto', not 1"),
        ({"skip_unchanged": []}, ValueError, "skip_unchanged must be"),
        ({"resume": "no", "journal": "x"}, TypeError, "resume must be True or False, not 'no'"),
        ({"resume": True}, ValueError, "pass journal= as well"),
        ({"journal_values": 0}, TypeError, "journal_values must be True or False, not 0"),
        ({"journal": ""}, ValueError, "journal must be the path of a file"),
        ({"journal": "a\0b"}, ValueError, "journal must be the path of a file"),
        ({"journal": b"run"}, TypeError, "journal must be the path of a file"),
        ({"journal": True}, TypeError, "journal must be the path of a file"),
        ({"reserve": "0.1"}, TypeError, "reserve must be a number, not str"),
        ({"on_progress": Later()}, TypeError, "on_progress must be a plain function"),
        ({"equal": Later()}, TypeError, "equal must be a plain function"),
        ({"equal": partial(Later.__call__, Later())}, TypeError, "equal must be a plain function"),
        ({"stop": asyncio.Event}, TypeError, "stop must be an asyncio.Event"),
        ({"stop": threading.Event()}, TypeError, "blocks: set an asyncio.Event by"),
        ({"stop": multiprocessing.Event()}, TypeError, "blocks: set an asyncio.Event by"),
    ],
)
async def test_what_an_option_cannot_be(
    emulator: Emulator,
    make_dataset: Callable[..., Dataset],
    options: dict[str, Any],
    kind: type[Exception],
    text: str,
) -> None:
    """An option of another kind raises at once, by its name, and nothing is sent."""
    with pytest.raises(kind) as caught:
        await make_dataset(1).update_cells(EDITS, **options)
    assert text in str(caught.value)
    assert emulator.ledger.requests == []


@pytest.mark.parametrize("path", ["", b"run", None, "a\0b"])
async def test_what_a_journal_cannot_be(client: ClaroClient, path: Any) -> None:
    """Whatever takes the name of a journal says so where it is none."""
    for use in (client.resume_updates, client.revert_updates, client.journal_status):
        with pytest.raises((TypeError, ValueError), match="journal must be the path of a file"):
            await use(path)


async def test_a_folder_is_no_journal(
    tmp_path: Path, client: ClaroClient, make_dataset: Callable[..., Dataset]
) -> None:
    """A folder is not said to be missing, neither by a resume nor by a job that may resume."""
    uses = (
        client.resume_updates(tmp_path),
        client.revert_updates(tmp_path),
        make_dataset(1).update_cells(EDITS, journal=tmp_path, resume=True),
    )
    for use in uses:
        with pytest.raises(JournalError, match="is not a journal"):
            await use
    with pytest.raises(JournalError, match="is not a journal"):
        journal_status(tmp_path)


async def test_a_comparison_that_would_have_to_be_awaited_decides_nothing(
    emulator: Emulator, make_dataset: Callable[..., Dataset]
) -> None:
    """A coroutine is true, and would make every edit unchanged: it is an error instead."""
    with pytest.raises(TypeError, match="returned a coroutine"):
        await make_dataset(1).update_cells(EDITS, equal=Later().answer, skip_unchanged=True)
    assert emulator.ledger.count("updateCell") == 0


async def test_a_progress_callback_that_would_have_to_be_awaited_is_noted(
    make_dataset: Callable[..., Dataset],
) -> None:
    """A callback that returns a coroutine ends nothing, and the report says why it did nothing."""
    report = await make_dataset(1).update_cells(EDITS, on_progress=Later().answer)
    assert report.updated == 1
    assert "returned a coroutine" in report.notes[0]


async def test_a_table_is_no_list_of_edits(
    emulator: Emulator, make_dataset: Callable[..., Dataset]
) -> None:
    """A data frame, iterated over, gives the names of its columns: the error names the way."""

    class Frame(list[str]):
        columns = ("cell_id", "value")

        def __arrow_c_stream__(self) -> None: ...

    with pytest.raises(TypeError, match="update_from"):
        await make_dataset(1).update_cells(Frame(["cell_id", "value"]))  # type: ignore[arg-type]
    assert emulator.ledger.requests == []


class Cell(str, Enum):  # noqa: UP042 - whose str() is another text
    """Identifiers that are texts of another type, as numpy's are."""

    FIRST = "cell_1_1"
    ROW = "row_2"
    COLUMN = "name"


async def test_identifiers_of_other_types_of_text(
    tmp_path: Path, emulator: Emulator, make_dataset: Callable[..., Dataset]
) -> None:
    """An identifier that is a subclass of str can be staged, stored and gone on with."""
    edits: list[Any] = [(Cell.FIRST, "one"), (Cell.ROW, Cell.COLUMN, "two")]
    dataset = make_dataset(2)
    report = await dataset.update_cells(edits, journal=tmp_path / "run")
    again = await dataset.update_cells(
        [("cell_1_1", "one"), ("row_2", "name", "two")], journal=tmp_path / "run", resume=True
    )
    assert (report.updated, again.updated) == (2, 2)
    assert emulator.values(dataset.dataset_id)["cell_2_1"] == "two"


async def test_more_workers_than_edits_cost_nothing(make_dataset: Callable[..., Dataset]) -> None:
    """A job makes no more tasks than it has edits, whatever `max_concurrency` is."""
    tasks: list[int] = []
    report = await make_dataset(3).update_cells(
        [*EDITS, ("cell_2_1", "new")],
        max_concurrency=10**6,
        on_progress=lambda _: tasks.append(len(asyncio.all_tasks())),
    )
    assert report.updated == 2
    assert 0 < max(tasks) < 20


@pytest.mark.parametrize("bad", ["junk", ("row_9", "name", "x")], ids=["no edit", "no such row"])
async def test_a_failure_that_planning_finds_is_the_first(
    tmp_path: Path, emulator: Emulator, make_dataset: Callable[..., Dataset], bad: Any
) -> None:
    """With ``on_error="raise"`` nothing is sent once planning has found an edit that fails."""
    edits = (each for each in [*EDITS, bad])
    with pytest.raises(BulkUpdateError) as caught:
        await make_dataset(1).update_cells(edits, journal=tmp_path / "run", on_error="raise")
    assert (caught.value.report.failed, caught.value.report.not_sent) == (1, 1)
    assert emulator.ledger.count("updateCell") == 0


@pytest.mark.parametrize("kind", ["edits", "table"])
async def test_a_plan_outlives_the_wrong_name_of_a_journal(
    tmp_path: Path, emulator: Emulator, make_dataset: Callable[..., Dataset], kind: str
) -> None:
    """Where the journal cannot be made the plan stays, and is applied with another name."""
    dataset = make_dataset(1)
    if kind == "edits":
        plan = await dataset.plan_updates(EDITS)
    else:
        plan = await dataset.plan_from([{"name": "name 0", "size": 9}], key="name")
    with pytest.raises(JournalError, match="exists already"):
        await plan.apply(journal=tmp_path)
    assert emulator.ledger.count("updateCell") == 0

    assert (await plan.apply(journal=tmp_path / "run")).updated == 1
    with pytest.raises(RuntimeError, match="make another one"):
        await plan.apply()

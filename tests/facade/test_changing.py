"""What changes cells, columns, datasets and data sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from claro_async import (
    CellNotFoundError,
    ColumnNotFoundError,
    DatasetNotFoundError,
    DatasourceNotFoundError,
    InvalidRequestError,
    InvalidTaskTypeError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ProcessingInProgressError,
    RawColumnRequiredError,
    TaskType,
)
from claro_async.emulator import (
    AppliedColumnUpdate,
    AppliedDelete,
    AppliedLink,
    AppliedTaskType,
)
from tests.wire.operations import CELL, COLUMN, DATASET, DATASOURCE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from claro_async import ClaroClient
    from claro_async.emulator import Emulator
    from claro_async.options import ServerFormatName, TaskTypeName


async def test_a_cell_is_set(emulator: Emulator, client: ClaroClient) -> None:
    """The value arrives, and the result tells what was there before."""
    result = await client.dataset(DATASET).update_cell(CELL, "Gadget")
    assert (result.cell_id, result.value, result.previous_value) == (CELL, "Gadget", "Widget A")
    (edit,) = emulator.ledger.edits
    assert (edit.dataset_id, edit.cell_id, edit.value) == (DATASET, CELL, "Gadget")


async def test_a_lost_reply_to_a_cell_is_made_good(emulator: Emulator, client: ClaroClient) -> None:
    """The same value is written twice, and the result's previous value is then our own."""
    emulator.faults.add("updateCell", "reset", apply=True, times=1)
    result = await client.dataset(DATASET).update_cell(CELL, "Gadget")
    assert result.previous_value == "Gadget"
    assert [edit.value for edit in emulator.ledger.edits] == ["Gadget", "Gadget"]
    assert emulator.ledger.max_in_flight_per_cell == 1


async def test_a_column_is_renamed_and_described(emulator: Emulator, client: ClaroClient) -> None:
    """Name and metadata are sent as far as they are given."""
    dataset = client.dataset(DATASET)
    await dataset.update_column(COLUMN, name="article")
    result = await dataset.update_column(COLUMN, metadata={"extractionPrompt": "Find it"})
    assert result.column_id == COLUMN
    changes = [each for each in emulator.ledger.applied if isinstance(each, AppliedColumnUpdate)]
    assert [change.name for change in changes] == ["article", "article"]
    assert changes[1].metadata == {"extractionPrompt": "Find it"}
    with pytest.raises(ValueError, match="nothing to change"):
        await dataset.update_column(COLUMN)
    assert emulator.ledger.count() == 2


async def test_a_task_type_is_set(emulator: Emulator, client: ClaroClient) -> None:
    """The change tells what was reset, and was sent once."""
    change = await client.dataset(DATASET).set_task_type(
        COLUMN, TaskType.AI_ENRICH, metadata={"prompt": "Describe"}, confirm=COLUMN
    )
    assert change.task_type == TaskType.AI_ENRICH
    assert change.affected_cells == 2
    assert change.updated_at is not None
    assert not change.confirmed_by_read
    assert emulator.ledger.count("updateColumnTaskType") == 1


@pytest.mark.parametrize("kind", ["reset", "truncate", "status"])
async def test_a_lost_reply_to_a_task_type_is_settled_by_reading(
    kind: str, emulator: Emulator, client: ClaroClient
) -> None:
    """If the type was another before and is the wanted one now, it was our doing."""
    details: dict[str, Any] = {} if kind == "truncate" else {"apply": True}
    emulator.faults.add("updateColumnTaskType", kind, **details)
    change = await client.dataset(DATASET).set_task_type(COLUMN, "web_enrich", confirm=COLUMN)
    assert change.confirmed_by_read
    assert change.task_type == TaskType.WEB_ENRICH
    assert change.previous_task_type != TaskType.WEB_ENRICH
    assert change.affected_cells is None
    applied = [each for each in emulator.ledger.applied if isinstance(each, AppliedTaskType)]
    assert len(applied) == emulator.ledger.count("updateColumnTaskType") == 1


async def test_a_task_type_that_did_not_change_stays_unknown(
    emulator: Emulator, client: ClaroClient
) -> None:
    """If the type is still the old one, the outcome is unknown; nothing is sent again."""
    emulator.faults.add("updateColumnTaskType", "reset", apply=False)
    with pytest.raises(OutcomeUnknownError) as caught:
        await client.dataset(DATASET).set_task_type(COLUMN, "web_enrich", confirm=COLUMN)
    assert caught.value.operation == "updateColumnTaskType"
    assert emulator.ledger.count("updateColumnTaskType") == 1


async def test_the_same_task_type_again_cannot_be_settled_by_reading(
    emulator: Emulator, client: ClaroClient
) -> None:
    """If the type was the wanted one before, reading it shows nothing of the reset."""
    dataset = client.dataset(DATASET)
    await dataset.set_task_type(COLUMN, "web_enrich", confirm=COLUMN)
    emulator.faults.add("updateColumnTaskType", "reset", apply=True)
    with pytest.raises(OutcomeUnknownError):
        await dataset.set_task_type(COLUMN, "web_enrich", confirm=COLUMN)


async def test_a_task_type_that_cannot_be_read_back_stays_unknown(
    emulator: Emulator, client: ClaroClient
) -> None:
    """A failure to read the column does not hide that the change may have been made."""
    emulator.faults.add("updateColumnTaskType", "reset", apply=True)
    emulator.faults.add("getDataset", "status", status=500, after=1)
    with pytest.raises(OutcomeUnknownError) as caught:
        await client.dataset(DATASET).set_task_type(COLUMN, "web_enrich", confirm=COLUMN)
    assert caught.value.operation == "updateColumnTaskType"


async def test_destructive_calls_want_the_id_repeated(
    emulator: Emulator, client: ClaroClient
) -> None:
    """Another `confirm` than the id is refused before anything is sent."""
    with pytest.raises(ValueError, match="confirm='dataset-1'"):
        await client.dataset(DATASET).delete(confirm="dataset-2")
    with pytest.raises(ValueError, match="confirm='datasource-1'"):
        await client.datasource(DATASOURCE).delete(confirm="")
    with pytest.raises(ValueError, match="confirm='col_1'"):
        await client.dataset(DATASET).set_task_type(COLUMN, "web_enrich", confirm="col_2")
    with pytest.raises(TypeError):
        await client.dataset(DATASET).delete()  # type: ignore[call-arg]
    assert emulator.ledger.requests == []


@pytest.mark.parametrize("task_type", ["ai_enrich", "places_count"])
@pytest.mark.parametrize("metadata", [None, {}, {"prompt": ""}])
async def test_a_prompt_is_wanted_where_the_documents_want_one(
    task_type: TaskTypeName,
    metadata: dict[str, Any] | None,
    emulator: Emulator,
    client: ClaroClient,
) -> None:
    """`ai_enrich` and `places_count` without a prompt are refused before anything is sent."""
    with pytest.raises(ValueError, match="'prompt'"):
        await client.dataset(DATASET).set_task_type(
            COLUMN, task_type, metadata=metadata, confirm=COLUMN
        )
    with pytest.raises(ValueError, match="must be one of"):
        await client.dataset(DATASET).set_task_type(COLUMN, cast("Any", "nope"), confirm=COLUMN)
    assert emulator.ledger.requests == []


async def test_a_data_source_is_linked(emulator: Emulator, client: ClaroClient) -> None:
    """The link is made and shows in the cell."""
    link = await client.dataset(DATASET).link_datasource(CELL, DATASOURCE)
    assert (link.cell_id, link.datasource_id) == (CELL, DATASOURCE)
    assert [each for each in emulator.ledger.applied if isinstance(each, AppliedLink)]
    page = await client.dataset(DATASET).rows()
    assert page.rows[0].cell("product").linked_datasource == DATASOURCE


@pytest.mark.parametrize("what", ["dataset", "datasource"])
async def test_a_deletion(what: str, client: ClaroClient) -> None:
    """What is deleted is gone, and the result says when."""
    handle: Any = client.dataset(DATASET) if what == "dataset" else client.datasource(DATASOURCE)
    identifier = DATASET if what == "dataset" else DATASOURCE
    deletion = await handle.delete(confirm=identifier)
    assert getattr(deletion, f"{what}_id") == identifier
    assert not deletion.confirmed_by_absence
    assert deletion.deleted_at is not None
    with pytest.raises(NotFoundError):
        await handle.get()
    with pytest.raises(NotFoundError):
        await handle.delete(confirm=identifier)


@pytest.mark.parametrize("what", ["dataset", "datasource"])
async def test_a_lost_reply_to_a_deletion(
    what: str, emulator: Emulator, client: ClaroClient
) -> None:
    """A 404 after our own attempt in doubt counts as deleted, and says how it is known."""
    handle: Any = client.dataset(DATASET) if what == "dataset" else client.datasource(DATASOURCE)
    identifier = DATASET if what == "dataset" else DATASOURCE
    emulator.faults.add("*", "reset", apply=True, times=1)
    deletion = await handle.delete(confirm=identifier)
    assert deletion.confirmed_by_absence
    assert deletion.deleted_at is None
    assert len([e for e in emulator.ledger.applied if isinstance(e, AppliedDelete)]) == 1
    assert emulator.ledger.count() == 2


async def test_a_404_after_a_mere_429_is_no_deletion(
    emulator: Emulator, client: ClaroClient
) -> None:
    """Only an attempt that may have been applied makes a 404 a success."""
    emulator.faults.add("deleteDataset", "rate_limit", times=1, retry_after=1)
    with pytest.raises(DatasetNotFoundError):
        await client.dataset("nope").delete(confirm="nope")


REFUSALS: dict[str, tuple[Callable[[ClaroClient], Awaitable[Any]], type[Exception]]] = {
    "cell": (lambda c: c.dataset(DATASET).update_cell("nope", 1), CellNotFoundError),
    "cell's dataset": (lambda c: c.dataset("nope").update_cell(CELL, 1), DatasetNotFoundError),
    "column": (
        lambda c: c.dataset(DATASET).update_column("nope", name="n"),
        ColumnNotFoundError,
    ),
    "column's type": (
        lambda c: c.dataset(DATASET).set_task_type("nope", "web_enrich", confirm="nope"),
        ColumnNotFoundError,
    ),
    "link": (
        lambda c: c.dataset(DATASET).link_datasource(CELL, "nope"),
        DatasourceNotFoundError,
    ),
    "source": (lambda c: c.datasource("nope").get(), DatasourceNotFoundError),
    "filter": (lambda c: c.datasource(DATASOURCE).rows(filter="((").first(), InvalidRequestError),
    "sort": (lambda c: c.datasource(DATASOURCE).rows(sort="nope").first(), InvalidRequestError),
    "extraction of an analysis": (
        lambda c: c.dataset("analysis").set_task_type(COLUMN, "doc_extraction", confirm=COLUMN),
        InvalidTaskTypeError,
    ),
    "link to an enriched column": (
        lambda c: c.dataset("extraction").link_datasource("cell_1_2", DATASOURCE),
        RawColumnRequiredError,
    ),
    "upload to an enriched column": (
        lambda c: c.dataset("extraction").upload_datasource(
            "cell_1_2", b"a", filename="a.csv", linked_before=None
        ),
        RawColumnRequiredError,
    ),
    "denied": (lambda c: c.dataset("denied").get(), PermissionDeniedError),
    "locked": (
        lambda c: c.dataset("locked").create_export(format="csv", row_count=1),
        ProcessingInProgressError,
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_every_refusal_is_its_own_error(
    case: str, emulator: Emulator, client: ClaroClient
) -> None:
    """What the server refuses comes out as the documented error, after one request of its kind."""
    columns: list[str | dict[str, Any]] = ["raw", {"name": "made", "taskType": "web_enrich"}]
    emulator.add_dataset("A", columns, [["x", "y"]], type="analysis", dataset_id="analysis")
    emulator.add_dataset("E", columns, [["x", "y"]], dataset_id="extraction")
    emulator.add_dataset("B", ["a"], [], dataset_id="denied")
    emulator.add_dataset("C", ["a"], [["x"]], dataset_id="locked")
    emulator.deny_access("denied")
    emulator.set_processing("locked")
    call, kind = REFUSALS[case]
    with pytest.raises(kind) as caught:
        await call(client)
    assert type(caught.value) is kind
    assert emulator.ledger.applied == []
    assert emulator.ledger.count() == (2 if "type" in case or "extraction" in case else 1)


@pytest.mark.parametrize("format", ["csv", "json", "xlsx"])
async def test_an_export_is_made(
    format: ServerFormatName,  # noqa: A002 - as the argument is called
    emulator: Emulator,
    client: ClaroClient,
) -> None:
    """The link has a file, a size and an expiry, and its repr keeps the token to itself."""
    link = await client.dataset(DATASET).create_export(
        format=format, row_count=2, columns=[COLUMN], skip=0, expires_in=60
    )
    assert link.download_url.startswith(emulator.origin)
    assert link.file_name.endswith(format)
    assert link.file_size > 0
    assert link.format == format
    assert "?" in link.download_url
    assert link.download_url.partition("?")[2] not in repr(link)


async def test_a_download_link_is_made(emulator: Emulator, client: ClaroClient) -> None:
    """A data source's own file has such a link, too."""
    link = await client.datasource(DATASOURCE).create_download_link(expires_in=60)
    assert link.file_name == "products.csv"
    assert link.format is None
    assert link.download_url.partition("?")[2] not in repr(link)
    assert emulator.ledger.count() == 1


BAD_ARGUMENTS: list[Callable[[ClaroClient], Awaitable[Any]]] = [
    lambda c: c.dataset(DATASET).create_export(format="csv", row_count=0),
    lambda c: c.dataset(DATASET).create_export(format="csv", row_count=100_001),
    lambda c: c.dataset(DATASET).create_export(format=cast("Any", "pdf"), row_count=1),
    lambda c: c.dataset(DATASET).create_export(format="csv", row_count=1, expires_in=86_401),
    lambda c: c.dataset(DATASET).create_export(format="csv", row_count=1, expires_in=0),
    lambda c: c.dataset(DATASET).create_export(format="csv", row_count=1, skip=-1),
    lambda c: c.dataset(DATASET).create_export(format="csv", row_count=1, columns=[]),
    lambda c: c.datasource(DATASOURCE).create_download_link(expires_in=86_401),
    lambda c: c.datasource(DATASOURCE).create_download_link(expires_in=0),
    lambda c: c.dataset(DATASET).wait_until_ready(timeout=0),
]


@pytest.mark.parametrize("number", range(len(BAD_ARGUMENTS)))
async def test_arguments_outside_their_limits_are_not_sent(
    number: int, emulator: Emulator, client: ClaroClient
) -> None:
    """Limits of the documents are checked before anything is sent."""
    with pytest.raises(ValueError, match=r"must be|is empty"):
        await BAD_ARGUMENTS[number](client)
    assert emulator.ledger.requests == []

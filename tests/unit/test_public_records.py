"""Every public record, made by real calls, is plain JSON when asked for, and pickles."""

from __future__ import annotations

import enum
import inspect
import json
import pickle
from typing import TYPE_CHECKING, Any

import attrs
import msgspec

import claro_async
import claro_async.models
from claro_async import ClaroClient, CommunicationsMiningClient, RetryPolicy, communications_mining
from claro_async.emulator import Emulator, RequestRecord
from claro_async.transport.events import LaneNotUsed, QuotaPaused, QuotaResumed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FAST = RetryPolicy(base_delay=0)
SETTINGS = {"Network", "RetryPolicy", "Timeout"}  # given by the caller, and some hold passwords
# made by uploads, exports, tables and webhooks, whose own tests look at them
ELSEWHERE = {
    "models.DatasourceLink",
    "ExportNotUsed",
    "FolderReport",
    "Misfit",
    "models.UploadedDatasource",
    "WebhookEvent",
}


def is_record(kind: Any) -> bool:
    """Whether a public name is a record: it has fields, and is neither error, enum nor setting."""
    if not inspect.isclass(kind) or issubclass(kind, BaseException | enum.Enum):
        return False
    has_fields = attrs.has(kind) or issubclass(kind, tuple | msgspec.Struct)
    return (has_fields or kind.__name__ in {"Row", "Page"}) and kind.__name__ not in SETTINGS


def public_records() -> dict[str, Any]:
    """Records that are named in a public place, by the first of them and their name."""
    places = {"": claro_async, "models.": claro_async.models, "mining.": communications_mining}
    found: dict[Any, str] = {}
    for prefix, place in places.items():
        for name in place.__all__:
            kind = getattr(place, name)
            if is_record(kind):
                found.setdefault(kind, f"{prefix}{name}")
    return {name: kind for kind, name in found.items()}


def within(record: Any) -> Iterator[Any]:
    """The public records that a record holds."""
    public = set(public_records().values())
    values = (
        [getattr(record, field.name, None) for field in attrs.fields(type(record))]
        if (attrs.has(type(record)))
        else [getattr(record, name, None) for name in ("model", "assigned_labels")]
    )
    for value in values:
        for each in value if isinstance(value, list) else [value]:
            if type(each) in public:
                yield each
                yield from within(each)


async def mining_records(mining: CommunicationsMiningClient, folder: Path) -> list[Any]:
    """What calls of the second client return."""
    made: list[Any] = []
    found = [each async for each in mining.datasets.list()]
    box = mining.dataset(found[0].owner, found[0].name)
    made += [*found, *await box.model_tags()]
    made.append(await box.export_to(folder / "c.jsonl", on_progress=made.append))
    made += [comment async for comment in box.export()]
    new = mining.dataset(found[0].owner, "new")
    made.append(await new.create(title="New"))
    made.append(await new.delete(confirm=new.full_name))
    return made


async def test_records_of_real_calls_are_plain_and_pickle(tmp_path: Path) -> None:
    """What calls return and report has `to_dict` of plain JSON, and a pickled copy is the same."""
    made: list[Any] = [QuotaPaused(1.0, 2, True), QuotaResumed(2), LaneNotUsed(reason="a proxy")]
    async with (
        Emulator() as emulator,
        ClaroClient("emulator-key", emulator.base_url, on_event=made.append, retry=FAST) as claro,
        CommunicationsMiningClient("emulator-mining-token", emulator.mining_base_url) as mining,
    ):
        dataset_id = emulator.add_dataset("D", ["k", "v"], [["a", 1], ["b", 2]])
        dataset = claro.dataset(dataset_id)
        made += [await claro.ping(), claro.rate_limit, await dataset.get()]
        made += [page async for page in dataset.rows().pages()]
        rows = [row async for row in dataset.rows(include_metadata=True)]
        cell_id = rows[0].cell("v").cell_id
        made += [*rows, rows[0].cell("v"), await dataset.update_cell(cell_id, 5)]
        edits = [claro_async.CellEdit(cell_id, 6), claro_async.CellEdit("nowhere", 1)]
        report = await dataset.update_cells(
            edits, journal=tmp_path / "j.claro", on_progress=made.append
        )
        made += [*edits, report, *report.failures]
        made += [claro_async.RowEdit(rows[0].row_id, "v", 1)]
        made.append(claro_async.journal_status(tmp_path / "j.claro"))
        made.append(await claro.revert_updates(tmp_path / "j.claro"))
        plans: list[Any] = [await dataset.plan_updates([(cell_id, 7)])]
        plans.append(await dataset.plan_from([{"k": "a", "v": 9}], key="k"))
        for plan in plans:
            made += list(plan)
        made.append(await dataset.update_from([{"k": "b", "v": 3}], key="k"))
        made.append(await dataset.export(tmp_path / "out.csv"))
        everything = await claro.export_all(tmp_path / "all", format="csv", on_progress=made.append)
        made += [everything, *everything.results.values()]
        made.append(await claro.datasets.list())
        made += [summary async for summary in claro.datasets.list()]
        made += await mining_records(mining, tmp_path)
        source = claro.datasource(emulator.add_datasource(b"a,b\n1,2\n", file_name="t.csv"))
        made += [await source.get(), await source.create_download_link()]
        made += [await claro.datasources.list()]
        made += [await source.download(tmp_path / "t.csv")]
        downloads = await claro.download_all(tmp_path / "files")
        made += [downloads, *downloads.results.values()]
        made.append(await source.delete(confirm=source.datasource_id))
        made += [await dataset.update_column("col_1", name="key")]
        column = (await dataset.get()).columns[-1].column_id
        emulator.faults.add("getDataset", "reset", times=1)
        made.append(await dataset.set_task_type(column, "web_enrich", confirm=column))
        made.append(await dataset.delete(confirm=dataset_id))
    made += [inner for each in list(made) for inner in within(each)]
    kinds = {kind for each in made for kind in type(each).__mro__}
    assert {name for name, kind in public_records().items() if kind not in kinds} == ELSEWHERE
    for record in made:
        plain = record.to_dict()
        assert json.loads(json.dumps(plain)) == plain, type(record)
        copy = pickle.loads(pickle.dumps(record))  # noqa: S301
        assert type(copy) is type(record)
        assert copy.to_dict() == plain, type(record)
    for plan in plans:
        assert json.loads(json.dumps(plan.to_dict()))["requests"] == 1
        plan.close()


# Another name for what has one in most records.
DOUBLES = {
    "operation_id": "operation",
    "rate_limited": "throttled",
    "limited": "throttled",
    "bytes": "size",
    "duration_seconds": "seconds",
    "elapsed": "seconds",
}
# whose `id` is what the documents call it
WITH_ID = {"mining.Comment", "mining.CreatedDataset", "mining.DatasetDetails"}


def field_names(kind: Any) -> set[str]:
    """The fields of a record."""
    if attrs.has(kind):
        return {field.name for field in attrs.fields(kind)}
    return set(getattr(kind, "_fields", getattr(kind, "__struct_fields__", ())))


def test_one_thing_has_one_name() -> None:
    """No public record has a second name for what others name already, and ids say of what."""
    kinds = {**public_records(), "RequestRecord": RequestRecord}
    doubles = {
        f"{name}.{double}"
        for name, kind in kinds.items()
        for double in field_names(kind) & {*DOUBLES}
    }
    assert doubles == set()
    assert {name for name, kind in kinds.items() if "id" in field_names(kind)} == WITH_ID


def missing() -> Iterator[str]:
    """Public records without `to_dict`."""
    for name, kind in public_records().items():
        if not callable(getattr(kind, "to_dict", None)):
            yield name


def test_every_public_record_has_to_dict() -> None:
    """No record of the public names was forgotten."""
    assert len(public_records()) > 50
    assert list(missing()) == []

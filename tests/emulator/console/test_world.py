"""The console's routes for datasets, cells and files."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from claro_async.emulator import Emulator, NewCell, building, make_pdf
from tests.emulator.console.conftest import BYTES, JSON, Console, cell_path

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from claro_async.emulator import ManualClock
    from tests.emulator.conftest import Answer, Api

PRODUCT = cell_path("products", "cell_1_1")


async def test_a_dataset_is_shown_with_its_columns_and_edits(bare: Console) -> None:
    """A list of all datasets, and one whole, say what the API says and how often it was edited."""
    assert await bare.edit("cell_1_1", "Other") == 200
    (listed,) = (await bare("GET", "datasets"))["datasets"]
    whole = await bare("GET", "datasets/products")
    assert listed == {key: whole[key] for key in listed}
    assert (listed["name"], listed["rowCount"], listed["columnCount"], listed["edits"]) == (
        "Products",
        3,
        2,
        1,
    )
    assert [(each["columnId"], each["name"], each["type"]) for each in whole["columns"]] == [
        ("col_1", "name", "string"),
        ("col_2", "price", "number"),
    ]


async def test_a_cell_tells_what_changed_it(bare: Console, clock: ManualClock) -> None:
    """Requests and edits by hand are listed newest first, each with the value before."""
    clock.advance(10)
    await bare.edit("cell_1_1", "One")
    edited = await bare("PATCH", PRODUCT, {"value": {"by": "hand"}})
    await bare.edit("cell_1_1", "Two")
    cell = await bare("GET", PRODUCT)
    assert edited["value"] == {"by": "hand"}
    assert (cell["value"], cell["previousValue"], cell["rowId"], cell["row"]) == (
        "Two",
        {"by": "hand"},
        "row_1",
        0,
    )
    assert [(each["by"], each["previousValue"], each["at"]) for each in cell["changes"]] == [
        ({"kind": "request", "index": 1}, {"by": "hand"}, clock()),
        ({"kind": "console"}, "One", clock()),
        ({"kind": "request", "index": 0}, "Widget", clock()),
    ]
    assert [each.value for each in bare.emulator.ledger.edits] == ["One", "Two"]


async def test_an_edit_by_hand_does_what_an_edit_by_the_api_does(api_of: type[Api]) -> None:
    """The metadata goes, the linked file stays and is shown, a locked dataset is not edited."""
    async with Emulator(sample_world=False) as emulator:
        source = emulator.add_datasource(b"a\n1\n", file_name="a.csv")
        emulator.add_dataset(
            "D", ["a"], [[NewCell(1, {"confidence": 0.5}, source)]], dataset_id="d"
        )
        console = Console(api_of(emulator))  # type: ignore[call-arg] # bound to a session
        path = cell_path("d", "cell_1_1")
        before = await console("GET", path)
        after = await console("PATCH", path, {"value": None})
        await console("POST", "datasets/d/processing", {"seconds": None})
        refused = await console.refused("PATCH", path, {"value": 2})
        await console("POST", "datasets/d/processing", {"finish": True})
        assert (await console("PATCH", path, {"value": 3}))["value"] == 3
    assert (before["metadata"], after["metadata"]) == ({"confidence": 0.5}, {})
    described = {
        "datasourceId": source,
        "fileName": "a.csv",
        "contentType": "text/csv",
        "size": 4,
        "status": "completed",
    }
    assert before["linkedDatasource"] == after["linkedDatasource"] == described
    assert refused[:2] == (409, "PROCESSING_IN_PROGRESS")


async def test_a_cell_counts_all_of_its_changes(bare: Console) -> None:
    """However it was changed and however often; the newest 50 are shown, the grid marks it."""
    for number in range(60):
        await bare.edit("cell_1_1", number)
    await bare("PATCH", PRODUCT, {"value": "by hand"})
    source = bare.emulator.add_datasource(b"a", file_name="a.txt")
    link = "/datasets/products/cells/cell_1_1/link-datasource"
    await bare.api("POST", link, body=b'{"datasourceId": "%s"}' % source.encode())
    await bare("PATCH", cell_path("products", "cell_2_1"), {"value": "by hand"})
    shown = await bare("GET", PRODUCT)
    assert (shown["changed"], len(shown["changes"])) == (62, 50)
    rows = (await bare("GET", "datasets/products/rows"))["rows"]
    assert [row[0].get("changed") for row in rows] == [61, 1, None]
    await bare("POST", "reset")
    bare.emulator.add_dataset("Products", ["name"], [["Widget"]], dataset_id="products")
    bare.emulator.ledger.clear()
    assert (await bare("GET", PRODUCT))["changed"] == 0


async def test_long_values_do_not_come_with_each_change(bare: Console) -> None:
    """The value and the one before are whole, the history has their beginnings only."""
    for number in range(4):
        await bare.edit("cell_1_1", f"{number}" * 100_000)
    shown = await bare("GET", PRODUCT)
    assert (len(shown["value"]), len(shown["previousValue"])) == (100_000, 100_000)
    assert [(len(each["value"]), each["cut"]) for each in shown["changes"]] == [(1_000, True)] * 4


async def test_a_grid_reads_slices_of_a_large_dataset(api_of: type[Api]) -> None:
    """Any slice of 20,000 rows has its own rows, long values cut; past the end there are none."""
    async with Emulator(sample_world=False) as emulator:
        rows = ([number, "x" * 2000 if number == 15_000 else None] for number in range(20_000))
        emulator.add_dataset("Large", ["n", "text"], rows, dataset_id="a/b")
        console = Console(api_of(emulator))  # type: ignore[call-arg] # bound to a session
        slice_ = await console("GET", "datasets/a%2Fb/rows?skip=14999&limit=500")
        end = await console("GET", "datasets/a%2Fb/rows?skip=19999")
        past = await console("GET", "datasets/a%2Fb/rows?skip=20000&limit=1")
    assert (slice_["skip"], slice_["limit"], slice_["total"]) == (14_999, 500, 20_000)
    assert [row[0]["value"] for row in slice_["rows"]] == list(range(14_999, 15_499))
    assert slice_["rowIds"][0] == "row_15000"
    long = slice_["rows"][1][1]
    assert (len(long["value"]), long["cut"], long["cellId"]) == (1000, True, "cell_15001_2")
    assert (len(end["rows"]), past["rows"], past["total"]) == (1, [], 20_000)


async def test_the_next_cell_with_a_text_is_found(api_of: type[Api]) -> None:
    """A search goes on from a row, takes upper for lower case, and text for what it is in JSON."""
    async with Emulator(sample_world=False) as emulator:
        rows: list[list[Any]] = [["Widget", 1], ['say "WIDGET"', 2], ["10%", {"of": "widgets"}]]
        emulator.add_dataset("Products", ["name", "more"], rows, dataset_id="a/b")
        console = Console(api_of(emulator))  # type: ignore[call-arg] # bound to a session
        found = [
            await console("GET", f"datasets/a%2Fb/find?text={text}")
            for text in ("widget", "widget&skip=1", "widget&skip=2", "%22widget", "10%25", "1_", "")
        ]
    assert [(each["row"], each.get("columnId"), each.get("cellId")) for each in found] == [
        (0, "col_1", "cell_1_1"),
        (1, "col_1", "cell_2_1"),
        (2, "col_2", "cell_3_2"),
        (1, "col_1", "cell_2_1"),
        (2, "col_1", "cell_3_1"),
        (None, None, None),
        (None, None, None),
    ]


async def test_a_grid_marks_what_was_changed_and_what_is_linked(console: Console) -> None:
    """A slice says how often cells were edited, whether they have metadata, what is linked."""
    dataset_id = console.emulator.dataset_ids()[0]
    await console.api("PATCH", f"/datasets/{dataset_id}/cells/cell_1_2", body=b'{"value": 1}')
    rows = (await console("GET", f"datasets/{dataset_id}/rows?limit=2"))["rows"]
    assert rows[0][1]["linkedDatasource"] == "datasource-1"
    assert (rows[0][0]["metadata"], "changed" in rows[0][0]) == (True, False)
    assert ("metadata" in rows[1][0], rows[1][0]["changed"]) == (False, 1)


@pytest.mark.parametrize(
    ("name", "data", "shape"),
    [
        ("prices.csv", b"name,price\nWidget,1.5\n", (1, 2)),
        ("rows.jsonl", b'{"a": 1}\n{"a": null}\n', (2, 1)),
        ("catalogue.pdf", make_pdf(["First page", "Second page"]), (2, 2)),
    ],
)
async def test_a_file_becomes_a_dataset(
    bare: Console, name: str, data: bytes, shape: tuple[int, int]
) -> None:
    """A CSV, JSONL or PDF file is a data source and a dataset linked to it, for clients too."""
    answer = await bare.raw("POST", f"files?fileName={name}", data=data, headers=BYTES)
    made = answer.json
    assert (answer.status, made["rowCount"], made["columnCount"]) == (200, *shape)
    whole = await bare("GET", f"datasets/{made['datasetId']}")
    assert (whole["name"], whole["linkedDatasources"]) == (
        name.split(".", maxsplit=1)[0],
        [made["datasourceId"]],
    )
    assert (await bare.api("GET", f"/datasets/{made['datasetId']}/data")).json["pagination"][
        "total"
    ] == shape[0]
    (source,) = (await bare("GET", "datasources"))["datasources"]
    assert (source["fileName"], source["size"]) == (name, len(data))


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.exe", b"", "fileName must end in"),
        ("", b"", "fileName must be a name"),
        ("..%2F", b"", "fileName must be a name"),
        ("a%0A.csv", b"", "fileName must be a name"),
        ("a.json", b"{", "body a.json: "),
        ("a%E2%80%A8.csv", b"", "fileName must be a name"),
        ("a.pdf", b"no pdf", "body a.pdf: not a readable PDF file"),
        ("a.json", b'{"a": 1e999}', "body a.json: the number 1e999 is out of range"),
        ("a.json", b'[{"a": "\\ud800"}]', "body a.json: text holds a lone surrogate"),
        ("a.jsonl", b'{"\\uDBFF": 1}', "body a.jsonl: text holds a lone surrogate"),
        ("a.csv", "a,b\n1,2".encode("utf-16"), "body a.csv: not UTF-8"),
        ("a.csv", b'a\n"open', "body a.csv: "),
    ],
)
async def test_a_file_that_cannot_be_read_is_refused_with_the_reason(
    bare: Console, name: str, data: bytes, said: str
) -> None:
    """Nothing is made of it, and none of its bytes stay."""
    answer = await bare.raw("POST", f"files?fileName={name}", data=data, headers=BYTES)
    details = answer.json["details"]
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETERS")
    assert f"{details['parameter']} {details['message']}".startswith(said)
    assert len((await bare("GET", "datasets"))["datasets"]) == 1
    assert (await bare("GET", "datasources"))["total"] == 0


@pytest.mark.parametrize(
    "name",
    ["Bericht 3.45\u202fPM.csv", "\U0001f468\u200d\U0001f469.csv", "e\u0301.csv", "<b>&.csv"],
)
async def test_names_that_systems_give_files_are_taken(bare: Console, name: str) -> None:
    """Narrow spaces, joined emojis and combined letters are in names of real files."""
    target = f"files?fileName={quote(name)}"
    answer = await bare.raw("POST", target, data=b"a\n1\n", headers=BYTES)
    assert (answer.status, answer.json["name"]) == (200, name.removesuffix(".csv"))


@pytest.mark.parametrize("text", ["12e999", "-" + "9" * 400 + ".5"])
async def test_a_number_that_no_double_holds_is_text(bare: Console, text: str) -> None:
    """Article numbers look like numbers at times; the column is text, as it stands in the file."""
    data = f"a\n1\n{text}\n".encode()
    made = (await bare.raw("POST", "files?fileName=a.csv", data=data, headers=BYTES)).json
    (column,) = (await bare("GET", f"datasets/{made['datasetId']}"))["columns"]
    assert column["type"] == "string"
    assert list(bare.emulator.values(made["datasetId"]).values()) == ["1", text]


async def test_a_file_that_cannot_be_written_leaves_nothing(
    api_of: type[Api], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A table too deep to write is refused whole: without data source, dataset and file."""

    def too_deep(*_: object, **_named: object) -> None:
        raise RecursionError

    async with Emulator(sample_world=False, database=tmp_path / "state.db") as emulator:
        console = Console(api_of(emulator))  # type: ignore[call-arg] # bound to a session
        monkeypatch.setattr(building, "new_dataset", too_deep)
        answer = await console.raw("POST", "files?fileName=a.csv", data=b"a\n1\n", headers=BYTES)
        said = answer.json["details"]["message"]
        assert (answer.status, said) == (400, "a.csv: nested too deeply")
        assert (emulator.dataset_ids(), emulator.datasource_ids()) == ([], [])
        assert list((tmp_path / "state.db-files").iterdir()) == []


async def test_a_file_beyond_the_limit_is_refused(api_of: type[Api]) -> None:
    """The limit of uploads counts here, too."""
    async with Emulator(sample_world=False, max_upload_size=10) as emulator:
        console = Console(api_of(emulator))  # type: ignore[call-arg] # bound to a session
        answer = await console.raw("POST", "files?fileName=a.csv", data=b"a\n" * 6, headers=BYTES)
    assert (answer.status, answer.code) == (413, "INVALID_PARAMETERS")


def all_values(emulator: Emulator) -> list[list[object]]:
    """All values of all datasets in order; the ids of two of the sample's are new each time."""
    return [list(emulator.values(each).values()) for each in emulator.dataset_ids()]


async def test_reset_brings_the_beginning_back(console: Console) -> None:
    """Edits, deletions and uploads are gone, the sample world is back; the ledger stays."""
    emulator = console.emulator
    before = all_values(emulator)
    sources, mining = emulator.datasource_ids(), emulator.mining.dataset_names()
    await console.api("PATCH", "/datasets/your-dataset-id/cells/cell_1_1", body=b'{"value": 1}')
    await console.api("DELETE", f"/datasets/{emulator.dataset_ids()[0]}")
    await console.raw("POST", "files?fileName=a.csv", data=b"a\n1\n", headers=BYTES)
    emulator.mining.add_dataset("p", "n", 3)
    emulator.faults.add("updateCell")
    assert await console("POST", "reset") == {"datasets": 5}
    assert all_values(emulator) == before
    assert (emulator.datasource_ids(), emulator.mining.dataset_names()) == (sources, mining)
    assert (emulator.ledger.count(), len((await console("GET", "faults"))["faults"])) == (2, 1)
    await console("POST", "reset", {"ledger": True, "faults": True})
    assert (emulator.ledger.count(), (await console("GET", "faults"))["faults"]) == (0, [])
    status = (
        await console.api("PATCH", "/datasets/your-dataset-id/cells/cell_1_1", body=b'{"value": 1}')
    ).status
    assert status == 200


async def test_reset_loads_the_seeds_again(api_of: type[Api], tmp_path: Path) -> None:
    """With a seed the beginning is the seed, from a database on disk, too."""
    seed = tmp_path / "things.csv"
    seed.write_text("a\n1\n")
    database = tmp_path / "state.db"
    async with Emulator(sample_world=False, seed=[seed], database=database) as emulator:
        console = Console(api_of(emulator))  # type: ignore[call-arg] # bound to a session
        (first,) = emulator.dataset_ids()
        await console("DELETE", f"datasets/{first}")
        assert emulator.dataset_ids() == []
        await console("POST", "reset")
        (again,) = emulator.dataset_ids()
        assert emulator.values(again) == {"cell_1_1": 1}
    (_file,) = database.with_name("state.db-files").iterdir()


@pytest.mark.parametrize(
    ("method", "path", "body", "wanted"),
    [
        ("GET", "datasets/none", None, (404, "DATASET_NOT_FOUND")),
        ("GET", cell_path("products", "none"), None, (404, "CELL_NOT_FOUND")),
        ("PATCH", PRODUCT, {}, (400, "INVALID_PARAMETERS")),
        ("PATCH", PRODUCT, {"value": 1, "more": 2}, (400, "INVALID_PARAMETERS")),
        ("GET", "datasets/products/rows?limit=501", None, (400, "INVALID_PARAMETERS")),
        ("GET", "datasets/products/rows?skip=-1", None, (400, "INVALID_PARAMETERS")),
        ("POST", "datasets/products/processing", {"seconds": "1"}, (400, "INVALID_PARAMETERS")),
        ("POST", "datasets/products/processing", {"seconds": 1e300}, (400, "INVALID_PARAMETERS")),
        ("POST", "datasets/products/processing", {"seconds": 9**999}, (400, "INVALID_PARAMETERS")),
        ("POST", "reset", {"ledger": 1}, (400, "INVALID_PARAMETERS")),
        ("POST", "datasets", {}, (405, "METHOD_NOT_ALLOWED")),
        ("POST", "events", {}, (405, "METHOD_NOT_ALLOWED")),
        ("GET", "nothing", None, (404, "NOT_FOUND")),
    ],
)
async def test_what_is_not_there_or_not_right_is_refused(
    bare: Console, method: str, path: str, body: object, wanted: tuple[int, str]
) -> None:
    """Errors are in the API's envelope, with a status that fits."""
    assert (await bare.refused(method, path, body))[:2] == wanted


async def test_everything_at_once_breaks_nothing(api_of: type[Api], tmp_path: Path) -> None:
    """Edits from both sides, files, exports, locks, deletions and resets in any order."""
    chance = random.Random(7)  # noqa: S311 - the same order each time
    async with Emulator(database=tmp_path / "state.db") as emulator:
        console = Console(api_of(emulator))  # type: ignore[call-arg] # bound to a session
        dataset, api = "/datasets/your-dataset-id", console.api
        cell = "datasets/your-dataset-id/cells/cell_8_1"
        acts: list[Callable[[], Awaitable[Answer]]] = [
            lambda: api("PATCH", f"/{cell}", body=b'{"value": 1}'),
            lambda: api("POST", f"{dataset}/export", body=b'{"format": "csv", "rowCount": 9}'),
            lambda: api.upload(f"/{cell}/upload-datasource", b"a\n1\n", "a.csv"),
            lambda: api("DELETE", dataset),
            lambda: console.raw("PATCH", cell, data=b'{"value": 2}', headers=JSON),
            lambda: console.raw("POST", "files?fileName=a.csv", data=b"a\n1\n", headers=BYTES),
            lambda: console.raw("GET", "requests?text=a"),
            lambda: console.raw("POST", "ledger/clear", headers=JSON),
            lambda: console.raw(
                "POST", f"{dataset[1:]}/processing", data=b'{"seconds": 0}', headers=JSON
            ),
            lambda: console.raw("POST", "reset", headers=JSON),
        ]
        answers = await asyncio.gather(*(chance.choice(acts)() for _ in range(150)))
        assert {answer.status for answer in answers} <= {200, 404, 409}
        await console("POST", "reset")
        sources = len(emulator.datasource_ids())
        assert len(list((tmp_path / "state.db-files").iterdir())) == sources

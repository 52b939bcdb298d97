"""Pages that are not those that were asked for, hold odd values, or go to another process."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from claro_async import DecodeError, TransferError
from tests.wire.raw_server import RawRequest, RawServer, answering, reply

if TYPE_CHECKING:
    from asyncio import StreamWriter
    from collections.abc import Callable

    from claro_async import ClaroClient

COLUMNS = [
    {"columnId": "a", "name": "a", "type": "string", "taskType": "raw"},
    {"columnId": "b", "name": "b", "type": "number", "taskType": "raw"},
]


def row(key: str, **more: Any) -> list[dict[str, Any]]:
    """A row of two cells; `more` are further fields of the first."""
    where = [{"cellId": f"{key}-{name}", "rowId": key, "columnId": name} for name in "ab"]
    return [{**where[0], "value": f"text {key}", **more}, {**where[1], "value": 1.5}]


def page(number: int, keys: list[str], total: int, limit: int = 2) -> dict[str, Any]:
    """A page of a dataset."""
    pages = -(-total // limit)
    return {
        "rows": [row(key) for key in keys],
        "columns": COLUMNS,
        "pagination": {"page": number, "limit": limit, "total": total, "totalPages": pages},
    }


class Pages:
    """Answers with one page after the other; what is not there is a page without rows."""

    def __init__(self, *pages: dict[str, Any] | bytes) -> None:
        self.pages = pages
        self.asked = 0

    async def __call__(self, request: RawRequest, writer: StreamWriter) -> None:
        number = int(parse_qs(urlsplit(request.target).query).get("page", ["1"])[0])
        self.asked += 1
        found = self.pages[number - 1] if number <= len(self.pages) else page(number, [], 0)
        content = found if isinstance(found, bytes) else json.dumps(found).encode()
        writer.write(reply(content))
        await writer.drain()


async def keys_of(claro: ClaroClient, **options: Any) -> list[str]:
    """The ids of the rows of dataset ``d``."""
    return [each.row_id async for each in claro.dataset("d").rows(limit=2, **options)]


async def test_another_page_than_the_one_asked_for(connect: Callable[..., ClaroClient]) -> None:
    """A cache that ignores `page` is noticed at the second page."""
    async with RawServer(Pages(page(1, ["1", "2"], 4), page(1, ["1", "2"], 4))) as server:
        with pytest.raises(DecodeError, match="page 2 was asked for, and page 1 came"):
            await keys_of(connect(server.base_url), read_ahead=0)
        with pytest.raises(DecodeError, match="page 2"):
            await connect(server.base_url).dataset("d").rows(start_page=2)


async def test_a_page_that_repeats_the_one_before(connect: Callable[..., ClaroClient]) -> None:
    """Rows that come again are an error, also where the page says to be the one asked for."""
    pages = Pages(page(1, ["1", "2"], 4), page(2, ["1", "2"], 4))
    async with RawServer(pages) as server:
        with pytest.raises(DecodeError, match="page 2 has 2 items of page 1"):
            await keys_of(connect(server.base_url))


async def test_a_page_that_is_all_repeated_is_an_error_though_more_is_announced(
    connect: Callable[..., ClaroClient],
) -> None:
    """Repeated rows alone are no progress, however fast the announced total grows."""
    pages = Pages(*(page(number, ["1", "2"], 4 + number) for number in range(1, 50)))
    async with RawServer(pages) as server:
        with pytest.raises(DecodeError, match="page 2 has 2 items of page 1"):
            await keys_of(connect(server.base_url), read_ahead=0)
    assert pages.asked == 2


async def test_rows_added_above_while_reading(connect: Callable[..., ClaroClient]) -> None:
    """If a row comes in further up, the one that moves to the next page is given once."""
    pages = Pages(page(1, ["1", "2"], 4), page(2, ["2", "3"], 5), page(3, ["4"], 5))
    async with RawServer(pages) as server:
        assert await keys_of(connect(server.base_url)) == ["1", "2", "3", "4"]
        found = [each async for each in connect(server.base_url).dataset("d").rows(limit=2).pages()]
    assert [len(each) for each in found] == [2, 1, 1]
    assert [each["a"] for each in found[1].to_dicts()] == ["text 3"]


async def test_rows_added_below_while_reading(connect: Callable[..., ClaroClient]) -> None:
    """Rows that are added at the end while the pages are read are read like all others."""
    pages = Pages(page(1, ["1", "2"], 3), page(2, ["3", "4"], 5), page(3, ["5"], 5))
    async with RawServer(pages) as server:
        assert await keys_of(connect(server.base_url)) == ["1", "2", "3", "4", "5"]


async def test_rows_deleted_while_reading(
    connect: Callable[..., ClaroClient], caplog: pytest.LogCaptureFixture
) -> None:
    """Fewer rows than before: reading goes on and logs it once; a table is an error."""
    pytest.importorskip("pyarrow")
    pages = Pages(page(1, ["1", "2"], 6), page(2, ["4", "5"], 5), page(3, ["6"], 4))
    async with RawServer(pages) as server:
        with caplog.at_level(logging.WARNING, "claro_async"):
            assert await keys_of(connect(server.base_url)) == ["1", "2", "4", "5", "6"]
        with pytest.raises(TransferError, match="6 items have become 5"):
            await connect(server.base_url).dataset("d").to_arrow()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "some may have been missed" in caplog.text


@pytest.mark.parametrize("read_ahead", [0, 3])
async def test_an_empty_page_before_the_end(
    read_ahead: int, connect: Callable[..., ClaroClient]
) -> None:
    """A page without rows, while there should be more, is an error."""
    pages = Pages(page(1, ["1", "2"], 6), page(2, [], 6), page(3, ["5", "6"], 6))
    async with RawServer(pages) as server:
        with pytest.raises(DecodeError, match="page 2 has no items, but there should be 6"):
            await keys_of(connect(server.base_url), read_ahead=read_ahead)


async def test_pages_that_end_too_early(connect: Callable[..., ClaroClient]) -> None:
    """Fewer rows on all pages than the total says are an error, after those that came."""
    pages = Pages(page(1, ["1", "2"], 4), page(2, ["3"], 4))
    async with RawServer(pages) as server:
        rows = aiter(connect(server.base_url).dataset("d").rows(limit=2))
        assert [(await anext(rows)).row_id for _ in range(3)] == ["1", "2", "3"]
        with pytest.raises(DecodeError, match="the pages end after 3 of 4 items"):
            await anext(rows)


async def test_reading_some_pages_only(connect: Callable[..., ClaroClient]) -> None:
    """`end_page` ends the walk without asking for more, and without missing the rest."""
    pages = Pages(*(page(at, [str(2 * at), str(2 * at + 1)], 10) for at in range(1, 6)))
    async with RawServer(pages) as server:
        claro = connect(server.base_url)
        assert await keys_of(claro, start_page=2, end_page=3) == ["4", "5", "6", "7"]
    assert pages.asked == 2


@pytest.mark.parametrize(
    "pagination",
    [
        None,
        {},
        7,
        {"page": None, "limit": None, "total": None, "totalPages": None},
        {"page": "1", "limit": 0, "total": -1, "totalPages": 1.5},
        {"total": 3.0},
    ],
)
async def test_pages_that_do_not_say_where_they_stand(
    pagination: Any, connect: Callable[..., ClaroClient]
) -> None:
    """Without a number of pages, reading goes on to a page without rows, or to the total."""
    three = [
        {**page(at, keys, 0), "pagination": pagination}
        for at, keys in ((1, ["1", "2"]), (2, ["3"]), (3, []))
    ]
    async with RawServer(Pages(*three)) as server:
        claro = connect(server.base_url)
        assert await keys_of(claro) == ["1", "2", "3"]
        first = await claro.dataset("d").rows(limit=2)
    assert (first.pagination.page, first.pagination.limit) == (1, 2)


@pytest.mark.parametrize("pages", [10**9, 10**30])
async def test_an_announced_number_of_pages_is_not_believed(
    pages: int, connect: Callable[..., ClaroClient]
) -> None:
    """After all rows, a page without any ends the walk, whatever number was announced."""
    one = page(1, ["1", "2"], 2)
    one["pagination"]["totalPages"] = pages
    answers = Pages(one)
    async with RawServer(answers) as server:
        assert await keys_of(connect(server.base_url), read_ahead=2) == ["1", "2"]
    assert answers.asked <= 3


async def test_an_odd_value_is_replaced_and_logged_with_its_row_and_column(
    connect: Callable[..., ClaroClient], caplog: pytest.LogCaptureFixture
) -> None:
    """Half an emoji and a number out of range take nothing along, and are logged once a page."""
    content = json.dumps(page(1, ["1", "2", "3"], 3, limit=3))
    odd = content.replace('"text 2"', '"cut \\ud83d"').replace("1.5", "1e999", 1).encode()
    async with RawServer(answering(reply(odd))) as server:
        with caplog.at_level(logging.WARNING, "claro_async"):
            found = await connect(server.base_url).dataset("d").rows(limit=3)
    assert [each["a"] for each in found] == ["text 1", "cut \ufffd", "text 3"]
    assert [each["b"] for each in found] == ["1e999", 1.5, 1.5]
    (record,) = caplog.records
    assert "page 1" in record.getMessage()
    assert "row 2 ('2'), column 'a'" in record.getMessage()
    assert "row 1 ('1'), column 'b'" in record.getMessage()
    assert "cut" not in record.getMessage()


async def test_an_unreadable_page_names_page_and_row(connect: Callable[..., ClaroClient]) -> None:
    """A cell without an id is an error that says where, in words and as a path."""
    odd = page(2, ["3", "4"], 4)
    del odd["rows"][1][0]["cellId"]
    async with RawServer(Pages(page(1, ["1", "2"], 4), odd)) as server:
        with pytest.raises(DecodeError, match="page 2, row 2") as caught:
            await keys_of(connect(server.base_url))
    assert caught.value.path == "rows[1][0].cellId"


async def test_unknown_fields_of_a_page_are_kept(connect: Callable[..., ClaroClient]) -> None:
    """Fields that are new stay with the page, its pagination, its columns and its cells."""
    body = page(1, ["1"], 1)
    body["rows"][0][0].update(new={"x": 1}, linkedDatasource=7)
    body["columns"] = [{**COLUMNS[0], "unit": "m"}, COLUMNS[1]]
    body["pagination"]["next"] = "n"
    body["version"] = 2
    async with RawServer(answering(reply(json.dumps(body).encode()))) as server:
        found = await connect(server.base_url).dataset("d").rows()
    assert found.additional_properties == {"version": 2}
    assert found.pagination.additional_properties == {"next": "n"}
    assert found.columns[0].additional_properties == {"unit": "m"}
    cell = found.rows[0].cell("a")
    assert (cell.value, cell.linked_datasource) == ("text 1", None)
    assert cell.additional_properties == {"new": {"x": 1}, "linkedDatasource": 7}
    assert found.rows[0].cell("b").additional_properties == {}


@pytest.mark.parametrize("new", [False, True])
async def test_a_page_pickles(new: bool, connect: Callable[..., ClaroClient]) -> None:  # noqa: FBT001
    """A page and its rows go to another process whole, with what is not documented."""
    body = page(1, ["1", "2"], 2)
    if new:
        body["rows"][0][0]["new"] = 1
    async with RawServer(answering(reply(json.dumps(body).encode()))) as server:
        found = await connect(server.base_url).dataset("d").rows()
        records = await connect(server.base_url).dataset("d").rows()
    twin = pickle.loads(pickle.dumps(found))  # noqa: S301
    assert twin.to_dicts() == found.to_dicts() == records.to_dicts()
    assert (twin.columns, twin.pagination) == (found.columns, found.pagination)
    assert twin.rows[0].cells() == found.rows[0].cells()
    assert json.loads(json.dumps(twin.to_dict())) == found.to_dict()
    single = pickle.loads(pickle.dumps(found.rows[1]))  # noqa: S301
    assert (dict(single), single.row_id) == (dict(found.rows[1]), "2")


async def test_the_ids_of_a_page_are_copies(connect: Callable[..., ClaroClient]) -> None:
    """Whatever is in the ids, a walk keeps none of a page's own; a row without cells has none."""
    ids = ["row 1", 'a "b" \\ c\n', "\0 \xe9 \U0001f600", ""]
    body = page(1, ids, 5)
    body["rows"].append([])
    async with RawServer(answering(reply(json.dumps(body).encode()))) as server:
        found = await connect(server.base_url).dataset("d").rows()
    copies = found.row_ids()
    assert copies == set(ids[:3])
    assert {id(each) for each in copies}.isdisjoint(id(row.row_id) for row in found.rows)


async def test_a_row_is_a_mapping_like_any_other(connect: Callable[..., ClaroClient]) -> None:
    """A row equals the dict of its values and its copies, has a mapping's methods, and no hash."""
    async with RawServer(answering(reply(json.dumps(page(1, ["1", "2"], 2)).encode()))) as server:
        first, second = await connect(server.base_url).dataset("d").rows()
    assert isinstance(first, Mapping)
    assert first == dict(first) == copy.copy(first) == copy.deepcopy(first) != second
    assert [*first.items()] == [*zip(first.keys(), first.values(), strict=True)]
    assert (first.get("a"), first.get("other", 7)) == (first["a"], 7)
    with pytest.raises(TypeError, match="unhashable"):
        hash(first)


async def test_a_page_of_records_pickles(connect: Callable[..., ClaroClient]) -> None:
    """A page of a data source goes to another process, and a column named twice is one column."""
    body = {
        "data": [{"a": "x"}, {"a": "y"}],
        "columns": [{"name": "a", "type": "string"}, {"name": "a", "type": "number"}],
        "pagination": {"page": 1, "limit": 2, "total": 2, "totalPages": 1},
    }
    async with RawServer(answering(reply(json.dumps(body).encode()))) as server:
        found = await connect(server.base_url).datasource("s").rows(limit=2)
    twin = pickle.loads(pickle.dumps(found))  # noqa: S301
    assert (twin.rows, twin.columns) == (found.rows, found.columns)
    assert [each.type for each in twin.columns] == ["string"]
    assert json.loads(json.dumps(twin.to_dict())) == found.to_dict()


async def test_columns_that_change_between_pages_are_an_error(
    connect: Callable[..., ClaroClient],
) -> None:
    """A table whose columns swap places or change type has no value under another's name."""
    pytest.importorskip("pyarrow")
    for columns in (COLUMNS[::-1], [COLUMNS[0], {**COLUMNS[1], "type": "string"}]):
        second = {**page(2, ["3", "4"], 4), "columns": columns}
        async with RawServer(Pages(page(1, ["1", "2"], 4), second)) as server:
            with pytest.raises(TransferError, match="the columns changed"):
                await connect(server.base_url).dataset("d").to_arrow()


async def test_columns_of_one_name_are_told_apart_by_id(
    connect: Callable[..., ClaroClient],
) -> None:
    """In Arrow as in rows, columns of one name are called by their ids; none is lost."""
    pytest.importorskip("pyarrow")
    body = page(1, ["1"], 1)
    body["columns"] = [{**COLUMNS[0], "name": "price"}, {**COLUMNS[1], "name": "price"}]
    async with RawServer(answering(reply(json.dumps(body).encode()))) as server:
        table = await connect(server.base_url).dataset("d").to_arrow()
    assert table.to_pylist() == [{"a": "text 1", "b": 1.5}]


@pytest.mark.parametrize("metadata", ["[1]", "7", '{"confidence": 1e999}', '{"x": "\\ud83d"}'])
async def test_odd_metadata_does_not_keep_a_table_from_being_made(
    metadata: str, connect: Callable[..., ClaroClient]
) -> None:
    """Metadata of another shape, or that cannot be decoded, are in the table as JSON text."""
    pytest.importorskip("pyarrow")
    body = json.dumps(page(1, ["1"], 1)).replace(
        '"value": "text 1"', f'"value": "text 1", "metadata": {metadata}'
    )
    async with RawServer(answering(reply(body.encode()))) as server:
        table = (
            await connect(server.base_url)
            .dataset("d")
            .to_arrow(include_metadata=True, on_type_error="string")
        )
    (found,) = table.to_pylist()
    assert found["a"] == "text 1"
    assert json.loads(found["a.metadata"]) is not None


async def test_two_columns_of_one_id_are_an_error(connect: Callable[..., ClaroClient]) -> None:
    """Nothing tells two columns of one id apart, so such a page says so."""
    body = page(1, ["1"], 1)
    body["columns"] = [COLUMNS[0], {**COLUMNS[1], "columnId": "a"}]
    async with RawServer(answering(reply(json.dumps(body).encode()))) as server:
        with pytest.raises(DecodeError, match="two columns"):
            await connect(server.base_url).dataset("d").rows()


async def test_one_odd_dataset_does_not_hide_the_others(
    connect: Callable[..., ClaroClient], caplog: pytest.LogCaptureFixture
) -> None:
    """An entry is read as far as it is as documented; one without an id is left out."""
    good = {
        "datasetId": "d",
        "name": "n",
        "type": "extraction",
        "status": "queued",
        "createdAt": "2024-03-14T17:30:00Z",
        "updatedAt": 1710437400,
        "rowCount": None,
        "linkedDatasources": [],
    }
    odd = {**good, "datasetId": "e", "createdAt": "then", "linkedDatasources": "s"}
    body = {
        "datasets": [good, odd, {**good, "datasetId": None}, None],
        "pagination": {"page": 1, "limit": 100, "total": 4, "totalPages": 1},
    }
    async with RawServer(answering(reply(json.dumps(body).encode()))) as server:
        with caplog.at_level(logging.WARNING, "claro_async"):
            found = [each async for each in connect(server.base_url).datasets.list()]
    assert [each.dataset_id for each in found] == ["d", "e"]
    assert (found[0].row_count, found[0].column_count, str(found[0].status)) == (
        None,
        None,
        "queued",
    )
    assert found[1].to_dict() == {**odd, "columnCount": None, "description": None} | {
        "updatedAt": "2024-03-14T17:30:00Z"
    }
    assert found[1].additional_properties == {"createdAt": "then", "linkedDatasources": "s"}
    assert len(caplog.records) == 1


async def test_an_id_with_a_comma_does_not_keep_values_from_being_compared(
    connect: Callable[..., ClaroClient],
) -> None:
    """The API takes a comma for two ids, so pages come whole where a column's id has one."""
    both = [page(1, ["1", "2"], 4), page(2, ["3", "4"], 4)]
    text = json.dumps(both).replace('"columnId": "a"', '"columnId": "a,b"')
    async with RawServer(Pages(*json.loads(text))) as server:
        plan = (
            await connect(server.base_url)
            .dataset("d")
            .plan_updates([("1-a", "new"), ("4-a", "text 4")], skip_unchanged=True)
        )
        assert (plan.requests, plan.unchanged) == (1, 1)

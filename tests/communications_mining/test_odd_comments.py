"""Comments that are not as documented: each costs a value at the most, and none is lost."""

from __future__ import annotations

import csv
import json
import logging
import pickle
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from pyarrow import parquet

from claro_async.communications_mining import columns
from claro_async.communications_mining.columns import COLUMNS
from claro_async.wire.converter import ModelConverter
from tests.communications_mining.server import comment, minutely, page_of, serving, uids

if TYPE_CHECKING:
    from pathlib import Path

PLAIN: dict[str, Any] = {
    **comment("plain", "2024-03-14T10:00:00Z", thread_id="t", has_annotations=True),
    "annotations": {"labels": {"assigned": [{"name": "A", "sentiment": "positive"}]}},
    "predictions": {
        "labels": [{"name": "A", "probability": 0.5, "sentiment": -0.25}],
        "label_properties": [{"property_id": "1", "property_name": "tone", "value": 1}],
    },
}
PLAIN["comment"]["user_properties"] = {"string:Domain": "a.b"}
MESSAGE = {
    "from": "a@b.c",
    "to": ["d@e.f"],
    "sent_at": "2024-03-14T10:00:00Z",
    "subject": {"text": "Hello"},
    "body": {"text": "World"},
}


def bent(path: str, value: Any) -> dict[str, Any]:
    """The plain comment with another value at a path."""
    made: dict[str, Any] = json.loads(json.dumps(PLAIN))
    made["comment"]["messages"] = [json.loads(json.dumps(MESSAGE))]
    place: Any = made
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
    for step in steps:
        place = place[step]
    place[last] = value
    return made


def row_of(exported: dict[str, Any]) -> dict[str, Any]:
    """The row of a comment."""
    return columns.row_of(json.dumps(exported).encode())


def test_a_plain_comment() -> None:
    """Each documented field is in its column, and nothing is a misfit."""
    row = row_of(bent("comment.context", "c"))
    moment = datetime(2024, 3, 14, 10, tzinfo=UTC)
    assert list(row) == list(COLUMNS)
    assert row == {
        "uid": "s.plain",
        "id": "plain",
        "source_id": "s",
        "timestamp": moment,
        "created_at": moment,
        "last_modified": moment,
        "thread_id": "t",
        "context": "c",
        "text_format": None,
        "has_annotations": True,
        "user_properties": '{"string:Domain":"a.b"}',
        "messages": [
            {
                "from": "a@b.c",
                "to": ["d@e.f"],
                "sent_at": moment,
                "subject": "Hello",
                "body": "World",
            }
        ],
        "assigned_labels": [{"name": "A", "sentiment": "positive"}],
        "predicted_labels": [{"name": "A", "probability": 0.5, "sentiment": -0.25}],
        "label_properties": [{"property_id": "1", "property_name": "tone", "value": 1.0}],
        "misfits": None,
    }


MISFITS: list[tuple[str, Any, str]] = [
    ("comment.thread_id", 5, "thread_id"),
    ("comment.context", {"a": [1]}, "context"),
    ("comment.timestamp", "yesterday", "timestamp"),
    ("comment.created_at", "2016-13-31T23:59:59Z", "created_at"),
    ("comment.last_modified", [1], "last_modified"),
    ("comment.has_annotations", "yes", "has_annotations"),
    ("comment.user_properties", "none", "user_properties"),
    ("comment.messages", "hello", "messages"),
    ("comment.messages.0", "hello", "messages"),
    ("comment.messages.0.subject", "Hello", "messages"),
    ("comment.messages.0.subject.text", 7, "messages"),
    ("comment.messages.0.to", "d@e.f", "messages"),
    ("comment.messages.0.to.0", 1, "messages"),
    ("comment.messages.0.sent_at", True, "messages"),
    ("annotations", "none", "assigned_labels"),
    ("annotations.labels", ["A"], "assigned_labels"),
    ("annotations.labels.assigned", {"name": "A"}, "assigned_labels"),
    ("annotations.labels.assigned.0.name", ["A", "B"], "assigned_labels"),
    ("predictions.labels.0.probability", "0.5", "predicted_labels"),
    ("predictions.labels.0.sentiment", True, "predicted_labels"),
    ("predictions.label_properties.0.value", 10**400, "label_properties"),
    ("predictions.labels", 3, "predicted_labels"),
]


@pytest.mark.parametrize(("path", "value", "column"), MISFITS, ids=[each[0] for each in MISFITS])
def test_what_does_not_fit_stands_by_itself(path: str, value: Any, column: str) -> None:
    """A value that does not fit is null in its column, stands in `misfits`, and costs no other."""
    row, plain = row_of(bent(path, value)), row_of(bent("comment.context", "c"))
    misfits = json.loads(row["misfits"])
    named = "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in path.split("."))
    expected = str(value) if value == 10**400 else value
    assert {each: str(v) if v == 10**400 else v for each, v in misfits.items()} == {
        named[1:]: expected
    }
    others = [name for name in COLUMNS if name not in {column, "misfits", "context"}]
    assert [row[name] for name in others] == [plain[name] for name in others]
    assert row[column] != plain[column]


def test_a_misfit_in_a_message_costs_only_itself() -> None:
    """The other parts of the message, and the other messages, are kept."""
    row = row_of(bent("comment.messages", [MESSAGE, None, {**MESSAGE, "to": "x"}]))
    first, second, third = row["messages"]
    assert (first["to"], second, third["to"]) == (["d@e.f"], None, None)
    assert third["body"] == first["body"] == "World"
    assert json.loads(row["misfits"]) == {"comment.messages[2].to": "x"}


@pytest.mark.parametrize(
    "value", ["2024-03-14T10:00:00.123456Z", "2024-03-14T12:00:00.5+02:00", "2024-03-14t10:00:00z"]
)
def test_times_are_those_of_the_models(value: str) -> None:
    """A time that the models take has the same moment in the table."""
    row = row_of(bent("comment.timestamp", value))
    assert row["timestamp"] == ModelConverter().structure(value, datetime)
    assert row["misfits"] is None


def spoiled(text: bytes) -> web.Response:
    """A page of three comments, the second of which holds this text, as bytes."""
    body = json.dumps({"status": "ok", "comments": [PLAIN, bent("comment.context", "@"), PLAIN]})
    raw = body.encode().replace(b'"@"', text)
    for name in (b"first", b"odd", b"last"):
        raw = raw.replace(b"s.plain", b"s." + name, 1)
    return web.Response(body=raw, content_type="application/json")


UNDECODABLE = {
    "half an emoji": (rb'"a\ud83d"', "a\N{REPLACEMENT CHARACTER}"),
    "no UTF-8": (b'"a\xff"', "a\N{REPLACEMENT CHARACTER}"),
    "a number": (b"1e999", "1e999"),
    "a line break": (b'"a\nb"', "a\nb"),
}


@pytest.mark.parametrize("kind", UNDECODABLE)
async def test_what_cannot_be_decoded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """It costs one value: models, JSON lines, Parquet and CSV have all three comments."""
    text, expected = UNDECODABLE[kind]
    caplog.set_level(logging.WARNING, "claro_async")
    async with serving([]) as (server, dataset):
        server.answer = lambda _: spoiled(text)
        found = [each async for each in dataset.export()]
        assert [each.uid for each in found] == ["s.first", "s.odd", "s.last"]
        assert found[0].comment.thread_id == found[2].comment.thread_id == "t"
        assert found[1].to_dict()["comment"]["context"] == expected
        assert found[1].comment.context == expected
        # a line break stands as it came, so there is nothing to say
        assert bool(caplog.records) == (kind != "a line break")
        await dataset.export_to(tmp_path / "out.jsonl")
        lines = (tmp_path / "out.jsonl").read_bytes().splitlines()
        assert [json.loads(line)["comment"]["uid"] for line in lines] == [x.uid for x in found]
        await dataset.export_to(tmp_path / "out.parquet")
        rows = parquet.read_table(tmp_path / "out.parquet").to_pylist()
        assert [row["uid"] for row in rows] == ["s.first", "s.odd", "s.last"]
        assert rows[1]["context"] == expected
        assert [row["misfits"] for row in rows] == [None] * 3
        await dataset.export_to(tmp_path / "out.csv")
        with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
            assert [row["uid"] for row in csv.DictReader(file)] == [x.uid for x in found]


async def test_csv(tmp_path: Path) -> None:
    """CSV has a header and the columns of Parquet; nested ones are JSON text, null is empty."""
    comments = minutely(3)
    comments[1]["comment"]["thread_id"] = 'a "quoted",\r\nthread'
    comments[2]["comment"]["messages"] = "odd"
    async with serving(comments) as (_, dataset):
        file = await dataset.export_to(tmp_path / "out.csv")
    assert file.comments == 3
    with file.path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == list(COLUMNS)
    assert [row["uid"] for row in rows] == uids(comments)
    assert [row["thread_id"] for row in rows] == ["", 'a "quoted",\r\nthread', ""]
    assert rows[0]["timestamp"] == "2024-03-14T10:00:00+00:00"
    assert json.loads(rows[0]["messages"])[0]["body"] == "No. 00000"
    assert json.loads(rows[2]["misfits"]) == {"comment.messages": "odd"}


async def test_a_comment_without_a_uid_names_its_place(tmp_path: Path) -> None:
    """What cannot be told from others is an error, which says where it stands in the page."""
    from claro_async.errors import DecodeError  # noqa: PLC0415 - beside its use

    async with serving([]) as (server, dataset):
        server.answer = lambda _: page_of([comment("a"), {"comment": {"id": "b"}}])
        with pytest.raises(DecodeError, match="uid") as caught:
            await dataset.export_to(tmp_path / "out.jsonl")
        assert caught.value.path == "comments[1]"


async def test_an_exported_comment_is_pickled() -> None:
    """A comment that was pickled has the same model, JSON and labels, with no client."""
    async with serving([PLAIN]) as (_, dataset):
        (found,) = [each async for each in dataset.export()]
    again = pickle.loads(pickle.dumps(found))  # noqa: S301 - our own
    assert (again.uid, again.model, again.to_json()) == (found.uid, found.model, found.to_json())
    assert again.assigned_labels[0].name == "A"

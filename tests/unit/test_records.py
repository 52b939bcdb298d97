"""Public records as plain JSON, and in other processes."""

import json
import pickle
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import attrs
import pytest

import claro_async.models
from claro_async._plain import plain_record
from claro_async.models import (
    DatasetDeletion,
    SignedLink,
    TaskType,
    TaskTypeChange,
    UploadedDatasource,
)

MOMENT = datetime(2024, 3, 14, 17, 30, tzinfo=UTC)
RECORDS = [
    SignedLink("https://x/f?token=t", "f.csv", 3, MOMENT, additional_properties={"new": [1]}),
    DatasetDeletion(dataset_id="d", deleted_at=MOMENT, message="gone"),
    TaskTypeChange(
        column_id="c",
        task_type=TaskType("from the future"),
        previous_task_type=TaskType.RAW,
        metadata={"prompt": "p"},
    ),
    UploadedDatasource(
        cell_id="c",
        datasource_id="s",
        file_name="f",
        file_size=None,
        uploaded_at=MOMENT,
        linked_at=None,
    ),
]


def public_models() -> list[type[Any]]:
    """Every public class that has fields."""
    found = (getattr(claro_async.models, name) for name in claro_async.models.__all__)
    return [each for each in found if attrs.has(each)]


@pytest.mark.parametrize("model", public_models(), ids=lambda model: model.__name__)
def test_every_public_model_gives_plain_json(model: type[Any]) -> None:
    """Each public model has `to_dict`, with a value for each of its fields."""
    record = model(**{field.name: None for field in attrs.fields(model) if field.init})
    if hasattr(model, "__wire_names__"):
        record.additional_properties = {"new": {"a": [1]}}
        names = {*model.__wire_names__.values(), "new"}
    else:
        names = {field.name for field in attrs.fields(model)}
    assert json.loads(json.dumps(record.to_dict())).keys() == names


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_records_of_our_own_are_plain_json_and_pickle(record: Any) -> None:
    """Times become ISO text, enums their values, and a pickled copy is the same."""
    assert pickle.loads(pickle.dumps(record)) == record  # noqa: S301
    plain = record.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    for name, value in plain.items():
        if isinstance(getattr(record, name), datetime):
            assert value == "2024-03-14T17:30:00Z"


class Colour(StrEnum):
    """An enum."""

    RED = "red"


@attrs.frozen
class Everything:
    """A record with a value of each kind."""

    values: tuple[Any, ...]
    by_colour: dict[Colour, Any]
    _private: int = 1


def test_any_value_of_a_record_becomes_plain() -> None:
    """Paths, errors, times, spans, enums, records and models within a record are plain."""
    record = Everything(
        (Path("a/b"), ValueError("x"), MOMENT, date(2024, 1, 2), timedelta(minutes=2), {1.5}),
        {Colour.RED: DatasetDeletion(dataset_id="d")},
    )
    assert json.loads(json.dumps(plain_record(record))) == {
        "values": ["a/b", "x", "2024-03-14T17:30:00Z", "2024-01-02", 120.0, [1.5]],
        "by_colour": {"red": DatasetDeletion(dataset_id="d").to_dict()},
    }

"""The converter on models of its own, so that each rule stands by itself."""

import datetime as dt
import pickle
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, Self

import pytest
from attrs import Factory, define

from claro_async.wire.converter import ModelConverter, StructureError


class Colour(StrEnum):
    """An enum that stays open, as the generated ones do."""

    RED = "red"

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member


@define
class Part:
    """A model within a model."""

    __wire_names__: ClassVar[Mapping[str, str]] = {"part_id": "partId", "colour": "colour"}

    part_id: str
    colour: Colour | None = None
    additional_properties: dict[str, Any] = Factory(dict)


@define
class Whole:
    """A model with a field of every kind."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "value": "value",
        "nullable": "nullAble",
        "count": "count",
        "ratio": "ratio",
        "flag": "flag",
        "made_at": "madeAt",
        "free": "free",
        "items": "items",
        "parts": "parts",
        "grid": "grid",
        "part": "part",
    }

    value: Any
    nullable: str | None
    count: int | None = None
    ratio: float | None = None
    flag: bool | None = None
    made_at: dt.datetime | None = None
    free: dict[str, Any] | None = None
    items: list[Any] | None = None
    parts: list[Part] | None = None
    grid: list[list[Part]] | None = None
    part: Part | None = None
    additional_properties: dict[str, Any] = Factory(dict)


@pytest.fixture(scope="module")
def converter() -> ModelConverter:
    """One converter for all tests, since it compiles its hooks once a model."""
    return ModelConverter()


def whole(**fields: Any) -> dict[str, Any]:
    """The JSON of a whole, with what it requires."""
    return {"value": 1, "nullAble": "x", **fields}


def test_names_are_translated(converter: ModelConverter) -> None:
    """Wire names become the model's names and come back."""
    data = whole(parts=[{"partId": "p", "colour": "red"}], grid=[[{"partId": "q"}]])
    made = converter.structure(data, Whole)
    assert made == Whole(1, "x", parts=[Part("p", Colour.RED)], grid=[[Part("q")]])
    assert converter.unstructure(made) == data


def test_optional_field_is_none_when_absent_or_null(converter: ModelConverter) -> None:
    """An optional field reads as None whether it is missing or null, and is not sent then."""
    absent = converter.structure(whole(), Whole)
    null = converter.structure(whole(count=None, madeAt=None, free=None, part=None), Whole)
    assert absent == null
    assert absent.part is None
    assert converter.unstructure(null) == whole()


def test_required_null_is_sent(converter: ModelConverter) -> None:
    """A required field is sent even when it is null, such as the value that empties a cell."""
    made = converter.structure({"value": None, "nullAble": None}, Whole)
    assert converter.unstructure(made) == {"value": None, "nullAble": None}


def test_falsy_values_are_sent(converter: ModelConverter) -> None:
    """Zero, false and empty values are sent: only None means not given."""
    data = whole(count=0, ratio=0.0, flag=False, free={}, items=[], parts=[])
    assert converter.unstructure(converter.structure(data, Whole)) == data


def test_unknown_names_are_kept(converter: ModelConverter) -> None:
    """What a model does not know is kept beside it, shown and compared, and comes back."""
    data = whole(new={"deep": [1]}, part={"partId": "p", "extra": None})
    made = converter.structure(data, Whole)
    assert made.additional_properties == {"new": {"deep": [1]}}
    assert made.part == Part("p", additional_properties={"extra": None})
    assert "extra" in repr(made)
    assert made != converter.structure(whole(), Whole)
    assert converter.unstructure(made) == data


def test_known_field_wins_over_unknown_name(converter: ModelConverter) -> None:
    """An entry of the unknown names cannot displace a field that is set."""
    made = Part("mine", additional_properties={"partId": "other", "colour": "blue"})
    assert converter.unstructure(made) == {"partId": "mine", "colour": "blue"}


def test_unknown_names_of_two_models_are_apart(converter: ModelConverter) -> None:
    """Models do not share the dictionary that keeps their unknown names."""
    first, second = (converter.structure({"partId": "p"}, Part) for _ in range(2))
    first.additional_properties["a"] = 1
    assert second.additional_properties == {}


def test_free_values_are_not_copied(converter: ModelConverter) -> None:
    """Cell values, free-form objects and lists of anything are passed through both ways as is."""
    value, free, items = {"a": [1]}, {"b": 2}, [{"c": 3}]
    made = converter.structure(
        {"value": value, "nullAble": None, "free": free, "items": items}, Whole
    )
    assert (made.value is value, made.free is free, made.items is items) == (True, True, True)
    sent = converter.unstructure(made)
    assert (sent["value"] is value, sent["free"] is free, sent["items"] is items) == (True,) * 3


def test_integer_is_a_number(converter: ModelConverter) -> None:
    """An integer is taken where a number is wanted, and becomes a float."""
    ratio = converter.structure(whole(ratio=3), Whole).ratio
    assert (ratio, type(ratio)) == (3.0, float)


def test_a_whole_number_is_an_integer(converter: ModelConverter) -> None:
    """``2.0`` is taken where an integer is wanted: JSON does not tell it from ``2``."""
    count = converter.structure(whole(count=2.0), Whole).count
    assert (count, type(count)) == (2, int)


def test_what_does_not_fit_is_none_and_kept_where_that_is_tolerated(
    converter: ModelConverter,
) -> None:
    """A tolerant model has None for what is missing or does not fit, and keeps what came."""
    made = converter.structure_tolerantly(
        {"value": 1, "count": "x", "madeAt": "then", "part": {"partId": 7, "new": 1}, "zz": 2},
        Whole,
    )
    assert (made.value, made.nullable, made.count, made.made_at) == (1, None, None, None)
    assert made.additional_properties == {"count": "x", "madeAt": "then", "zz": 2}
    assert made.part == Part(None, None, {"partId": 7, "new": 1})  # type: ignore[arg-type]
    assert converter.structure_tolerantly(whole(), Whole) == converter.structure(whole(), Whole)
    with pytest.raises(StructureError):
        converter.structure_tolerantly([], Whole)


@pytest.mark.parametrize(
    ("changes", "path", "reason"),
    [
        ({"nullAble": 5}, "nullAble", "expected a string, got an integer"),
        ({"count": "5"}, "count", "expected an integer, got a string"),
        ({"count": True}, "count", "expected an integer, got a boolean"),
        ({"count": 5.5}, "count", "expected an integer, got a number"),
        ({"count": 1e300}, "count", "expected an integer, got a number"),
        ({"ratio": "1"}, "ratio", "expected a number, got a string"),
        ({"ratio": True}, "ratio", "expected a number, got a boolean"),
        ({"flag": 1}, "flag", "expected a boolean, got an integer"),
        ({"flag": "true"}, "flag", "expected a boolean, got a string"),
        ({"madeAt": True}, "madeAt", "expected a date and time, got a boolean"),
        ({"free": []}, "free", "expected an object, got an array"),
        ({"items": "ab"}, "items", "expected an array, got a string"),
        ({"parts": {"partId": "p"}}, "parts", "expected an array, got an object"),
        ({"parts": [None]}, "parts[0]", "expected an object, got null"),
        ({"parts": [{"partId": "p"}, {"partId": None}]}, "parts[1].partId", "got null"),
        ({"parts": [{"partId": "p", "colour": 7}]}, "parts[0].colour", "got an integer"),
        ({"grid": [[], [{"partId": "p"}, {}]]}, "grid[1][1].partId", "is missing"),
        ({"part": "p"}, "part", "expected an object, got a string"),
        ({"part": {}}, "part.partId", "is missing"),
    ],
)
def test_error_tells_where_and_why(
    converter: ModelConverter, changes: dict[str, Any], path: str, reason: str
) -> None:
    """A value of the wrong type is an error that names the place in wire names, and both types."""
    with pytest.raises(StructureError) as caught:
        converter.structure(whole(**changes), Whole)
    assert caught.value.path == path
    assert caught.value.reason.endswith(reason)
    assert str(caught.value) == f"{path}: {caught.value.reason}"


@pytest.mark.parametrize("data", [None, [], "x", 1])
def test_error_of_the_whole_value_has_no_path(converter: ModelConverter, data: Any) -> None:
    """A reply that is not even an object is an error with an empty path."""
    with pytest.raises(StructureError, match=r"^expected an object, got") as caught:
        converter.structure(data, Whole)
    assert caught.value.path == ""


def test_error_holds_no_data(converter: ModelConverter) -> None:
    """Neither the error nor what it was raised from holds the data, which may be private."""
    with pytest.raises(StructureError) as caught:
        converter.structure(whole(madeAt="2024-13-01T00:00:00Z", secret="hush"), Whole)
    assert "2024-13" not in repr(caught.value)
    assert (caught.value.__context__, caught.value.__cause__) == (None, None)


def test_error_can_be_pickled() -> None:
    """The error goes to another process and back."""
    error = pickle.loads(pickle.dumps(StructureError("a[0].b", "is missing")))  # noqa: S301
    assert (error.path, error.reason) == ("a[0].b", "is missing")


def test_lists_of_models_are_structured(converter: ModelConverter) -> None:
    """A form may be a list of models; the path of an error starts at its index."""
    assert converter.structure([{"partId": "p"}], list[Part]) == [Part("p")]
    with pytest.raises(StructureError) as caught:
        converter.structure([{"partId": "p"}, {"partId": 1}], list[Part])
    assert caught.value.path == "[1].partId"


def test_unknown_enum_value_is_kept(converter: ModelConverter) -> None:
    """An enum value from the future is kept, is an instance of the enum, and comes back."""
    made = converter.structure({"partId": "p", "colour": "ultraviolet"}, Part)
    assert isinstance(made.colour, Colour)
    assert made.colour == "ultraviolet"
    assert converter.unstructure(made) == {"partId": "p", "colour": "ultraviolet"}


def test_enum_is_sent_as_its_plain_value(converter: ModelConverter) -> None:
    """An enum goes out as a plain string, and so does a string given in its place."""
    sent = converter.unstructure(Part("p", Colour.RED))["colour"]
    assert (sent, type(sent)) == ("red", str)
    assert converter.unstructure(Part("p", "red")) == {"partId": "p", "colour": "red"}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-03-14T17:30:00Z", dt.datetime(2024, 3, 14, 17, 30, tzinfo=dt.UTC)),
        ("2024-03-14t17:30:00z", dt.datetime(2024, 3, 14, 17, 30, tzinfo=dt.UTC)),
        ("2021-11-16T12:31:00.123Z", dt.datetime(2021, 11, 16, 12, 31, 0, 123000, dt.UTC)),
        ("2024-03-14T17:30:00.1234567+00:00", dt.datetime(2024, 3, 14, 17, 30, 0, 123456, dt.UTC)),
        ("2024-03-14T19:00:00+01:30", dt.datetime(2024, 3, 14, 17, 30, tzinfo=dt.UTC)),
        ("2024-03-14T17:30:00", dt.datetime(2024, 3, 14, 17, 30, tzinfo=dt.UTC)),
        ("2024-03-14 17:30", dt.datetime(2024, 3, 14, 17, 30, tzinfo=dt.UTC)),
        ("2024-03-14T19:30:00+0200", dt.datetime(2024, 3, 14, 17, 30, tzinfo=dt.UTC)),
        ("2024-03-14T15:30-02", dt.datetime(2024, 3, 14, 17, 30, tzinfo=dt.UTC)),
        ("2024-03-14T17:30:00,5Z", dt.datetime(2024, 3, 14, 17, 30, 0, 500000, dt.UTC)),
        ("20240314T173000Z", dt.datetime(2024, 3, 14, 17, 30, tzinfo=dt.UTC)),
        ("2024-03-14 17:30:00 UTC", dt.datetime(2024, 3, 14, 17, 30, tzinfo=dt.UTC)),
        ("2024-03-14", dt.datetime(2024, 3, 14, tzinfo=dt.UTC)),
        ("2024-03-14T24:00:00Z", dt.datetime(2024, 3, 15, tzinfo=dt.UTC)),
        ("2016-12-31T23:59:60Z", dt.datetime(2017, 1, 1, tzinfo=dt.UTC)),
        ("Thu, 14 Mar 2024 17:30:00 GMT", dt.datetime(2024, 3, 14, 17, 30, tzinfo=dt.UTC)),
        ("1710437400", dt.datetime(2024, 3, 14, 17, 30, tzinfo=dt.UTC)),
        (1710437400, dt.datetime(2024, 3, 14, 17, 30, tzinfo=dt.UTC)),
        (1710437400.5, dt.datetime(2024, 3, 14, 17, 30, 0, 500000, dt.UTC)),
        (1710437400500, dt.datetime(2024, 3, 14, 17, 30, 0, 500000, dt.UTC)),
    ],
)
def test_moment_is_read(converter: ModelConverter, text: str | float, moment: dt.datetime) -> None:
    """A date and time is read in any common form; without a zone, it is UTC."""
    made = converter.structure(whole(madeAt=text), Whole).made_at
    assert made is not None
    assert made == moment
    assert made.utcoffset() is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2024-W11-4T17:30:00Z",
        "2024-03-14T17:30:61Z",
        "2024-03-14T24:00:01Z",
        "0000-00-00T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "Thu, 99 Mar 2024",
        1e300,
        -(10**30),
        "2024-02-30T00:00:00Z",
        "2024-03-14T25:00:00Z",
        "\u0662024-03-14T17:30:00Z",
    ],
)
def test_other_moments_are_rejected(converter: ModelConverter, text: str | float) -> None:
    """A moment in another notation or that never was is an error, and its text is not shown."""
    with pytest.raises(StructureError, match=r"^madeAt: expected a date and time, as in ISO 8601$"):
        converter.structure(whole(madeAt=text), Whole)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (dt.datetime(2024, 3, 14, 17, 30, tzinfo=dt.UTC), "2024-03-14T17:30:00Z"),
        (dt.datetime(2024, 3, 14, 17, 30, 0, 1000, dt.UTC), "2024-03-14T17:30:00.001000Z"),
        (
            dt.datetime(2024, 3, 14, 17, 30, tzinfo=dt.timezone(dt.timedelta(hours=-5))),
            "2024-03-14T17:30:00-05:00",
        ),
    ],
)
def test_moment_is_written(converter: ModelConverter, moment: dt.datetime, text: str) -> None:
    """A date and time is written as RFC 3339, with its own offset."""
    assert converter.unstructure(Whole(1, None, made_at=moment))["madeAt"] == text


def test_naive_moment_is_not_sent(converter: ModelConverter) -> None:
    """A date and time without an offset is refused rather than sent as some moment."""
    naive = Whole(1, None, made_at=dt.datetime(2024, 3, 14, 17, 30))  # noqa: DTZ001
    with pytest.raises(ValueError, match="needs an offset"):
        converter.unstructure(naive)

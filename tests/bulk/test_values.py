"""What scalars of libraries become on their way into a dataset, and when a text says a value."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from claro_async.bulk.texts import is_written_as, text_of
from claro_async.bulk.values import cell_value, is_same_time
from claro_async.wire.json import json_bytes

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        (Decimal("1.50"), 1.5),
        (Decimal("1E+3"), 1000),
        (Decimal(-0), 0),
        (date(2024, 3, 1), date(2024, 3, 1)),
        ([1, {"a": (2,)}], [1, {"a": [2]}]),
        (1.5, 1.5),
        (True, True),
    ],
)
def test_what_a_value_is_taken_for(value: Any, becomes: Any) -> None:
    """Numbers of any class are numbers, dates stay until they are compared, the rest is JSON."""
    found = cell_value(value, "v", nan_is_null=False)
    assert (type(found), found) == (type(becomes), becomes)


@pytest.mark.parametrize("value", [float("nan"), Decimal("NaN")])
def test_nan_is_null_where_it_stands_for_a_missing_value(value: Any) -> None:
    """NaN is refused by its name, or null where values are converted by column."""
    assert cell_value(value, "v", nan_is_null=True) is None
    with pytest.raises(ValueError, match="v is"):
        cell_value(value, "v", nan_is_null=False)


@pytest.mark.parametrize(
    "value", [Decimal("0.1000000000000000055511151231257827"), Decimal("1e999"), float("inf")]
)
def test_a_number_that_json_cannot_carry_is_refused(value: Any) -> None:
    """What would lose digits, or has no JSON form, is an error with the value's name."""
    with pytest.raises(ValueError, match=r"rows\[0\]\['p'\] is"):
        cell_value(value, "rows[0]['p']", nan_is_null=True)


@pytest.mark.parametrize("value", [timedelta(1), b"x", {1, 2}])
def test_what_has_no_form_in_json_is_refused(value: Any) -> None:
    """Durations, bytes and sets raise by the value's name."""
    with pytest.raises(TypeError, match="v is a"):
        cell_value(value, "v", nan_is_null=True)


def test_scalars_of_numpy() -> None:
    """A date of numpy is a date however it counts, a scalar the value that it stands for."""
    numpy = pytest.importorskip("numpy")
    moments = {
        "2024-03-01": date(2024, 3, 1),
        "2024-03-01T12:00": datetime(2024, 3, 1, 12),  # noqa: DTZ001 - numpy's have no zone
        "2024-03-01T12:00:00.000000000": datetime(2024, 3, 1, 12),  # noqa: DTZ001 - as above
        "2024-03-01T12:00:00.000000001": "2024-03-01T12:00:00.000000001",
        "2024": "2024",
        "NaT": None,
    }
    for text, expected in moments.items():
        unit = ("s",) if text == "NaT" else ()  # without one it is deprecated
        assert cell_value(numpy.datetime64(text, *unit), "v", nan_is_null=False) == expected
    found = cell_value(numpy.int64(3), "v", nan_is_null=False)
    assert (type(found), found) == (int, 3)
    assert cell_value(numpy.float64("nan"), "v", nan_is_null=True) is None


def test_a_time_of_numpy_is_no_number() -> None:
    """What numpy would give as a count of nanoseconds is refused as an edit's value."""
    numpy = pytest.importorskip("numpy")
    for value in (numpy.datetime64("2024-03-01", "ns"), numpy.timedelta64(1, "ns")):
        with pytest.raises(TypeError, match="convert it first"):
            json_bytes(value)


def test_scalars_of_pandas() -> None:
    """What is missing in pandas is null, and its moments are those of Python."""
    pandas = pytest.importorskip("pandas")
    assert cell_value(pandas.NA, "v", nan_is_null=False) is None
    assert cell_value(pandas.NaT, "v", nan_is_null=False) is None
    assert cell_value(pandas.Timestamp(NOON), "v", nan_is_null=False) == NOON


@pytest.mark.parametrize(
    ("present", "value", "same"),
    [
        (None, "", True),
        (None, " ", False),
        ("", "", True),
        ("a", "a", True),
        ("a", "A", False),
        (1.5, "1.5", True),
        (1.5, " 1.50 ", True),
        (2, "2.0", True),
        (1, "true", False),
        (0, "", False),
        (True, "True", True),
        (True, "1", False),
        ({"a": [1, None]}, '{"a": [1.0, null]}', True),
        ([1], "[2]", False),
        ([1], "[1", False),
        ("2024-03-01T13:00:00+01:00", NOON, True),
        ("2024-03-01", NOON, False),
        ("2024-03-01T00:00:00", date(2024, 3, 1), True),
        ("soon", date(2024, 3, 1), False),
        ("08:30", time(8, 30), True),
        (1, 1.0, True),
        (1, True, False),
        ("1", 1, False),
        (20240301, date(2024, 3, 1), False),
    ],
)
def test_when_a_file_says_what_a_cell_holds(present: Any, value: Any, same: bool) -> None:  # noqa: FBT001
    """A text says a value if a file that holds the value would hold that text, for each type."""
    assert is_written_as(present, value) is same


def test_a_value_is_written_as_itself() -> None:
    """Each value is what a file writes for it."""
    for value in (1, 1.5, True, "x", [1], {"a": None}):
        assert is_written_as(value, text_of(value))
    assert is_same_time(NOON, NOON.isoformat())

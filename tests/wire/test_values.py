"""JSON values go to a cell and come back as they were; what JSON cannot carry is not sent."""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claro_async.wire.json import json_bytes
from tests.wire.operations import CELL, DATASET
from tests.wire.ways import lane  # noqa: F401 - both of them

if TYPE_CHECKING:
    from claro_async import ClaroClient
    from claro_async.emulator import Emulator

text = st.text(st.characters(codec="utf-8"), max_size=40)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)


@settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(json_values)
async def test_any_json_value_comes_back_as_it_was(
    emulator: Emulator, client: ClaroClient, value: Any
) -> None:
    """A value that is written, then read in every way there is, is equal and of the same type."""
    dataset = client.dataset(DATASET)
    result = await dataset.update_cell(CELL, value)
    assert same(result.value, value)
    assert same(emulator.values(DATASET)[CELL], value)
    page = await dataset.rows()
    assert same(page.rows[0]["product"], value)
    assert same(page.rows[0].cell("product").value, value)
    again = await dataset.update_cell(CELL, None)
    assert same(again.previous_value, value)


def same(found: Any, wanted: Any) -> bool:
    """Equal, and of the same types all the way down."""
    if type(found) is not type(wanted):
        return False
    if isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(same(found[k], wanted[k]) for k in wanted)
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(wanted, float):
        return found == wanted and math.copysign(1, found) == math.copysign(1, wanted)
    return bool(found == wanted)


@attrs.define
class Model:
    """An object that is no JSON value."""

    name: str = "x"


class Text(str):
    """A str of another class."""

    __slots__ = ()


UNFIT: list[tuple[Any, type[Exception]]] = [
    (math.nan, ValueError),
    (math.inf, ValueError),
    (-math.inf, ValueError),
    ([1, {"a": math.nan}], ValueError),
    ("\ud800", ValueError),
    ({"\udfff": 1}, ValueError),
    (["a", ["\ud83d"]], ValueError),
    (b"bytes", TypeError),
    (bytearray(b"x"), TypeError),
    ({1, 2}, TypeError),
    (frozenset(), TypeError),
    ({1: "a"}, TypeError),
    ({None: "a"}, TypeError),
    ({("a",): 1}, TypeError),
    (date(2024, 3, 14), TypeError),
    (datetime(2024, 3, 14, tzinfo=UTC), TypeError),
    (Decimal("1.5"), TypeError),
    (Fraction(1, 2), TypeError),
    (UUID(int=1), TypeError),
    (PurePosixPath("a"), TypeError),
    (1j, TypeError),
    (object(), TypeError),
    (Model(), TypeError),
    (Model, TypeError),
    (iter([1]), TypeError),
    ([Model()], TypeError),
    (range(3), TypeError),
    (memoryview(b"a"), TypeError),
]


def without_address(value: object) -> str:
    """A test's id that is the same in every run."""
    return re.sub(" at 0x.*", "", repr(value))[:30]


@pytest.mark.parametrize(("value", "kind"), UNFIT, ids=without_address)
async def test_what_json_cannot_carry_is_not_sent(
    value: Any, kind: type[Exception], emulator: Emulator, client: ClaroClient
) -> None:
    """NaN, surrogates and foreign types are refused, wherever in the value they are."""
    with pytest.raises(kind):
        await client.dataset(DATASET).update_cell(CELL, value)
    with pytest.raises(kind):
        await client.request("POST", "/x", json=value)
    with pytest.raises(kind):
        await client.dataset(DATASET).update_column("col_1", metadata={"a": value})
    with pytest.raises(kind):
        await client.dataset(DATASET).set_task_type(
            "col_1", "web_enrich", metadata={"a": value}, confirm="col_1"
        )
    assert emulator.ledger.requests == []


async def test_a_value_that_holds_itself_is_refused(
    emulator: Emulator, client: ClaroClient
) -> None:
    """A list in itself is refused like any nesting without end."""
    value: list[Any] = []
    value.append(value)
    with pytest.raises(ValueError, match="nested"):
        await client.dataset(DATASET).update_cell(CELL, value)
    assert emulator.ledger.requests == []


async def test_close_relatives_of_json_values_are_taken(
    emulator: Emulator, client: ClaroClient
) -> None:
    """Tuples go as lists, and mappings of the standard library as objects."""
    await client.dataset(DATASET).update_cell(CELL, (1, (2,), OrderedDict(b=1, a=2)))
    assert emulator.values(DATASET)[CELL] == [1, [2], {"b": 1, "a": 2}]


async def test_a_str_of_another_class_is_refused_in_plain_words(
    emulator: Emulator, client: ClaroClient
) -> None:
    """What only inherits from a JSON type is sent as that type, or refused as a TypeError."""
    try:
        await client.dataset(DATASET).update_cell(CELL, Text("a"))
    except TypeError:
        assert emulator.ledger.requests == []
    else:
        assert emulator.values(DATASET)[CELL] == "a"


class Count(int):
    pass


class Length(float):
    pass


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (Text("a"), b'"a"'),
        ([Count(1), {Text("k"): Length(2.5)}], b'[1,{"k":2.5}]'),
        (Length(0.5), b"0.5"),
    ],
)
def test_derived_classes_count_as_what_they_derive_from(value: object, content: bytes) -> None:
    """A value of a class derived from str, int or float is sent as text or as a number."""
    assert json_bytes(value) == content


def test_scalars_of_numpy_count_as_python_values() -> None:
    """Numpy's numbers, truth values and texts are sent as JSON's; its dates and arrays are not."""
    numpy = pytest.importorskip("numpy")
    values = [numpy.int64(3), numpy.float32(0.5), numpy.bool_(True), numpy.str_("x")]
    assert json_bytes(values) == b'[3,0.5,true,"x"]'
    assert json_bytes(numpy.bool_(False)) == b"false"
    for value in (numpy.datetime64("2024-01-01"), numpy.array([1]), numpy.array(1)):
        with pytest.raises(TypeError, match="not a JSON value"):
            json_bytes(value)
    with pytest.raises(ValueError, match="nan"):
        json_bytes(numpy.float64("nan"))

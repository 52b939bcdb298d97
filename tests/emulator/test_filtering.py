"""The filter language: its grammar, and that the SQL means what the expression means."""

from __future__ import annotations

import json
import operator
import sqlite3
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claro_async.emulator.errors import ApiError
from claro_async.emulator.filtering import (
    All,
    Comparison,
    Node,
    Not,
    Some,
    compile_filter,
    parse_filter,
)

COLUMNS = ["a", "b c", 'q"', "and", "é"]

# Short decimals, since SQLite before 3.47 may read a long one a bit off.
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.integers(-500, 500).map(lambda n: n / 4)
TEXTS = st.text(st.sampled_from("aB'\"%_é\U0001f600 "), max_size=3)
LITERALS = st.none() | st.booleans() | NUMBERS | TEXTS
CELLS = LITERALS | st.lists(st.integers(0, 1), max_size=1)


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    """Draw a comparison that the grammar allows."""
    value = draw(LITERALS)
    plain = value is None or isinstance(value, bool)
    operators = ["=", "!="] if plain else ["=", "!=", "<", "<=", ">", ">="]
    return Comparison(draw(st.sampled_from(COLUMNS)), draw(st.sampled_from(operators)), value)


NODES = st.recursive(
    comparisons(),
    lambda inner: (
        inner.map(Not)
        | st.lists(inner, min_size=2, max_size=3).map(lambda nodes: All(tuple(nodes)))
        | st.lists(inner, min_size=2, max_size=3).map(lambda nodes: Some(tuple(nodes)))
    ),
    max_leaves=6,
)

COMPARE: dict[str, Any] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def kind(value: object) -> str:
    """Tell the kind of a JSON value, with one kind for all numbers."""
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    return "number" if isinstance(value, int | float) else type(value).__name__


def evaluate(node: Node, row: dict[str, Any]) -> bool:
    """Decide an expression for a row, without SQL."""
    if isinstance(node, Not):
        return not evaluate(node.operand, row)
    if isinstance(node, All):
        return all(evaluate(operand, row) for operand in node.operands)
    if isinstance(node, Some):
        return any(evaluate(operand, row) for operand in node.operands)
    value = row[node.column]
    if kind(value) != kind(node.value):
        return node.operator == "!="
    return bool(COMPARE[node.operator](value, node.value))


def write(node: Node) -> str:
    """Write an expression as text, with parentheses everywhere."""
    if isinstance(node, Not):
        return f"NOT ({write(node.operand)})"
    if isinstance(node, All | Some):
        word = " AND " if isinstance(node, All) else " or "
        return word.join(f"({write(operand)})" for operand in node.operands)
    column = node.column.replace('"', '""')
    if isinstance(node.value, str):
        literal = "'" + node.value.replace("'", "''") + "'"
    else:
        literal = json.dumps(node.value)
    return f'"{column}" {node.operator} {literal}'


@given(node=NODES, rows=st.lists(st.lists(CELLS, min_size=5, max_size=5), max_size=5))
@settings(max_examples=300)
def test_sql_picks_the_rows_that_the_expression_means(node: Node, rows: list[list[Any]]) -> None:
    """For any expression and any rows SQLite and a plain evaluator pick the same rows."""
    condition, values = compile_filter(write(node), COLUMNS)
    database = sqlite3.connect(":memory:")
    try:
        database.execute("CREATE TABLE rows (number INTEGER, data TEXT)")
        database.executemany(
            "INSERT INTO rows VALUES (?, ?)",
            [(number, json.dumps(row)) for number, row in enumerate(rows)],
        )
        found = database.execute(
            f"SELECT number FROM rows WHERE {condition} ORDER BY number",  # noqa: S608 - tested
            values,
        ).fetchall()
    finally:
        database.close()
    expected = [
        number
        for number, row in enumerate(rows)
        if evaluate(node, dict(zip(COLUMNS, row, strict=True)))
    ]
    assert [number for (number,) in found] == expected


@given(node=NODES)
def test_what_is_written_is_read(node: Node) -> None:
    """Parsing the text of an expression gives the expression."""
    assert parse_filter(write(node)) == node


A1, B2, C3 = (Comparison(name, "=", number) for name, number in (("a", 1), ("b", 2), ("c", 3)))


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("price > 100", Comparison("price", ">", 100)),
        ("100 < price", Comparison("price", ">", 100)),
        ("price>=1.5e2", Comparison("price", ">=", 150.0)),
        ("price=-1", Comparison("price", "=", -1)),
        (".5 = price", Comparison("price", "=", 0.5)),
        ("a == 1", A1),
        ("a <> 1", Comparison("a", "!=", 1)),
        ("name = 'it''s'", Comparison("name", "=", "it's")),
        ("\"first name\" = 'x'", Comparison("first name", "=", "x")),
        ("active = TRUE", Comparison("active", "=", True)),
        ("x != Null", Comparison("x", "!=", None)),
        ("a = 1 or b = 2 and c = 3", Some((A1, All((B2, C3))))),
        ("(a = 1 or b = 2) and c = 3", All((Some((A1, B2)), C3))),
        ("not a = 1 and b = 2", All((Not(A1), B2))),
        ("NOT NOT a = 1", Not(Not(A1))),
        ("  a\t=\n1  ", A1),
        ("a = 99999999999999999999", Comparison("a", "=", 1e20)),
        ("'and' = \"and\"", Comparison("and", "=", "and")),
    ],
)
def test_the_grammar(text: str, node: Node) -> None:
    """Operators, precedence, quoting and literals are read as documented."""
    assert parse_filter(text) == node


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a",
        "a =",
        "= 1",
        "a = b",
        "1 = 1",
        "'x' = 'y'",
        "a = 1 b",
        "a = 1 and",
        "and a = 1",
        "not",
        "a = not 1",
        "(a = 1",
        "a = 1)",
        "()",
        "a < b < 3",
        "a = 'open",
        'a" = 1',
        "a = 1; drop table cells",
        "a = 1 -- comment",
        "a = 1 /* x */",
        "a like 'x'",
        "a in (1)",
        "a between 1 and 2",
        "a is null",
        "a = 1.2.3",
        "a = 1x",
        "a = 0x10",
        "a = NaN",
        "a = 1e999",
        "a + 1 = 2",
        "f(a) = 1",
        "a = ?",
        "a = :x",
        "a := 1",
        "a => 1",
        "a ! = 1",
        "a < true",
        "null >= a",
        "[a] = 1",
        "`a` = 1",
        "a = 1\x00",
        "(" * 33 + "a = 1" + ")" * 33,
        "not " * 33 + "a = 1",
        "a = 1" + " or a = 1" * 100,
        "a = '" + "x" * 2000 + "'",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """What is not in the grammar, or beyond its bounds, is INVALID_PARAMETERS."""
    with pytest.raises(ApiError) as caught:
        compile_filter(text, ["a"])
    assert caught.value.code == "INVALID_PARAMETERS"


@given(text=st.text(st.sampled_from("a1 '\"()=<>!.-+eEnotrd;\0é"), max_size=30))
def test_no_text_breaks_the_parser(text: str) -> None:
    """Any text is either an expression that SQLite takes or INVALID_PARAMETERS."""
    try:
        condition, values = compile_filter(text, ["a", "e"])
    except ApiError as error:
        assert error.code == "INVALID_PARAMETERS"  # noqa: PT017 - raised for some texts only
    else:
        database = sqlite3.connect(":memory:")
        database.execute("CREATE TABLE rows (data TEXT)")
        database.execute(f"SELECT 1 FROM rows WHERE {condition}", values)  # noqa: S608 - what is tested
        database.close()


@pytest.mark.parametrize("depth", [31, 32])
def test_bounds_are_taken_up_to_the_last(depth: int) -> None:
    """Nesting is allowed up to its documented depth."""
    text = "(" * depth + "a = 1" + ")" * depth
    if depth < 32:
        assert parse_filter(text) == A1
    else:
        with pytest.raises(ApiError):
            parse_filter(text)

"""The ``filter`` expression of "Get Data Source Data": parsed by hand into parameterised SQL.

The documents give one example, ``price > 100``. The grammar around it is inferred:

.. code-block:: text

    expression = term {"or" term}
    term       = factor {"and" factor}
    factor     = "not" factor | "(" expression ")" | comparison
    comparison = column operator literal | literal operator column
    operator   = "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">="
    column     = bare word | "quoted name"
    literal    = 'text' | number | true | false | null

Logic has two values: values of different kinds, and null with anything but null, are unequal and
in no order, and ``not`` turns exactly the rows that an expression picks.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from claro_async.emulator.errors import ApiError, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_LENGTH: Final = 2000
MAX_DEPTH: Final = 32
MAX_COMPARISONS: Final = 100
_INT64: Final = 2**63

Value: TypeAlias = str | int | float | bool | None
Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]


class Comparison(NamedTuple):
    """A column compared with a literal."""

    column: str
    operator: Operator
    value: Value


class Not(NamedTuple):
    """The rows that the operand does not pick."""

    operand: Node


class All(NamedTuple):
    """The rows that every operand picks."""

    operands: tuple[Node, ...]


class Some(NamedTuple):
    """The rows that any operand picks."""

    operands: tuple[Node, ...]


Node: TypeAlias = Comparison | Not | All | Some

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])
    | (?P<text>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<word>[^\W\d]\w*)
    | (?P<operator><=|>=|<>|!=|==|=|<|>)
    | (?P<bracket>[()])
    )""",
    re.VERBOSE | re.ASCII,
)
_CONSTANTS: Final[Mapping[str, Value]] = {"true": True, "false": False, "null": None}
_OPERATORS: Final[Mapping[str, Operator]] = {
    "=": "=",
    "==": "=",
    "!=": "!=",
    "<>": "!=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}
_MIRRORED: Final[Mapping[Operator, Operator]] = {
    "=": "=",
    "!=": "!=",
    "<": ">",
    "<=": ">=",
    ">": "<",
    ">=": "<=",
}


class _Token(NamedTuple):
    kind: str
    text: str


class _Literal(NamedTuple):
    value: Value


def _refuse(problem: str) -> ApiError:
    return invalid("filter", problem)


def _tokens(text: str) -> list[_Token]:
    if len(text) > MAX_LENGTH:
        raise _refuse(f"is longer than {MAX_LENGTH} characters")
    tokens = []
    position, end = 0, len(text.rstrip())
    while position < end:
        found = _TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            raise _refuse(f"cannot be read at character {position + 1}")
        kind, word = found.lastgroup, found[found.lastgroup]
        if kind == "word" and word.lower() in ("and", "or", "not"):
            kind, word = "keyword", word.lower()
        tokens.append(_Token(kind, word))
        position = found.end()
    return tokens


def _number(text: str) -> Value:
    if re.fullmatch(r"[+-]?\d+", text) and -_INT64 <= int(text) < _INT64:
        return int(text)
    value = float(text)
    if math.isinf(value):
        raise _refuse("holds a number out of range")
    return value


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0
        self._comparisons = 0

    def parse(self) -> Node:
        node = self._expression()
        if self._next < len(self._tokens):
            raise _refuse(f"has something left over at {self._tokens[self._next].text!r}")
        return node

    def _take(self, kind: str, text: str | None = None) -> _Token | None:
        if self._next < len(self._tokens):
            token = self._tokens[self._next]
            if token.kind == kind and text in (None, token.text):
                self._next += 1
                return token
        return None

    def _expression(self) -> Node:
        operands = [self._term()]
        while self._take("keyword", "or"):
            operands.append(self._term())
        return operands[0] if len(operands) == 1 else Some(tuple(operands))

    def _term(self) -> Node:
        operands = [self._factor()]
        while self._take("keyword", "and"):
            operands.append(self._factor())
        return operands[0] if len(operands) == 1 else All(tuple(operands))

    def _factor(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _refuse(f"is nested more than {MAX_DEPTH} deep")
        node: Node
        if self._take("keyword", "not"):
            node = Not(self._factor())
        elif self._take("bracket", "("):
            node = self._expression()
            if not self._take("bracket", ")"):
                raise _refuse("lacks a closing parenthesis")
        else:
            node = self._comparison()
        self._depth -= 1
        return node

    def _comparison(self) -> Comparison:
        self._comparisons += 1
        if self._comparisons > MAX_COMPARISONS:
            raise _refuse(f"has more than {MAX_COMPARISONS} comparisons")
        left = self._operand()
        found = self._take("operator")
        if found is None:
            raise _refuse("needs a comparison such as price > 100")
        operator = _OPERATORS[found.text]
        right = self._operand()
        if isinstance(left, str) and isinstance(right, _Literal):
            return _comparison(left, operator, right.value)
        if isinstance(left, _Literal) and isinstance(right, str):
            return _comparison(right, _MIRRORED[operator], left.value)
        raise _refuse("must compare a column with a value")

    def _operand(self) -> str | _Literal:
        if token := self._take("word"):
            if token.text.lower() in _CONSTANTS:
                return _Literal(_CONSTANTS[token.text.lower()])
            return token.text
        if token := self._take("quoted"):
            return token.text[1:-1].replace('""', '"')
        if token := self._take("text"):
            return _Literal(token.text[1:-1].replace("''", "'"))
        if token := self._take("number"):
            return _Literal(_number(token.text))
        raise _refuse("lacks a column or a value")


def _comparison(column: str, operator: Operator, value: Value) -> Comparison:
    if (value is None or isinstance(value, bool)) and operator not in ("=", "!="):
        raise _refuse("true, false and null have no order")
    return Comparison(column, operator, value)


def parse_filter(text: str) -> Node:
    """Parse a filter expression.

    Args:
        text: The value of the query parameter ``filter``.

    Returns:
        The expression's tree.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` for anything outside the grammar or its bounds.
    """
    return _Parser(_tokens(text)).parse()


def compile_filter(text: str, columns: Sequence[str]) -> tuple[str, list[str | int | float]]:
    """Turn a filter expression into an SQL condition on the table of data source rows.

    Args:
        text: The value of the query parameter ``filter``.
        columns: The data source's column names in order.

    Returns:
        The condition, with a question mark for each value, and the values.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` for a bad expression or an unknown column.
    """
    values: list[str | int | float] = []
    return _condition(parse_filter(text), columns, values), values


def _condition(node: Node, columns: Sequence[str], values: list[str | int | float]) -> str:
    if isinstance(node, Comparison):
        return _compare(node, columns, values)
    if isinstance(node, Not):
        return f"NOT ({_condition(node.operand, columns, values)})"
    word = " AND " if isinstance(node, All) else " OR "
    return word.join(f"({_condition(operand, columns, values)})" for operand in node.operands)


def _compare(node: Comparison, columns: Sequence[str], values: list[str | int | float]) -> str:
    if node.column not in columns:
        raise _refuse(f"names no column of this data source: {node.column!r}")
    # Rows are stored as JSON arrays, so a column is an integer place and no name enters the SQL.
    place = f"'$[{columns.index(node.column)}]'"
    kind = f"json_type(data, {place})"
    if node.operator == "!=":
        return f"NOT ({_compare(node._replace(operator='='), columns, values)})"
    if node.value is None or isinstance(node.value, bool):
        return f"{kind} = '{'null' if node.value is None else str(node.value).lower()}'"
    values.append(node.value)
    kinds = "('text')" if isinstance(node.value, str) else "('integer', 'real')"
    return f"{kind} IN {kinds} AND json_extract(data, {place}) {node.operator} ?"

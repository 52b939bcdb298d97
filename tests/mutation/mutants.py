"""Mutants of a module: its syntax tree with one small change each."""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
}
_CALLS = {"min": "max", "max": "min"}


class Mutant(NamedTuple):
    """One change: where it is and what it makes of the code.

    Attributes:
        line: The line in the module, from 1.
        name: What tells it from the others of its module, however lines move: the function, the
            code before and after, and, from the second of the same in a function on, which it is.
        place: Which of the module's nodes, in the order of :func:`_places`.
        choice: Which of the node's changes.
    """

    line: int
    name: str
    place: int
    choice: int


def mutants_of(source: str) -> Iterator[Mutant]:
    """All mutants of a module, function by function."""
    seen: Counter[str] = Counter()
    for place, (function, _, _, _, node) in enumerate(_places(ast.parse(source))):
        for choice, changed in enumerate(_changes(node)):
            after = "(left out)" if isinstance(changed, ast.Pass) else _first_line(changed)
            name = f"{function}: {_first_line(node)}  ->  {after}"
            seen[name] += 1
            which = f"  ({seen[name]})" if seen[name] > 1 else ""
            yield Mutant(node.lineno, name + which, place, choice)


def _first_line(node: ast.expr | ast.stmt) -> str:
    return ast.unparse(node).partition("\n")[0]


def mutated(source: str, mutant: Mutant) -> ast.Module:
    """The module's tree with the change."""
    tree = ast.parse(source)
    _, parent, field, index, node = _places(tree)[mutant.place]
    changed = list(_changes(node))[mutant.choice]
    if index is None:
        setattr(parent, field, changed)
    else:
        getattr(parent, field)[index] = changed
    return ast.fix_missing_locations(tree)


class _Place(NamedTuple):
    """A node and where it stands: function, parent, the parent's field, the index in a list."""

    function: str
    parent: ast.AST
    field: str
    at: int | None
    node: ast.expr | ast.stmt


def _places(tree: ast.Module) -> list[_Place]:
    """All that runs when a function is called; settings at the top of a module are left alone."""
    return [
        _Place(name, *place)
        for name, function in _functions(tree, "")
        for place in _below(function)
    ]


def _functions(
    tree: ast.AST, prefix: str
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """The functions with their qualified names; what is nested in one belongs to it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + node.name, node
        else:
            inner = f"{prefix}{node.name}." if isinstance(node, ast.ClassDef) else prefix
            yield from _functions(node, inner)


def _below(tree: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.expr | ast.stmt]]:
    for field, value in ast.iter_fields(tree):
        if field in {"annotation", "returns", "decorator_list", "defaults", "kw_defaults"}:
            continue
        for index, item in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(item, ast.AST) and not _is_no_logic(item):
                if isinstance(item, ast.expr | ast.stmt):
                    yield tree, field, index, item
                yield from _below(item)


def _is_no_logic(node: ast.AST) -> bool:
    """Docstrings, messages, imports."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Raise | ast.Import | ast.ImportFrom | ast.JoinedStr)


def _changes(  # noqa: C901, PLR0912 - a table of cases, each a line
    node: ast.AST,
) -> Iterator[ast.expr | ast.stmt]:
    """What else a node could say."""
    match node:
        case ast.Compare(left, [op], comparators) if type(op) in _COMPARISONS:
            yield ast.Compare(left, [_COMPARISONS[type(op)]()], comparators)
        case ast.BoolOp(ast.And(), values):
            yield ast.BoolOp(ast.Or(), values)
        case ast.BoolOp(ast.Or(), values):
            yield ast.BoolOp(ast.And(), values)
        case ast.UnaryOp(ast.Not(), operand):
            yield operand
        case ast.BinOp(left, op, right) if type(op) in _ARITHMETIC:
            yield ast.BinOp(left, _ARITHMETIC[type(op)](), right)
        case ast.Constant(value) if isinstance(value, bool):
            yield ast.Constant(not value)
        case ast.Constant(value) if isinstance(value, int | float):
            yield ast.Constant(value + 1)
        case ast.Call(ast.Name(name), args, keywords) if name in _CALLS:
            yield ast.Call(ast.Name(_CALLS[name], ast.Load()), args, keywords)
        case ast.Return(value) if value is not None and not _is_none_or_false(value):
            yield ast.Return(ast.Constant(None))
        case ast.Expr(ast.Call() | ast.Await()) | ast.AugAssign() | ast.Break() | ast.Continue():
            yield ast.Pass()
        case ast.Assign([ast.Attribute()], _):
            yield ast.Pass()
        case ast.If(ast.Name() | ast.Attribute() | ast.Call() as test, body, orelse):
            yield ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.IfExp(test, body, orelse):
            yield ast.IfExp(test, orelse, body)
        case _:
            return


def _is_none_or_false(node: ast.expr) -> bool:
    """Whether None in its place would be the same, or as good as the same, to a caller."""
    return isinstance(node, ast.Constant) and (node.value is None or node.value is False)

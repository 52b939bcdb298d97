"""Bytes of a page as structs: strictly and fast where it is as documented, else piece by piece.

Claro API v2, "Manage Dataset", section "Get Dataset Data"; "Manage Data Source", section "Get Data
Source Data". What comes out is the same either way. Piece by piece, fields that are not documented
are kept, and a value that cannot be decoded (see :mod:`claro_async.wire.tolerance`) is replaced and
logged with its row and column. A page that cannot be read all the same is an error that names the
page and the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs
import msgspec

from claro_async.errors import DecodeError
from claro_async.paging.structs import (
    CellStruct,
    DatasetPageStruct,
    DatasourcePageStruct,
    OpenCellStruct,
)
from claro_async.wire.replies import log_replaced
from claro_async.wire.tolerance import JSON_ERRORS, decode_any, path_text, repair, replaced_places

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async.wire.replies import HttpReply
    from claro_async.wire.tolerance import Path

S = TypeVar("S", DatasetPageStruct, DatasourcePageStruct)
T = TypeVar("T")


@attrs.frozen
class DecodedPage(Generic[S]):
    """A page's body.

    Attributes:
        body: The documented part.
        further: All else that the page holds, by wire name.
    """

    body: S
    further: dict[str, Any]


_NOTHING: dict[str, Any] = {}

_decode_dataset = msgspec.json.Decoder(DatasetPageStruct).decode
_decode_datasource = msgspec.json.Decoder(DatasourcePageStruct).decode
_decode_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_rows = msgspec.json.Decoder(list[list[msgspec.Raw]]).decode
_decode_objects = msgspec.json.Decoder(list[dict[str, Any]]).decode
_decode_cell = msgspec.json.Decoder(OpenCellStruct).decode


def decode_dataset_page(reply: HttpReply, number: int) -> DecodedPage[DatasetPageStruct]:
    """A page of a dataset's rows.

    Args:
        reply: The page.
        number: Which page it is, for messages.

    Raises:
        DecodeError: It cannot be read; says where.
    """
    try:
        return DecodedPage(_decode_dataset(reply.content), _NOTHING)
    except JSON_ERRORS:
        pass
    return _piece_by_piece(_read_dataset, reply, number)


def decode_datasource_page(reply: HttpReply, number: int) -> DecodedPage[DatasourcePageStruct]:
    """A page of a data source's records; as :func:`decode_dataset_page`."""
    try:
        return DecodedPage(_decode_datasource(reply.content), _NOTHING)
    except JSON_ERRORS:
        pass
    return _piece_by_piece(_read_datasource, reply, number)


class _OddError(Exception):
    """A part of a page has another shape than documented."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason


def _piece_by_piece(
    read: Callable[[bytes], DecodedPage[S]], reply: HttpReply, number: int
) -> DecodedPage[S]:
    try:
        return read(reply.content)
    except (*JSON_ERRORS, _OddError) as odd:
        problem: Exception = odd
    content = repair(reply.content)
    if content != reply.content:
        try:
            page = read(content)
        except (*JSON_ERRORS, _OddError) as odd:
            problem = odd
        else:
            _log(replaced_places(reply.content), page.body, number)
            return page
    raise _error(problem, reply, number)


def _error(problem: Exception, reply: HttpReply, number: int) -> DecodeError:
    if not isinstance(problem, _OddError):
        text = f"page {number} is not JSON ({problem})"
        return DecodeError(text, status=reply.status)
    where = f"page {number}"
    if len(problem.path) > 1 and problem.path[0] in {"rows", "data"}:
        where += f", row {int(problem.path[1]) + 1}"
    return DecodeError(
        f"{where}: a reply of another shape than documented: {problem.reason}",
        path=path_text(problem.path),
        status=reply.status,
    )


def _read_dataset(content: bytes) -> DecodedPage[DatasetPageStruct]:
    parts = _parts(content)
    rows: list[list[CellStruct]] = [
        [_cell(raw, ("rows", at, place)) for place, raw in enumerate(row)]
        for at, row in enumerate(_part(_decode_rows, parts, "rows"))
    ]
    body = DatasetPageStruct(
        rows, _part(_decode_objects, parts, "columns"), _optional(parts, "pagination")
    )
    return DecodedPage(body, _further(parts, "rows"))


def _read_datasource(content: bytes) -> DecodedPage[DatasourcePageStruct]:
    parts = _parts(content)
    body = DatasourcePageStruct(
        _part(_decode_objects, parts, "data"),
        _part(_decode_objects, parts, "columns"),
        _optional(parts, "pagination"),
    )
    return DecodedPage(body, _further(parts, "data"))


def _parts(content: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _decode_parts(content)
    except msgspec.ValidationError:
        raise _OddError((), "expected an object") from None


def _part(decode: Callable[[msgspec.Raw], T], parts: dict[str, msgspec.Raw], name: str) -> T:
    if name not in parts:
        raise _OddError((name,), "is missing")
    try:
        return decode(parts[name])
    except msgspec.ValidationError as error:
        raise _OddError(*_place(error, (name,))) from None


def _optional(parts: dict[str, msgspec.Raw], name: str) -> Any:
    return msgspec.json.decode(parts[name]) if name in parts else None


def _further(parts: dict[str, msgspec.Raw], items: str) -> dict[str, Any]:
    names = parts.keys() - {items, "columns", "pagination"}
    return {name: msgspec.json.decode(parts[name]) for name in parts if name in names}


def _place(error: msgspec.ValidationError, path: Path) -> tuple[Path, str]:
    """Path and reason of an error: of the path, msgspec's text has ``$[2][1].name``."""
    reason, _, inner = str(error).partition(" - at `")
    steps = inner.rstrip("`").removeprefix("$").replace("[", ".").replace("]", "").split(".")
    return (*path, *(int(step) if step.isdigit() else step for step in steps if step)), reason


def _cell(raw: msgspec.Raw, path: Path) -> OpenCellStruct:
    try:
        cell = _decode_cell(raw)
    except msgspec.ValidationError:
        cell = _odd_cell(raw, path)
    cell.source = raw
    return cell


def _odd_cell(raw: msgspec.Raw, path: Path) -> OpenCellStruct:
    """A cell of which a field that is not needed to find it does not fit."""
    found = msgspec.json.decode(raw)
    if not isinstance(found, dict):
        raise _OddError(path, "expected an object")
    for name in ("cellId", "rowId", "columnId"):
        if not isinstance(found.get(name), str):
            raise _OddError((*path, name), "expected a string")
    link = found.get("linkedDatasource")
    return OpenCellStruct(
        found["cellId"],
        found["rowId"],
        found["columnId"],
        found.get("value"),
        link if isinstance(link, str) else None,
        msgspec.Raw(msgspec.json.encode(found["metadata"]) if "metadata" in found else b""),
    )


_CELL_FIELDS = frozenset(msgspec.structs.fields(CellStruct)[at].encode_name for at in range(6))


def further_fields(cell: OpenCellStruct) -> dict[str, Any]:
    """What a cell holds that is not documented, or does not fit, by wire name."""
    found: dict[str, Any] = decode_any(cell.source)
    further = {name: value for name, value in found.items() if name not in _CELL_FIELDS}
    link = found.get("linkedDatasource")
    if link is not None and cell.linked_datasource is None:
        further["linkedDatasource"] = link
    return further


def _log(places: list[Path], body: DatasetPageStruct | DatasourcePageStruct, number: int) -> None:
    ids = ((column.get("columnId"), column.get("name")) for column in body.columns)
    names = {key: name for key, name in ids if isinstance(key, str)}
    log_replaced([_named(path, body, names) for path in places], f"page {number}")


def _named(
    path: Path, body: DatasetPageStruct | DatasourcePageStruct, names: dict[Any, Any]
) -> Path:
    """A path that names the row and column in place of counting them."""
    match path:
        case ("rows", int(row), int(at), *rest) if isinstance(body, DatasetPageStruct):
            cell = body.rows[row][at]
            name = names.get(cell.column_id, cell.column_id)
            return (f"row {row + 1} ({cell.row_id!r}), column {name!r}", *rest)
        case ("data", int(row), name, *rest):
            return (f"row {row + 1}, column {name!r}", *rest)
    return path

"""Pages of data as they are decoded: private structs that name only what is needed.

This is the hot path; a typed cell is made from a struct when it is asked for.
"""

from __future__ import annotations

from typing import Any

import msgspec


class CellStruct(msgspec.Struct, rename="camel", gc=False):
    """A cell as it is read from a page."""

    cell_id: str
    row_id: str
    column_id: str
    value: Any = None
    linked_datasource: str | None = None
    metadata: msgspec.Raw = msgspec.Raw()


class _PaginationStruct(msgspec.Struct, rename="camel", gc=False):
    page: int
    limit: int
    total: int
    total_pages: int


class DatasetPageStruct(msgspec.Struct):
    """The body of a page of a dataset."""

    rows: list[list[CellStruct]]
    columns: list[dict[str, Any]]
    pagination: _PaginationStruct


class DatasourcePageStruct(msgspec.Struct):
    """The body of a page of a data source."""

    data: list[dict[str, Any]]
    columns: list[dict[str, Any]]
    pagination: _PaginationStruct

"""Pages of data as they are decoded: private structs that name only what is needed.

This is the hot path; a typed cell is made from a struct when it is asked for. The structs take the
documented fields and no others, so that a field which is new is noticed: the page is then decoded
once more, in a way that keeps it (see :mod:`claro_async.paging.decoding`).
"""

from __future__ import annotations

from typing import Any

import msgspec


class CellStruct(msgspec.Struct, rename="camel", gc=False, forbid_unknown_fields=True):
    """A cell as it is read from a page."""

    cell_id: str
    row_id: str
    column_id: str
    value: Any = None
    linked_datasource: str | None = None
    metadata: msgspec.Raw = msgspec.Raw()


class OpenCellStruct(CellStruct, rename="camel", gc=False, forbid_unknown_fields=False):
    """A cell of a page that holds more than is documented, with its whole JSON text."""

    source: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="~source")


class DatasetPageStruct(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a page of a dataset."""

    rows: list[list[CellStruct]]
    columns: list[dict[str, Any]]
    pagination: Any = None

    def __len__(self) -> int:
        return len(self.rows)


class DatasourcePageStruct(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a page of a data source."""

    data: list[dict[str, Any]]
    columns: list[dict[str, Any]]
    pagination: Any = None

    def __len__(self) -> int:
        return len(self.data)

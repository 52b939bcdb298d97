"""A server of a dataset whose JSON exports are laid out as a test wants them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

from tests.wire.raw_server import RawRequest, RawServer, reply

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    Layout: TypeAlias = "Callable[[list[dict[str, Any]]], bytes]"


def plain(records: list[dict[str, Any]]) -> bytes:
    """An array of objects, as the emulator lays exports out."""
    return json.dumps(records).encode()


class ExportServer(RawServer):
    """A server of a dataset ``d``, and of its first 3,000 rows as ``small``.

    Args:
        columns: Names and types; ids are ``col_1`` and so on.
        rows: The values.
        layout: Makes the bytes of an export of its records.
    """

    def __init__(
        self,
        columns: Sequence[tuple[str, str]],
        rows: Sequence[Sequence[Any]],
        layout: Layout = plain,
    ) -> None:
        super().__init__(self._serve)
        self.columns = columns
        self.rows = rows
        self.layout = layout
        self._exports: list[bytes] = []

    def count(self, *, method: str, part: str) -> int:
        """Requests of a method whose target has a part."""
        return sum(each.method == method and part in each.target for each in self.requests)

    async def _serve(self, request: RawRequest, writer: asyncio.StreamWriter) -> None:
        url = urlsplit(request.target)
        rows = self.rows[:3000] if "/datasets/small" in url.path else self.rows
        if url.path.startswith("/export/"):
            content = self._exports[int(url.path.rpartition("/")[2])]
            answer = reply(content, ETag='"x"')
        elif request.method == "POST":
            answer = reply(json.dumps(self._export(json.loads(request.body), rows)).encode())
        elif url.path.endswith("/data"):
            answer = reply(json.dumps(self._page(parse_qs(url.query), rows)).encode())
        else:
            answer = reply(json.dumps(self._details(rows)).encode())
        writer.write(answer)
        await writer.drain()

    def _export(self, wanted: dict[str, Any], rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
        names = [name for name, _ in self.columns]
        skip = wanted.get("skip", 0)
        chosen = rows[skip : skip + wanted["rowCount"]]
        records = [dict(zip(names, row, strict=True)) for row in chosen]
        self._exports.append(self.layout(records))
        return {
            "downloadUrl": f"{self.origin}/export/{len(self._exports) - 1}?token=x",
            "fileName": "d.json",
            "format": "json",
            "expiresAt": "2034-01-01T00:00:00Z",
            "fileSize": len(self._exports[-1]),
        }

    def _page(self, query: dict[str, list[str]], rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
        number, limit = int(query.get("page", ["1"])[0]), int(query.get("limit", ["100"])[0])
        first = (number - 1) * limit
        return {
            "rows": [
                [self._cell(at, column, value) for column, value in enumerate(row, 1)]
                for at, row in enumerate(rows[first : first + limit], first + 1)
            ],
            "columns": self._column_list(),
            "pagination": {
                "page": number,
                "limit": limit,
                "total": len(rows),
                "totalPages": -(-len(rows) // limit),
            },
        }

    def _cell(self, row: int, column: int, value: Any) -> dict[str, Any]:
        return {
            "cellId": f"cell_{row}_{column}",
            "rowId": f"row_{row}",
            "columnId": f"col_{column}",
            "value": value,
        }

    def _column_list(self) -> list[dict[str, Any]]:
        return [
            {"columnId": f"col_{at}", "name": name, "type": kind, "taskType": "raw"}
            for at, (name, kind) in enumerate(self.columns, 1)
        ]

    def _details(self, rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
        return {
            "datasetId": "d",
            "name": "D",
            "type": "extraction",
            "status": "completed",
            "createdAt": "2024-01-01T00:00:00Z",
            "updatedAt": "2024-01-01T00:00:00Z",
            "columns": self._column_list(),
            "rowCount": len(rows),
            "columnCount": len(self.columns),
            "linkedDatasources": [],
        }

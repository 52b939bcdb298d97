"""A dataset behind a session without a network: a say in every reply, and a record of it all."""

from __future__ import annotations

import asyncio
import json
import math
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from claro_async import ClaroClient, RetryPolicy
from claro_async.testing import AttemptError, HttpReply, MockSession, json_reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from claro_async import Dataset
    from claro_async.testing import HttpRequest

    Answer: TypeAlias = HttpReply | None

LOST = AttemptError("reset", sent=True, timed_out=False)
"""No reply to a request that the server may have carried out."""


class Asked(NamedTuple):
    """A request: its method, its cell or page, and how often that came before."""

    method: str
    place: str
    value: Any
    number: int


class Table:
    """One dataset, ``d``, with rows ``r0``, ``r1`` and so on, and cells such as ``r0.c1``.

    Attributes:
        rows: Row ids in their order.
        columns: Names by column id.
        cells: Values by cell id.
        writes: ``(cell, value)`` of all that was applied.
        asked: All requests.
        answer: Asked first; returns or raises a reply, or returns None for the ordinary one.
        page_made: Called with a page's number once its reply is made.
    """

    def __init__(
        self,
        rows: int,
        columns: dict[str, str] | None = None,
        value: Any = "old",
        *,
        types: dict[str, str] | None = None,
    ) -> None:
        self.rows = [f"r{number}" for number in range(rows)]
        self.columns = columns or {"c1": "name"}
        self._types = types or {}
        self.cells = {f"{row}.{column}": value for row in self.rows for column in self.columns}
        self.writes: list[tuple[str, Any]] = []
        self.asked: list[Asked] = []
        self.answer: Callable[[Asked], Answer | Awaitable[Answer]] = lambda _: None
        self.page_made: Callable[[int], None] = lambda _: None

    def client(self, **settings: Any) -> ClaroClient:
        """A client of it that sends each request once."""
        settings = {"retry": RetryPolicy(max_attempts=1), **settings}
        return ClaroClient("key", session=MockSession(self._reply), **settings)

    def edits(self, value: Any, rows: range | None = None) -> list[tuple[str, Any]]:
        """Edits of the first column."""
        return [(f"r{row}.c1", value) for row in rows or range(len(self.rows))]

    def pages(self) -> list[str]:
        """The pages that were asked for."""
        return [each.place for each in self.asked if each.method == "GET"]

    def delete(self, *rows: str) -> None:
        """Delete rows with their cells."""
        for row in rows:
            self.rows.remove(row)
            self.cells = {
                cell: v for cell, v in self.cells.items() if not cell.startswith(f"{row}.")
            }

    async def _reply(self, request: HttpRequest) -> HttpReply:
        await asyncio.sleep(0)
        path, _, query_text = request.target.partition("?")
        query = dict(parse_qsl(query_text))
        if request.method == "GET":
            place, value = query["page"], None
        else:
            place = unquote(path.rpartition("/")[2])
            value = json.loads(request.content or b"{}").get("value")
        before = sum(each[:2] == (request.method, place) for each in self.asked)
        asked = Asked(request.method, place, value, before + 1)
        self.asked.append(asked)
        reply = self.answer(asked)
        if isawaitable(reply):
            reply = await reply
        if reply is not None:
            return reply
        return self._page(query) if asked.method == "GET" else self.apply(asked)

    def apply(self, asked: Asked) -> HttpReply:
        """Do an edit, and reply as the API does."""
        if asked.place not in self.cells:
            return json_reply({"error": "no such cell", "code": "CELL_NOT_FOUND"}, status=404)
        previous, self.cells[asked.place] = self.cells[asked.place], asked.value
        self.writes.append((asked.place, asked.value))
        return json_reply({"cellId": asked.place, "value": asked.value, "previousValue": previous})

    def _page(self, query: dict[str, str]) -> HttpReply:
        page, limit = int(query["page"]), int(query["limit"])
        wanted = query.get("columns", ",".join(self.columns)).split(",")
        rows = self.rows[(page - 1) * limit : page * limit]
        total = len(self.rows)
        reply = json_reply(
            {
                "rows": [[self._view(row, column) for column in wanted] for row in rows],
                "columns": [
                    {"columnId": each, "name": self.columns[each], "taskType": "raw"}
                    | {"type": self._types.get(each, "string")}
                    for each in wanted
                ],
                "pagination": {"page": page, "limit": limit, "total": total}
                | {"totalPages": math.ceil(total / limit)},
            }
        )
        self.page_made(page)
        return reply

    def _view(self, row: str, column: str) -> dict[str, Any]:
        cell = f"{row}.{column}"
        return {"cellId": cell, "rowId": row, "columnId": column, "value": self.cells[cell]}


def dataset(claro: ClaroClient) -> Dataset:
    """The dataset."""
    return claro.dataset("d")

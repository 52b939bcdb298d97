"""A simulated server: cells, pages, a quota, locks, keys, and the ways in which it misbehaves.

It knows nothing of the client's code. Everything that it does stands in its record, by which the
judge decides.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import attrs
from multidict import CIMultiDict

from claro_async.testing import HttpReply
from tests.simulation.clock import EPOCH

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from claro_async.testing import HttpRequest
    from tests.simulation.clock import SimulatedClock
    from tests.simulation.trace import Trace

DATASET = "ds-1"
OTHERS = "others"


@attrs.frozen(kw_only=True)
class QuotaPlan:
    """How the server counts requests, and what it says of that.

    Attributes:
        limit: Requests in a period; None for no quota, and no headers.
        period: Seconds.
        opened_by_request: Whether a period begins with a request, rather than with the clock.
        reset: The form of ``X-RateLimit-Reset``: ``epoch``, ``milliseconds``, ``delta``, ``http``,
            ``iso``, ``absurd`` or ``none``.
        rounding: ``floor``, ``ceil`` or ``round``, where the form is in whole seconds.
        retry_after: Whether a 429 says ``Retry-After``: ``seconds``, ``date`` or ``none``.
    """

    limit: int | None = None
    period: float = 60.0
    opened_by_request: bool = False
    reset: str = "epoch"
    rounding: str = "ceil"
    retry_after: str = "none"

    def reset_header(self, ends: float, now: float) -> str | None:
        """The header for a period that ends at a moment of the server's clock."""
        forms: dict[str, Callable[[], str]] = {
            "epoch": lambda: str(self._cut(ends)),
            "milliseconds": lambda: str(round(ends * 1000)),
            "delta": lambda: str(max(0, self._cut(ends - now))),
            "http": lambda: http_date(self._cut(ends)),
            "iso": lambda: datetime.fromtimestamp(ends, UTC).isoformat(),
            "absurd": lambda: "99999999999999999999",
        }
        return forms[self.reset]() if self.reset in forms else None

    def _cut(self, seconds: float) -> int:
        if self.rounding == "round":
            return round(seconds)
        return math.floor(seconds) if self.rounding == "floor" else math.ceil(seconds)

    @property
    def is_exact(self) -> bool:
        """Whether the header says the end of the period without rounding."""
        return self.reset in {"milliseconds", "iso"}


@attrs.frozen(kw_only=True)
class ServerPlan:
    """What a server is like.

    Attributes:
        rows: Rows at the beginning.
        columns: Names of the columns; two may be the same.
        page_rows: The most rows that it gives in a page, whatever is asked for.
        quota: Its quota.
        requests_at_once: How many it works on at once before it answers 429; None for any number.
        locked: When the dataset is being processed, from and to.
        revoked: When the key is not accepted, from and to.
        denied: Whether a key that is not accepted gets a 403, rather than a 401.
        stale_for: Seconds by which what it reads from lags behind what it writes to.
        writes_by_others: When others write to a cell.
        shifts: How often, after a page, others delete the first row, or insert one before it.
    """

    rows: int = 10
    columns: tuple[str, ...] = ("name",)
    page_rows: int = 1000
    quota: QuotaPlan = attrs.Factory(QuotaPlan)
    requests_at_once: int | None = None
    locked: tuple[tuple[float, float], ...] = ()
    revoked: tuple[tuple[float, float], ...] = ()
    denied: bool = False
    stale_for: float = 0.0
    writes_by_others: tuple[float, ...] = ()
    shifts: float = 0.0


@attrs.define
class Written:
    """A value that a cell got.

    Attributes:
        when: The true time.
        value: The value.
        by: The number of the request, or -1 for others.
    """

    when: float
    value: Any
    by: int


@attrs.define
class Period:
    """One period of the quota: its end by true time, and what was counted in it."""

    ends: float
    counted: int = 0
    refused: int = 0
    by_others: int = 0


class Server:
    """The server of one run.

    Args:
        plan: What it is like.
        clock: Its own clock.
        random: Where its choices come from.
        trace: Where it notes what it does.

    Attributes:
        cells: Every value that each cell had, the first included.
        rows: Ids of the rows, in their order.
        periods: The periods of the quota, in order.
        under_way: Requests that it works on.
        throttled_at_once: Requests that it refused since it worked on too many.
        is_calm: Whether it is past all its troubles.
    """

    def __init__(
        self, plan: ServerPlan, clock: SimulatedClock, random: Random, trace: Trace
    ) -> None:
        self.plan = plan
        self.clock = clock
        self._random = random
        self._trace = trace
        self.rows = [f"row-{number}" for number in range(plan.rows)]
        self.column_ids = [f"col{number}" for number in range(len(plan.columns))]
        self.cells: dict[str, list[Written]] = {}
        for number, row in enumerate(self.rows):
            for column in self.column_ids:
                self.cells[f"{row}/{column}"] = [Written(0.0, f"old {number} {column}", -1)]
        self.periods: list[Period] = []
        self.under_way = 0
        self.most_under_way = 0
        self.throttled_at_once = 0
        self.is_calm = False

    @property
    def now(self) -> float:
        """The true time."""
        return self.clock.loop.time()

    def value(self, cell: str) -> Any:
        """What a cell holds."""
        return self.cells[cell][-1].value

    def original(self, cell: str) -> Any:
        """What a cell held at the beginning."""
        return self.cells[cell][0].value

    def exists(self, cell: str) -> bool:
        """Whether a cell is there now."""
        return cell in self.cells and cell.partition("/")[0] in self._present

    @property
    def _present(self) -> set[str]:
        return set(self.rows)

    def write_by_others(self) -> None:
        """Somebody else writes to a cell."""
        cell = self._random.choice(sorted(self.cells))
        self.write(cell, f"other {self.now:.3f}", -1)

    def shift(self) -> None:
        """Somebody else deletes the first row, or inserts one before it."""
        if len(self.rows) > 2 and self._random.random() < 0.5:
            gone = self.rows.pop(0)
            self._trace.add(self.now, OTHERS, "delete row", gone)
            return
        row = f"new-{len(self.cells)}"
        self.rows.insert(0, row)
        for column in self.column_ids:
            self.cells[f"{row}/{column}"] = [Written(self.now, f"new {row}", -1)]
        self._trace.add(self.now, OTHERS, "insert row", row)

    def write(self, cell: str, value: Any, by: int) -> Any:
        """Give a cell a value; returns what it held."""
        before = self.value(cell)
        self.cells[cell].append(Written(self.now, value, by))
        who = OTHERS if by < 0 else "server"
        self._trace.add(self.now, who, "APPLIED", cell, value, f"request {by}", "before:", before)
        return before

    def refuse(self, request: HttpRequest) -> HttpReply | None:
        """Whether a request that arrives is not carried out, and the reply that says so."""
        plan = self.plan
        if not self.is_calm:
            if _within(self.now, plan.revoked):
                status = 403 if plan.denied else 401
                return self.error(status, "ACCESS_DENIED" if plan.denied else "UNAUTHORIZED")
            at_once = plan.requests_at_once
            if at_once is not None and self.under_way >= at_once:
                self._count(refund=True)
                self.throttled_at_once += 1
                return self.error(429, "RATE_LIMIT_EXCEEDED")
        if not self._count():
            reply = self.error(429, "RATE_LIMIT_EXCEEDED")
            self._say_when(reply)
            return reply
        if not self.is_calm and _within(self.now, plan.locked):
            ends = max(end for start, end in plan.locked if start <= self.now < end)
            moment = datetime.fromtimestamp(self.clock.time() + ends - self.now, UTC).isoformat()
            return self.error(409, "PROCESSING_IN_PROGRESS", {"estimatedCompletion": moment})
        if request.method == "PATCH" and not self.exists(self.cell_of(request)):
            return self.error(404, "CELL_NOT_FOUND")
        return None

    def cell_of(self, request: HttpRequest) -> str:
        """The cell that a request names."""
        return unquote(request.target.partition("?")[0].rsplit("/", 1)[1])

    def carry_out(self, request: HttpRequest, number: int) -> HttpReply:
        """Do what a request asks for."""
        if request.method == "PATCH":
            cell, value = self.cell_of(request), json.loads(request.content or b"")["value"]
            before = self.write(cell, value, number)
            return self.reply({"cellId": cell, "value": value, "previousValue": before})
        if request.target.partition("?")[0].endswith("/data"):
            return self.page(request)
        return self.reply({"datasets": [], "pagination": _pagination(1, 20, 0)})

    def page(self, request: HttpRequest) -> HttpReply:
        """A page of rows."""
        query = parse_qs(urlsplit(request.target).query)
        number = int(query.get("page", ["1"])[0])
        limit = min(int(query.get("limit", ["100"])[0]), self.plan.page_rows)
        wanted = query["columns"][0].split(",") if "columns" in query else self.column_ids
        ids = [each for each in self.column_ids if each in wanted]
        first = (number - 1) * limit
        rows = [
            [
                {"cellId": f"{row}/{column}", "rowId": row, "columnId": column,
                 "value": self._read(f"{row}/{column}")}
                for column in ids
            ]
            for row in self.rows[first : first + limit]
        ]  # fmt: skip
        names = dict(zip(self.column_ids, self.plan.columns, strict=True))
        columns = [
            {"columnId": each, "name": names[each], "type": "text", "taskType": "ai_enrich"}
            for each in ids
        ]
        pagination = _pagination(number, limit, len(self.rows))
        if not self.is_calm and self._random.random() < self.plan.shifts:
            self.shift()
        return self.reply({"rows": rows, "columns": columns, "pagination": pagination})

    def _read(self, cell: str) -> Any:
        lag = 0.0 if self.is_calm else self.plan.stale_for
        seen = [each for each in self.cells[cell] if each.when <= self.now - lag]
        return (seen or self.cells[cell][:1])[-1].value

    def reply(self, body: Any, status: int = 200) -> HttpReply:
        """A reply with the headers that all replies have."""
        headers: CIMultiDict[str] = CIMultiDict({"Content-Type": "application/json"})
        wall = self.clock.time()
        headers["Date"] = http_date(math.floor(wall))
        quota = self.plan.quota
        if quota.limit is not None and self.periods:
            period = self.periods[-1]
            headers["X-RateLimit-Limit"] = str(quota.limit)
            headers["X-RateLimit-Remaining"] = str(max(0, quota.limit - period.counted))
            reset = quota.reset_header(wall + period.ends - self.now, wall)
            if reset is not None:
                headers["X-RateLimit-Reset"] = reset
        return HttpReply(status, headers, json.dumps(body).encode())

    def error(self, status: int, code: str, details: Any = None) -> HttpReply:
        """A reply that says no."""
        return self.reply({"error": code.lower(), "code": code, "details": details}, status)

    def count_by_others(self) -> None:
        """Somebody else uses the key."""
        if self._count():
            self.periods[-1].by_others += 1
        else:
            self.periods[-1].refused -= 1  # none of ours

    def _count(self, *, refund: bool = False) -> bool:
        """Count a request against the quota; False if there is none left."""
        quota = self.plan.quota
        if quota.limit is None:
            return True
        if not self.periods or self.now >= self.periods[-1].ends:
            self.periods.append(Period(self._next_end(quota)))
        period = self.periods[-1]
        if refund:
            return True
        if period.counted >= quota.limit:
            period.refused += 1
            return False
        period.counted += 1
        return True

    def _next_end(self, quota: QuotaPlan) -> float:
        if quota.opened_by_request:
            return self.now + quota.period
        return ((EPOCH + self.now) // quota.period + 1) * quota.period - EPOCH

    def _say_when(self, reply: HttpReply) -> None:
        left = self.periods[-1].ends - self.now
        match self.plan.quota.retry_after:
            case "seconds":
                reply.headers["Retry-After"] = str(math.ceil(left))  # type: ignore[index]
            case "date":
                reply.headers["Retry-After"] = http_date(math.ceil(self.clock.time() + left))  # type: ignore[index]


def http_date(epoch: int) -> str:
    """A moment as the headers of HTTP write it."""
    return format_datetime(datetime.fromtimestamp(epoch, UTC), usegmt=True)


def _pagination(page: int, limit: int, total: int) -> dict[str, int]:
    pages = max(1, math.ceil(total / limit))
    return {"page": page, "limit": limit, "total": total, "totalPages": pages}


def _within(now: float, spans: tuple[tuple[float, float], ...]) -> bool:
    return any(start <= now < end for start, end in spans)

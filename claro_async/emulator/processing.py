"""Which datasets and data sources are processing, until when, and the error that says so.

Claro API v2, "Manage Data Source", section "Get Data Source Data", sample "Processing Error".
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from claro_async.emulator.clock import Clock, iso_seconds
from claro_async.emulator.errors import ApiError

if TYPE_CHECKING:
    from claro_async.emulator.database import Database

Table: TypeAlias = Literal["datasets", "datasources"]

STUCK_ESTIMATE: Final = 60.0
"""Seconds from now that are told as the estimate for what is stuck."""

_MESSAGES: Final = {
    "datasets": "Dataset still processing",
    "datasources": "Data source still processing",
}


class Processing:
    """Starts and ends processing by the clock.

    Args:
        database: The database.
        clock: The time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock
        self._next_due = math.inf
        self.plan()

    def plan(self) -> None:
        """Find out anew what is due next."""
        self._next_due = math.inf
        for table in _MESSAGES:
            due = self._db.one(f"SELECT min(due) FROM {table} WHERE status = 'processing'")  # noqa: S608 - constant names
            if due is not None:
                self._next_due = min(self._next_due, due)

    def settle(self) -> None:
        """Complete everything whose time has come."""
        now = self._clock()
        if now < self._next_due:
            return
        done = "status = 'processing' AND due <= ?"
        self._db.execute(
            f"UPDATE datasets SET status = 'completed', updated_at = due, due = NULL WHERE {done}",  # noqa: S608 - constant text
            (now,),
        )
        self._db.execute(
            f"UPDATE datasources SET status = 'completed', processed_at = due, due = NULL"  # noqa: S608 - constant text
            f" WHERE {done}",
            (now,),
        )
        self.plan()

    def start(self, table: Table, resource_id: str, due: float | None) -> None:
        """Set a resource processing until a time, or until told otherwise."""
        processed = ", processed_at = NULL" if table == "datasources" else ""
        self._db.execute(
            f"UPDATE {table} SET status = 'processing', due = ?{processed} WHERE id = ?",  # noqa: S608 - constant names
            (due, resource_id),
        )
        self.plan()

    def finish(self, table: Table, resource_id: str) -> None:
        """Complete a resource now."""
        self._db.execute(
            f"UPDATE {table} SET due = ? WHERE id = ? AND status = 'processing'",  # noqa: S608 - constant names
            (self._clock(), resource_id),
        )
        self.plan()
        self.settle()

    def error(self, table: Table, resource_id: str) -> ApiError:
        """Make the ``PROCESSING_IN_PROGRESS`` error of a resource."""
        due = self._db.one(f"SELECT due FROM {table} WHERE id = ?", resource_id)  # noqa: S608 - constant names
        return self.stuck_error(table, due)

    def stuck_error(self, table: Table, due: float | None = None) -> ApiError:
        """Make the error with a given time of completion, or with one that keeps moving away."""
        estimate = self._clock() + STUCK_ESTIMATE if due is None else math.ceil(due)
        details = {"status": "processing", "estimatedCompletion": iso_seconds(estimate)}
        return ApiError("PROCESSING_IN_PROGRESS", details, message=_MESSAGES[table])

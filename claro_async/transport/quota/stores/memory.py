"""A shared quota in memory: for several clients of one process, and for tests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from claro_async.errors import RunClosedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async.quota_store import Change


class MemoryQuotaStore:
    """Records in this process; also an example of a :class:`~claro_async.QuotaStore`.

    Args:
        monotonic: The clock that all clients of the store share, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._records: dict[str, bytes] = {}
        self._closed_runs: set[tuple[str, str]] = set()

    async def update(self, name: str, change: Change, *, run: str = "") -> None:
        """Load a record, change it and store it, with nobody else between.

        Raises:
            RunClosedError: The run is closed.
        """
        if (name, run) in self._closed_runs:
            raise RunClosedError(run)
        self._records[name] = change(self._records.get(name), self._monotonic())

    async def close_run(self, name: str, run: str) -> None:
        """Close a run, for as long as the store is there."""
        self._closed_runs.add((name, run))

"""What really arrived and what was really changed: the record that tests count against."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from multidict import CIMultiDict

from claro_async.emulator.mining.routing import MINING_OPERATION_IDS
from claro_async.emulator.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Mapping

Authorization: TypeAlias = Literal["absent", "wrong", "valid"]

_SHARED_HEADERS_MAX = 4096


class RequestRecord(NamedTuple):
    """One request as it arrived, and how it ended. Holds no key.

    Attributes:
        index: Position in the order of arrival, from 0.
        operation: The operation, ``"download"``, or None for an unknown path.
        method: The HTTP method.
        raw_path: The path as it stood in the request line, still percent-encoded.
        query: The raw query string, without ``?``.
        raw_headers: Names and values as sent, without ``Authorization``.
        authorization: Whether a bearer was absent, wrong or valid.
        body_size: Bytes of body read.
        body_sha256: Hex digest of those bytes.
        status: The HTTP status answered, or None when no reply was sent.
        fault: The kind of the fault that struck, or None.
        received_at: Seconds since the epoch, by the emulator's clock.
        connection_id: A number for each accepted connection, from 1.
    """

    index: int  # type: ignore[assignment] # a field where tuple has a method
    operation: str | None
    method: str
    raw_path: str
    query: str
    raw_headers: tuple[tuple[bytes, bytes], ...]
    authorization: Authorization
    body_size: int
    body_sha256: str
    status: int | None
    fault: str | None
    received_at: float
    connection_id: int

    @property
    def headers(self) -> CIMultiDict[str]:
        """The headers as sent, without ``Authorization``, under case-insensitive names."""
        return CIMultiDict(
            (name.decode("latin-1"), value.decode("utf-8", "surrogateescape"))
            for name, value in self.raw_headers
        )


class AppliedEdit(NamedTuple):
    """A cell value that was changed by ``updateCell``."""

    request_index: int
    dataset_id: str
    cell_id: str
    value: Any
    previous_value: Any


class AppliedUpload(NamedTuple):
    """A data source that was made by ``uploadDatasource``; ``size`` is in bytes."""

    request_index: int
    dataset_id: str
    cell_id: str
    datasource_id: str
    file_name: str
    content_type: str
    size: int
    sha256: str


class AppliedLink(NamedTuple):
    """A data source that was linked to a cell by ``linkDatasource``."""

    request_index: int
    dataset_id: str
    cell_id: str
    datasource_id: str
    previous_datasource: str | None


class AppliedColumnUpdate(NamedTuple):
    """A column's name and metadata after ``updateColumn``."""

    request_index: int
    dataset_id: str
    column_id: str
    name: str
    metadata: dict[str, Any]


class AppliedTaskType(NamedTuple):
    """A column that was reset by ``updateColumnTaskType``."""

    request_index: int
    dataset_id: str
    column_id: str
    task_type: str
    previous_task_type: str
    affected_cells: int


class AppliedDelete(NamedTuple):
    """A dataset or data source that was deleted; ``resource`` says which."""

    request_index: int
    resource: Literal["dataset", "datasource"]
    resource_id: str


class AppliedExport(NamedTuple):
    """An export file that was written; ``size`` is in bytes."""

    request_index: int
    dataset_id: str
    file_name: str
    format: str
    rows: int
    size: int
    sha256: str


class AppliedMiningChange(NamedTuple):
    """A dataset of Communications Mining that was made, changed or deleted."""

    request_index: int
    change: Literal["create", "update", "delete"]
    project: str
    name: str


Applied: TypeAlias = (
    AppliedEdit
    | AppliedUpload
    | AppliedLink
    | AppliedColumnUpdate
    | AppliedTaskType
    | AppliedDelete
    | AppliedExport
    | AppliedMiningChange
)


class Ledger:
    """Every request and every applied change, in memory, in order.

    A request is entered before its reply is sent, so whoever holds a reply finds its record.

    Attributes:
        applied: Every change in the order in which it was made.
        max_in_flight: The most requests that were ever being answered at one time.
        max_in_flight_per_cell: The same for the requests that change one and the same cell.
        crowded_cells: The cells for which there ever was more than one request at one time.
        recent: The newest requests with their bodies and replies, for the console.
        times_cleared: How often `clear` was called.
    """

    def __init__(self) -> None:
        self.applied: list[Applied] = []
        self.max_in_flight: int = 0
        self.max_in_flight_per_cell: int = 0
        self.crowded_cells: dict[tuple[str, ...], None] = {}
        self.recent: Recent = Recent()
        self.times_cleared: int = 0
        self._requests: list[RequestRecord] = []
        self._sorted = True
        self._statuses: Counter[int | None] = Counter()
        self._arrived = 0
        self._in_flight = 0
        self._cells: dict[tuple[str, ...], int] = {}
        self._shared: dict[tuple[bytes, bytes], tuple[bytes, bytes]] = {}

    @property
    def requests(self) -> list[RequestRecord]:
        """Every request that has been decided, in order of arrival."""
        if not self._sorted:
            self._count_statuses()
            self._requests.sort()
            self._sorted = True
        return self._requests

    @property
    def statuses(self) -> Mapping[int | None, int]:
        """How many requests were answered with each status; None is no reply."""
        self._count_statuses()
        return self._statuses

    def _count_statuses(self) -> None:
        """Count those that came since the last time, which are the last ones of the list."""
        new = self._requests[self._statuses.total() :]
        self._statuses.update([record.status for record in new])

    @property
    def edits(self) -> list[AppliedEdit]:
        """The cell edits among `applied`."""
        return [entry for entry in self.applied if isinstance(entry, AppliedEdit)]

    @property
    def uploads(self) -> list[AppliedUpload]:
        """The uploads among `applied`."""
        return [entry for entry in self.applied if isinstance(entry, AppliedUpload)]

    @property
    def in_flight(self) -> int:
        """The requests being answered right now."""
        return self._in_flight

    def count(self, operation: str | None = None, status: int | None = None) -> int:
        """Count requests.

        Args:
            operation: Only those of this operation, or None for all.
            status: Only those answered with this HTTP status, or None for all.

        Returns:
            The number of requests that match both.
        """
        if operation is None and status is None:
            return len(self._requests)
        return sum(
            1
            for record in self._requests
            if operation in (None, record.operation) and status in (None, record.status)
        )

    def max_in_window(self, seconds: float, operation: str | None = None) -> int:
        """Count the most requests of the Claro API that arrived within any span of time.

        Args:
            seconds: Length of the span, its end excluded, in seconds of the emulator's clock.
            operation: Only requests of this operation; by default all but signed downloads.

        Returns:
            The largest count.
        """
        times = sorted(
            record.received_at
            for record in self._requests
            if (record.operation == operation if operation else _is_api(record))
        )
        most = start = 0
        for end, time in enumerate(times):
            while time - times[start] >= seconds:
                start += 1
            most = max(most, end - start + 1)
        return most

    def clear(self) -> None:
        """Forget all requests, changes and maxima; indexes go on from where they were."""
        self._requests = []
        self._sorted = True
        self._statuses.clear()
        self.applied = []
        self.max_in_flight = self._in_flight
        self.max_in_flight_per_cell = max(self._cells.values(), default=0)
        self.crowded_cells = {}
        self.recent.clear()
        self.times_cleared += 1

    # What follows is called by the server only.

    def arrive(self) -> int:
        """Take the next index and count the request as in flight."""
        index = self._arrived
        self._arrived += 1
        self._in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self._in_flight)
        return index

    def leave(self) -> None:
        """Count a request as answered."""
        self._in_flight -= 1

    def enter_cell(self, cell: tuple[str, ...]) -> None:
        """Count a request for this cell as in flight."""
        count = self._cells.get(cell, 0) + 1
        self._cells[cell] = count
        self.max_in_flight_per_cell = max(self.max_in_flight_per_cell, count)
        if count > 1:
            self.crowded_cells[cell] = None

    def leave_cell(self, cell: tuple[str, ...]) -> None:
        """Count a request for this cell as answered."""
        count = self._cells[cell] - 1
        if count:
            self._cells[cell] = count
        else:
            del self._cells[cell]

    def add(self, record: RequestRecord) -> None:
        """Enter a decided request."""
        if self._requests and record.index < self._requests[-1].index:
            self._sorted = False
        self._requests.append(record)

    def share_headers(
        self, raw_headers: tuple[tuple[bytes, bytes], ...]
    ) -> tuple[tuple[bytes, bytes], ...]:
        """Drop ``Authorization`` and keep one copy of each header that comes again and again."""
        shared = self._shared
        if len(shared) > _SHARED_HEADERS_MAX:
            shared.clear()
        return tuple(
            [
                shared.setdefault(pair, pair)
                for pair in raw_headers
                if pair[0].lower() != b"authorization"
            ]
        )


def _is_api(record: RequestRecord) -> bool:
    operation = record.operation
    return operation not in {None, "download"} and operation not in MINING_OPERATION_IDS

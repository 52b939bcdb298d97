"""What handlers work with: the world behind the server, one call, its body and its reply."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from aiohttp.web_protocol import RequestPayloadError

from claro_async.emulator.clock import Clock, iso_seconds
from claro_async.emulator.dataset_store import Dataset, DatasetStore
from claro_async.emulator.datasource_store import Datasource, DatasourceStore
from claro_async.emulator.errors import ApiError, invalid
from claro_async.emulator.mining.store import MiningStore
from claro_async.emulator.processing import Processing
from claro_async.emulator.recent import BODY_BYTES_KEPT
from claro_async.emulator.validation import MAX_JSON_BYTES, check_json_content_type, parse_object

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator
    from pathlib import Path

    from aiohttp import web

    from claro_async.emulator.database import Database
    from claro_async.emulator.ledger import Ledger
    from claro_async.emulator.recent import Kept

CHUNK: Final = 256 * 1024
_DRAIN_MAX: Final = 64 * 1024
_FLIP: Final = bytes(value ^ 1 for value in range(256))


class World:
    """All state behind one emulator.

    Args:
        database: Where it is kept.
        clock: The time.
        ledger: The record of what happens.
        max_upload_size: The limit of an uploaded file in bytes.
        metadata_on_request: Whether pages have cells' metadata only where a request asks for it.
        keep_recent: Whether the newest requests are kept whole, for the console.
    """

    def __init__(  # noqa: PLR0913 - the parts of a world
        self,
        database: Database,
        clock: Clock,
        ledger: Ledger,
        max_upload_size: int,
        *,
        metadata_on_request: bool = False,
        keep_recent: bool = True,
    ) -> None:
        self.database = database
        self.clock = clock
        self.ledger = ledger
        self.max_upload_size = max_upload_size
        self.metadata_on_request = metadata_on_request
        self.keep_recent = keep_recent
        self.processing: Processing = Processing(database, clock)
        self.datasets: DatasetStore = DatasetStore(database, clock, self.processing)
        self.datasources: DatasourceStore = DatasourceStore(database, clock, self.processing)
        self.mining: MiningStore = MiningStore(database, clock)
        self.denied: set[str] = set()
        self._later: set[asyncio.Task[None]] = set()

    def run_later(self, work: Coroutine[Any, Any, None]) -> None:
        """Run what nobody waits for, until `cancel_later`."""
        task = asyncio.get_running_loop().create_task(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def cancel_later(self) -> None:
        """Give up what `run_later` still runs."""
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)

    def recent(self) -> Iterator[Kept]:
        """Read the newest requests, newest first."""
        return self.ledger.recent.newest_first()

    def empty(self) -> None:
        """Remove all datasets, data sources and comments, and what was denied."""
        self.database.empty()
        self.datasets.forget()
        self.processing.plan()
        self.denied.clear()

    def now(self) -> str:
        """Write the present time as the samples do."""
        return iso_seconds(self.clock())

    def check_access(self, resource_id: str) -> None:
        """Refuse what was denied.

        Raises:
            ApiError: ``ACCESS_DENIED``.
        """
        if resource_id in self.denied:
            raise ApiError("ACCESS_DENIED", {"resourceId": resource_id})

    def dataset(self, dataset_id: str) -> Dataset:
        """Find a dataset that may be read.

        Raises:
            ApiError: ``ACCESS_DENIED`` or ``DATASET_NOT_FOUND``.
        """
        self.check_access(dataset_id)
        return self.datasets.find(dataset_id)

    def unlocked_dataset(self, dataset_id: str) -> Dataset:
        """Find a dataset that may be changed now.

        Raises:
            ApiError: As `dataset`, or ``PROCESSING_IN_PROGRESS``.
        """
        dataset = self.dataset(dataset_id)
        if dataset.status == "processing":
            raise self.processing.error("datasets", dataset_id)
        return dataset

    def datasource(self, datasource_id: str) -> Datasource:
        """Find a data source that may be read.

        Raises:
            ApiError: ``ACCESS_DENIED`` or ``DATASOURCE_NOT_FOUND``.
        """
        self.check_access(datasource_id)
        return self.datasources.find(datasource_id)


class RequestBody:
    """The body of one request, counted and hashed as it is read.

    Args:
        request: The request.

    Attributes:
        size: Bytes read so far.
        head: The first of these bytes.
        broken: Whether the body ended in a way that HTTP forbids.
    """

    __slots__ = ("_digest", "_request", "_started", "broken", "head", "size")

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self._digest: Any = None
        self._started = False
        self.size: int = 0
        self.head: bytes = b""
        self.broken: bool = False

    @property
    def sha256(self) -> str:
        """Hex digest of the bytes read so far."""
        return _EMPTY_SHA256 if self._digest is None else self._digest.hexdigest()

    def _begin(self) -> None:
        self._started = True
        request = self._request
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def chunk(self) -> bytes:
        """Read the next bytes; empty at the end.

        Raises:
            ApiError: ``INVALID_PARAMETERS`` when the body breaks HTTP's own rules.
        """
        if not self._started:
            self._begin()
        try:
            data = await self._request.content.readany()
        except RequestPayloadError:
            self.broken = True
            raise invalid("body", "broken transfer coding") from None
        if data:
            if self._digest is None:
                self._digest = hashlib.sha256(data)
                self.head = data if len(data) <= BODY_BYTES_KEPT else data[:BODY_BYTES_KEPT]
            else:
                self._digest.update(data)
                if len(self.head) < BODY_BYTES_KEPT:
                    self.head += data[: BODY_BYTES_KEPT - len(self.head)]
            self.size += len(data)
        return data

    async def chunks(self) -> AsyncIterator[bytes]:
        """Read all bytes in pieces."""
        while data := await self.chunk():
            yield data

    async def read(self, limit: int = MAX_JSON_BYTES) -> bytes:
        """Read all bytes at once.

        Args:
            limit: The most bytes taken.

        Raises:
            ApiError: ``INVALID_PARAMETERS`` (413) beyond the limit.
        """
        content = self._request.content
        data = await self.chunk()
        if content.at_eof():
            return data
        pieces = [data]
        while data := await self.chunk():
            if self.size > limit:
                raise invalid("body", f"is larger than {limit} bytes", status=413)
            pieces.append(data)
        return b"".join(pieces)

    async def drain(self) -> None:
        """Read what is left of a small body, so that the ledger knows it; leave a large one."""
        announced = self._request.headers.get("Content-Length", "0")
        small = announced.isdigit() and int(announced) <= _DRAIN_MAX
        if self.broken or not small or "Expect" in self._request.headers:
            return
        while await self.chunk():
            pass


_EMPTY_SHA256: Final = hashlib.sha256(b"").hexdigest()


@dataclass(slots=True)
class Call:
    """One request on its way to a handler."""

    world: World
    request: web.BaseRequest
    body: RequestBody
    index: int
    operation_id: str
    ids: tuple[str, ...]
    query: dict[str, str]
    content: bytes = b""

    def json_object(self, *fields: str) -> dict[str, Any]:
        """Parse the body as a JSON object of these fields.

        Raises:
            ApiError: ``INVALID_PARAMETERS`` when it is not one.
        """
        check_json_content_type(self.request.headers.get("Content-Type"))
        return parse_object(self.content, fields)

    def optional_json_object(self, *fields: str) -> dict[str, Any]:
        """Parse the body like `json_object`; no body at all is an empty object."""
        return self.json_object(*fields) if self.content else {}

    @property
    def origin(self) -> str:
        """The emulator's own ``http://host:port``, as the client addressed it."""
        return f"http://{self.request.host}"


class FileSlice(NamedTuple):
    """A part of a file; ``flipped`` serves other bytes of the same length."""

    path: Path
    start: int
    length: int
    flipped: bool = False

    def chunks(self) -> Iterator[bytes]:
        """Read the slice in pieces."""
        left = self.length
        with self.path.open("rb") as stream:
            stream.seek(self.start)
            while left > 0 and (data := stream.read(min(CHUNK, left))):
                left -= len(data)
                yield data.translate(_FLIP) if self.flipped else data


class Reply(msgspec.Struct, gc=False):
    """A reply to be sent: bytes, or a slice of a file in their place.

    Thousands are kept for the console. The garbage collector need not look at them, as nothing that
    a reply holds leads back to it.

    Attributes:
        headers: Those that have nothing to do with the rate limit.
        shared: Those that tell the rate limit in this and in other replies.
        remaining: How many requests are left, which is this reply's own; empty if it does not tell.
        left_out: Bytes at the end of the body that were not kept.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}
    file: FileSlice | None = None
    chunked: bool = False
    shared: Mapping[str, str] = {}
    remaining: str = ""
    left_out: int = 0

    @property
    def all_headers(self) -> dict[str, str]:
        """The headers as they are sent."""
        headers = {**self.headers, **self.shared}
        if self.remaining:
            headers["X-RateLimit-Remaining"] = self.remaining
        return headers

    @property
    def length(self) -> int:
        """The length of the body in bytes."""
        return len(self.body) + self.left_out if self.file is None else self.file.length

    def chunks(self) -> Iterator[bytes]:
        """Read the body in pieces."""
        return iter((self.body,) if self.body else ()) if self.file is None else self.file.chunks()

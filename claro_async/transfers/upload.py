"""Uploads to a cell, which make a data source each time they are sent.

Claro API v2, "Manage Dataset", section "Upload and Link New File". After an attempt whose outcome
is unknown the cell is read: a link that was not there before, to a file of the right size, is the
upload's own. Anything else is a candidate, which the error names and nobody adopts. The file is
sent again only where the caller asked for it. Nothing is ever deleted.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from types import EllipsisType
from typing import TYPE_CHECKING, Protocol

import attrs

from claro_async._generated.claro_api import datasets as dataset_operations
from claro_async.errors import ClaroError, DecodeError, OutcomeUnknownError
from claro_async.models import UploadedDatasource
from claro_async.transfers.links import links_on
from claro_async.transport import logs

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Iterator, Sequence

    from claro_async.models import DatasourceDetails, DatasourceSummary
    from claro_async.paging.pages import Page
    from claro_async.transfer_options import UploadOptions
    from claro_async.transfers.links import UploadMemory
    from claro_async.transport.bodies import Upload
    from claro_async.transport.transport import Transport

_PAUSES = (1.0, 4.0, 10.0)  # seconds between two reads of the cell; the last one again and again
_CLOCK_TOLERANCE = timedelta(minutes=2)
_MAX_SENDS = 3


class Readers(Protocol):
    """What an upload reads to find what became of it."""

    def pages(self, start_page: int) -> AsyncGenerator[Page, None]:
        """The dataset's pages, from one on."""

    def datasources(self) -> AsyncIterable[DatasourceSummary]:
        """All data sources."""

    def datasource(self, datasource_id: str) -> Awaitable[DatasourceDetails]:
        """One data source."""


@attrs.define(kw_only=True)
class CellUpload:
    """One upload to one cell, with what it takes to find what became of it.

    Attributes:
        transport: Carries the requests out.
        dataset_id: The dataset.
        cell_id: The cell, in a raw data column.
        upload: The file.
        options: How to upload.
        readers: What is read after a lost reply, and before the first send.
        memory: What this client's uploads know.
    """

    transport: Transport
    dataset_id: str
    cell_id: str
    upload: Upload
    options: UploadOptions
    readers: Readers
    memory: UploadMemory
    _page: int | None = attrs.field(init=False, default=None)  # where the cell was found
    _began: float = attrs.field(init=False, default=0.0)

    async def run(self) -> UploadedDatasource:
        """Upload and link.

        Raises:
            OutcomeUnknownError: The reply was lost, and the cell does not tell; the candidates are
                data sources that may be the one.
            ClaroError: See :mod:`claro_async.errors`.
        """
        async with self.memory.turn_of(self.dataset_id, self.cell_id):
            try:
                result = await self._run()
            except (OutcomeUnknownError, asyncio.CancelledError):
                self.memory.note_doubt(self.dataset_id, self.cell_id)
                raise
            self.memory.made.append(result.datasource_id)
            self.memory.note_link(self.dataset_id, self.cell_id, result.datasource_id)
            return result

    async def _run(self) -> UploadedDatasource:
        await self.upload.prepare()
        before = await self._link_before()
        self._began = self.transport.clock.time()
        sends = 0
        while True:
            sends += 1
            try:
                result = await self._send()
            except OutcomeUnknownError as error:
                unknown = error
            except DecodeError as error:
                unknown = self._unknown(str(error))
            else:
                return self._checked(result)
            found = await self._read_back(before, unknown)
            logs.read_back("uploadDatasource", confirmed=found is not None)
            if found is not None:
                return found
            if sends == _MAX_SENDS or not self._may_resend(before):
                raise await self._explained(before, unknown)

    def _may_resend(self, before: str | EllipsisType | None) -> bool:
        wanted = self.options.on_unknown == "resend" and self.upload.rewindable
        return wanted and not isinstance(before, EllipsisType)

    async def _link_before(self) -> str | EllipsisType | None:
        """What the cell is linked to; an ellipsis where that is not known."""
        if not isinstance(self.options.linked_before, EllipsisType):
            return self.options.linked_before
        now = self.transport.clock.monotonic()
        return await self.memory.link_of(
            self.dataset_id, self.cell_id, lambda: self.readers.pages(1), now
        )

    async def _send(self) -> UploadedDatasource:
        operation = dataset_operations.upload_datasource(
            self.dataset_id, self.cell_id, file=self.upload
        )
        return UploadedDatasource.from_reply(await self.transport.call(operation))

    def _checked(self, result: UploadedDatasource) -> UploadedDatasource:
        """The reply, if it is about this cell and this file."""
        if result.cell_id not in {None, self.cell_id}:
            raise self._unknown(
                f"the server answered that it went to cell {result.cell_id!r}", [result]
            )
        if not self._has_our_size(result.file_size):
            raise self._unknown(
                f"the server answered that it got {result.file_size:,} bytes of"
                f" {self.upload.bytes_sent:,}",
                [result],
            )
        return result

    async def _read_back(
        self, before: str | EllipsisType | None, unknown: OutcomeUnknownError
    ) -> UploadedDatasource | None:
        """Read the cell until it has a new link that is ours, for as long as the options say.

        Raises:
            OutcomeUnknownError: The cell cannot be read.
        """
        if isinstance(before, EllipsisType):
            return None
        clock = self.transport.clock
        deadline = clock.monotonic() + self.options.seconds_to_wait
        pauses = _pauses()
        while True:
            failure: ClaroError | None = None
            try:
                found = await self._new_link(before)
            except ClaroError as error:
                found, failure = None, error
            left = deadline - clock.monotonic()
            if found is not None:
                return found
            if left <= 0:
                break
            await clock.sleep(min(next(pauses), left))
        if failure is not None:
            unknown.add_note(f"reading what became of it failed, too: {failure}")
            raise unknown from failure
        return None

    async def _new_link(self, before: str | None) -> UploadedDatasource | None:
        linked = await self._linked_now()
        if linked in {None, before} or linked in self.memory.made:
            return None
        source = await self._source(str(linked))
        if source is None or not self._may_be_ours(source):
            return None
        return UploadedDatasource(
            cell_id=self.cell_id,
            datasource_id=source.datasource_id,
            file_name=source.file_name,
            file_size=source.file_size,
            uploaded_at=source.uploaded_at,
            linked_at=None,
            confirmed_by_read=True,
        )

    async def _linked_now(self) -> str | None:
        """What the cell is linked to; read from the page where it was, if it was seen before."""
        if self._page is not None:
            async with aclosing(self.readers.pages(self._page)) as pages:
                links = links_on(await anext(pages))
            if self.cell_id in links:
                return links[self.cell_id]
        async with aclosing(self.readers.pages(1)) as pages:
            async for page in pages:
                links = links_on(page)
                if self.cell_id in links:
                    self._page = page.pagination.page
                    return links[self.cell_id]
        return None

    async def _source(self, datasource_id: str) -> DatasourceDetails | DatasourceSummary | None:
        """What a data source is; None where the server does not say."""
        try:
            details = await self.readers.datasource(datasource_id)
        except ClaroError:
            pass
        else:
            if details.datasource_id == datasource_id:
                return details
        async for source in self.readers.datasources():
            if source.datasource_id == datasource_id:
                return source
        return None

    def _may_be_ours(self, source: DatasourceDetails | DatasourceSummary) -> bool:
        """Whether a data source has the size of what was sent, and is not older."""
        if self.upload.bytes_sent is None or source.file_size != self.upload.bytes_sent:
            return False
        uploaded_at: datetime | None = source.uploaded_at
        if uploaded_at is None:
            return True
        # the server's clock is known by now, since it has replied to something
        ahead = self.transport.quota.server_now() - self.transport.clock.time()
        earliest = datetime.fromtimestamp(self._began + ahead, UTC) - _CLOCK_TOLERANCE
        return uploaded_at >= earliest

    async def _explained(
        self, before: str | EllipsisType | None, unknown: OutcomeUnknownError
    ) -> OutcomeUnknownError:
        """The error with what may be the upload's data source, and what to do."""
        candidates: list[DatasourceSummary] = []
        try:
            async for source in self.readers.datasources():
                known = source.datasource_id == before or source.datasource_id in self.memory.made
                if self._may_be_ours(source) and not known:
                    candidates.append(source)
        except ClaroError as error:
            unknown.add_note(f"data sources cannot be listed: {error}")
        explained = self._unknown(unknown.reason or str(unknown), candidates, unknown.attempts)
        for note in getattr(unknown, "__notes__", ()):
            explained.add_note(note)
        if isinstance(before, EllipsisType):
            explained.add_note(
                "what the cell was linked to before is not known: the dataset is too large to read"
                " it each time, or cannot be read; pass linked_before=cell.linked_datasource"
            )
        explained.__cause__ = unknown
        return explained

    def _unknown(
        self, reason: str, candidates: Sequence[object] = (), attempts: int = 1
    ) -> OutcomeUnknownError:
        count = len(candidates)
        may = "1 data source may be it" if count == 1 else f"{count} data sources may be it"
        return OutcomeUnknownError(
            f"{self.upload.file_name} may or may not have been uploaded to cell"
            f" {self.cell_id!r}: {reason}; {may if count else 'no data source looks like it yet'}."
            " Read the cell later; if a candidate is yours, link it with link_datasource(); to send"
            " the file again, which may make a second data source, use on_unknown='resend'",
            operation="uploadDatasource",
            attempts=attempts,
            reason=reason,
            candidates=candidates,
        )

    def _has_our_size(self, size: int | None) -> bool:
        return size is None or self.upload.bytes_sent in {None, size}


def _pauses() -> Iterator[float]:
    yield from _PAUSES
    while True:
        yield _PAUSES[-1]

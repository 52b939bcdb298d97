"""Uploads to a cell, which make a data source each time they are sent.

Claro API v2, "Manage Dataset", section "Upload and Link New File". After an attempt whose outcome
is unknown, nothing is sent again before a look at what the server has: a second send would make a
second data source. Nothing is ever deleted.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import attrs
from claro_api import datasets as dataset_operations
from claro_api.models import LinkDatasource

from claro_async.errors import ClaroError, OutcomeUnknownError
from claro_async.models import DatasourceSummary, UploadedDatasource

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import AsyncIterable

    from claro_async.paging.rows import Row
    from claro_async.transport.bodies import Upload
    from claro_async.transport.transport import Transport

_SETTLE = (1.0, 4.0)
"""Seconds between looks, before it is believed that nothing was made."""
_CLOCK_TOLERANCE = timedelta(seconds=2)
_MAX_SENDS = 3


@attrs.define
class CellUpload:
    """One upload to one cell, with what it takes to look for it.

    Attributes:
        transport: Carries the requests out.
        dataset_id: The dataset.
        cell_id: The cell, in a raw data column.
        upload: The file.
        datasources: Lists all data sources.
        rows: Lists all rows of the dataset.
        made: Ids of data sources that this client's uploads are known to have made.
    """

    transport: Transport
    dataset_id: str
    cell_id: str
    upload: Upload
    datasources: AsyncIterable[DatasourceSummary]
    rows: AsyncIterable[Row]
    made: deque[str]

    async def run(self) -> UploadedDatasource:
        """Upload and link.

        Raises:
            OutcomeUnknownError: The reply was lost, and what the server has does not tell; the
                candidates are data sources that may be the one.
            ClaroError: See :mod:`claro_async.errors`.
        """
        await self.upload.prepare()
        began = self.transport.clock.time()
        sends = 0
        while True:
            sends += 1
            try:
                result = await self._send()
            except OutcomeUnknownError as unknown:
                found = await self._look(began, unknown)
                if found is not None:
                    self.made.append(found.datasource_id)
                    return found
                if not self.upload.rewindable or sends >= _MAX_SENDS:
                    unknown.add_note("no data source was found that the upload could have made")
                    raise
            else:
                self.made.append(result.datasource_id)
                return result

    async def _send(self) -> UploadedDatasource:
        operation = dataset_operations.upload_datasource(
            self.dataset_id, self.cell_id, file=self.upload
        )
        return UploadedDatasource.from_reply(await self.transport.call(operation))

    async def _look(self, began: float, unknown: OutcomeUnknownError) -> UploadedDatasource | None:
        """As :meth:`_find`; if that fails, it stays unknown what became of the upload."""
        try:
            return await self._find(began, unknown)
        except OutcomeUnknownError:
            raise
        except ClaroError as error:
            unknown.add_note(f"looking for what the upload made failed, too: {error}")
            raise unknown from error

    async def _find(self, began: float, unknown: OutcomeUnknownError) -> UploadedDatasource | None:
        """The data source that a lost upload made, or None if it made none."""
        for pause in (*_SETTLE, None):
            candidates = await self._candidates(began)
            links = await self._links() if candidates else {}
            linked = links.get(self.cell_id)
            if linked in candidates:
                return self._found(candidates[linked], None)
            elsewhere = set(links.values())
            free = [source for key, source in candidates.items() if key not in elsewhere]
            if free:
                return await self._adopt(free, unknown)
            if pause is not None:
                await self.transport.clock.sleep(pause)
        return None

    async def _candidates(self, began: float) -> dict[str, DatasourceSummary]:
        """Data sources by id that have the file's name and size, and are not known or older."""
        # the server's clock is known by now, since it has replied to something
        ahead = self.transport.quota.server_now() - self.transport.clock.time()
        earliest = datetime.fromtimestamp(began + ahead, UTC) - _CLOCK_TOLERANCE
        known = set(self.made)
        return {
            source.datasource_id: source
            async for source in self.datasources
            if source.file_name == self.upload.file_name
            and self.upload.size in {None, source.file_size}
            and source.uploaded_at >= earliest
            and source.datasource_id not in known
        }

    async def _adopt(
        self, free: list[DatasourceSummary], unknown: OutcomeUnknownError
    ) -> UploadedDatasource:
        """Take the one that is linked to no cell: made, but the server failed before linking it."""
        if len(free) != 1:
            raise OutcomeUnknownError(
                f"{self.upload.file_name} may or may not have been uploaded to cell"
                f" {self.cell_id!r}: {len(free)} data sources could be it",
                operation=unknown.operation,
                attempts=unknown.attempts,
                reason=unknown.reason,
                candidates=free,
            ) from unknown
        operation = dataset_operations.link_datasource(
            self.dataset_id, self.cell_id, body=LinkDatasource(free[0].datasource_id)
        )
        link = await self.transport.call(operation)
        return self._found(free[0], link.linked_at)

    async def _links(self) -> dict[str, str]:
        """Data sources by the cell that they are linked to."""
        return {
            cell.cell_id: cell.linked_datasource
            async for row in self.rows
            for cell in row.cells()
            if cell.linked_datasource is not None
        }

    def _found(self, source: DatasourceSummary, linked_at: datetime | None) -> UploadedDatasource:
        return UploadedDatasource(
            cell_id=self.cell_id,
            datasource_id=source.datasource_id,
            file_name=source.file_name,
            file_size=source.file_size,
            uploaded_at=source.uploaded_at,
            linked_at=linked_at,
            confirmed_by_read=True,
        )

"""Making a dataset, and finding out whether it was made when the reply is lost.

Communications Mining API v1, "Datasets", section "Create a dataset".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from claro_async.communications_mining.models import CreatedDataset
from claro_async.errors import APIStatusError, ClaroError, NotFoundError, OutcomeUnknownError
from claro_async.transport import logs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from claro_async._core import Core
    from claro_async._generated.claro_api.operation import Operation
    from claro_async._generated.communications_mining_api.models import DatasetReply, NewDataset
    from claro_async.communications_mining.models import DatasetDetails

_CLOCKS_APART = 60.0


class DatasetCreation:
    """One call of :meth:`Dataset.create`."""

    def __init__(
        self,
        core: Core,
        operation: Operation[DatasetReply],
        wanted: NewDataset,
        get: Callable[[], Awaitable[DatasetDetails]],
    ) -> None:
        self._core = core
        self._operation = operation
        self._wanted = wanted
        self._get = get
        self._started = core.clock.monotonic()

    async def run(self) -> CreatedDataset:
        """Send, and after a lost reply read before sending again.

        The name is in the path, so a second send cannot make a second dataset; but what it does to
        one that is there is not documented.
        """
        unknown: OutcomeUnknownError | None = None
        for _ in range(self._core.settings.retry.max_attempts):
            try:
                reply = await self._core.transport.call(self._operation)
            except OutcomeUnknownError as error:
                unknown = error
            except APIStatusError:
                if unknown is None:
                    raise  # rejected, and nothing is in doubt
            else:
                return _as_created(reply.dataset, confirmed_by_read=False)
            found = await self._read_back(unknown)
            if found is not None:
                return self._confirm(found, unknown)
        assert unknown is not None  # noqa: S101 - every pass of the loop set it
        raise unknown

    async def _read_back(self, unknown: OutcomeUnknownError) -> DatasetDetails | None:
        try:
            return await self._get()
        except NotFoundError:
            return None
        except ClaroError as error:
            unknown.add_note(f"reading the dataset back failed, too: {error}")
        raise unknown

    def _confirm(self, found: DatasetDetails, unknown: OutcomeUnknownError) -> CreatedDataset:
        transport = self._core.transport
        began = transport.quota.server_now() - (transport.clock.monotonic() - self._started)
        if found.created.timestamp() < began - _CLOCKS_APART:
            unknown.add_note("a dataset of this name was there before")
        elif not _is_as_wanted(found, self._wanted):
            unknown.add_note("a dataset of this name is there, but not as it was to be")
        else:
            logs.read_back(unknown.operation, confirmed=True)
            return _as_created(found, confirmed_by_read=True)
        logs.read_back(unknown.operation, confirmed=False)
        unknown.candidates = (found,)
        raise unknown


def _is_as_wanted(found: DatasetDetails, wanted: NewDataset) -> bool:
    pairs = [
        (wanted.title, found.title),
        (wanted.description, found.description),
        (wanted.has_sentiment, found.has_sentiment),
        (wanted.model_family and wanted.model_family.casefold(), found.model_family.casefold()),
        (wanted.source_ids and sorted(wanted.source_ids), sorted(found.source_ids)),
    ]
    return all(want is None or want == have for want, have in pairs)


def _as_created(dataset: DatasetDetails, *, confirmed_by_read: bool) -> CreatedDataset:
    values = attrs.asdict(dataset, recurse=False)
    return CreatedDataset(**values, confirmed_by_read=confirmed_by_read)

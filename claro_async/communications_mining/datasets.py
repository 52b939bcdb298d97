"""Datasets of Communications Mining: the listing, and the handle of one.

Communications Mining API v1, "Datasets". A handle does no I/O until one of its methods is awaited.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from claro_async._callbacks import check_callback
from claro_async._checks import check_confirm
from claro_async._generated.communications_mining_api import datasets as operations
from claro_async._generated.communications_mining_api.models import (
    CreateDatasetRequest,
    DatasetChanges,
    NewDataset,
    UpdateDatasetRequest,
)
from claro_async.communications_mining.continuation import Position, read_position
from claro_async.communications_mining.creating import DatasetCreation
from claro_async.communications_mining.export import ExportStream
from claro_async.communications_mining.files import ExportJob, choose_format
from claro_async.communications_mining.increment import IncrementalExport, check_since_last
from claro_async.communications_mining.models import DatasetDeletion
from claro_async.communications_mining.selection import (
    Selection,
    SelectionKeywords,
    TimeRangeKeywords,
    check_ids,
)
from claro_async.communications_mining.time_ranges import FirstTimes
from claro_async.options import check_keywords
from claro_async.storage.threads import in_thread
from claro_async.transfers.fetching import base_name
from claro_async.wire.identifiers import encode_segment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterable
    from datetime import datetime
    from os import PathLike
    from typing import Any, Unpack

    from claro_async._core import Core
    from claro_async._generated.communications_mining_api.models import ExportRequest
    from claro_async.communications_mining.comment_file import CommentFile, ExportProgress
    from claro_async.communications_mining.known_uids import StoredUids
    from claro_async.communications_mining.models import (
        CreatedDataset,
        DatasetDetails,
        ModelTag,
    )
    from claro_async.progress import ProgressCallback


class DatasetListing:
    """What :meth:`Datasets.list` gives: datasets with ``async for``, or a list when awaited.

    The API gives all of them in one reply.
    """

    def __init__(self, core: Core, project: str | None) -> None:
        self._core = core
        self._project = project

    def __await__(self) -> Generator[Any, None, list[DatasetDetails]]:
        return self._fetch().__await__()

    async def __aiter__(self) -> AsyncIterator[DatasetDetails]:
        for dataset in await self._fetch():
            yield dataset

    async def _fetch(self) -> list[DatasetDetails]:
        if self._project is None:
            operation = operations.list_all_datasets()
        else:
            operation = operations.list_project_datasets(self._project)
        return (await self._core.transport.call(operation)).datasets


class Datasets:
    """All datasets that the token can see."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def list(self, *, project: str | None = None) -> DatasetListing:
        """List datasets. Sections "Get all datasets" and "Get datasets by project".

        Args:
            project: Only those of this project; its name, which is a dataset's ``owner``.

        Raises:
            ValueError: The project cannot be one.
        """
        if project is not None:
            encode_segment(project, "project")
        return DatasetListing(self._core, project)


class Dataset:
    """One dataset, by the names of its project and its own.

    Attributes:
        project: Name of the project.
        name: Name of the dataset.
    """

    def __init__(self, core: Core, project: str, name: str) -> None:
        encode_segment(project, "project")
        encode_segment(name, "name")
        self._core = core
        self.project = project
        self.name = name

    def __repr__(self) -> str:
        return f"Dataset({self.full_name!r})"

    @property
    def full_name(self) -> str:
        """``project/name``."""
        return f"{self.project}/{self.name}"

    async def get(self) -> DatasetDetails:
        """The dataset as it is. Section "Get a dataset by name".

        Raises:
            NotFoundError: No such project or dataset.
            PermissionDeniedError: The token lacks "View labels".
        """
        operation = operations.get_project_dataset(self.project, self.name)
        return (await self._core.transport.call(operation)).dataset

    async def model_tags(self) -> list[ModelTag]:
        """The tagged versions of the dataset's model. Section "Get model tags for a dataset".

        Raises:
            NotFoundError: No such project or dataset.
            PermissionDeniedError: The token lacks "Model Admin".
        """
        operation = operations.get_model_tags(self.project, self.name)
        return (await self._core.transport.call(operation)).model_tags

    async def create(
        self,
        *,
        title: str | None = None,
        description: str | None = None,
        source_ids: Iterable[str] | None = None,
        model_family: str | None = None,
        has_sentiment: bool | None = None,
    ) -> CreatedDataset:
        """Make the dataset. Section "Create a dataset".

        If the reply is lost, the dataset is read: as wanted and new, it counts as made, and the
        result says ``confirmed_by_read``; not there, the request is sent again.

        Args:
            title: One line, for people.
            description: A longer text.
            source_ids: Ids of the sources to include.
            model_family: ``english`` or ``multilingual``; English when left out.
            has_sentiment: Whether labels are applied with sentiment; true when left out.

        Raises:
            InvalidRequestError: Rejected, as when the name is taken.
            OutcomeUnknownError: The reply was lost, and what is there now does not tell.
            PermissionDeniedError: The token lacks "Modify datasets".
        """
        new = NewDataset(title, description, _as_list(source_ids), model_family, has_sentiment)
        body = CreateDatasetRequest(new)
        operation = operations.create_dataset(self.project, self.name, body=body)
        with self._core.working():
            return await DatasetCreation(self._core, operation, new, self.get).run()

    async def update(
        self,
        *,
        title: str | None = None,
        description: str | None = None,
        source_ids: Iterable[str] | None = None,
    ) -> DatasetDetails:
        """Change the dataset; what is not given stays as it is. Section "Update a dataset".

        After a lost reply the request is sent again, which ends in the same state.

        Args:
            title: One line, for people.
            description: A longer text.
            source_ids: Ids of all the sources to include.

        Raises:
            NotFoundError: No such project or dataset.
            OutcomeUnknownError: No reply came to any attempt, and one may have been applied.
            PermissionDeniedError: The token lacks "Datasets admin".
            ValueError: Nothing was given; nothing is sent.
        """
        changes = DatasetChanges(title, description, _as_list(source_ids))
        if changes == DatasetChanges():
            raise ValueError("nothing to change: pass title=, description= or source_ids=")
        body = UpdateDatasetRequest(changes)
        operation = operations.update_dataset(self.project, self.name, body=body)
        return (await self._core.transport.call(operation)).dataset

    async def delete(self, *, confirm: str) -> DatasetDeletion:
        """Delete the dataset, for good. Section "Delete a dataset".

        If the reply is lost, the request is sent again; a 404 then means that it is gone.

        Args:
            confirm: ``project/name`` of the dataset.

        Raises:
            NotFoundError: No such project or dataset.
            PermissionDeniedError: The token lacks "Datasets admin".
            ValueError: Another `confirm`; nothing is sent.
        """
        check_confirm("deleting a dataset", "project and name", self.full_name, confirm)
        operation = operations.delete_dataset(self.project, self.name)
        result = await self._core.transport.delete(operation)
        return DatasetDeletion(self.project, self.name, confirmed_by_absence=result is None)

    def export(
        self, *, continuation: str | None = None, **options: Unpack[SelectionKeywords]
    ) -> ExportStream:
        """The comments with their labels: ``async for`` gives each, ``.pages()`` gives pages.

        Section "Export a dataset". Needs the permission "Export datasets".

        Args:
            continuation: Where to go on: ``stream.continuation`` of an earlier export, with no or
                the same filters, or the server's own token with the filters that it came from.
            **options: Those that follow.
            order_by: ``timestamp`` (as the uploader gave it; the default) or ``created_at`` (of the
                comment in the API); sorts, and is what `from_` and `to` go by.
            from_: Only comments from this moment onwards; aware.
            to: Only comments until this moment, itself included; aware.
            source_ids: Only comments of these sources, at most 1,024.
            comment_uids: Only these comments (``source_id.comment_id``), any number; goes with no
                other filter. They come in groups of 256, a request each.
            limit: Comments a request, from 1 to 256; 256 by default.
            windows: Time ranges that are read side by side, from 1 (the default) to 64; the
                comments come in order all the same, and those not wanted yet wait in a temporary
                file.

        Raises:
            TypeError: An argument of another type; nothing is sent.
            ValueError: An argument outside its limits, a datetime that is not aware, filters that
                do not go together, a continuation of another export; nothing is sent.
        """
        check_keywords("export", options, SelectionKeywords)
        return self._stream(Selection(**options), continuation)

    async def time_ranges(
        self, windows: int, **options: Unpack[TimeRangeKeywords]
    ) -> list[tuple[datetime | None, datetime | None]]:
        """Cut what :meth:`export` would give into time ranges, for exports in several processes.

        Each is a pair for `from_` and `to` of an export. They are of like length, and only one
        where the time is too short for more. Both ranges include the moment where they meet, so a
        comment of that very time is in both exports. This takes up to 11 requests.

        Args:
            windows: How many, from 1 to 64.
            **options: ``order_by``, ``from_``, ``to`` and ``source_ids``, as for :meth:`export`.

        Raises:
            TypeError: An argument of another type; nothing is sent.
            ValueError: An argument outside its limits; nothing is sent.
        """
        check_keywords("time_ranges", options, TimeRangeKeywords)
        selection = Selection(windows=windows, **options)
        bounds: tuple[datetime, ...] = ()
        if windows > 1:
            probes = FirstTimes(self._fetch, self._core.converter)
            with self._core.working():
                bounds = await probes.find_bounds(selection, self._core.clock.time())
        return selection.ranges(bounds)

    async def export_to(
        self,
        path: str | PathLike[str],
        *,
        format: Literal["jsonl", "parquet", "csv"] | None = None,  # noqa: A002 - the common name
        checkpoint: str | PathLike[str] | None = None,
        since_last: bool = False,
        on_progress: ProgressCallback[ExportProgress] | None = None,
        **options: Unpack[SelectionKeywords],
    ) -> CommentFile:
        """Export to a file, in memory that does not grow with it; see :meth:`export`.

        The file grows beside `path` under a name of its own, and takes the place of `path` when it
        is whole. A second export to the same path is refused meanwhile.

        Args:
            path: The file, or a folder: the file is then named after the dataset.
            format: ``jsonl`` (a comment a line, every field and digit as it came), ``parquet`` (the
                documented fields as columns; needs the extra ``[arrow]``) or ``csv`` (the same
                columns, nested ones as JSON text). Left out, it goes by the suffix (``.jsonl``,
                ``.ndjson``, ``.parquet``, ``.pq``, ``.csv``); without a suffix it is ``jsonl``.
            checkpoint: A file that says how far the export is. The same call with the same
                checkpoint goes on after any end, also after a kill, with no comment lost and none
                twice. It is removed when the export is whole. Without one, what was written is
                removed when the export fails.
            since_last: For JSON lines, whether to take up from the last complete run: what came
                since is added to the file, each comment once, and the file is replaced when it is
                whole. Where that run ended stands beside it, in ``NAME.last``. New is what
                the time that sorts says: take ``order_by="created_at"`` where comments are uploaded
                late. Goes with neither `checkpoint` nor `comment_uids`.
            on_progress: Called after each page; what it raises stops the export as a cancellation
                does, and is raised as it is.
            **options: As for :meth:`export`, except `continuation`.

        Raises:
            ImportError: The format needs pyarrow; nothing is sent.
            JournalError: The checkpoint is damaged, foreign, in use or of another export (base URL,
                dataset, filters, format or path), or its part of the file is missing or not what
                this export wrote; nothing is sent.
            OSError: The path cannot be written; nothing is sent.
            TransferError: Another export or download writes the path; nothing is sent. Or the
                server leads in a circle, or on and on without a new comment.
            TypeError: As for :meth:`export`.
            ValueError: As for :meth:`export`, an unknown format, or a suffix that says none.
        """
        check_keywords("export_to", options, SelectionKeywords)
        selection = Selection(**options)
        check_callback("on_progress", on_progress)
        file_format = await in_thread(choose_format, path, format)
        if since_last:
            check_since_last(file_format.name, selection, checkpoint)
            return await self._export_since_last(Path(path), selection, on_progress)
        job = ExportJob(
            path=path,
            name=base_name(self.name, "dataset"),
            format=file_format,
            make_stream=lambda text, known: self._stream(selection, text, known),
            checkpoint=None if checkpoint is None else Path(checkpoint),
            job={
                "base_url": self._core.settings.base_url,
                "dataset": self.full_name,
                **selection.to_json(),
                "windows": selection.windows,
            },
            clock=self._core.clock,
            on_progress=on_progress,
        )
        with self._core.working():
            return await job.run()

    async def _export_since_last(
        self,
        path: Path,
        selection: Selection,
        on_progress: ProgressCallback[ExportProgress] | None,
    ) -> CommentFile:
        chosen = selection.to_json()
        job = IncrementalExport(
            path=path,
            name=base_name(self.name, "dataset"),
            selection=selection,
            make_stream=lambda since: self._stream(since, None),
            job={"base_url": self._core.settings.base_url, "dataset": self.full_name, **chosen},
            clock=self._core.clock,
            on_progress=on_progress,
        )
        with self._core.working():
            return await job.run()

    def _stream(
        self, selection: Selection, continuation: str | None, known: StoredUids | None = None
    ) -> ExportStream:
        if continuation is None:
            bounds = () if selection.windows == 1 else None
            position = Position(dataset=self.full_name, selection=selection, bounds=bounds)
        else:
            position = read_position(continuation, self.full_name, selection)
        return ExportStream(self._core, self._fetch, position, known)

    async def _fetch(self, request: ExportRequest) -> bytes:
        operation = operations.export_dataset(self.project, self.name, body=request)
        return (await self._core.transport.fetch(operation)).content


def _as_list(source_ids: Iterable[str] | None) -> list[str] | None:
    return None if source_ids is None else list(check_ids("source_ids", source_ids))

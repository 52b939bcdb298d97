"""`Emulator`: the server's life, in this event loop or in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar, Unpack

from claro_async.emulator import building
from claro_async.emulator.calls import World
from claro_async.emulator.console.asking import Desk
from claro_async.emulator.console.attempts import Attempts
from claro_async.emulator.console.changes import Changes
from claro_async.emulator.console.rejected import RejectedBodies
from claro_async.emulator.console.security import Secrets
from claro_async.emulator.console.service import PREFIX, Console
from claro_async.emulator.database import Database
from claro_async.emulator.dataset_store import NewCell
from claro_async.emulator.errors import ApiError
from claro_async.emulator.faults import Faults
from claro_async.emulator.ledger import Ledger
from claro_async.emulator.lifecycle import LoopThread, Running
from claro_async.emulator.listening import Server, by_prefix
from claro_async.emulator.mining.admin import MiningAdmin
from claro_async.emulator.mining.routing import MINING_PREFIX
from claro_async.emulator.mining.sample import seed_mining
from claro_async.emulator.mining.service import MiningService
from claro_async.emulator.ratelimit import RateLimiter
from claro_async.emulator.routing import API_PREFIX
from claro_async.emulator.sample_world import load_sample_world
from claro_async.emulator.server import Service
from claro_async.emulator.settings import MAX_UPLOAD_BYTES, Settings, read_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    from claro_async.emulator.building import Kind
    from claro_async.emulator.listening import Handle
    from claro_async.emulator.settings import EmulatorKeywords

_T = TypeVar("_T")


class CellView(NamedTuple):
    """A cell as the emulator holds it now."""

    cell_id: str
    row_id: str
    column_id: str
    value: Any
    metadata: dict[str, Any]
    linked_datasource: str | None


class Emulator:
    """A local server that behaves as the documents of the Claro API v2 say.

    Use it with ``async with`` to run it in the present event loop, or with ``with`` to run it in
    a thread of its own. All methods may be called from any thread.

    Args:
        host: The loopback address to bind to.
        port: The port, or 0 for a free one.
        api_key: The bearer that is let in.
        database: A file that keeps the state, or None for memory.
        rate_limit: Requests a window, or None for no limit.
        rate_window: Length of a window in seconds.
        reset_format: How ``X-RateLimit-Reset`` is written: ``epoch`` (seconds), ``epoch-ms``,
            ``delta`` (seconds), ``http-date`` or ``iso``.
        latency: Seconds of real time that every request waits.
        seed: Files to load; each makes a data source and an extraction dataset.
        sample_world: Whether an empty database gets the sample world.
        clock: The time in epoch seconds; rules windows, expiry and processing.
        random_seed: Seeds the choice of faults by probability.
        max_upload_size: The limit of an uploaded file in bytes.
        metadata_on_request: Whether pages have the cells' metadata only where ``includeMetadata``
            asks for it. The documents allow both readings; by default cells always have theirs.
        mining_token: The bearer that may do everything in the Communications Mining part.
        mining_seed: Files of comments as JSON lines; each makes a dataset of the project
            ``project``, named as the file.
        console: Whether there is a console at `console_url`.

    Attributes:
        mining: The Communications Mining part: its projects, datasets, comments and tokens.

    Raises:
        ValueError: For a host that is not loopback, and a limit or window out of range.
    """

    def __init__(self, **options: Unpack[EmulatorKeywords]) -> None:
        settings = Settings(**options)
        self.api_key: str = settings.api_key
        self.mining_token: str = settings.mining_token
        self.mining: MiningAdmin = MiningAdmin(self.mining_token, self._on_loop)
        self.ledger: Ledger = Ledger()
        self.faults: Faults = Faults(settings.random_seed, settings.clock)
        self._settings = settings
        self._seed = tuple(map(Path, settings.seed))
        self._mining_seed = tuple(map(Path, settings.mining_seed))
        self._limiter = RateLimiter(
            settings.rate_limit, settings.rate_window, settings.clock, settings.reset_format
        )
        self._running: Running | None = None
        self._thread: LoopThread | None = None

    @classmethod
    def from_file(cls, path: str | Path, **options: Unpack[EmulatorKeywords]) -> Self:
        """Make an emulator with the options of a TOML file.

        Args:
            path: The file; paths in it are found from its own folder.
            **options: Options that count in place of those in the file.

        Raises:
            OSError: The file cannot be read.
            ValueError: It is no TOML, or has an option that there is not, or of another type.
        """
        chosen = read_options(path)
        chosen.update(options)
        return cls(**chosen)

    # Life

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stop()

    def __enter__(self) -> Self:
        thread = LoopThread()
        try:
            thread.run(self._start())
        except BaseException:
            thread.stop()
            raise
        self._thread = thread
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            try:
                thread.run(self._stop())
            finally:
                thread.stop()

    async def _start(self) -> None:
        if self._running is not None:
            raise RuntimeError("this emulator is running already")
        settings = self._settings
        database = Database(None if settings.database is None else Path(settings.database))
        try:
            world = World(
                database,
                settings.clock,
                self.ledger,
                settings.max_upload_size,
                metadata_on_request=settings.metadata_on_request,
                keep_recent=settings.console,
            )
            self._stock(world)
            server = Server(self._handler(world))
            loop = asyncio.get_running_loop()
            sockets = await loop.create_server(
                server, self._settings.host, self._settings.port, backlog=1024
            )
        except BaseException:
            database.close()
            raise
        self._running = Running(
            world, server, sockets, loop, threading.get_ident(), sockets.sockets[0].getsockname()[1]
        )

    def _stock(self, world: World) -> None:
        """Put into an empty world what it begins with."""
        if self._settings.sample_world and world.database.set_default("sample_world", "1"):
            load_sample_world(world)
        for path in self._seed:
            building.seed(world, path)
        for path in self._mining_seed:
            seed_mining(world.mining, path)

    def _handler(self, world: World) -> Handle:
        claro = Service(world, self.api_key, self._limiter, self.faults, self._settings.latency)
        mining = MiningService(world, self.mining.grants, self.faults, self._settings.latency)
        others = {MINING_PREFIX + "/": mining.handle}
        if self._settings.console:
            others[PREFIX] = self._console(world).handle
        return by_prefix(API_PREFIX, claro.handle, others)

    def _console(self, world: World) -> Console:
        desk = Desk(
            host=self._settings.host,
            world=world,
            limiter=self._limiter,
            faults=self.faults,
            grants=self.mining.grants,
            secrets=Secrets(lambda: (self.api_key, *self.mining.grants)),
            changes=Changes(self.ledger),
            attempts=Attempts(self.ledger),
            rejected=RejectedBodies(self.ledger),
            restock=lambda: self._stock(world),
            origin=lambda: self.origin,
        )
        return Console(desk)

    async def _stop(self) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        self.faults.clear()
        await running.stop()

    def _on_loop(self, act: Callable[[World], _T]) -> _T:
        running = self._live()
        if threading.get_ident() == running.thread_id:
            return act(running.world)

        async def call() -> _T:
            return act(running.world)

        return asyncio.run_coroutine_threadsafe(call(), running.loop).result()

    def _live(self) -> Running:
        if self._running is None:
            raise RuntimeError("this emulator is not running")
        return self._running

    # Where it is

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._live().port

    @property
    def origin(self) -> str:
        """``http://host:port``, where signed URLs begin."""
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        return f"http://{host}:{self.port}"

    @property
    def base_url(self) -> str:
        """``http://host:port/api/v2``."""
        return self.origin + API_PREFIX

    @property
    def mining_base_url(self) -> str:
        """``http://host:port/api/v1``."""
        return self.origin + MINING_PREFIX

    @property
    def console_url(self) -> str:
        """``http://host:port/_emulator``: the page that shows what happens, where there is one."""
        return self.origin + PREFIX

    @property
    def has_console(self) -> bool:
        """Whether there is a page at `console_url`."""
        return self._settings.console

    # What it holds

    def add_dataset(  # noqa: PLR0913 - what a dataset is made of
        self,
        name: str,
        columns: Sequence[str | Mapping[str, Any]],
        rows: Iterable[Sequence[Any] | Mapping[str, Any]] = (),
        *,
        type: str = "extraction",  # noqa: A002 - the field's name in the documents
        dataset_id: str | None = None,
        status: str = "completed",
        description: str = "",
        opaque_ids: bool = False,
        cell_id: Callable[[int, int], str] | None = None,
    ) -> str:
        """Make a dataset.

        Args:
            name: Its name.
            columns: Names, or mappings with ``name`` and any of ``id``, ``type``, ``taskType``,
                ``metadata``.
            rows: Lists of JSON values in column order, or mappings by column name.
            type: ``extraction``, ``analysis`` or ``classification``.
            dataset_id: Its id; by default a new UUID.
            status: ``completed``, ``processing`` or ``failed``.
            description: Its description.
            opaque_ids: Give cells and rows ids from which no position can be read.
            cell_id: Makes a cell's id from its row and column, both from 1; by default
                ``cell_{row}_{column}``.

        Returns:
            The dataset's id.

        Raises:
            ValueError: For a bad type, status, column or row.
        """
        new = building.new_dataset(
            name,
            columns,
            rows,
            kind=type,
            dataset_id=dataset_id,
            status=status,
            description=description,
            opaque=opaque_ids,
            cell_id=cell_id,
        )
        return self._on_loop(lambda world: world.datasets.add(new))

    def add_datasource(
        self,
        source: str | Path | bytes,
        *,
        file_name: str | None = None,
        content_type: str | None = None,
        datasource_id: str | None = None,
    ) -> str:
        """Make a data source of a file.

        Args:
            source: A path, or the bytes themselves.
            file_name: Its name; needed with bytes.
            content_type: Its content type; by default told by the name's ending.
            datasource_id: Its id; by default a new UUID.

        Returns:
            The data source's id.

        Raises:
            ValueError: For bytes without a name and kinds of files that Claro does not take.
        """
        return self._on_loop(
            lambda world: building.add_datasource(
                world,
                source,
                file_name=file_name,
                content_type=content_type,
                datasource_id=datasource_id,
            )
        )

    def dataset_ids(self) -> list[str]:
        """List the datasets in the order they were made."""
        return self._on_loop(lambda world: world.datasets.ids())

    def datasource_ids(self) -> list[str]:
        """List the data sources in the order they came."""
        return self._on_loop(lambda world: world.datasources.ids())

    def cell_ids(self, dataset_id: str) -> list[str]:
        """List a dataset's cells, row by row.

        Raises:
            KeyError: When there is no such dataset.
        """
        return self._on_loop(
            lambda world: _known(lambda: world.datasets.cell_ids(world.datasets.find(dataset_id)))
        )

    def values(self, dataset_id: str) -> dict[str, Any]:
        """Read all values of a dataset by cell id, row by row.

        Raises:
            KeyError: When there is no such dataset.
        """
        return self._on_loop(
            lambda world: _known(lambda: world.datasets.values(world.datasets.find(dataset_id)))
        )

    def cell(self, dataset_id: str, cell_id: str) -> CellView:
        """Read one cell.

        Raises:
            KeyError: When there is no such dataset or cell.
        """
        return self._on_loop(
            lambda world: _known(lambda: CellView(*building.view(world, dataset_id, cell_id)))
        )

    def set_processing(
        self, resource_id: str, until: float | None = None, *, kind: Kind | None = None
    ) -> None:
        """Set a dataset or data source processing.

        Args:
            resource_id: Its id.
            until: Seconds from now, by the emulator's clock, or None to stay until
                `finish_processing`.
            kind: ``dataset`` or ``datasource``; by default the dataset of this id, and if there
                is none the data source (the samples use the same ids for both).

        Raises:
            KeyError: When there is no such resource.
        """
        due = None if until is None else self._settings.clock() + until
        self._on_loop(
            lambda world: world.processing.start(
                building.table_of(world, resource_id, kind), resource_id, due
            )
        )

    def finish_processing(self, resource_id: str, *, kind: Kind | None = None) -> None:
        """Complete a dataset or data source now.

        Args:
            resource_id: Its id.
            kind: As for `set_processing`.

        Raises:
            KeyError: When there is no such resource.
        """
        self._on_loop(
            lambda world: world.processing.finish(
                building.table_of(world, resource_id, kind), resource_id
            )
        )

    def deny_access(self, resource_id: str) -> None:
        """Answer ``ACCESS_DENIED`` for this dataset or data source from now on."""
        self._on_loop(lambda world: world.denied.add(resource_id))

    def allow_access(self, resource_id: str) -> None:
        """Undo `deny_access`."""
        self._on_loop(lambda world: world.denied.discard(resource_id))


def _known(read: Callable[[], _T]) -> _T:
    try:
        return read()
    except ApiError as error:
        raise KeyError(*error.details.values()) from None


__all__ = ["MAX_UPLOAD_BYTES", "CellView", "Emulator", "NewCell"]

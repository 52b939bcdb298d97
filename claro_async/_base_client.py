"""What a client and its handles share: the settings, and a transport that opens when it is used."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from claro_async.config import Secret, check_run
from claro_async.transfers.links import UploadMemory
from claro_async.transport.clock import Clock, SystemClock
from claro_async.wire.replies import decode_json

if TYPE_CHECKING:
    from claro_async.config import QuotaPlace, Settings
    from claro_async.transfers.fetching import Downloader
    from claro_async.transport.api import Api
    from claro_async.transport.events import EventHook
    from claro_async.transport.quota.gate import Gate
    from claro_async.transport.quota.shared_gate import SharedGate
    from claro_async.transport.session import Session
    from claro_async.transport.transport import Transport
    from claro_async.wire.converter import ModelConverter
    from claro_async.wire.replies import HttpReply
    from claro_async.wire.requests import HttpRequest


class Core:
    """Puts the parts together on first use, so that importing and configuring stay light."""

    def __init__(  # noqa: PLR0913 - what clients hand on
        self,
        settings: Settings,
        api: Api,
        *,
        on_event: EventHook | None = None,
        clock: Clock | None = None,
        random: Random | None = None,
        session: Session | None = None,
    ) -> None:
        self.settings = settings
        self._api = api
        self.clock = clock or SystemClock()
        self._random = random or Random()  # noqa: S311 - spreads retries, keeps no secret
        self._on_event = on_event
        self._session = session
        self._transport: Transport | None = None
        self._downloader: Downloader | None = None
        self._converter: ModelConverter | None = None
        self.uploads = UploadMemory()
        self._closed = False

    @property
    def transport(self) -> Transport:
        """The transport; opened here if need be, inside a running event loop.

        Raises:
            RuntimeError: The client was closed, or there is no running event loop.
        """
        if self._transport is None:
            self._check_open()
            self._transport = self._open()
        return self._transport

    @property
    def downloader(self) -> Downloader:
        """What fetches signed URLs; opened here if need be, inside a running event loop.

        Raises:
            RuntimeError: The client was closed, or there is no running event loop.
        """
        if self._downloader is None:
            self._check_open()
            from claro_async.transfers.fetching import Downloader  # noqa: PLC0415
            from claro_async.transport.download import DownloadSession  # noqa: PLC0415 - aiohttp

            session = DownloadSession(self.settings)
            policy = self.settings.retry
            self._downloader = Downloader(
                session=session,
                policy=policy,
                clock=self.clock,
                random=self._random,
                on_event=self._on_event,
            )
        return self._downloader

    @property
    def converter(self) -> ModelConverter:
        """The converter between JSON and models."""
        if self._converter is None:
            from claro_async.wire.converter import ModelConverter  # noqa: PLC0415 - brings cattrs in

            self._converter = ModelConverter()
        return self._converter

    async def request(self, request: HttpRequest) -> Any:
        """Send a request outside the documented operations; the reply's JSON value, or None.

        Raises:
            ClaroError: See :mod:`claro_async.errors`.
        """
        exchange = await self.transport.exchange(request, _decode_if_any)
        if exchange.error is not None:
            raise exchange.error
        return exchange.value

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the client is closed")

    def _open(self) -> Transport:
        from claro_async.transport.transport import Transport  # noqa: PLC0415 - brings msgspec in

        return Transport(
            api=self._api,
            session=self._session or self._open_session(),
            converter=self.converter,
            quota=self._open_gate(),
            policy=self.settings.retry,
            clock=self.clock,
            random=self._random,
            on_event=self._on_event,
        )

    def _open_session(self) -> Session:
        from claro_async.transport.aiohttp_session import AiohttpSession  # noqa: PLC0415 - aiohttp

        return AiohttpSession(self.settings)

    def _open_gate(self) -> Gate:
        # each brings in what only it needs
        place = self.settings.quota
        if place is not None:
            return self._open_shared_gate(place)
        from claro_async.transport.quota.gate import QuotaGate  # noqa: PLC0415

        return QuotaGate(self.clock, self._on_event)

    def _open_shared_gate(self, place: QuotaPlace) -> SharedGate:
        from claro_async.transport.quota.shared_gate import SharedGate  # noqa: PLC0415

        name, where = _identity(self.settings), place.where
        common = partial(SharedGate, name=name, clock=self.clock, on_event=self._on_event)
        if isinstance(where, Path):
            from claro_async.transport.quota.stores.file import FileQuotaStore  # noqa: PLC0415

            file = FileQuotaStore(where, self.clock.monotonic)
            return common(file, run=place.run, close_store=file.close)
        if isinstance(where, Secret):
            from claro_async.transport.quota.stores.redis import RedisQuotaStore  # noqa: PLC0415

            redis = RedisQuotaStore(where)
            return common(redis, run=place.run, close_store=redis.close)
        return common(where, run=place.run)

    async def close_run(self, run: str) -> None:
        """Close a run where the quota is shared.

        Raises:
            ConfigurationError: The quota is not shared, or the id cannot be one.
            ConnectionFailedError: The place of the quota cannot be reached.
        """
        check_run(run)
        await self.transport.quota.close_run(run)

    async def close(self) -> None:
        """Close the connections; what is under way fails."""
        self._closed = True
        transport, self._transport = self._transport, None
        downloader, self._downloader = self._downloader, None
        if downloader is not None:
            await downloader.session.close()
        if transport is not None:
            await transport.close()


def _decode_if_any(reply: HttpReply) -> Any:
    return decode_json(reply) if reply.content else None


def _identity(settings: Settings) -> str:
    """What names an API and a key where a quota is shared, without giving the key away."""
    from hashlib import sha256  # noqa: PLC0415 - seldom wanted

    return sha256(f"{settings.base_url}\n{settings.api_key.reveal()}".encode()).hexdigest()

"""The parts that a client and its handles share, each made when it is first used."""

from __future__ import annotations

from functools import cached_property, partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, TypedDict, cast

from claro_async._callbacks import CallbackGuard, check_callback
from claro_async._logging import show_log
from claro_async._secret import Secret
from claro_async.config import (
    RetryPolicy,
    Settings,
    Timeout,
    log_level,
)
from claro_async.network import check_headers
from claro_async.quota_place import check_run
from claro_async.transfers.links import UploadMemory
from claro_async.transport.clock import Clock, SystemClock
from claro_async.transport.life import Life

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from claro_async._generated.claro_api.operation import Operation
    from claro_async.network import Network
    from claro_async.quota_place import QuotaPlace
    from claro_async.transfers.fetching import Downloader
    from claro_async.transport.api import Api
    from claro_async.transport.dialing import Dialer
    from claro_async.transport.events import (
        EventHook,
        Instrumentation,
        RequestSent,
        TracingHook,
    )
    from claro_async.transport.observing import HeaderHook
    from claro_async.transport.ping import PingResult
    from claro_async.transport.quota.gate import Gate
    from claro_async.transport.quota.shared_gate import SharedGate
    from claro_async.transport.session import Session
    from claro_async.transport.transport import Transport
    from claro_async.wire.converter import ModelConverter


class ClientKeywords(TypedDict, total=False):
    """Settings that every client takes; the clients say what each does."""

    profile: str | None
    timeout: Timeout | None
    retry: RetryPolicy | None
    network: Network | None
    max_connections: int
    max_reply_bytes: int
    on_event: EventHook | Instrumentation | None
    clock: Clock | None
    random: Random | None
    session: Session | None


class Core:
    """The parts of a client, for its handles; put together on first use, so that imports are light.

    Attributes:
        settings: The settings.
        clock: Time.
        uploads: What uploads made, so that none is taken for the work of another.
    """

    def __init__(self, settings: Settings, api: Api, options: ClientKeywords) -> None:
        self.settings = settings
        self._options = options
        self.clock: Clock = options.get("clock") or SystemClock()
        self._api = api
        self._random = options.get("random") or Random()  # noqa: S311 - spreads retries, keeps no secret
        hook, self._request_headers = _hooks_of(options.get("on_event"))
        self._on_event = CallbackGuard.wrap(hook, "on_event")
        self._session = options.get("session")
        self._life = Life()
        self._transport: Transport | None = None
        self._downloader: Downloader | None = None
        self._converter: ModelConverter | None = None
        self.uploads: UploadMemory = UploadMemory()

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop in which the client is used; None before its first use."""
        return self._life.loop

    def copy(self) -> Core:
        """The parts of another client with the same settings, for another event loop.

        Raises:
            ClientClosedError: This one was closed.
        """
        self._life.check_open()
        return Core(self.settings, self._api, self._options)

    def open(self) -> None:
        """Bind the client to the running event loop, and load what requests need.

        Raises:
            ClientStateError: It was closed, or opened elsewhere.
        """
        self._life.check()
        self.transport  # noqa: B018 - loads it

    @property
    def transport(self) -> Transport:
        """What carries requests out; made here if need be, which opens nothing."""
        if self._transport is None:
            self._transport = self._make_transport()
        return self._transport

    @property
    def downloader(self) -> Downloader:
        """What fetches signed URLs; made here if need be, which opens no connection.

        Raises:
            ClientStateError: The client was closed, or opened in another event loop or process.
        """
        self._life.check()
        if self._downloader is None:
            from claro_async.transfers.fetching import Downloader
            from claro_async.transport.download import DownloadSession  # aiohttp

            self._downloader = Downloader(
                session=DownloadSession(self.settings, self._dialer),
                policy=self.settings.retry,
                clock=self.clock,
                random=self._random,
                observer=self.transport.observer,
            )
        return self._downloader

    @property
    def converter(self) -> ModelConverter:
        """The converter between JSON and models."""
        if self._converter is None:
            from claro_async.wire.converter import ModelConverter  # brings cattrs in

            self._converter = ModelConverter()
        return self._converter

    def _make_transport(self) -> Transport:
        from claro_async.transport import logs  # with the rest
        from claro_async.transport.observing import Observer  # with the rest
        from claro_async.transport.transport import Transport  # brings msgspec in

        level = log_level()
        if level is not None:
            show_log(level)
        hook, headers = logs.with_attempts(self._on_event), self._request_headers
        base_url = self.settings.base_url
        return Transport(
            api=self._api,
            session=self._session or self._open_session(),
            converter=self.converter,
            quota=self._open_gate(),
            policy=self.settings.retry,
            clock=self.clock,
            random=self._random,
            observer=None if hook is None else Observer(hook, self.clock, base_url, headers),
            life=self._life,
        )

    @cached_property
    def _dialer(self) -> Dialer:
        """How connections are made: for the API and for signed URLs alike."""
        from claro_async.transport.dialing import Dialer  # aiohttp

        return Dialer(self.settings)

    def _open_session(self) -> Session:
        from claro_async.transport.aiohttp_session import AiohttpSession  # aiohttp

        return AiohttpSession(self.settings, self._dialer, self._lane_not_used)

    def _lane_not_used(self, reason: str) -> None:
        """Say what keeps small requests off the lane."""
        from claro_async.transport import logs  # with the rest
        from claro_async.transport.events import LaneNotUsed  # with the rest

        logs.lane_not_used(reason)
        if self._on_event is not None:
            self._on_event(LaneNotUsed(reason=reason))

    def _open_gate(self) -> Gate:
        # each brings in what only it needs
        place = self.settings.quota
        if place is not None:
            return self._open_shared_gate(place)
        from claro_async.transport.quota.gate import QuotaGate

        return QuotaGate(self.clock, self._on_event)

    def _open_shared_gate(self, place: QuotaPlace) -> SharedGate:
        from claro_async.transport.quota.shared_gate import SharedGate

        name, where = _identity(self.settings), place.where
        common = partial(SharedGate, name=name, clock=self.clock, on_event=self._on_event)
        if isinstance(where, Path):
            from claro_async.transport.quota.stores.file import FileQuotaStore

            file = FileQuotaStore(where, self.clock.monotonic)
            return common(file, run=place.run, close_store=file.close)
        if isinstance(where, Secret):
            from claro_async.transport.quota.stores.redis import RedisQuotaStore

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

    @property
    def closing(self) -> asyncio.Event:
        """Set once nothing new begins."""
        return self._life.closing

    def working(self) -> AbstractContextManager[None]:
        """Work of many calls, which is finished where the client closes with a grace.

        Raises:
            ClientStateError: The client is closed or closes, or was opened elsewhere.
        """
        return self._life.working()

    async def ping(self, operation: Operation[Any]) -> PingResult:
        """Carry a cheap read out, and say how it went.

        Raises:
            ClaroError: There is no good answer.
        """
        from claro_async.transport.ping import PingResult, clock_skew
        from claro_async.wire.replies import check_whole

        transport = self.transport
        exchange = await transport.exchange(transport.prepare(operation), check_whole)
        if exchange.error is not None:
            raise exchange.error
        return PingResult(
            seconds=exchange.seconds,
            rate_limit=transport.quota.rate_limit,
            request_id=exchange.reply.headers.get("X-Request-Id"),
            clock_skew=clock_skew(
                exchange.reply.headers.get("Date"), self.clock.time(), exchange.seconds
            ),
        )

    async def close(self, grace: float = 0.0) -> None:
        """Close the connections, after a grace for what is under way."""
        self._life.check_closing()
        try:
            if grace and not self._life.is_over:
                await self._life.drain(grace, self.clock)
        finally:
            await self._close_now()

    async def _close_now(self) -> None:
        """Close the connections; what is under way fails."""
        if self._life.is_over or not self._life.end():
            return
        downloader, self._downloader = self._downloader, None
        if downloader is not None:
            await downloader.session.close()
        if self._transport is not None:
            await self._transport.close()


def _hooks_of(
    given: EventHook | Instrumentation | None,
) -> tuple[EventHook | None, HeaderHook | None]:
    """What takes events, and what gives further headers, if anything does.

    Raises:
        TypeError: What was given takes no events.
    """
    new_hook = getattr(given, "new_hook", None)
    hook = cast("EventHook | None", given if new_hook is None else new_hook())
    check_callback("on_event", hook)
    if not hasattr(hook, "request_headers"):
        return hook, None
    tracing = cast("TracingHook", hook)

    def checked(event: RequestSent) -> Mapping[str, str]:
        headers = tracing.request_headers(event)
        check_headers(headers)
        return headers

    guard = CallbackGuard(checked, "request_headers")
    return hook, lambda event: cast("Mapping[str, str]", guard(event) or {})


def _identity(settings: Settings) -> str:
    """What names an API and a key where a quota is shared, without giving the key away."""
    from hashlib import sha256  # seldom wanted

    return sha256(f"{settings.base_url}\n{settings.api_key.reveal()}".encode()).hexdigest()

"""The client of the Communications Mining API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from claro_async import config
from claro_async._base_client import Core
from claro_async.communications_mining.datasets import Dataset, Datasets
from claro_async.communications_mining.envelope import says_error
from claro_async.config import MAX_REPLY_BYTES, RetryPolicy, Settings, Timeout
from claro_async.transport.api import Api
from claro_async.wire.requests import build_raw_request

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from claro_async.transport.clock import Clock
    from claro_async.transport.events import EventHook
    from claro_async.transport.session import Session


class CommunicationsMiningClient:
    """An asyncio client of the Communications Mining datasets API (v1); for ``async with``.

    One client holds the connections of a whole program; any number of tasks of one event loop may
    share it.

    Args:
        token: The bearer token; else ``COMMUNICATIONS_MINING_TOKEN``, else ``REINFER_TOKEN``, else
            the profile's.
        base_url: The tenant's root with the API's version, such as
            ``https://cloud.uipath.com/<organisation>/<tenant>/reinfer_/api/v1``; else
            ``COMMUNICATIONS_MINING_BASE_URL``, else the profile's. Plain http is for this machine
            only.
        profile: A table ``[profiles.NAME]`` with ``token`` and ``base_url`` in
            ``~/.config/claro/config.toml``; else ``COMMUNICATIONS_MINING_PROFILE``.
        timeout: Limits of one attempt, a phase each, in seconds.
        retry: How often and how soon a failed attempt is followed by another.
        max_connections: Connections open at once.
        max_reply_bytes: The largest reply, decompressed, that is read; 256 MiB by default.
        on_event: Called with each :mod:`event <claro_async.transport.events>` as it happens.
        clock: Time, for tests.
        random: Randomness of retry delays, for tests.
        session: What sends requests in place of connections, for tests: see
            :mod:`claro_async.testing`.

    Raises:
        ConfigurationError: No token, no base URL, or settings that cannot work.

    Attributes:
        datasets: The datasets that the token can see.
    """

    def __init__(  # noqa: PLR0913 - the settings of a client
        self,
        token: str | None = None,
        base_url: str | None = None,
        *,
        profile: str | None = None,
        timeout: Timeout | None = None,
        retry: RetryPolicy | None = None,
        max_connections: int = 64,
        max_reply_bytes: int = MAX_REPLY_BYTES,
        on_event: EventHook | None = None,
        clock: Clock | None = None,
        random: Random | None = None,
        session: Session | None = None,
    ) -> None:
        key, url = config.resolve(config.COMMUNICATIONS_MINING, token, base_url, profile)
        settings = Settings(
            key,
            url,
            timeout or Timeout(),
            retry or RetryPolicy(),
            max_connections,
            max_reply_bytes,
        )
        self._core = Core(
            settings,
            Api(says_error),
            on_event=on_event,
            clock=clock,
            random=random,
            session=session,
        )
        self.datasets = Datasets(self._core)

    async def __aenter__(self) -> Self:
        self._core.transport  # noqa: B018 - opens it
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"CommunicationsMiningClient(base_url={self._core.settings.base_url!r})"

    async def aclose(self) -> None:
        """Close all connections; for programs that cannot use ``async with``."""
        await self._core.close()

    def dataset(self, project: str, name: str) -> Dataset:
        """The handle of a dataset; no I/O.

        Raises:
            ValueError: The project or the name cannot be one.
        """
        return Dataset(self._core, project, name)

    async def request(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int | float | bool] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
    ) -> Any:
        """Any request, with this client's token, retries and errors.

        For the parts of the API beside its datasets, such as ``GET /sources``.

        Args:
            method: The HTTP method.
            path: Below the base URL, beginning with a slash; percent-encode names in it.
            params: Query parameters.
            json: A JSON value as the body; none is sent for None.
            headers: Further headers.
            idempotent: Whether the request may be sent again when it may have been applied; by
                default only GET, HEAD and OPTIONS are.

        Returns:
            The reply's JSON value, or None for a reply without a body.

        Raises:
            APIStatusError: The HTTP status or the envelope's ``status`` says that it failed.
            OutcomeUnknownError: It was sent, no reply came, and it must not be sent twice.
            ValueError: A method, path or header that cannot be sent; nothing is sent.
        """
        request = build_raw_request(
            method, path, params or {}, json, headers or {}, idempotent=idempotent
        )
        return await self._core.request(request)

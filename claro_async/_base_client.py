"""What the clients are: their settings and their life, and the parts that their handles use."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Self

from claro_async._core import ClientKeywords, Core
from claro_async.config import (
    MAX_CONNECTIONS,
    MAX_REPLY_BYTES,
    RetryPolicy,
    Settings,
    Timeout,
)
from claro_async.errors import ConfigurationError
from claro_async.network import Network

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claro_async._generated.claro_api.operation import Operation
    from claro_async.config import Credentials
    from claro_async.quota_place import QuotaPlace
    from claro_async.transport.api import Api
    from claro_async.transport.ping import PingResult
    from claro_async.transport.quota.headers import RateLimit
    from claro_async.transport.raw_forms import FieldValue, FormFile
    from claro_async.wire.replies import HttpReply


class BaseClient:
    """Settings, life and raw requests, once for both clients."""

    def __init__(
        self,
        api: Api,
        credentials: Credentials,
        options: ClientKeywords,
        *,
        quota: QuotaPlace | None = None,
    ) -> None:
        """Check the settings; nothing is opened.

        Args:
            api: What is special about the API.
            credentials: The key and where it goes.
            options: The settings that were given.
            quota: Where the quota is shared, if it is.
        """
        for name in options.keys() - ClientKeywords.__annotations__.keys():
            raise TypeError(f"{type(self).__name__}() got an unexpected keyword argument {name!r}")
        _check_kinds(type(self).__name__, options)
        settings = Settings(
            api_key=credentials.key,
            base_url=credentials.base_url,
            timeout=options.get("timeout") or Timeout(),
            retry=options.get("retry") or RetryPolicy(),
            max_connections=options.get("max_connections", MAX_CONNECTIONS),
            max_reply_bytes=options.get("max_reply_bytes", MAX_REPLY_BYTES),
            quota=quota,
            network=options.get("network") or credentials.network or Network(),
        )
        self._core = Core(settings, api, options)

    async def __aenter__(self) -> Self:
        self._core.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._core.settings.base_url!r})"

    async def aclose(self, grace: float = 0.0) -> None:
        """Close all connections; for programs that cannot use ``async with``, or stop gently.

        With a grace, new calls raise :class:`ClientClosedError` from now on, and what is under way
        is finished: single calls, uploads, downloads and exports come to their end, and bulk jobs
        stop, as by their ``stop=``, and return their reports. Calls that then still
        wait or are under way, and all of them without a grace, end with an error. A walk over rows
        or pages ends at its next page.

        Args:
            grace: For how many seconds, at the most, to wait for what is under way.

        Raises:
            OtherLoopError: It was opened in another event loop, and stays open there.
            ValueError: A negative grace.
        """
        if not grace >= 0:
            raise ValueError(f"grace must not be negative, not {grace!r}")
        await self._core.close(grace)

    async def ping(self) -> PingResult:
        """See whether the service answers this key: one cheap request, which counts in the quota.

        It is the first dataset of the list (for Communications Mining, the list), and is retried
        and waits for the quota like any other read; give it a limit with ``asyncio.timeout``.

        Raises:
            AuthenticationError: The key is not taken.
            ClaroError: There is no good answer.
        """
        return await self._core.ping(self._ping_operation())

    def _ping_operation(self) -> Operation[Any]:
        """A read that is cheap and has no further effect."""
        raise NotImplementedError

    @property
    def rate_limit(self) -> RateLimit:
        """The key's rate limit as the server reported it last; None before the first reply."""
        return self._core.transport.quota.rate_limit

    async def request(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int | float | bool] | None = None,
        json: Any = None,
        data: Mapping[str, FieldValue] | None = None,
        files: Mapping[str, FormFile | list[FormFile]] | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
    ) -> Any:
        """Any request, with this client's key, quota, retries and errors.

        For what the documents name without a reply's shape, such as ``POST
        /datasets/{id}/tasks/bulk``, and for the parts of the API beside its datasets.

        Args:
            method: The HTTP method.
            path: Below the base URL, beginning with a slash; percent-encode ids in it.
            params: Query parameters.
            json: A JSON value as the body; none is sent for None.
            data: Plain fields of a form (``multipart/form-data``), by name.
            files: Files of the form, by the field's name: a path, bytes, a binary file or an async
                iterable of bytes; or a pair of file name and one of these; or a triple with the
                content type; or a list of these. Each has 100 MB at the most.
            headers: Further headers, such as ``Idempotency-Key``.
            idempotent: Whether the request may be sent again when it may have been applied; by
                default only GET, HEAD and OPTIONS are.

        Returns:
            The reply's JSON value, or None for a reply without a body.

        Raises:
            APIStatusError: The HTTP status, or the reply's envelope, says that it failed.
            OutcomeUnknownError: It was sent, no reply came, and it must not be sent twice.
            TransferError: A file that cannot be read, or not to its end.
            TypeError: Something of another type; nothing is sent.
            ValueError: A method, path, header, field or file that cannot be sent, or ``json``
                beside a form; nothing is sent.
        """
        from claro_async.transport.raw_forms import open_files, text_fields
        from claro_async.wire.requests import build_raw_request

        request = build_raw_request(
            method, path, params or {}, json, headers or {}, idempotent=idempotent
        )
        if data or files:
            if json is not None:
                raise ValueError("a request has one body: json, or data and files")
            request.fields = text_fields(data or {})
            request.files = await open_files(files or {})
        exchange = await self._core.transport.exchange(request, _decode_if_any)
        if exchange.error is not None:
            raise exchange.error
        return exchange.value


def _check_kinds(client: str, options: ClientKeywords) -> None:
    """See that each setting is of its kind, so that none fails at its first use.

    Raises:
        ConfigurationError: One is not.
    """
    kinds = {"timeout": Timeout, "retry": RetryPolicy, "network": Network, "random": Random}
    for name, kind in kinds.items():
        value = options.get(name)
        if value is not None and not isinstance(value, kind):
            raise ConfigurationError(
                f"{name} must be a {kind.__name__}, not {type(value).__name__}, as in"
                f" {client}({name}={kind.__name__}(…))"
            )
    session = options.get("session")
    if session is not None and not callable(getattr(session, "send", None)):
        raise ConfigurationError(
            "session must be like claro_async.testing.MockSession; a session of aiohttp cannot be"
            " handed in"
        )


def _decode_if_any(reply: HttpReply) -> Any:
    from claro_async.wire.replies import decode_json

    return decode_json(reply) if reply.content else None

"""The client of the Communications Mining API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from claro_async import config
from claro_async._base_client import BaseClient
from claro_async._generated.communications_mining_api import datasets as operations
from claro_async.communications_mining.datasets import Dataset, Datasets
from claro_async.communications_mining.envelope import says_error
from claro_async.profile_file import hide
from claro_async.transport.api import Api

if TYPE_CHECKING:
    from claro_async._core import ClientKeywords
    from claro_async._generated.communications_mining_api.operation import Operation


class CommunicationsMiningClient(BaseClient):
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
        network: Proxy, TLS, headers and addresses; else the profile's ``network`` table. By
            default, ``HTTPS_PROXY`` and ``NO_PROXY`` count.
        max_connections: Connections open at once.
        max_reply_bytes: The largest reply, decompressed, that is read; 256 MiB by default.
        on_event: Called with each :mod:`event <claro_async.transport.events>` as it happens; or
            ``OpenTelemetry()`` of :mod:`claro_async.connectors.otel`, for traces and metrics.
        clock: Time, for tests.
        random: Randomness of retry delays, for tests.
        session: What sends requests in place of connections, for tests: see
            :mod:`claro_async.testing`.

    Raises:
        ConfigurationError: No token, no base URL, or settings that cannot work.

    Attributes:
        datasets: The datasets that the token can see.
    """

    def __init__(
        self,
        token: str | None = None,
        base_url: str | None = None,
        **options: Unpack[ClientKeywords],
    ) -> None:
        key = hide(token)
        del token  # so that no frame of an error holds it
        names = config.COMMUNICATIONS_MINING
        credentials = config.resolve(names, key, base_url, options.get("profile"))
        super().__init__(Api(says_error), credentials, options)
        self.datasets: Datasets = Datasets(self._core)

    def _ping_operation(self) -> Operation[Any]:
        return operations.list_all_datasets()

    def dataset(self, project: str, name: str) -> Dataset:
        """The handle of a dataset; no I/O.

        Raises:
            ValueError: The project or the name cannot be one.
        """
        return Dataset(self._core, project, name)

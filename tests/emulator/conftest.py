"""An emulator with a clock of its own, and a plain client that sends what it is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
import pytest
import yarl

from claro_async.emulator import Emulator, ManualClock
from claro_async.pytest_plugin import claro_emulator
from tests import watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["claro_emulator"]  # found by its entry point only where the package is installed


class Answer(NamedTuple):
    """A whole reply."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code in the error envelope, whose form is checked."""
        value = self.json
        assert set(value) == {"error", "code", "details"}
        assert isinstance(value["error"], str)
        assert isinstance(value["details"], dict)
        return str(value["code"])


class Api:
    """Sends requests to an emulator as they are given, byte for byte."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        self.emulator = emulator
        self.session = session

    async def fetch(self, method: str, url: str, **options: Any) -> Answer:
        """Send a request without a key."""
        target = yarl.URL(url, encoded=True)
        async with self.session.request(method, target, **options) as response:
            return Answer(response.status, response.headers.copy(), await response.read())

    async def __call__(self, method: str, path: str, **options: Any) -> Answer:
        """Send a request with the key to a path below ``/api/v2``."""
        headers = {"Authorization": f"Bearer {self.emulator.api_key}", **options.pop("headers", {})}
        if "body" in options:
            headers.setdefault("Content-Type", "application/json")
            options["data"] = options.pop("body")
        return await self.fetch(method, self.emulator.base_url + path, headers=headers, **options)

    async def upload(self, path: str, data: bytes, file_name: str, **options: Any) -> Answer:
        """Send a file as a browser would."""
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("file", data, filename=file_name, **options)
        return await self("POST", path, data=form)


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still."""
    return ManualClock()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session that sends nothing of its own accord."""
    # aiohttp's own client re-sends when a connection drops; a new one a request prevents that.
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as opened:
        yield opened


@pytest.fixture
async def emulator(clock: ManualClock) -> AsyncIterator[Emulator]:
    """An emulator with the sample world in this event loop."""
    async with Emulator(clock=clock) as running:
        yield running


@pytest.fixture
def api(emulator: Emulator, session: aiohttp.ClientSession) -> Api:
    """A client of `emulator`."""
    return Api(emulator, session)


@pytest.fixture
def api_of(session: aiohttp.ClientSession) -> type[Api]:
    """Makes a client of another emulator."""

    class Bound(Api):
        def __init__(self, emulator: Emulator) -> None:
            super().__init__(emulator, session)

    return Bound


@pytest.fixture
def until() -> Any:
    """Waits, turn by turn of the loop, until a condition holds."""
    return watching.until

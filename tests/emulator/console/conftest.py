"""The console's JSON twin, asked as a script would ask it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from claro_async.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from claro_async.emulator import ManualClock
    from tests.emulator.conftest import Answer, Api

JSON = {"Content-Type": "application/json"}
BYTES = {"Content-Type": "application/octet-stream"}


class Console:
    """Asks the console of an emulator."""

    def __init__(self, api: Api) -> None:
        self.api = api

    @property
    def emulator(self) -> Emulator:
        """The emulator."""
        return self.api.emulator

    async def edit(self, cell_id: str, value: Any) -> int:
        """Edit a cell of ``products`` by the API; return the status."""
        path = f"/datasets/products/cells/{cell_id}"
        return (await self.api("PATCH", path, body=json.dumps({"value": value}))).status

    @property
    def url(self) -> str:
        """Where the routes begin."""
        return f"{self.api.emulator.console_url}/api/"

    async def raw(self, method: str, path: str, **options: Any) -> Answer:
        """Send a request as it is."""
        return await self.api.fetch(method, self.url + path, **options)

    async def __call__(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request that has to be answered with 200, and read the reply."""
        data = None if method == "GET" else json.dumps({} if body is None else body)
        answer = await self.raw(method, path, data=data, headers=JSON)
        assert answer.status == 200, answer.body
        return answer.json

    async def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str, str]:
        """Send a request that has to be refused; return status, code and what is said."""
        data = None if method == "GET" else json.dumps({} if body is None else body)
        answer = await self.raw(method, path, data=data, headers=JSON)
        assert answer.status >= 400
        details = answer.json["details"]
        return answer.status, answer.code, f"{details.get('parameter')} {details.get('message')}"


@pytest.fixture
def console(api: Api) -> Console:
    """The console of `emulator`."""
    return Console(api)


@pytest.fixture
async def bare(api_of: type[Api], clock: ManualClock) -> AsyncIterator[Console]:
    """The console of an emulator that holds one small dataset, ``products``."""
    async with Emulator(sample_world=False, clock=clock) as emulator:
        emulator.add_dataset(
            "Products",
            ["name", {"name": "price", "type": "number"}],
            [["Widget", 1.5], ["Gadget", 2], ["Gizmo", None]],
            dataset_id="products",
        )
        yield Console(api_of(emulator))  # type: ignore[call-arg] # bound to a session


def cell_path(dataset_id: str, cell_id: str) -> str:
    """The route of a cell."""
    return f"datasets/{quote(dataset_id, safe='')}/cells/{quote(cell_id, safe='')}"


__all__ = ["BYTES", "JSON", "Console", "cell_path"]

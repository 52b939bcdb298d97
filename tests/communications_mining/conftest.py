"""An emulator with comments, and a client of it that does not wait between attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from claro_async.communications_mining import CommunicationsMiningClient, Dataset
from claro_async.config import RetryPolicy
from claro_async.emulator import Emulator
from claro_async.pytest_plugin import claro_emulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["claro_emulator"]  # found by its entry point only where the package is installed


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """An emulator with the sample world, in this event loop."""
    async with Emulator() as running:
        yield running


@pytest.fixture
async def mining(emulator: Emulator) -> AsyncIterator[CommunicationsMiningClient]:
    """A client that may do everything."""
    retry = RetryPolicy(base_delay=0.0)
    async with CommunicationsMiningClient(
        emulator.mining_token, emulator.mining_base_url, retry=retry
    ) as client:
        yield client


@pytest.fixture
def example(mining: CommunicationsMiningClient) -> Dataset:
    """The dataset of the document's samples: 1,000 comments."""
    return mining.dataset("project", "example")

"""What all tests share."""

import inspect
from types import SimpleNamespace
from typing import Any

import aioresponses.core
import pytest
from aiohttp import ClientResponse
from hypothesis import settings

# One profile everywhere: Hypothesis would choose fixed examples, and no deadline, in CI alone. A
# failing example is printed with what reproduces it; nothing is kept between runs.
settings.register_profile("claro-async", deadline=None, print_blob=True, database=None)
settings.load_profile("claro-async")


class AnsweredResponse(ClientResponse):
    """A `ClientResponse` that can be made without the writer of a request that was never sent.

    From aiohttp 3.14 on `ClientResponse` requires `stream_writer`, of which it reads the number of
    bytes sent; aioresponses 0.7.9 does not pass one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*args, **kwargs)


def aioresponses_passes_stream_writer() -> bool:
    """Tell whether the installed aioresponses gives aiohttp the argument by itself."""
    source = inspect.getsource(aioresponses.core.RequestMatch._build_response)
    return "stream_writer" in source


@pytest.fixture(autouse=True)
def _aioresponses_for_current_aiohttp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `aioresponses` make replies that the installed aiohttp accepts."""
    monkeypatch.setattr(aioresponses.core, "ClientResponse", AnsweredResponse)

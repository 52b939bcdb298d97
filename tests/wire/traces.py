"""Traces of aiohttp, which users hang on sessions to watch requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    import pytest


def noting_methods() -> tuple[aiohttp.TraceConfig, list[str]]:
    """A trace, and the methods of the requests that it sees."""
    seen: list[str] = []

    async def note(*args: Any) -> None:
        seen.append(args[2].method)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(note)
    return trace, seen


def install(trace: aiohttp.TraceConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hang a trace on every session that is made from now on."""
    original = aiohttp.ClientSession.__init__

    def traced(self: aiohttp.ClientSession, **options: Any) -> None:
        original(self, trace_configs=[trace], **options)

    monkeypatch.setattr(aiohttp.ClientSession, "__init__", traced)

"""A private CA, and a server that it vouches for."""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.wire.raw_server import RawRequest, RawServer, reply

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator
    from pathlib import Path

CONTENT = b"plot,trees\r\nNorth,12\r\n"
NAMES = ("localhost", "api.example", "files.example", "127.0.0.1")


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A CA that no machine trusts by itself."""
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    """The CA's certificate as a file."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def server_context(authority: trustme.CA) -> ssl.SSLContext:
    """The TLS of a server whose certificate the CA made."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*NAMES).configure_cert(context)
    return context


@pytest.fixture
async def server(authority: trustme.CA) -> AsyncIterator[RawServer]:
    """Answers with JSON, makes download links to another name of its own, and serves the file."""
    async with serving(authority, "files.example") as running:
        yield running


@pytest.fixture
async def local_server(authority: trustme.CA) -> AsyncIterator[RawServer]:
    """The same under names that every proxy can resolve."""
    async with serving(authority, "127.0.0.1") as running:
        yield running


def serving(authority: trustme.CA, file_host: str) -> RawServer:
    """A server whose download links lead to a name of its own."""

    async def answer(request: RawRequest, writer: asyncio.StreamWriter) -> None:
        if request.target.endswith("/download"):
            link = {
                "downloadUrl": f"{running.at(file_host)}/file?token=signed",
                "expiresAt": "2124-03-14T17:30:00Z",
                "fileName": "trees.csv",
                "fileSize": len(CONTENT),
            }
            writer.write(reply(json.dumps(link).encode()))
        elif request.target.startswith("/file"):
            writer.write(reply(CONTENT))
        else:
            writer.write(reply(b'{"ok": true}'))

    return (running := RawServer(answer, tls=server_context(authority)))

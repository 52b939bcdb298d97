"""What servers of tests have in common: they listen on loopback, and leave no task behind."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from ssl import SSLContext


_TURNS = (
    10  # of the event loop, in which handshakes that the other side broke off come to their end
)


class LoopbackServer(ABC):
    """Listens on loopback and serves each connection in a task, which ends with the server.

    Args:
        tls: Its certificate, where it speaks TLS.
    """

    def __init__(self, tls: SSLContext | None = None) -> None:
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await _give_turns()  # a connection that was accepted just now is served a few turns later
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()  # TLS would wait for the other side to say goodbye
        await asyncio.gather(
            *(each.wait_closed() for each in self._writers), return_exceptions=True
        )
        await _give_turns()

    @abstractmethod
    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection, which is closed afterwards."""

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.append(writer)
        try:
            await self.serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()


async def _give_turns() -> None:
    for _turn in range(_TURNS):
        await asyncio.sleep(0)

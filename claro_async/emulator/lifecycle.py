"""What runs behind an `Emulator`, and the thread it runs in when there is no event loop."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from claro_async.emulator.calls import World
    from claro_async.emulator.listening import Server

_GRACE: Final = 0.01
"""Seconds given to requests in progress; aiohttp takes 0 for "no limit"."""
_TURNS: Final = 100


class Running(NamedTuple):
    """What there is while an emulator runs; ``thread_id`` is that of its event loop."""

    world: World
    server: Server
    sockets: asyncio.Server
    loop: asyncio.AbstractEventLoop
    thread_id: int
    port: int

    async def stop(self) -> None:
        """Stop listening, break off every request, and close the database."""
        self.sockets.close()
        await self.world.cancel_later()
        await self.server.shutdown(_GRACE)
        for _ in range(_TURNS):
            if not self.world.ledger.in_flight:
                break
            await asyncio.sleep(0)  # cancelled handlers put down what they hold
        self.world.database.close()


class LoopThread:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="claro-emulator", daemon=True
        )
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the thread and wait for it."""
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def stop(self) -> None:
        """Stop the loop and wait for the thread to end."""
        asyncio.run_coroutine_threadsafe(
            self._loop.shutdown_default_executor(), self._loop
        ).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

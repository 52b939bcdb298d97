"""The emulator, with its console or without, asked by a client that costs next to nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from benchmarks.harness import Job
from claro_async.emulator import Emulator

BODY = b'{"value":"Updated Widget Name"}'


class Asking(asyncio.Protocol):
    """Sends the same bytes over and over, each time when the reply to the last has come."""

    def __init__(self, request: bytes, done: asyncio.Future[None], left: int) -> None:
        self._request = request
        self._done = done
        self._left = left

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - create_connection makes these
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take a reply, which is small enough to come at once."""
        if not data.startswith(b"HTTP/1.1 200 "):
            self._done.set_exception(RuntimeError(f"not as it has to be: {data!r}"))
        self._left -= 1
        if self._left:
            self._transport.write(self._request)
        elif not self._done.done():
            self._transport.close()
            self._done.set_result(None)


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Edit cells; a unit of work is a request, of which nobody looks at any."""
    console = job.arguments["console"] == "yes"
    async with Emulator(sample_world=False, console=console) as emulator:
        emulator.add_dataset("Products", ["name"], [["a"]] * job.concurrency, dataset_id="d")
        loop = asyncio.get_running_loop()

        def request(number: int) -> bytes:
            path = f"/api/v2/datasets/d/cells/cell_{number}_1"
            return (
                f"PATCH {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n"
                f"User-Agent: benchmark\r\nAuthorization: Bearer {emulator.api_key}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
            ).encode() + BODY

        async def one(number: int, left: int) -> None:
            done = loop.create_future()
            await loop.create_connection(
                lambda: Asking(request(number), done, left), "127.0.0.1", emulator.port
            )
            await done

        async def work(requests: int) -> int:
            left = requests // job.concurrency
            await asyncio.gather(*(one(number, left) for number in range(1, job.concurrency + 1)))
            return left * job.concurrency

        yield work

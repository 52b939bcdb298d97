"""A cheap loopback server with prebuilt replies, so that the client's cost is what is measured.

Run as ``python -m benchmarks.server``; it prints its port on a line and serves until its standard
input closes. It answers as the document does: Claro API v2, "Manage Dataset", sections "Update Cell
Value", "Get Dataset Details" and "Get Dataset Data".
"""

import argparse
import asyncio
import json
import re
import sys
import time
from email.utils import formatdate
from functools import partial

COLUMNS = ("name", "brand", "price", "category", "stock", "weight", "colour", "note")
LIMIT = 1_000_000  # a minute: the quota is kept account of, but never holds anything up
PATCHED = {
    "cellId": "cell_1_1",
    "value": "Updated Widget Name",
    "previousValue": "Widget A",
    "metadataReset": True,
    "updatedAt": "2024-03-14T17:30:00Z",
    "updatedBy": "user",
}
QUIET = 0.5  # seconds without a further request after which those that are there are answered
CONTENT_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
PAGE = re.compile(rb"[?&]page=(\d+)")


def head(length: int, status: str = "200 OK") -> bytes:
    """Return the head of an HTTP/1.1 reply of this moment, rate-limit headers and all."""
    now = time.time()
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json; charset=utf-8\r\n"
        f"Date: {formatdate(now, usegmt=True)}\r\nContent-Length: {length}\r\n"
        f"X-RateLimit-Limit: {LIMIT}\r\nX-RateLimit-Remaining: {LIMIT - 1}\r\n"
        f"X-RateLimit-Reset: {(int(now) // 60 + 1) * 60}\r\n\r\n"
    ).encode()


def columns() -> list[dict[str, str]]:
    """Return the columns as the API describes them."""
    return [
        {"columnId": f"col_{number}", "name": name, "type": "string", "taskType": "raw"}
        for number, name in enumerate(COLUMNS, start=1)
    ]


def page_body(page: int, pages: int, rows: int) -> bytes:
    """Return one page of data: ``rows`` rows of eight cells, with metadata as in the document."""
    first = (page - 1) * rows + 1
    cells = [
        [
            {
                "cellId": f"cell_{row}_{column}",
                "rowId": f"row_{row}",
                "columnId": f"col_{column}",
                "value": row * 0.25 if name == "price" else f"{name} of product {row}",
                "metadata": {"confidence": 0.95, "extractedAt": "2024-03-14T15:30:00Z"},
            }
            for column, name in enumerate(COLUMNS, start=1)
        ]
        for row in range(first, first + rows)
    ]
    pagination = {"page": page, "limit": rows, "total": pages * rows, "totalPages": pages}
    data = {"rows": cells, "columns": columns(), "pagination": pagination}
    return json.dumps(data, separators=(",", ":")).encode()


def details_body(rows: int) -> bytes:
    """Return the details of the one dataset served."""
    described = [column | {"isRawData": True, "metadata": {}} for column in columns()]
    details = {
        "datasetId": "bench",
        "name": "Products",
        "description": "What the benchmark reads and edits",
        "type": "extraction",
        "status": "completed",
        "createdAt": "2024-03-14T15:30:00Z",
        "updatedAt": "2024-03-14T16:45:00Z",
        "columns": described,
        "rowCount": rows,
        "columnCount": len(COLUMNS),
        "linkedDatasources": [],
    }
    return json.dumps(details).encode()


class Replies:
    """Everything the server ever says; bodies are made at the start, heads once a second."""

    def __init__(self, pages: int, rows: int) -> None:
        error = {"error": "Dataset not found", "code": "DATASET_NOT_FOUND", "details": {}}
        self._patched_body = json.dumps(PATCHED).encode()
        self._details = details_body(pages * rows)
        self._pages = [page_body(page, pages, rows) for page in range(1, pages + 1)]
        self._missing = json.dumps(error).encode()
        self._patched = b""
        self.refresh()

    def refresh(self) -> None:
        """Set date and reset anew in the reply that is asked for most."""
        self._patched = head(len(self._patched_body)) + self._patched_body

    def to(self, request: bytes) -> bytes:
        """Return the reply to a request, by its head."""
        if request.startswith(b"PATCH "):
            return self._patched
        target = request.split(b" ", 2)[1]
        if not target.partition(b"?")[0].endswith(b"/data"):
            return head(len(self._details)) + self._details
        number = PAGE.search(target)
        page = int(number[1]) if number else 1
        if not 1 <= page <= len(self._pages):
            return head(len(self._missing), "404 Not Found") + self._missing
        body = self._pages[page - 1]
        return head(len(body)) + body


class Together:
    """Holds replies back until so many requests wait for theirs, or no more come for a while.

    So they reach the client in the same portions, whatever else the machine does: how many it finds
    when it looks decides how often it looks. Nor does the time go on in what they say, for which
    the client would have to learn something new now and then.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._held: list[tuple[asyncio.Transport, bytes]] = []
        self._timer: asyncio.TimerHandle | None = None

    def hold(self, transport: asyncio.Transport, answer: bytes) -> None:
        """Hold one, or let all go with it."""
        self._held.append((transport, answer))
        if self._timer is not None:
            self._timer.cancel()
        if len(self._held) >= self._number:
            self._let_go()
        else:
            self._timer = asyncio.get_running_loop().call_later(QUIET, self._let_go)

    def _let_go(self) -> None:
        held, self._held, self._timer = self._held, [], None
        for transport, answer in held:
            transport.write(answer)


class Connection(asyncio.Protocol):
    """One keep-alive connection: splits what arrives into requests, answers each after a while."""

    def __init__(self, replies: Replies, latency: float, together: Together | None) -> None:
        self._replies = replies
        self._latency = latency
        self._together = together
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete by now."""
        received = self._received + data
        while (end := received.find(b"\r\n\r\n")) >= 0:
            request = received[:end]
            length = CONTENT_LENGTH.search(request)
            beyond = end + 4 + (int(length[1]) if length else 0)
            if len(received) < beyond:
                break
            received = received[beyond:]
            self._answer(self._replies.to(request))
        self._received = received

    def _answer(self, answer: bytes) -> None:
        if self._transport is None:
            return
        if self._together is not None:
            self._together.hold(self._transport, answer)
        elif self._latency:
            loop = asyncio.get_running_loop()
            loop.call_later(self._latency, self._transport.write, answer)
        else:
            self._transport.write(answer)


async def keep_fresh(replies: Replies) -> None:
    """Keep date and reset right."""
    while True:
        await asyncio.sleep(1)
        replies.refresh()


async def serve(replies: Replies, latency: float, together: Together | None) -> None:
    """Serve on a free loopback port until standard input closes."""
    loop = asyncio.get_running_loop()
    connection = partial(Connection, replies, latency, together)
    server = await loop.create_server(connection, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    refreshing = loop.create_task(keep_fresh(replies)) if together is None else None
    await loop.run_in_executor(None, sys.stdin.read)
    if refreshing is not None:
        refreshing.cancel()
    server.close()


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--together", type=int, default=0, help="answer so many at once")
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--rows", type=int, default=1000)
    options = parser.parse_args()
    together = Together(options.together) if options.together else None
    asyncio.run(serve(Replies(options.pages, options.rows), options.latency_ms / 1000, together))


if __name__ == "__main__":
    main()

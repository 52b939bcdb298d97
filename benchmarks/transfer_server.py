"""A loopback server of large things: a file, a place to upload to, and a dataset of any length.

Run as ``python -m benchmarks.transfer_server``; it prints its port on a line and serves until its
standard input closes. Claro API v2, "Manage Data Source", section "Generate Download URL", and
"Manage Dataset", sections "Upload and Link New File", "Get Dataset Details" and "Get Dataset Data".
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from benchmarks.server import CONTENT_LENGTH, PAGE, details_body, head, page_body

Answer: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
BLOCK = bytes(range(256)) * 4096
ROWS = 1000
UPLOADED = {
    "cellId": "cell_1_1",
    "datasourceId": "made",
    "fileName": "file.bin",
    "uploadedAt": "2024-03-14T17:30:00Z",
    "linkedAt": "2024-03-14T17:30:00Z",
}


class Replies:
    """What the server says, made beforehand."""

    def __init__(self, port: int, mebibytes: int, pages: int) -> None:
        self.mebibytes = mebibytes
        size = mebibytes * len(BLOCK)
        link = {
            "downloadUrl": f"http://127.0.0.1:{port}/download/file?token=abc",
            "fileName": "file.bin",
            "fileSize": size,
            "expiresAt": "2030-01-01T00:00:00Z",
        }
        self.link = json.dumps(link).encode()
        self.uploaded = json.dumps({**UPLOADED, "fileSize": size}).encode()
        self.details = typed(details_body(pages * ROWS))
        self._pages = [typed(page_body(number + 1, pages, ROWS)) for number in range(pages)]

    def page(self, number: int) -> bytes:
        """Return the page of that number."""
        return self._pages[number - 1]


def typed(body: bytes) -> bytes:
    """Return a body whose columns have the types that their values have."""
    data = json.loads(body)
    for column in data["columns"]:
        column["type"] = "number" if column["name"] == "price" else "string"
    return json.dumps(data, separators=(",", ":")).encode()


async def answer(
    replies: Replies, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer the requests of one connection."""
    try:
        while True:
            request = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = request.split(b" ", 2)
            found = CONTENT_LENGTH.search(request)
            await skip(reader, int(found[1]) if found else 0)
            if target.startswith(b"/download/"):
                writer.write(head(replies.mebibytes * len(BLOCK)))
                for _ in range(replies.mebibytes):
                    writer.write(BLOCK)
                    await writer.drain()
                continue
            if b"/data?" in target:
                number = PAGE.search(target)
                body = replies.page(int(number[1]) if number else 1)
            elif method == b"GET":
                body = replies.details
            else:
                body = replies.uploaded if b"/upload-datasource" in target else replies.link
            writer.write(head(len(body)) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def skip(reader: asyncio.StreamReader, left: int) -> None:
    """Read a body and forget it."""
    while left > 0:
        left -= len(await reader.read(min(left, 1 << 20)))


async def listen(answer: Answer, begin: Callable[[int], None]) -> None:
    """Serve on a free loopback port, which is printed, until standard input closes.

    Args:
        answer: Answers the requests of a connection.
        begin: Called with the port, before anybody else knows it.
    """
    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=1 << 20)
    port = server.sockets[0].getsockname()[1]
    begin(port)
    print(port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


async def serve(mebibytes: int, pages: int) -> None:
    """Serve until standard input closes."""
    replies: list[Replies] = []
    await listen(
        lambda reader, writer: answer(replies[0], reader, writer),
        lambda port: replies.append(Replies(port, mebibytes, pages)),
    )


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mebibytes", type=int, default=64)
    parser.add_argument("--pages", type=int, default=10)
    options = parser.parse_args()
    asyncio.run(serve(options.mebibytes, options.pages))


if __name__ == "__main__":
    main()

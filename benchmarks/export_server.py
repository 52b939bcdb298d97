"""A loopback server of a dataset of any length and of a small one, by pages and by exports.

Run as ``python -m benchmarks.export_server``; it prints its port on a line and serves until its
standard input closes. Claro API v2, "Manage Dataset", sections "Get Dataset Details", "Get Dataset
Data" and "Export Dataset". After 100,000 rows the same ones come again. ``/count`` tells how many
requests there were for the large one, of the API and of signed URLs.
"""

import argparse
import asyncio
import csv
import io
import json
from collections import Counter
from typing import Any

from benchmarks.server import COLUMNS, CONTENT_LENGTH, PAGE, details_body, head, page_body
from benchmarks.transfer_server import listen, typed

PAGE_ROWS, WINDOW_ROWS, SMALL_ROWS = 1000, 100_000, 3000


class Replies:
    """What the server says, made when it is first asked for."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self.origin = ""
        self.counted: Counter[str] = Counter()
        self._pages: dict[int, bytes] = {}
        self._exports: dict[tuple[str, int], bytes] = {}

    def rows(self, target: bytes) -> int:
        """Return how many rows the dataset has that a request is about."""
        return SMALL_ROWS if b"/datasets/small" in target else self._rows

    def page(self, number: int, total: int) -> bytes:
        """Return the page of that number."""
        at = (number - 1) % (WINDOW_ROWS // PAGE_ROWS) + 1
        if at not in self._pages:
            body = typed(page_body(at, 1, PAGE_ROWS))
            self._pages[at] = body.partition(b',"pagination"')[0]
        pagination = {
            "page": number,
            "limit": PAGE_ROWS,
            "total": total,
            "totalPages": -(-total // PAGE_ROWS),
        }
        return self._pages[at] + b',"pagination":' + json.dumps(pagination).encode() + b"}"

    def link(self, wanted: dict[str, Any], total: int) -> bytes:
        """Return a link to an export."""
        form = wanted["format"]
        rows = max(0, min(wanted["rowCount"], total - wanted.get("skip", 0)))
        return json.dumps(
            {
                "downloadUrl": f"{self.origin}/download/{form}-{rows}?token=abc",
                "fileName": f"products.{form}",
                "format": form,
                "expiresAt": "2030-01-01T00:00:00Z",
                "fileSize": len(self.export(form, rows)),
            }
        ).encode()

    def export(self, form: str, rows: int) -> bytes:
        """Return the first rows as a file."""
        if (form, rows) not in self._exports:
            lines = (
                [row * 0.25 if name == "price" else f"{name} of product {row}" for name in COLUMNS]
                for row in range(1, rows + 1)
            )
            if form == "csv":
                text = io.StringIO(newline="")
                csv.writer(text).writerows([COLUMNS, *lines])
                made = text.getvalue()
            else:
                made = json.dumps([dict(zip(COLUMNS, line, strict=True)) for line in lines])
            self._exports[form, rows] = made.encode()
        return self._exports[form, rows]


async def answer(
    replies: Replies, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer the requests of one connection."""
    try:
        while True:
            request = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = request.split(b" ", 2)
            found = CONTENT_LENGTH.search(request)
            content = await reader.readexactly(int(found[1]) if found else 0)
            body = reply(replies, method, target, content)
            writer.write(head(len(body)) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def reply(replies: Replies, method: bytes, target: bytes, content: bytes) -> bytes:
    """Return the body of a reply."""
    if target.endswith(b"/count"):
        counted, replies.counted = replies.counted, Counter()
        return json.dumps(counted).encode()
    is_file = target.startswith(b"/download/")
    if not is_file and b"/datasets/small" not in target:
        replies.counted["requests"] += 1
    if is_file and f"-{SMALL_ROWS}?".encode() not in target:
        replies.counted["files"] += 1
    if is_file:
        form, _, rows = target.removeprefix(b"/download/").partition(b"?")[0].partition(b"-")
        return replies.export(form.decode(), int(rows))
    if method == b"POST":
        return replies.link(json.loads(content), replies.rows(target))
    if b"/data?" in target:
        number = PAGE.search(target)
        return replies.page(int(number[1]) if number else 1, replies.rows(target))
    return typed(details_body(replies.rows(target)))


async def serve(rows: int) -> None:
    """Serve until standard input closes."""
    replies = Replies(rows)

    def begin(port: int) -> None:
        replies.origin = f"http://127.0.0.1:{port}"

    await listen(lambda reader, writer: answer(replies, reader, writer), begin)


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=WINDOW_ROWS)
    asyncio.run(serve(parser.parse_args().rows))


if __name__ == "__main__":
    main()

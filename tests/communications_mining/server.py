"""A server of one dataset's comments that can be made to misbehave as the emulator never would."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

from claro_async.communications_mining import (
    CommunicationsMiningClient,
    Dataset,
    ExportStream,
)
from claro_async.config import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

FIRST = datetime(2024, 3, 14, 10, tzinfo=UTC)


def comment(name: str, time: Any = FIRST, **fields: Any) -> dict[str, Any]:
    """An exported comment of the source ``s``."""
    text = time.isoformat() if isinstance(time, datetime) else time
    made: dict[str, Any] = {
        "id": name,
        "uid": f"s.{name}",
        "source_id": "s",
        "timestamp": text,
        "created_at": text,
        "last_modified": text,
        "messages": [{"body": {"text": f"No. {name}"}}],
        "user_properties": {},
    }
    return {"comment": {**made, **fields}}


def minutely(count: int) -> list[dict[str, Any]]:
    """So many comments, a minute apart."""
    return [comment(f"{number:05}", FIRST + timedelta(minutes=number)) for number in range(count)]


def uids(comments: list[dict[str, Any]]) -> list[str]:
    """Their uids."""
    return [each["comment"]["uid"] for each in comments]


class CommentServer:
    """Answers exports of a list of comments, in their order.

    Attributes:
        comments: The comments.
        requests: The bodies of all requests.
        generation: Begins each token; tokens of another one are rejected.
        answer: Gives a reply in place of the ordinary one, or None.
        gate: Requests wait while it is not set.
        rounds: What the server makes of a moment in ``from``.
    """

    def __init__(self, comments: list[dict[str, Any]]) -> None:
        self.comments = comments
        self.requests: list[dict[str, Any]] = []
        self.generation = "a"
        self.answer: Callable[[dict[str, Any]], web.Response | None] = lambda _: None
        self.rounds: Callable[[datetime], datetime] = lambda moment: moment
        self.url = ""
        self.gate = asyncio.Event()
        self.gate.set()

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a request."""
        asked = await request.json()
        self.requests.append(asked)
        await self.gate.wait()
        if (special := self.answer(asked)) is not None:
            return special
        generation, _, at = (asked.get("continuation") or f"{self.generation}.0").partition(".")
        if generation != self.generation:
            return rejection("no such continuation")
        chosen = [each for each in self.comments if self.is_chosen(each, asked)]
        end = int(at) + asked.get("limit", 64)
        page: dict[str, Any] = {"status": "ok", "comments": chosen[int(at) : end]}
        if end < len(chosen):
            page["continuation"] = f"{self.generation}.{end}"
        return web.json_response(page)

    def is_chosen(self, exported: dict[str, Any], asked: dict[str, Any]) -> bool:
        """Whether a comment is within the moments that a request names."""
        if "comment_uids" in asked:
            return exported["comment"]["uid"] in asked["comment_uids"]
        time = datetime.fromisoformat(exported["comment"]["timestamp"])
        start, end = asked.get("from"), asked.get("to")
        if start is not None and time < self.rounds(datetime.fromisoformat(start)):
            return False
        return end is None or time <= datetime.fromisoformat(end)


def rejection(message: str, status: int = 400) -> web.Response:
    """An error of the API."""
    return web.json_response({"status": "error", "message": message}, status=status)


def page_of(comments: list[dict[str, Any]], continuation: str | None = None) -> web.Response:
    """A page of an export."""
    page: dict[str, Any] = {"status": "ok", "comments": comments}
    if continuation is not None:
        page["continuation"] = continuation
    return web.json_response(page, dumps=json.dumps)


@asynccontextmanager
async def serving(comments: list[dict[str, Any]]) -> AsyncIterator[tuple[CommentServer, Dataset]]:
    """A running server, and a dataset at it."""
    server = CommentServer(comments)
    app = web.Application()
    app.router.add_post("/api/v1/datasets/project/name/export", server.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    server.url = f"http://127.0.0.1:{port}/api/v1"
    retry = RetryPolicy(max_attempts=2, base_delay=0.0)
    try:
        async with CommunicationsMiningClient("token", server.url, retry=retry) as mining:
            yield server, mining.dataset("project", "name")
    finally:
        await runner.cleanup()


async def take(stream: ExportStream, count: int) -> list[str]:
    """Read so many comments, and leave."""
    found: list[str] = []
    async for each in stream:
        found.append(each.uid)
        if len(found) == count:
            break
    return found

"""Decoding one page of 1,000 rows with 8 cells each, without any HTTP, in three ways.

``arguments["way"]`` chooses: ``orjson`` parses to dicts, ``rows`` walks one column through this
library, ``cells`` makes every cell into its typed object.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson

from benchmarks.harness import Job
from benchmarks.server import page_body
from claro_async.paging.pages import Page
from claro_async.wire.converter import ModelConverter
from claro_async.wire.replies import HttpReply

ROWS = 1000


def ways() -> dict[str, Callable[[bytes], int]]:
    """Return the functions to choose from; each says how many rows it saw."""
    converter = ModelConverter()

    def page(body: bytes) -> Page:
        return Page.from_reply(HttpReply(200, {}, body), converter, number=1, limit=ROWS)

    def parse(body: bytes) -> int:
        return len(orjson.loads(body)["rows"])

    def walk_rows(body: bytes) -> int:
        seen = 0
        for row in page(body):
            if row["name"]:
                seen += 1
        return seen

    def make_cells(body: bytes) -> int:
        return sum(1 for row in page(body) if row.cells())

    return {"orjson": parse, "rows": walk_rows, "cells": make_cells}


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Decode the same page again and again; a unit of work is a page."""
    body, decode = page_body(1, 1, ROWS), ways()[job.arguments["way"]]

    async def work(pages: int) -> int:
        for _ in range(pages):
            if decode(body) != ROWS:
                raise RuntimeError("rows are missing")
        return pages

    yield work

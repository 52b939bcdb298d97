"""Decoding one page of 1,000 rows with 8 cells each, without any HTTP, in three ways.

``arguments["way"]`` chooses: ``orjson`` parses to dicts, ``rows`` walks one column through this
library, ``cells`` makes every cell into its typed object.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import orjson

from benchmarks.harness import Job
from benchmarks.server import page_body
from claro_async.paging.pages import Page
from claro_async.paging.structs import DatasetPageStruct
from claro_async.wire.converter import ModelConverter

ROWS = 1000


def ways() -> dict[str, Callable[[bytes], int]]:
    """Return the functions to choose from; each says how many rows it saw."""
    decode = msgspec.json.Decoder(DatasetPageStruct).decode
    structure = ModelConverter().structure

    def parse(body: bytes) -> int:
        return len(orjson.loads(body)["rows"])

    def walk_rows(body: bytes) -> int:
        seen = 0
        for row in Page(decode(body), structure):
            if row["name"]:
                seen += 1
        return seen

    def make_cells(body: bytes) -> int:
        return sum(1 for row in Page(decode(body), structure) if row.cells())

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

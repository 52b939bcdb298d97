"""A page is given up before the next one is made, which is then made of its memory."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import pytest

from claro_async.paging.pages import Page

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from claro_async import ClaroClient
    from claro_async.emulator import Emulator
    from tests.clocks import ManualClock

ROWS = 2500
COLUMNS = ["key", "text"]


async def walk(claro: ClaroClient, _: Path) -> None:
    """Go over the rows."""
    assert len([row["key"] async for row in claro.dataset("d").rows()]) == ROWS


async def walk_pages(claro: ClaroClient, _: Path) -> None:
    """Go over the pages as their documentation says."""
    async for page in claro.dataset("d").rows().pages():
        assert len(page)
        del page


async def collect(claro: ClaroClient, _: Path) -> None:
    """Read all rows into one table."""
    pytest.importorskip("pyarrow")
    assert (await claro.dataset("d").to_arrow()).num_rows == ROWS


async def export(claro: ClaroClient, folder: Path) -> None:
    """Write a file of rows."""
    assert (await claro.dataset("d").export(folder / "rows.jsonl", via="rows")).rows == ROWS


async def read_batches(claro: ClaroClient, _: Path) -> None:
    """Read record batches in another thread."""
    pytest.importorskip("pyarrow")
    table = await asyncio.to_thread(lambda: claro.dataset("d").open_reader(via="rows").read_all())
    assert table.num_rows == ROWS


async def plan(claro: ClaroClient, _: Path) -> None:
    """Look for cells on all pages."""
    edits = [(f"cell_{number}_2", "other") for number in range(1, ROWS + 1, 10)]
    found = await claro.dataset("d").plan_updates(edits, skip_unchanged=True)
    assert found.requests == len(edits)


async def plan_from(claro: ClaroClient, _: Path) -> None:
    """Compare all rows with a table."""
    table = [{"key": f"key {ROWS}", "text": "other"}]
    assert (await claro.dataset("d").plan_from(table, key="key")).requests == 1


async def revert(claro: ClaroClient, folder: Path) -> None:
    """Look for a cell that is to be set back, on the last page."""
    journal = folder / "run.claro"
    edits = [(f"cell_{ROWS}_2", "other")]
    await claro.dataset("d").update_cells(edits, journal=journal, skip_unchanged=False)
    assert (await claro.revert_updates(journal)).updated == 1


WAYS = [walk, walk_pages, collect, export, read_batches, plan, plan_from, revert]


@pytest.fixture
def claro(
    emulator: Emulator, clock: ManualClock, connect: Callable[..., ClaroClient]
) -> ClaroClient:
    """A client of a dataset of three pages, which was made a while ago."""
    rows = [[f"key {number}", "text"] for number in range(1, ROWS + 1)]
    emulator.add_dataset("d", COLUMNS, rows, dataset_id="d")
    clock.set_time(clock.time() + 60)
    return connect(emulator.base_url)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether there was a page, each time when one was about to be made."""

    def count() -> int:
        return sum(type(each) is Page for each in gc.get_objects())

    def make_counted(*args: Any, **options: Any) -> Page:
        # a thread that wrote a page may let go of it a moment after it has said so
        found.append(all(count() > others for _ in range(20)))
        return make(*args, **options)

    found: list[bool] = []
    make = Page.from_reply
    gc.collect()
    others = count()
    monkeypatch.setattr(Page, "from_reply", make_counted)
    return found


@pytest.mark.parametrize("way", WAYS)
async def test_no_page_is_held_while_the_next_one_is_made(
    way: Callable[[ClaroClient, Path], Awaitable[None]],
    claro: ClaroClient,
    held: list[bool],
    tmp_path: Path,
) -> None:
    """Whatever reads all pages, it has dropped each when the next one is decoded."""
    await way(claro, tmp_path)
    assert len(held) >= 3
    assert not any(held)

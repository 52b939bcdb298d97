"""The frame of the console: what every view has to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest

from claro_async.emulator import Emulator
from claro_async.emulator.console import stream
from tests.console.conftest import LOST, NARROW, WIDE

if TYPE_CHECKING:
    from claro_async import ClaroClient
    from tests.console.conftest import Console

pytestmark = pytest.mark.asyncio(loop_scope="session")

VIEWS = ("data", "requests", "quota", "faults", "mining")
ATTACK = "<img src=x onerror=\"document.title='struck'\">"
OVERFLOW = """() => [...document.querySelectorAll("body *")]
  .filter((each) => !each.closest(".grid, .log, .matrix, pre, .unseen, .u-wrap"))
  .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
  .map((each) => each.outerHTML.slice(0, 200))"""


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["1280", "800"])
async def test_each_view_fits_the_page(
    console: Console, claro: ClaroClient, size: tuple[int, int]
) -> None:
    """Every view loads without an error, asks no other host, and is no wider than the page."""
    await claro.dataset("your-dataset-id").update_cell("cell_1_1", "Widget")
    for view in (*VIEWS, "requests/0", "data/your-dataset-id/cell_1_1"):
        page = await console.open(view, size)
        await page.locator("main section:visible").first.wait_for()
        if "/" in view:
            await page.locator(".panel dl").first.wait_for()
        assert await page.evaluate(OVERFLOW) == [], view


async def test_colours_follow_the_system_and_the_switch(console: Console) -> None:
    """The page is dark where the system is, and as the switch says once that was used."""
    background = "() => getComputedStyle(document.body).backgroundColor"
    await console.page.emulate_media(color_scheme="light")
    page = await console.open("faults")
    light = await page.evaluate(background)
    await page.emulate_media(color_scheme="dark")
    dark = await page.evaluate(background)
    assert light != dark
    switch = page.get_by_role("button", name="auto")
    await switch.click()
    assert await page.evaluate(background) == light
    await page.reload()
    await page.locator("[data-state=live]").wait_for()
    assert await page.evaluate(background) == light
    await page.get_by_role("button", name="light").click()
    await page.emulate_media(color_scheme="light")
    assert await page.evaluate(background) == dark


async def test_a_restart_is_said_and_the_page_goes_on(console: Console) -> None:
    """While the emulator is away the page says so; it shows the new run by itself afterwards."""
    with Emulator(port=0, sample_world=False) as first:
        first.add_dataset("Before", ["name"], [["Widget"]])
        port = first.port
        console.allow(first.origin)
        await console.page.goto(f"{first.origin}/_emulator")
        await console.page.get_by_role("heading", name="Before").wait_for()
    await console.page.get_by_text("The emulator does not answer.").wait_for()
    with Emulator(port=port, sample_world=False) as second:
        second.add_dataset("After", ["name"], [["Gadget"]])
        await console.page.get_by_text("The emulator was restarted.").wait_for()
        await console.page.get_by_role("heading", name="After").wait_for()
        await console.page.get_by_role("gridcell", name="Gadget").wait_for()
        assert not await console.page.get_by_role("heading", name="Before").count()
        await console.page.goto("about:blank")
    console.problems[:] = [each for each in console.problems if LOST not in each]


async def test_a_tab_in_the_background_rests(console: Console, claro: ClaroClient) -> None:
    """A page that nobody looks at takes no connection, and catches up when it is looked at."""
    hide = """(hidden) => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page = await console.open("data/your-dataset-id")
    await page.locator("#cell-0-0").wait_for()
    await page.evaluate(hide, True)
    await page.locator(".link-state[data-state=paused]").wait_for()
    await claro.dataset("your-dataset-id").update_cell("cell_1_1", "Meanwhile")
    await page.evaluate(hide, False)
    await page.get_by_role("gridcell", name="Meanwhile").wait_for()
    await page.locator(".link-state[data-state=live]").wait_for()


async def test_one_page_too_many_is_told_so(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The emulator answers, but follows no more pages: it says that, and goes on by itself."""
    page = console.page
    with monkeypatch.context() as patched:
        patched.setattr(stream, "LOOKERS_MAX", 0)
        await page.goto(f"{console.emulator.console_url}#data")
        await page.get_by_role("alert").get_by_text("Close another one").wait_for()
    await page.locator(".link-state[data-state=live]").wait_for()
    assert not await page.get_by_role("alert").count()
    console.problems[:] = [each for each in console.problems if "503" not in each]


async def test_a_tab_that_was_away_learns_what_is_new(console: Console) -> None:
    """Datasets, files, faults and limits that came and went while nobody looked."""
    hide = """(hidden) => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    emulator = console.emulator
    gone = emulator.add_dataset("Soon gone", ["a"], [[1]])
    page = await console.open("data/your-dataset-id")
    await page.get_by_role("button", name="Soon gone").wait_for()
    await page.evaluate(hide, True)
    await page.locator(".link-state[data-state=paused]").wait_for()
    emulator.add_dataset("Came meanwhile", ["a"], [[1]])
    emulator.add_datasource(b"a", file_name="meanwhile.txt")
    emulator.faults.add("updateCell", "status")
    path = f"{emulator.console_url}/api"
    async with aiohttp.ClientSession() as session:
        await session.patch(f"{path}/quota", json={"limit": 77})
        await session.delete(f"{path}/datasets/{gone}", json={})
    await page.evaluate(hide, False)
    await page.get_by_role("button", name="Came meanwhile").wait_for()
    await page.get_by_role("button", name="Soon gone").wait_for(state="detached")
    await page.locator(".files", has_text="meanwhile.txt").wait_for()
    await page.get_by_role("link", name="Faults 1").wait_for()
    await page.locator(".quota-summary", has_text="77 / 77").wait_for()


async def test_edits_are_counted_as_they_come(console: Console, claro: ClaroClient) -> None:
    """In the list of datasets and in the panel, without another look at the list."""
    page = await console.open("data/your-dataset-id")
    await page.locator(".panel", has_text="0 in this run").wait_for()
    for number in range(3):
        await claro.dataset("your-dataset-id").update_cell("cell_1_1", number)
    await page.locator(".panel", has_text="3 in this run").wait_for()
    await page.locator(".choices [aria-current]", has_text="3 edits").wait_for()


async def test_text_is_never_markup(console: Console, claro: ClaroClient) -> None:
    """Cells, names, metadata, file names, bodies and comments that hold HTML are shown as text."""
    emulator = console.emulator
    column = {"name": ATTACK, "metadata": {ATTACK: ATTACK}}
    dataset_id = emulator.add_dataset(
        ATTACK, [column], [[ATTACK], [{ATTACK: ATTACK}]], description=ATTACK
    )
    message = {"subject": {"text": ATTACK}, "body": {"text": ATTACK}}
    comment = {"uid": "a.b", "timestamp": "2020-01-01T00:00:00Z", "messages": [message]}
    emulator.mining.add_dataset("attack", "comments", [{"comment": comment}], title=ATTACK)
    await claro.dataset(dataset_id).update_cell("cell_1_1", ATTACK + ATTACK)
    index = emulator.ledger.requests[-1].index
    await claro.dataset(dataset_id).upload_datasource(
        "cell_1_1", b"a,b", filename=f"{ATTACK.replace('/', '')}.csv"
    )
    page = await console.open(f"data/{dataset_id}/cell_1_1")
    await page.get_by_role("gridcell", name=ATTACK).first.wait_for()
    await page.locator(".panel").get_by_text(ATTACK).first.wait_for()
    page = await console.open(f"requests/{index}")
    await page.locator(".panel pre", has_text="<img src=x").first.wait_for()
    page = await console.open("mining/attack/comments")
    await page.get_by_role("heading", name=ATTACK).wait_for()
    await page.locator(".comment-text", has_text=ATTACK).wait_for()
    for view in (*VIEWS, "mining/attack/comments"):
        page = await console.open(view)
        await page.locator("main section:visible").first.wait_for()
        assert not await page.locator("img").count()
    assert await page.title() == "Claro emulator"


async def test_slash_goes_to_the_filter_and_tab_through_the_page(console: Console) -> None:
    """`/` focuses the filter of a view, Tab goes from the tabs into the view, and focus is seen."""
    focused = "() => document.activeElement.getAttribute('aria-label')"
    outline = "() => getComputedStyle(document.activeElement).outlineStyle"
    page = await console.open("data")
    await page.keyboard.press("/")
    assert await page.evaluate(focused) == "Filter datasets"
    assert await page.evaluate(outline) != "none"
    await page.keyboard.type("invoices")
    await page.get_by_role("button", name="Scanned Invoices").wait_for()
    assert await page.locator(".choices button").count() == 1
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Scanned Invoices").wait_for()
    page = await console.open("requests")
    await page.keyboard.press("/")
    assert await page.evaluate(focused) == "Filter by text in path, query or body"

"""Data in the console: the grid, edits from either side, files that are dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from claro_async.emulator import make_pdf
from tests.console.dropping import DROP, dropped

if TYPE_CHECKING:
    from claro_async import ClaroClient
    from tests.console.conftest import Console

pytestmark = pytest.mark.asyncio(loop_scope="session")

MANY = 100_000
WATCH = """(text) => {
  const cells = () => [...document.querySelectorAll("[role=gridcell]")];
  const seen = () => cells().some((each) => each.textContent.includes(text));
  window.seenAt = new Promise((resolve) => {
    const observer = new MutationObserver(() => seen() && resolve(Date.now() / 1000));
    observer.observe(document.body, { subtree: true, childList: true, characterData: true });
  });
}"""


async def test_an_edit_through_the_api_appears_within_a_second(
    console: Console, claro: ClaroClient
) -> None:
    """A cell shows what a client wrote within a second, flashes, and names the request."""
    page = await console.open("data/your-dataset-id")
    await page.locator("#cell-0-0").wait_for()
    delays = []
    for number in range(5):  # the best of five, as a machine under load may hold up any one
        await page.evaluate(WATCH, f"Edited {number}")
        await claro.dataset("your-dataset-id").update_cell("cell_1_1", f"Edited {number}")
        written = console.emulator.ledger.requests[-1].received_at
        delays.append(await page.evaluate("() => window.seenAt") - written)
    assert min(delays) < 1
    assert await page.locator("#cell-0-0.is-changed").count() == 1
    await page.locator("#cell-0-0").click()
    panel = page.get_by_role("complementary", name="Cell")
    assert await panel.get_by_role("textbox", name="Value").input_value() == "Edited 4"
    await panel.get_by_text("Edited 3", exact=True).first.wait_for()
    index = console.emulator.ledger.requests[-1].index
    await panel.get_by_role("link", name=f"request {index}").click()
    await page.get_by_role("heading", name=f"Request {index}").wait_for()


async def test_a_cell_that_was_edited_flashes(console: Console, claro: ClaroClient) -> None:
    """A cell on the screen is marked for a moment when its value was changed."""
    page = await console.open("data/your-dataset-id")
    await page.locator("#cell-1-0").wait_for()
    async with page.expect_event("console", lambda message: message.text == "flashed"):
        await page.evaluate(
            """() => document.addEventListener("animationstart", ({ animationName, target }) =>
              animationName === "flash" && target.id === "cell-0-0" && console.log("flashed"))"""
        )
        await claro.dataset("your-dataset-id").update_cell("cell_1_1", "Flash")


async def test_a_value_is_edited_by_hand(console: Console) -> None:
    """Enter edits the selected cell, Ctrl+Enter saves; JSON stays JSON, and the API reads it."""
    emulator = console.emulator
    dataset_id = emulator.add_dataset("By hand", ["name", "size"], [["Widget", {"w": 1}]])
    page = await console.open(f"data/{dataset_id}")
    await page.locator("#cell-0-0").click()
    await page.keyboard.press("Enter")
    await page.locator("textarea:focus").wait_for()
    await page.keyboard.type("Gadget")
    await page.keyboard.press("Control+Enter")
    await page.get_by_role("gridcell", name="Gadget").wait_for()
    await page.locator("#cell-0-1").dblclick()
    box = page.get_by_role("textbox", name="Value")
    await box.fill('{"w": ')
    assert await page.get_by_role("button", name="Save").is_disabled()
    await box.fill('{"w": 2}')
    await page.get_by_role("button", name="Save").click()
    await page.locator("#cell-0-1", has_text='{"w":2}').wait_for()
    assert emulator.values(dataset_id) == {"cell_1_1": "Gadget", "cell_1_2": {"w": 2}}
    await page.locator(".changes").get_by_text("by hand").wait_for()
    assert emulator.ledger.count("updateCell") == 0


async def test_arrow_keys_go_through_the_grid(console: Console) -> None:
    """Arrows, Home, End and the page keys move the selection, and the grid follows."""
    rows = [[f"{row}:{column}" for column in range(30)] for row in range(500)]
    names = [f"c{column}" for column in range(30)]
    dataset_id = console.emulator.add_dataset("Wide", names, rows)
    page = await console.open(f"data/{dataset_id}")
    selected = page.locator("[role=gridcell][aria-selected=true]")
    await page.locator("#cell-0-0").click()
    await page.get_by_role("grid").focus()
    for keys, expected in (
        (("ArrowDown", "ArrowRight"), "1:1"),
        (("End",), "1:29"),
        (("Control+End",), "499:29"),
        (("ArrowDown", "ArrowRight", "ArrowUp"), "498:29"),
        (("Control+Home",), "0:0"),
    ):
        for key in keys:
            await page.keyboard.press(key)
        await selected.filter(has_text=expected).wait_for()
        box, grid = await selected.bounding_box(), await page.get_by_role("grid").bounding_box()
        assert box is not None
        assert grid is not None
        assert grid["x"] <= box["x"]
        assert box["x"] + box["width"] <= grid["x"] + grid["width"]
        assert grid["y"] <= box["y"]
        assert box["y"] + box["height"] <= grid["y"] + grid["height"]


async def test_a_hundred_thousand_rows_scroll(console: Console) -> None:
    """At any place of 100,000 rows the right ones show, and few elements are drawn."""
    rows = ([f"Row {number}", number] for number in range(1, MANY + 1))
    dataset_id = console.emulator.add_dataset("Large", ["name", "number"], rows)
    page = await console.open(f"data/{dataset_id}")
    grid = page.get_by_role("grid")
    await page.get_by_role("gridcell", name="Row 1", exact=True).wait_for()
    for share in (0.1, 0.37, 0.8, 0.2, 1):
        await grid.evaluate(
            "(grid, share) => { grid.scrollTop = grid.scrollHeight * share; }", share
        )
    await page.get_by_role("gridcell", name=f"Row {MANY}", exact=True).wait_for()
    assert await page.locator(".grid *").count() < 1_000
    last = page.locator(".grid-row").last
    assert await last.get_attribute("aria-rowindex") == str(MANY + 1)
    assert await last.locator("[role=rowheader]").inner_text() == "100,000"
    await page.get_by_role("searchbox", name="Go to a row").fill("54,321")
    await page.keyboard.press("Enter")
    await page.locator("[aria-selected=true]", has_text="Row 54321").wait_for()
    await page.get_by_role("searchbox", name="Go to a row").fill("row 9990")
    await page.keyboard.press("Enter")
    await page.locator("[aria-selected=true]", has_text="Row 99900").wait_for()


async def test_a_file_that_is_dropped_becomes_a_dataset(
    console: Console, claro: ClaroClient
) -> None:
    """A CSV dropped on the page is shown, and the client reads it back."""
    page = await console.open("data")
    await page.locator("#cell-0-0").wait_for()
    await page.evaluate(
        DROP,
        {"where": ".data-view", "files": [dropped("prices.csv", b"sku,price\nA-1,1.5\nB-2,20\n")]},
    )
    await page.get_by_role("gridcell", name="A-1").wait_for()
    dataset_id = console.emulator.dataset_ids()[-1]
    found = [(row["sku"], row["price"]) async for row in claro.dataset(dataset_id).rows()]
    assert found == [("A-1", 1.5), ("B-2", 20)]
    await page.evaluate(
        DROP, {"where": ".data-view", "files": [dropped("lines.jsonl", b'{"name": "Widget"}\n')]}
    )
    await page.get_by_role("gridcell", name="Widget", exact=True).wait_for()
    await page.evaluate(
        DROP, {"where": ".data-view", "files": [dropped("pages.pdf", make_pdf(["The first page"]))]}
    )
    await page.get_by_role("gridcell", name="The first page").wait_for()
    await page.evaluate(DROP, {"where": ".data-view", "files": [dropped("picture.gif", b"GIF89a")]})
    await page.locator(".toast[data-kind=error]").wait_for()
    console.problems[:] = [each for each in console.problems if "400" not in each]


async def test_a_dataset_that_is_deleted_goes(console: Console, claro: ClaroClient) -> None:
    """A dataset that a client deletes while it is open leaves the page, without an error."""
    dataset_id = console.emulator.add_dataset("Gone soon", ["name"], [["Widget"]])
    page = await console.open(f"data/{dataset_id}")
    await page.get_by_role("gridcell", name="Widget", exact=True).wait_for()
    await claro.dataset(dataset_id).delete(confirm=dataset_id)
    await page.get_by_role("heading", name="Gone soon").wait_for(state="detached")
    await page.locator("#cell-0-0").wait_for()
    assert not await page.get_by_role("button", name="Gone soon").count()


async def test_the_world_is_reset_after_a_question(console: Console, claro: ClaroClient) -> None:
    """Reset asks first; Cancel changes nothing, and Reset brings the first values back."""
    dataset = claro.dataset("your-dataset-id")
    before = console.emulator.cell("your-dataset-id", "cell_1_1").value
    await dataset.update_cell("cell_1_1", "Changed")
    page = await console.open("data/your-dataset-id")
    await page.get_by_role("gridcell", name="Changed").wait_for()
    await page.get_by_role("button", name="Reset …").click()
    await page.get_by_role("button", name="Cancel").click()
    assert console.emulator.cell("your-dataset-id", "cell_1_1").value == "Changed"
    await page.get_by_role("button", name="Reset …").click()
    await page.get_by_role("dialog").get_by_role("button", name="Reset").click()
    await page.locator("#cell-0-0", has_text=str(before)).wait_for()
    assert console.emulator.cell("your-dataset-id", "cell_1_1").value == before

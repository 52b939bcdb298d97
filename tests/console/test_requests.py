"""Requests in the console: the live log by call, one request whole, the invariants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from claro_async import ClaroError

if TYPE_CHECKING:
    from claro_async import ClaroClient
    from tests.console.conftest import Console

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_retries_of_a_call_stand_together(console: Console, claro: ClaroClient) -> None:
    """Attempts of one call are one line with every status, the fault, and what they waited."""
    page = await console.open("requests")
    await page.get_by_text("No request has come yet.").wait_for()
    console.emulator.faults.add("updateCell", "status", times=1)
    console.emulator.faults.add("updateCell", "reset", apply=True, times=1)
    await claro.dataset("your-dataset-id").update_cell("cell_1_1", "Widget")
    line = page.locator(".log-lines .log-row", has_text="updateCell")
    await line.filter(has_text="200").wait_for()
    assert await line.count() == 1
    assert await line.locator(".statuses .tag").all_inner_texts() == ["503", "no reply", "200"]
    assert await line.locator(".tag.fault").all_inner_texts() == ["status", "reset"]
    await line.click()
    attempts = page.get_by_role("complementary", name="Request").locator("tbody tr")
    await attempts.nth(2).wait_for()
    assert await attempts.count() == 3
    await attempts.nth(1).get_by_role("link").click()
    await page.get_by_text("No reply was sent.").wait_for()


async def test_a_request_is_shown_whole_but_for_the_key(
    console: Console, claro: ClaroClient
) -> None:
    """Headers, body, reply and change of a request are shown; the key is nowhere on the page."""
    await claro.dataset("your-dataset-id").update_cell("cell_1_1", "Shown")
    page = await console.open("requests")
    await page.locator(".log-lines .log-row").first.click()
    panel = page.get_by_role("complementary", name="Request")
    await panel.get_by_text("[redacted]").first.wait_for()
    await panel.locator("pre", has_text='"value": "Shown"').first.wait_for()
    await panel.locator("pre", has_text='"metadataReset": true').wait_for()
    await panel.locator(".changes", has_text="Shown").wait_for()
    assert console.emulator.api_key not in await page.content()


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("curl", ("curl", "-X PATCH", "$CLARO_API_KEY")),
        ("Python", ("ClaroClient()", "update_cell")),
        ("pytest", ("def test_", "Emulator(")),
    ],
)
async def test_a_request_is_copied_as(
    console: Console, claro: ClaroClient, form: str, words: tuple[str, ...]
) -> None:
    """What a button copies is shown as well, and holds no key."""
    await claro.dataset("your-dataset-id").update_cell("cell_1_1", "Copied")
    page = await console.open("requests/0")
    await page.get_by_role("button", name=form, exact=True).click()
    copied = await page.locator("[data-copied]").inner_text()
    assert [word for word in words if word not in copied] == []
    assert console.emulator.api_key not in copied
    await page.get_by_text(f"Copied request as {form}.").wait_for()


async def test_filters_leave_what_matches(console: Console, claro: ClaroClient) -> None:
    """Text in a body, operation, status and outcome narrow the log; clearing brings all back."""
    dataset = claro.dataset("your-dataset-id")
    await dataset.get()
    await dataset.update_cell("cell_1_1", "Needle")
    with pytest.raises(ClaroError):
        await dataset.update_cell("cell_99_99", "Gone")
    page = await console.open("requests")
    lines = page.locator(".log-lines .log-row")
    await lines.nth(2).wait_for()
    await page.keyboard.press("/")
    await page.keyboard.type("Needle")
    await page.get_by_text("1 call", exact=True).wait_for()
    await lines.filter(has_text="cell_1_1").wait_for()
    await page.get_by_role("button", name="Clear filters").click()
    await page.get_by_label("Any status").select_option("4xx")
    await page.get_by_text("1 call", exact=True).wait_for()
    await lines.filter(has_text="404").wait_for()
    await page.get_by_label("Any operation").select_option("getDataset")
    await page.get_by_text("No request matches.").wait_for()
    await page.get_by_role("button", name="Clear filters").click()
    await page.get_by_text("3 calls").wait_for()


async def test_invariants_say_what_was_broken(console: Console, claro: ClaroClient) -> None:
    """A cell written twice is counted, and leads to the requests that did it."""
    page = await console.open("requests")
    written = page.locator(".figure", has_text="Cells written twice")
    await written.locator("dd.good").wait_for()
    for value in ("One", "Two"):
        await claro.dataset("your-dataset-id").update_cell("cell_1_1", value)
    await written.locator("dd.bad", has_text="1").wait_for()
    await written.get_by_role("button").click()
    await page.locator(".examples").get_by_role("link", name="cell_1_1").click()
    await page.get_by_role("complementary", name="Cell").get_by_text("Two").first.wait_for()


async def test_a_paused_log_stands_still(console: Console, claro: ClaroClient) -> None:
    """While it is paused the log keeps its lines; the total goes on."""
    dataset = claro.dataset("your-dataset-id")
    await dataset.get()
    page = await console.open("requests")
    await page.get_by_text("1 call", exact=True).wait_for()
    await page.get_by_role("button", name="Pause").click()
    await dataset.get()
    await page.locator(".figure", has_text="Requests").get_by_text("2", exact=True).wait_for()
    assert await page.locator(".log-lines .log-row").count() == 1
    await page.get_by_role("button", name="Go on").click()
    await page.get_by_text("2 calls").wait_for()


async def test_arrow_keys_go_through_the_log(console: Console, claro: ClaroClient) -> None:
    """Up and Down open one call after the other, Escape closes it."""
    dataset = claro.dataset("your-dataset-id")
    for _ in range(3):
        await dataset.get()
    page = await console.open("requests")
    await page.locator(".log-lines .log-row").nth(2).wait_for()
    await page.get_by_role("grid").focus()
    await page.keyboard.press("ArrowDown")
    await page.get_by_role("heading", name="Request 2").wait_for()
    await page.keyboard.press("ArrowDown")
    await page.get_by_role("heading", name="Request 1").wait_for()
    await page.keyboard.press("Escape")
    await page.get_by_role("complementary", name="Request").wait_for(state="detached")

"""Faults, quota and mining in the console."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from claro_async import ClaroClient
    from tests.console.conftest import Console

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_fault_is_flipped_and_the_client_recovers(
    console: Console, claro: ClaroClient
) -> None:
    """A switch lets requests fail, its count goes down to off, and the client gets through."""
    page = await console.open("faults")
    await page.get_by_label("Requests", exact=True).fill("2")
    switch = page.get_by_role("switch", name="updateCell: 5xx", exact=True)
    await switch.click()
    await page.locator("[role=switch][aria-checked=true]", has_text="2").wait_for()
    await claro.dataset("your-dataset-id").update_cell("cell_1_1", "Through")
    assert console.emulator.ledger.count("updateCell", 503) == 2
    assert console.emulator.cell("your-dataset-id", "cell_1_1").value == "Through"
    await page.get_by_text("2 of 2 struck").wait_for()
    await page.locator("[role=switch][aria-checked=true]").wait_for(state="detached")


async def test_switches_are_used_by_keyboard(console: Console) -> None:
    """Arrows go from switch to switch, Space flips one on and off again."""
    page = await console.open("faults")
    await page.get_by_role("switch", name="all operations: 429", exact=True).focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Space"):
        await page.keyboard.press(key)
    on = page.locator("[role=switch][aria-checked=true]")
    await on.wait_for()
    name = await on.get_attribute("aria-label")
    assert name is not None
    assert name.endswith(": 5xx, applied")
    await page.keyboard.press("Space")
    await on.wait_for(state="detached")


async def test_a_preset_is_switched_on_and_off(console: Console) -> None:
    """A preset adds its faults for a time, which the list counts down."""
    page = await console.open("faults")
    preset = page.get_by_role("button", name="Bad Wi-Fi")
    await preset.click()
    await page.locator(".preset[aria-pressed=true]").wait_for()
    await page.get_by_text("left").first.wait_for()
    await preset.click()
    await page.locator(".preset[aria-pressed=true]").wait_for(state="detached")


async def test_any_kind_with_details(console: Console) -> None:
    """The form switches any kind on; what the emulator does not take is said in its words."""
    page = await console.open("faults")
    await page.get_by_label("Kind").select_option("html")
    await page.get_by_label("Details as JSON").fill('{"status": 500}')
    await page.get_by_role("button", name="Switch on").click()
    await page.locator(".fault-list", has_text="status 500").wait_for()
    await page.get_by_label("Details as JSON").fill('{"colour": "red"}')
    await page.get_by_role("button", name="Switch on").click()
    await page.locator(".toast[data-kind=error]", has_text="colour").wait_for()
    console.problems[:] = [each for each in console.problems if "400" not in each]


async def test_the_limit_is_changed_while_it_runs(console: Console, claro: ClaroClient) -> None:
    """A limit set on the page rules the next requests, and the meter and plot follow them."""
    page = await console.open("quota")
    await page.get_by_text("Every request is let through.").wait_for()
    await page.get_by_label("Requests a window").fill("50")
    await page.get_by_label("Window, seconds").fill("30")
    await page.get_by_role("button", name="Apply").click()
    await page.locator("[data-remaining]", has_text="50").wait_for()
    for _ in range(3):
        await claro.dataset("your-dataset-id").get()
    assert claro.rate_limit is not None
    assert (claro.rate_limit.limit, claro.rate_limit.remaining) == (50, 47)
    await page.locator("[data-remaining]", has_text="47").wait_for()
    await page.locator("[data-summary]", has_text="3 let through, 0 throttled").wait_for()
    await page.locator(".plot canvas").wait_for()
    await page.get_by_label("Requests a window").fill("3")
    await page.get_by_role("button", name="Apply").click()
    await page.locator("[data-remaining]", has_text="0").wait_for()
    headers = {"Authorization": f"Bearer {console.emulator.api_key}"}
    reply = await console.context.request.get(
        f"{console.emulator.base_url}/datasets", headers=headers
    )
    assert reply.status == 429
    await page.locator("[data-summary]", has_text="1 throttled").wait_for()


async def test_mining_shows_comments_and_permissions(console: Console) -> None:
    """Projects, datasets, comments and what each token may do are shown."""
    console.emulator.mining.add_token("reader", permissions=["Export datasets"])
    page = await console.open("mining")
    await page.locator(".comments tbody tr").first.wait_for()
    await page.get_by_role("button", name="Later").click()
    await page.get_by_text(re.compile(r"51.100 of 1,000")).wait_for()
    panel = page.get_by_role("complementary", name="Permissions")
    await panel.get_by_role("row", name="everything").wait_for()
    assert "emulator-mining-token" not in await page.content()
    assert "reader" not in await panel.inner_text()

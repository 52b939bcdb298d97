"""Draws the emulator's console, a picture a view: ``python3 noxfile.py -s pictures``.

The emulator has some minutes of traffic behind it, which are played in some seconds.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from aiohttp import ClientError, ClientSession
from playwright.async_api import async_playwright

from claro_async.emulator import Emulator, airports_csv

if TYPE_CHECKING:
    from playwright.async_api import Page

FOLDER: Final = Path(__file__).parent / "_pictures"
WIDTH: Final = 1140
HEIGHT: Final = 580
LIMIT: Final = 100
MINUTES: Final = 4
RETRIED: Final = frozenset({429, 500, 502, 503, 504, None})


class Picture(NamedTuple):
    """A picture of the console: its view, what is clicked, and what shows that all is there."""

    name: str
    view: str
    shows: str
    click: str | None = None
    colours: Literal["light", "dark"] = "light"


CALL: Final = ".log-row:has(.attempts[title^='3']):has(.tag.good)"
PICTURES: Final = (
    Picture("console-data", "data/{dataset}", ".panel .changes", "#cell-2-1"),
    Picture("console-requests", "requests", ".panel .changes", CALL),
    Picture("console-quota", "quota", ".plot canvas"),
    Picture("console-faults", "faults", ".toast", ".preset", "dark"),
    Picture("console-mining", "mining", ".comments td"),
)


class Traffic:
    """What a client without any pacing sends in some minutes, played in some seconds.

    Args:
        chance: Decides what is sent when.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._passed = -60.0 * MINUTES
        self._again: list[tuple[str, str]] = []

    def clock(self) -> float:
        """Tell the time, which goes faster while the traffic is played."""
        return time.time() + self._passed

    async def play(self, emulator: Emulator, dataset_id: str) -> None:
        """Send edits until the clock is where it is elsewhere."""
        headers = {"Authorization": f"Bearer {emulator.api_key}"}
        values = emulator.values(dataset_id).items()
        edits = ((cell, f"{name} Airport") for cell, name in values if cell.endswith("_2"))
        async with ClientSession(headers=headers) as session:
            while self._passed < 0:
                again, self._again = self._again, []
                for path, value in again:
                    await self._send(session, path, value)
                for _ in range(self._chance.choice((0, 1, 2, 2, 3))):
                    cell, value = next(edits)
                    path = f"{emulator.base_url}/datasets/{dataset_id}/cells/{cell}"
                    await self._send(session, path, value)
                self._passed = min(0, self._passed + 1)

    async def _send(self, session: ClientSession, path: str, value: str) -> None:
        status = None
        with suppress(ClientError):
            async with session.patch(path, json={"value": value}) as reply:
                status = reply.status
        if status in RETRIED:
            self._again.append((path, value))


async def draw(page: Page, picture: Picture, emulator: Emulator, dataset_id: str) -> None:
    """Open a view, click, and wait until it has come to rest."""
    await page.emulate_media(color_scheme=picture.colours)
    await page.goto("about:blank")
    await page.goto(f"{emulator.console_url}#{picture.view.format(dataset=dataset_id)}")
    await page.locator("[data-state=live]").wait_for()
    if picture.click is not None:
        await page.locator(picture.click).first.click()
    await page.locator(picture.shows).first.wait_for()
    await page.locator(".toast").first.wait_for(state="detached")


async def draw_console(folder: Path, browser: str) -> None:
    """Write the pictures of all views.

    Args:
        folder: Where they go.
        browser: The path of a Chromium.
    """
    traffic = Traffic(random.Random(4))  # noqa: S311 - the same pictures each time
    airports = folder / "airports.csv"
    airports.write_bytes(airports_csv())
    with Emulator(
        rate_limit=LIMIT, rate_window=60, clock=traffic.clock, random_seed=4, seed=[airports]
    ) as emulator:
        airports.unlink()
        dataset_id = emulator.dataset_ids()[-1]
        emulator.faults.add("updateCell", "status", probability=0.05)
        emulator.faults.add("updateCell", "reset", apply=True, probability=0.03)
        await traffic.play(emulator, dataset_id)
        async with async_playwright() as playwright:
            chromium = await playwright.chromium.launch(
                executable_path=browser, args=["--disable-lcd-text"]
            )
            page = await chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            for picture in PICTURES:
                await draw(page, picture, emulator, dataset_id)
                await page.screenshot(path=folder / f"{picture.name}.png")
            await chromium.close()


def main() -> None:
    """Make the pictures, or say that there is no browser."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        sys.exit("no Chromium: the pictures of the console are left as they are")
    asyncio.run(draw_console(FOLDER, browser))


if __name__ == "__main__":
    main()

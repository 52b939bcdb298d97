"""A headless Chromium, and the emulator's console in it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from claro_async import ClaroClient
from claro_async.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request

PATIENCE = 60_000  # ms; a browser in a container may be slow under load
WIDE = (1280, 800)
NARROW = (800, 700)
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
LOST = "net::ERR_"
"""How Chromium reports a connection that is refused, which happens while an emulator restarts."""


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all tests; each has a profile of its own."""
    playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("the program chromium is not installed")
    async with playwright.async_playwright() as runner:
        chromium = await runner.chromium.launch(
            executable_path=program, args=list(OPTIONS), timeout=PATIENCE
        )
        yield chromium
        await chromium.close()


class Console:
    """The console of one emulator in a browser, and what it should not have done.

    Attributes:
        page: The page that is open.
        problems: Errors of the page, and requests to other hosts.
    """

    def __init__(self, emulator: Emulator, context: BrowserContext, page: Page) -> None:
        self.emulator = emulator
        self.context = context
        self.page = page
        self.problems: list[str] = []
        self._hosts = {urlsplit(emulator.origin).netloc}
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._see)

    async def open(self, view: str = "data", size: tuple[int, int] = WIDE) -> Page:
        """Show a view, once it follows what happens."""
        await self.page.set_viewport_size({"width": size[0], "height": size[1]})
        await self.page.goto(f"{self.emulator.origin}/_emulator#{view}")
        await self.page.locator(".link-state[data-state=live]").wait_for()
        return self.page

    def allow(self, origin: str) -> None:
        """Take requests to another emulator for right, too."""
        self._hosts.add(urlsplit(origin).netloc)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(message.text)

    def _see(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.netloc not in self._hosts:
            self.problems.append(f"a request to {request.url}")


@pytest_asyncio.fixture(loop_scope="session")
async def console(browser: Browser) -> AsyncIterator[Console]:
    """The console of an emulator with the sample world; a test fails if the page had a problem."""
    async with Emulator() as emulator:
        context = await browser.new_context()
        context.set_default_timeout(PATIENCE)
        await context.grant_permissions(["clipboard-write"], origin=emulator.origin)
        shown = Console(emulator, context, await context.new_page())
        yield shown
        await context.close()
    assert not shown.problems


@pytest_asyncio.fixture(loop_scope="session")
async def claro(console: Console) -> AsyncIterator[ClaroClient]:
    """A client of the same emulator."""
    async with ClaroClient(console.emulator.api_key, console.emulator.base_url) as client:
        yield client

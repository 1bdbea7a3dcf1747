"""The console's page in a real headless browser, and actions on it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from attrs import frozen
from playwright.async_api import Page, async_playwright, expect

from meetstream_async.console import Served
from meetstream_async.simulator import Simulator
from tests.helpers.console import console

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WIDE = {"width": 1280, "height": 900}


@frozen
class Seen:
    """A page of the console, and the errors in it."""

    page: Page
    served: Served
    problems: list[str]

    async def tick(self, *bot_ids: str) -> None:
        for bot_id in bot_ids:
            await self.page.check(f'#bots input[value="{bot_id}"]')

    async def shows(self, count: int) -> None:
        """Wait until the table shows this number of rows."""
        await expect(self.page.locator("#bots tbody tr:visible")).to_have_count(count)

    async def consent(self) -> str:
        """Type what the dialog asks for, and confirm; returns the words."""
        await expect(self.page.locator("#words")).to_be_visible()
        words = await self.page.inner_text("#wanted")
        await self.page.fill("#words", words)
        await self.page.click("#go")
        await expect(self.page.locator("#preview")).to_be_hidden()
        return words

    async def ended(self) -> None:
        """Wait until the shown run has ended, and the table has been listed again."""
        await expect(self.page.locator("#stop")).to_be_hidden(timeout=20_000)
        await expect(self.page.locator("#refresh")).to_be_enabled()

    async def reload(self) -> None:
        await self.page.reload()
        await self.page.wait_for_selector("body[data-ready]")


@asynccontextmanager
async def browsing(
    sim: Simulator, *, open_: bool = True, key_source: str = "a test", **options: Any
) -> AsyncIterator[Seen]:
    """The page, opened through the address shown on the terminal. ``options``: of a browser context."""
    assert CHROMIUM is not None, "install Debian's package `chromium`"
    options = {"viewport": WIDE, "timezone_id": "Europe/Berlin", **options}
    async with (
        console(sim, opened=False, key_source=key_source) as desk,
        async_playwright() as playwright,
        await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]) as browser,
        await browser.new_context(**options) as context,
    ):
        page = await context.new_page()
        page.set_default_timeout(15_000)
        seen = Seen(page, desk.served, [])
        page.on("pageerror", lambda error: seen.problems.append(str(error)))
        page.on("console", lambda said: seen.problems.append(said.text) if said.type == "error" else None)
        if open_:
            await page.goto(desk.served.url)
            await page.wait_for_selector("body[data-ready]")
        yield seen
        assert seen.problems == []

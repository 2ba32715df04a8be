"""Chromium for stories on the pages, and what no page may do in it."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "chromium"
AXE = Axe()
SMALL_TARGETS = """
    [...document.querySelectorAll("a, button, input:not([type=hidden]), select, summary, textarea")]
        .map((each) => [each.outerHTML.slice(0, 80), each.getBoundingClientRect()])
        .filter(([, box]) => box.width > 1 && (box.width < 24 || box.height < 24))
        .map(([text, box]) => `${text} ${box.width} x ${box.height}`)
"""
"""Targets of the pointer below 24 by 24 pixels (WCAG 2.5.8); one of a pixel is for screen readers alone."""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run the browser without a window."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield browser
        await browser.close()


@asynccontextmanager
async def visit(browser: Browser, url: str, **options: Any) -> AsyncIterator[tuple[Page, BrowserContext, list[str]]]:
    """Give a page of a person, its context, and the list of what went wrong in it."""
    context = await browser.new_context(base_url=url, timezone_id="Europe/Prague", locale="en-GB", **options)
    page = await context.new_page()
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: troubles.append(request.url) if not request.url.startswith(url) else None)
    yield page, context, troubles
    await context.close()


async def accessible(page: Page) -> None:
    """Check the page by the rules of WCAG 2.2 A and AA and by axe's best practices; nothing is cut off sideways."""
    results = await AXE.run(page)
    assert results.violations_count == 0, results.generate_report()
    assert await page.evaluate(SMALL_TARGETS) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

"""When a browser first shows something of a page."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence

from playwright.async_api import Browser, async_playwright

from bench.crowd import open_crowd
from bench.house import House, open_house
from bench.row import Row, Wanted, median
from bench.stream import name_server

ROUNDS = 5
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")
PAGES = (("fleet", "/fleet"), ("agent", "/agents/web-11"), ("chat", "/"))
SECONDS = 10.0
# The browser tells of it a moment after it was.
FIRST = """new Promise((done) => new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (entry.name === "first-contentful-paint") done(entry.startTime);
}).observe({ type: "paint", buffered: true }))"""


async def measure_paint(rounds: int = ROUNDS) -> Sequence[Row]:
    """Each page by a browser that has never seen it, in turns with a page of one word. Raises RuntimeError without
    Chromium."""
    program = shutil.which("chromium")
    if program is None:
        raise RuntimeError("chromium is not on the PATH: the first paint is not measured (apt-get install chromium)")
    async with (
        open_crowd() as house,
        open_house(command=name_server("bench.still")) as floor,
        async_playwright() as playwright,
    ):
        (floor.home / "page").write_text("<!doctype html><title>Bare</title><p>Word")
        browser = await playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        pairs = [(await time_all(browser, house), await time_paint(browser, floor, "/")) for _ in range(rounds)]
        await browser.close()
    bare = median(pair[1] for pair in pairs)
    return [
        Row(f"{name} page: first paint", median(took[name] for took, _ in pairs), "ms", bare, Wanted(1000))
        for name, _ in PAGES
    ]


async def time_all(browser: Browser, house: House) -> dict[str, float]:
    """Milliseconds of each page."""
    return {name: await time_paint(browser, house, path) for name, path in PAGES}


async def time_paint(browser: Browser, house: House, path: str) -> float:
    """Milliseconds from the click to the first thing shown. Raises RuntimeError when nothing was."""
    context = await browser.new_context(extra_http_headers={"Authorization": house.http.headers["Authorization"]})
    page = await context.new_page()
    await page.goto(f"{house.http.base_url}{path}", wait_until="load", timeout=30_000)
    try:
        async with asyncio.timeout(SECONDS):
            took = float(await page.evaluate(FIRST))
    except TimeoutError:
        raise RuntimeError(f"{path} painted nothing") from None
    await context.close()
    return took

"""`make screenshots`: the pictures of README.md and docs/console.md, of a bot that runs for this alone."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import Browser, Page

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent / "flows")]

from house import LiveHouse  # noqa: E402

from core.model import Role  # noqa: E402
from core.people import ensure_person, make_token  # noqa: E402
from tests.browser.chromium import SCREENS, start_chromium  # noqa: E402
from tests.browser.entry import sign_in  # noqa: E402

PICTURES = HERE.parents[1] / "docs/pictures"
TASKS = (
    ("Fix the failing test", "needs you"),
    ("edit docs/cache.md; say The cache is described", "done"),
    ("edit parser.py; say Empty lines are read", "done"),
    ("refuse", "ready"),
    ("fail with the service is down", "failed"),
    ("take 900 seconds", "working"),
    ("ask Which format? options JSON, YAML", "needs you"),
    ("take 800 seconds", "working"),
    ("Write a README", "queued"),
    ("edit notes.md", "queued"),
)


async def take(page: Page, house: LiveHouse, path: str, name: str, height: int = 800) -> None:
    """One picture of a page as it first shows itself."""
    await page.goto(f"{house.http.base_url}{path}")
    await page.wait_for_load_state("load")
    # The chat begins at its end, where the top of the page is out of sight.
    await page.evaluate("scrollTo(0, 0)")
    await page.wait_for_timeout(500)
    width = (page.viewport_size or {"width": 0})["width"]
    clip = {"x": 0, "y": 0, "width": width, "height": height}
    await page.screenshot(path=PICTURES / f"{name}.png", clip=clip, animations="disabled")  # type: ignore[arg-type]


async def fill_house(house: LiveHouse) -> str:
    """Agents in every column; returns one that asks for permission."""
    ids = []
    for task, status in TASKS:
        ids.append(await house.spawn(task))
        await house.wait_for(ids[-1], status)
    return ids[0]


async def take_all(browser: Browser, house: LiveHouse) -> None:
    now = house.bot.clock.now()
    async with house.bot.database.transaction() as tx:
        person = await ensure_person(tx, "test:ada", "ada", Role.ADMIN, now)
        token = await make_token(tx, person, Role.ADMIN, "pictures", now)
    house.http.headers["Authorization"] = f"Bearer {token}"
    desk = await (await browser.new_context(**SCREENS["desktop"])).new_page()
    await sign_in(house, desk, "kim", role="admin")
    line = desk.locator("#line")
    await line.fill('/agent spawn sample "Write a CONTRIBUTING guide"')
    await line.press("Enter")
    await desk.locator(".shown-card").get_by_role("button", name="Once").wait_for()
    await take(desk, house, "/", "chat")
    await house.run("approve", request="sample-1")
    await house.wait_for("sample-1", "done")
    asking = await fill_house(house)
    await take(desk, house, "/fleet", "fleet")
    await take(desk, house, f"/agents/{asking}", "agent")
    await take(desk, house, "/agents/sample-1/diff", "diff")
    await desk.emulate_media(color_scheme="dark")
    await take(desk, house, "/fleet", "dark")
    phone = await (await browser.new_context(**{**SCREENS["phone"], "device_scale_factor": 1})).new_page()
    await sign_in(house, phone, "ann", role="operator")
    await take(phone, house, "/", "phone", 844)


async def main() -> None:
    """Take all pictures, in a folder whose name says nothing."""
    PICTURES.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=find_neutral(), prefix="callboard-") as folder:
        house = await LiveHouse(Path(folder), {"limits": {"max_agents": 4}}).start()
        async with start_chromium() as browser:
            await take_all(browser, house)
        await house.stop()


def find_neutral() -> str:
    return next((place for place in ("/srv", "/var/tmp") if os.access(place, os.W_OK)), "/tmp")


if __name__ == "__main__":
    asyncio.run(main())

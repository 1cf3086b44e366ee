"""How people come in to the pages: by a link that works once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from house import LiveHouse
from playwright.async_api import Locator, Page, expect

Opener = Callable[..., Awaitable[Page]]
Axe = Callable[[Page], Awaitable[None]]
PATIENCE = 20_000
WIDTH = "document.documentElement.scrollWidth"


async def make_link(house: LiveHouse, name: str = "", role: str = "approver") -> str:
    """A link for whoever runs the bot, or for somebody new with a role."""
    if name:
        reply = await house.post("admin grant", person=name, role=role)
    else:
        reply = await house.post("login")
    assert reply.status_code == 200, reply.text
    return str(reply.json()["reply"]["secret"])


async def sign_in(house: LiveHouse, page: Page, name: str = "", path: str = "", role: str = "approver") -> None:
    """Open a link, as people do, and go where they want to be."""
    await page.goto(await make_link(house, name, role))
    await page.wait_for_url(f"{house.http.base_url}/")
    if path:
        await page.goto(f"{house.http.base_url}{path}")
    await await_live(page)


async def await_live(page: Page) -> None:
    """Wait until the page hears of what changes."""
    await page.wait_for_selector("body[data-connected]")


async def say_line(page: Page, line: str) -> None:
    """Say a line in the chat, by keyboard."""
    place = page.locator("#line")
    await place.fill(line)
    await place.press("Enter")
    await expect(place).to_have_value("")


def find_ask(page: Page) -> Locator:
    """What an agent asks, on its page."""
    return page.locator("article.ask")


async def assert_fits(page: Page) -> None:
    """Nothing is to be scrolled sideways."""
    # A phone that had to zoom out says that its window is wider than its screen.
    width, screen = await page.evaluate(WIDTH), (page.viewport_size or {"width": 0})["width"]
    assert width <= screen, f"{page.url} is {width} px wide on {screen} px"

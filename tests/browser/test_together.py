"""Several people, several tabs, and a bot that goes down under them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from house import LiveHouse
from playwright.async_api import Locator, Page, expect
from shot import ShotHouse

from bot.web.server import bind_socket
from tests.browser.chromium import Watch
from tests.browser.entry import PATIENCE, Opener, await_live, find_ask, say_line, sign_in

BACK = 30_000


async def test_two_people_and_the_first_answer_wins(house: LiveHouse, open_page: Opener, watch: Watch) -> None:
    kim, ann = await open_page("desktop"), await open_page("phone")
    await sign_in(house, kim, "kim")
    await sign_in(house, ann, "ann")
    await say_line(kim, "/agent spawn sample run `git status`; ask Which? options red, green")
    await expect(ann.locator(".shown-said")).to_contain_text("kim")
    await say_line(ann, "/agent project use sample")
    await expect(kim.locator(".shown-said", has_text="/agent project use sample")).to_contain_text("ann")
    for page in (kim, ann):
        await page.evaluate("document.body.dataset.here = 'yes'")
    await ann.locator(".shown-card").get_by_role("button", name="Once").click(timeout=PATIENCE)
    for page in (kim, ann):
        await expect(page.locator(".shown-card")).to_contain_text("answered by ann", timeout=PATIENCE)
        await expect(page.locator(".shown-card").get_by_role("button", name="Once")).to_have_count(0)
        assert await page.evaluate("document.body.dataset.here") == "yes", "the page was loaded again"
    for page in (kim, ann):
        await page.goto(f"{house.http.base_url}/agents/sample-1")
        await await_live(page)
        await expect(find_ask(page)).to_be_visible(timeout=PATIENCE)
    # Both press at the same time: nothing was redrawn yet for the second.
    answers = [page.evaluate("document.querySelector('article.ask form').requestSubmit()") for page in (ann, kim)]
    for answer in answers:
        await answer
    for page in (kim, ann):
        await expect(find_ask(page)).to_have_count(0, timeout=PATIENCE)
        await expect(page.locator(".entry-asked").last).to_contain_text(re.compile("by (kim|ann)"))
    winners = [await page.locator(".entry-asked .outcome").last.inner_text() for page in (kim, ann)]
    assert winners[0] == winners[1]
    watch.troubles = [trouble for trouble in watch.troubles if not re.search(" 409 .*/answer", trouble)]


@pytest_asyncio.fixture(loop_scope="session")
async def shot(tmp_path: Path) -> AsyncIterator[ShotHouse]:
    """A bot in a process of its own, at an address that stays."""
    house = ShotHouse(tmp_path / "home")
    with bind_socket("127.0.0.1", 0) as free:
        house.port = int(free.getsockname()[1])
    await house.start()
    yield house
    await house.end()


def read_banner(house: ShotHouse) -> str:
    """The link that the bot printed when it came up last."""
    return re.findall(r"Open it in a browser: (\S+)", house.said.read_text())[-1]


async def test_pages_come_back_after_the_bot_was_killed(shot: ShotHouse, open_page: Opener, watch: Watch) -> None:
    chat = await open_page()
    await chat.goto(read_banner(shot))
    await await_live(chat)
    twin, agent, fleet = [await chat.context.new_page() for _ in range(3)]
    await say_line(chat, "/agent spawn sample edit a.txt; run `git status`; edit b.txt; say The end")
    await expect(chat.locator(".shown-card")).to_contain_text("needs you", timeout=PATIENCE)
    base = chat.url.rstrip("/")
    for page, path in ((twin, "/"), (agent, "/agents/sample-1"), (fleet, "/fleet")):
        await page.goto(f"{base}{path}")
        await await_live(page)
    pages = (chat, twin, agent, fleet)
    for page in pages:
        await page.evaluate("document.body.dataset.here = 'yes'")
    await shot.shoot()
    await expect(chat.locator(".offline")).to_be_visible(timeout=BACK)
    await shot.start()
    # What happens before they are back is caught up with.
    (request,) = (await shot.ask("GET", "/requests"))["requests"]
    await shot.ask("POST", f"/requests/{request['id']}/answer", body={"verdict": "once"})
    for page in pages:
        await page.wait_for_selector("body[data-connected]", timeout=BACK)
        await expect(page.locator(".offline")).to_be_hidden()
        assert await page.evaluate("document.body.dataset.here") == "yes", "the page was loaded again"
    for page in (chat, twin):
        await expect(page.locator(".shown-card h3")).to_contain_text("done", timeout=BACK)
    await expect(agent.locator("#timeline")).to_contain_text("The end", timeout=BACK)
    await expect(fleet.locator("#column-done .row")).to_have_count(1, timeout=BACK)
    await say_line(twin, "/agent project use sample")
    await expect(chat.locator(".shown-said")).to_have_count(2)
    live = [await read_ids(page, selector) for page, selector in list_lists(chat, twin, agent)]
    assert live[0] == live[1], "two tabs disagree"
    for page in (chat, agent):
        await page.reload()
        await await_live(page)
    fresh = [await read_ids(page, selector) for page, selector in list_lists(chat, twin, agent)]
    assert live == fresh
    watch.troubles = [trouble for trouble in watch.troubles if "net::ERR" not in trouble]


def list_lists(chat: Page, twin: Page, agent: Page) -> list[tuple[Page, str]]:
    return [(chat, "#entries > li"), (twin, "#entries > li"), (agent, "#timeline > li")]


async def read_ids(page: Page, selector: str) -> list[str]:
    """The entries of a page, each of which is there once."""
    found: Locator = page.locator(selector)
    ids = [str(id) for id in await found.evaluate_all("items => items.map(item => item.id)")]
    assert ids
    assert len(set(ids)) == len(ids)
    return ids

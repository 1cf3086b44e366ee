"""The chat in a browser: by keyboard alone, several people at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from house import LiveHouse
from playwright.async_api import Page, Route, expect

from core.model import Role
from core.people import ensure_person, make_token
from tests.browser.chromium import Watch

Opener = Callable[..., Awaitable[Page]]
Axe = Callable[[Page], Awaitable[None]]


async def enter(house: LiveHouse, page: Page, token: str = "", path: str = "/") -> None:
    """Open the chat as whoever holds the token, and wait until it is live."""
    token = token or json.loads((house.home / "run.json").read_text())["token"]
    await page.context.set_extra_http_headers({"Authorization": f"Bearer {token}"})
    await page.goto(f"{house.http.base_url}{path}")
    await page.wait_for_selector("body[data-connected]")


async def admit(house: LiveHouse, name: str) -> str:
    now = house.bot.clock.now()
    async with house.bot.database.transaction() as tx:
        person = await ensure_person(tx, f"test:{name}", name, Role.APPROVER, now)
        return await make_token(tx, person, Role.APPROVER, "test", now)


async def test_a_line_is_completed_and_said_by_keyboard(house: LiveHouse, page: Page, axe: Axe) -> None:
    await enter(house, page)
    line, options = page.locator("#line"), page.locator("#suggestions").get_by_role("option")
    await line.focus()
    await page.keyboard.type("/ag")
    await expect(options).to_have_count(1)
    await page.keyboard.press("Tab")
    await expect(line).to_have_value("/agent ")
    await page.keyboard.type("spa")
    await expect(options).to_have_count(1)
    await page.keyboard.press("ArrowDown")
    await expect(options.first).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("Enter")
    await expect(line).to_have_value("/agent spawn ")
    await page.keyboard.type("sam")
    await expect(options.first).to_contain_text("sample")
    await axe(page)
    await page.keyboard.press("Escape")
    await expect(page.locator("#suggestions")).to_be_hidden()
    await page.keyboard.type("ple run `git status`")
    await page.keyboard.press("Enter")
    await expect(line).to_have_value("")
    card = page.locator(".shown-card")
    await expect(card).to_contain_text("needs you", timeout=20_000)
    await expect(card).to_be_in_viewport()
    await card.get_by_role("button", name="Once").click()
    await expect(card).to_contain_text("answered by", timeout=20_000)
    await expect(card).to_contain_text("done", timeout=20_000)
    await line.focus()
    await page.keyboard.press("ArrowUp")
    await expect(line).to_have_value("/agent spawn sample run `git status`")
    await axe(page)


async def test_who_types_fast_is_given_what_fits(house: LiveHouse, page: Page) -> None:
    await enter(house, page)
    await page.locator("#line").focus()
    await page.keyboard.type("/agent ")
    await expect(page.locator("#suggestions").get_by_role("option").nth(2)).to_be_visible()
    answered = asyncio.Event()

    async def answer_late(route: Route) -> None:
        await answered.wait()
        await route.continue_()

    await page.route("**/complete?*", answer_late)
    await page.keyboard.type("sto")
    await page.keyboard.press("Tab")
    answered.set()
    await expect(page.locator("#line")).to_have_value("/agent stop ")


async def test_commands_on_an_agents_page(house: LiveHouse, page: Page, axe: Axe, watch: Watch) -> None:
    agent = await house.spawn("run `git status`; take 300 seconds")
    await house.wait_for(agent, "needs you")
    await enter(house, page, path=f"/agents/{agent}")
    words, options, answer = (
        page.locator("#words"),
        page.locator("#suggestions").get_by_role("option"),
        page.locator("#answer"),
    )
    await words.focus()
    await page.keyboard.type("/agent sen")
    await expect(options).to_have_count(1)
    await axe(page)
    await page.keyboard.press("Tab")
    await expect(words).to_have_value("/agent send ")
    await page.keyboard.press("Escape")
    await words.fill("/agent show")
    await page.keyboard.press("Enter")
    await expect(answer).to_contain_text("Only you see this")
    await expect(words).to_have_value("")
    await axe(page)
    await words.fill("/agent dance")
    await page.keyboard.press("Enter")
    await expect(answer.get_by_role("alert")).to_contain_text("There is no command")
    await expect(words).to_have_value("/agent dance")
    await words.fill("And then this")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.locator(".notice")).to_contain_text("Queued")
    await expect(answer).to_be_empty()
    await words.fill("/agent stop")
    await page.keyboard.press("Enter")
    await expect(answer).to_contain_text("Stopping")
    await house.wait_for(agent, "stopped")
    watch.forgive("console error: .* 409 .*/say")


async def test_a_mistake_stays_in_the_input(house: LiveHouse, page: Page, watch: Watch) -> None:
    await enter(house, page)
    line, answer = page.locator("#line"), page.locator("#answer")
    await line.fill("/agent dance")
    await page.keyboard.press("Enter")
    await expect(answer.get_by_role("alert")).to_contain_text("There is no command")
    await expect(line).to_have_value("/agent dance")
    watch.forgive("console error: .* 409 .*/say")
    await line.fill("/agent list")
    await page.keyboard.press("Enter")
    await expect(answer).to_contain_text("No agents")
    await expect(line).to_have_value("")


async def test_two_people_see_each_other(house: LiveHouse, open_page: Opener, watch: Watch) -> None:
    kim, ann = await open_page("desktop"), await open_page("phone")
    await enter(house, kim, await admit(house, "kim"))
    await enter(house, ann, await admit(house, "ann"))
    await kim.locator("#line").fill("/agent spawn sample run `git status`")
    await kim.keyboard.press("Enter")
    await expect(ann.locator(".shown-said")).to_contain_text("kim")
    card = ann.locator(".shown-card")
    await card.get_by_role("button", name="Once").click(timeout=20_000)
    for page in (kim, ann):
        await expect(page.locator(".shown-card")).to_contain_text("answered by ann")
        await expect(page.locator(".shown-card").get_by_role("button", name="Once")).to_have_count(0)

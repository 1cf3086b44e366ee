"""Every page for everybody: hostile words on it, with aids, in the dark, without scripts, and standing still."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence

import pytest
from house import LiveHouse
from playwright.async_api import Browser, Page, expect

from tests.browser.chromium import SCREENS, Watch
from tests.browser.entry import (
    PATIENCE,
    Axe,
    Opener,
    assert_fits,
    await_live,
    find_ask,
    make_link,
    say_line,
    sign_in,
)

LONG = "W" * 300
HOSTILE = (
    "<img src=x onerror=alert(1)><script>alert(2)</script><svg/onload=alert(3)> '\">"
    f" <a id=evil href=javascript:alert(4)> {{{{7*7}}}} @everyone <!channel> \u202egnp.exe \x1b[31mred\x1b[0m {LONG}"
)
MADE = "main img, main script, main svg, #evil, [onerror], [onload], main a[href^=javascript]"
MADE_BY_TEXT = f"document.querySelectorAll('{MADE}').length"
NAME = "<img src=x onerror=alert(5)>-{}.md"


async def prepare_hostile(house: LiveHouse) -> Sequence[str]:
    """An agent whose task, words, report, log, question, files and difference are hostile; its pages."""
    name = NAME.format("w" * 150)
    agent = await house.spawn(f"edit {name.replace(' ', '_')}; say {HOSTILE}; ansi; report {HOSTILE}")
    await house.wait_for(agent, "done", "ready")
    asker = await house.spawn(f"ask {HOSTILE}? options <b>red</b>, {LONG}")
    await house.wait_for(asker, "needs you")
    return [
        f"/agents/{agent}",
        f"/agents/{agent}/diff",
        f"/agents/{agent}/log",
        f"/agents/{asker}",
        "/fleet",
        "/settings",
    ]


async def test_hostile_words_are_words_on_every_page(house: LiveHouse, page: Page, watch: Watch) -> None:
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    await sign_in(house, page)
    await page.locator("#line").fill(f"/agent spawn sample -- run `echo {HOSTILE}`")
    await page.locator("#line").press("Enter")
    await expect(page.locator(".shown-card")).to_contain_text("needs you", timeout=PATIENCE)
    await expect(page.locator("#entries")).to_contain_text("<script>alert(2)</script>")
    for path in ("/", *(await prepare_hostile(house)), "/agents/sample-1", f"/agents/{HOSTILE[:40]}"):
        await page.goto(f"{house.http.base_url}{path}")
        assert await page.evaluate(MADE_BY_TEXT) == 0, f"words made an element on {path}"
        assert "\u202e" not in await page.content()
        assert "\x1b" not in await page.content()
        await assert_fits(page)
    assert dialogs == []
    watch.forgive("console error: .* 404 ")


async def add_other_statuses(house: LiveHouse) -> None:
    """Agents that are ready, stopped and queued: what is left of the places is taken."""
    ready, stopped = await house.spawn("refuse"), await house.spawn("take 200 seconds")
    await house.wait_for(ready, "ready")
    await house.run("stop", agent=stopped)
    await house.wait_for(stopped, "stopped")
    busy = await house.spawn("take 400 seconds")
    await house.wait_for(busy, "working")
    queued = await house.spawn("say never")
    await house.wait_for(queued, "queued")


async def test_no_page_is_a_barrier(
    open_house: Callable[..., Awaitable[LiveHouse]], page: Page, axe: Axe, watch: Watch
) -> None:
    house = await open_house(limits={"max_agents": 5})

    async def check(path: str) -> None:
        await page.goto(f"{house.http.base_url}{path}")
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            await axe(page)
        await assert_fits(page)

    link = await make_link(house)
    for path in ("/login", link.partition(str(house.http.base_url))[2].replace("/login/", "/login/x")):
        await check(path)
    await sign_in(house, page)
    for path in ("/", "/fleet", "/settings", "/agents/nobody", "/nowhere"):
        await check(path)
    asks = ("run `git status`", "ask Which? options red, green", "ask with fields How? options A, B")
    tasks = {"done": "edit a.txt; say Here is `code`", "failed": "fail with nothing", "working": "take 300 seconds"}
    agents = {task: await house.spawn(task) for task in (*asks, *tasks.values())}
    for task in asks:
        await house.wait_for(agents[task], "needs you")
    for status, task in tasks.items():
        await house.wait_for(agents[task], status, "ready")
    for agent in agents.values():
        await check(f"/agents/{agent}")
    done = agents[tasks["done"]]
    await add_other_statuses(house)
    for path in ("/fleet", f"/agents/{done}/diff", f"/agents/{done}/log"):
        await check(path)
    await page.goto(f"{house.http.base_url}/fleet")
    shown = await page.locator(".row .badge").all_inner_texts()
    assert {"needs you", "failed", "working", "queued", "ready", "done", "stopped"} <= set(shown)
    await page.goto(f"{house.http.base_url}/fleet")
    await page.get_by_label(f"Select {agents[tasks['working']]}").check()
    await page.get_by_role("button", name="Stop selected").click()
    await expect(page.get_by_role("heading", name="Stop 1 agent?")).to_be_visible()
    await axe(page)
    await house.run("stop", agent=agents[tasks["working"]])
    watch.forgive("console error: .* 4(04|10|01)")


async def until_asked(house: LiveHouse, times: int) -> None:
    """Wait until agents asked so often."""
    bells = house.bot.database.bells
    async with asyncio.timeout(20):
        while True:
            heard = bells.listen("agent:sample-1")
            if len(await house.events("request.opened")) >= times:
                return
            await bells.wait("agent:sample-1", heard, 1.0)


async def test_without_scripts_pages_read_and_forms_post(house: LiveHouse, chromium: Browser, watch: Watch) -> None:
    context = await chromium.new_context(**SCREENS["phone"], java_script_enabled=False)
    watch.attach(context)
    page = await context.new_page()
    await page.goto(await make_link(house))
    await page.get_by_role("button", name="Sign in as").click()
    await page.wait_for_url(f"{house.http.base_url}/")
    await page.locator("#line").fill("/agent spawn sample run `git status`; ask Which? options red, green; edit a.txt")
    await page.get_by_role("button", name="Send").click()
    await house.wait_for("sample-1", "needs you")
    await page.goto(f"{house.http.base_url}/agents/sample-1")
    await expect(page.locator("time").first).to_contain_text("UTC")
    await find_ask(page).get_by_role("button", name="For this agent").click()
    await expect(page.get_by_role("heading", name="Are you sure?")).to_be_visible()
    await page.get_by_role("button", name="Yes").click()
    await until_asked(house, 2)
    await page.goto(f"{house.http.base_url}/agents/sample-1")
    await find_ask(page).get_by_role("button", name="green").click()
    await house.wait_for("sample-1", "done")
    await page.goto(f"{house.http.base_url}/agents/sample-1")
    await page.get_by_label("Message to").fill("Thanks")
    await page.get_by_role("button", name="Send").click()
    await house.wait_for("sample-1", "done")
    await page.goto(f"{house.http.base_url}/agents/sample-1/diff")
    await expect(page.get_by_role("heading", name="a.txt")).to_be_visible()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    await context.close()
    assert watch.troubles == []


WATCH_SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
MOVES = "[...document.getAnimations()].filter(one => one.effect.getTiming().duration > 0).length"


async def test_nothing_jumps_while_pages_change(house: LiveHouse, open_page: Opener) -> None:
    chat = await open_page()
    await chat.context.add_init_script(WATCH_SHIFTS)
    await sign_in(house, chat)
    await house.spawn("edit 0.txt")
    await house.wait_for("sample-1", "done")
    await say_line(chat, "/agent spawn sample -- run `git status`; edit a.txt; say One; say Two; say Three")
    agent, fleet = await chat.context.new_page(), await chat.context.new_page()
    for page, path in ((agent, "/agents/sample-2"), (fleet, "/fleet")):
        await page.goto(f"{house.http.base_url}{path}")
        await await_live(page)
    await house.wait_for("sample-2", "needs you")
    await expect(find_ask(agent)).to_be_visible()
    await chat.locator(".shown-card").get_by_role("button", name="Once").click(timeout=PATIENCE)
    await expect(chat.locator(".shown-card h3")).to_contain_text("done", timeout=PATIENCE)
    await expect(agent.locator("#timeline")).to_contain_text("Three", timeout=PATIENCE)
    await expect(fleet.locator("#column-done .row")).to_have_count(2, timeout=PATIENCE)
    for page in (chat, agent, fleet):
        assert await page.evaluate(MOVES) == 0
    shifts = {page.url.rpartition("/")[2]: round(await page.evaluate("shifts"), 3) for page in (chat, agent, fleet)}
    assert max(shifts.values()) < 0.1, shifts


@pytest.mark.parametrize("answer", ["Operator", "Decline"])
async def test_who_asks_for_access_is_let_in_or_not(
    house: LiveHouse, open_page: Opener, watch: Watch, answer: str, axe: Axe
) -> None:
    admin, stranger = await open_page(), await open_page("phone")
    await sign_in(house, admin)
    await stranger.goto(str(house.http.base_url))
    await stranger.get_by_label("Your name").fill("kim")
    await stranger.get_by_role("button", name="Ask for access").click()
    word = await stranger.locator("main strong").inner_text()
    for scheme in ("light", "dark"):
        await stranger.emulate_media(color_scheme=scheme)
        await axe(stranger)
    card = admin.locator(".shown-card", has_text="kim asks for access")
    await expect(card).to_contain_text(word, timeout=PATIENCE)
    await card.get_by_role("button", name=answer).click()
    done = admin.locator(".shown-card", has_text="kim asked for access")
    await expect(done).to_contain_text("granted operator" if answer == "Operator" else "declined", timeout=PATIENCE)
    await expect(done.get_by_role("button")).to_have_count(0)
    if answer == "Operator":
        await expect(stranger.locator("#line")).to_be_visible(timeout=PATIENCE)
    else:
        await expect(stranger.locator("main")).to_contain_text(re.compile("declined by"), timeout=PATIENCE)
    watch.forgive("console error: .* 403 ")

"""The first quarter of an hour: from the link to the difference, by hand and by keyboard; saying no; answering."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from house import LiveHouse
from playwright.async_api import Page, expect

from tests.browser.entry import PATIENCE, Axe, Opener, assert_fits, await_live, find_ask, say_line, sign_in

ROOT = Path(__file__).resolve().parents[2]
TASK = '/agent spawn sample "Write a CONTRIBUTING guide"'


async def print_link(house: LiveHouse) -> str:
    """What `callboard open --print` prints last."""
    env = {"PATH": os.environ["PATH"], "HOME": str(house.home), "CALLBOARD_HOME": str(house.home)}
    words = (sys.executable, "-m", "bot", "open", "--print")
    process = await asyncio.create_subprocess_exec(*words, cwd=ROOT, env=env, stdout=asyncio.subprocess.PIPE)
    said, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    return said.decode().split()[-1]


async def test_from_the_link_to_the_difference(house: LiveHouse, page: Page, axe: Axe) -> None:
    await page.goto(await print_link(house))
    await page.wait_for_url(f"{house.http.base_url}/")
    await await_live(page)
    nothing = page.get_by_text("Nothing was said here yet")
    await expect(nothing).to_be_visible()
    line = page.locator("#line")
    await line.press_sequentially("/agent spa")
    await page.locator("#suggestions").get_by_role("option").first.click()
    await expect(line).to_have_value("/agent spawn ")
    await line.press_sequentially("sam")
    await page.locator("#suggestions").get_by_role("option").first.click()
    await line.press_sequentially('"Write a CONTRIBUTING guide"')
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator(".shown-said")).to_contain_text(TASK)
    await expect(nothing).to_be_hidden()
    card = page.locator(".shown-card")
    await card.get_by_role("button", name="Once").click(timeout=PATIENCE)
    await expect(card).to_contain_text("answered by", timeout=PATIENCE)
    await expect(card.locator("h3")).to_contain_text("done", timeout=PATIENCE)
    await assert_fits(page)
    await page.reload()
    await expect(nothing).to_be_hidden()
    await card.get_by_role("link", name="sample-1").click()
    await expect(page).to_have_url(f"{house.http.base_url}/agents/sample-1")
    await page.get_by_role("navigation", name="Of sample-1").get_by_role("link", name="Diff").click()
    await expect(page.get_by_role("heading", name="CONTRIBUTING.md")).to_be_visible()
    await expect(page.locator("tr.add").first).to_be_visible()
    await assert_fits(page)
    await axe(page)


async def walk_to(page: Page, words: str, most: int = 60) -> None:
    """Press Tab until an element with this name has the focus, which has to be seen each time."""
    for _ in range(most):
        await page.keyboard.press("Tab")
        name = await page.evaluate(
            "(e => `${e.getAttribute('aria-label') || ''} ${e.textContent.trim()} ${e.id}`)(document.activeElement)"
        )
        assert await page.evaluate(FOCUS_SEEN), f"nobody sees that {name!r} has the focus"
        if words in name:
            return
    raise AssertionError(f"Tab leads to no {words!r}")


FOCUS_SEEN = """(() => {
  const element = document.activeElement, box = element.getBoundingClientRect(), style = getComputedStyle(element);
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return outlined && box.width > 0 && box.right > 0 && box.bottom > 0 && box.top < innerHeight;
})()"""


async def test_the_same_without_a_mouse(house: LiveHouse, open_page: Opener) -> None:
    page = await open_page()
    await page.goto(await print_link(house))
    await page.wait_for_url(f"{house.http.base_url}/")
    await await_live(page)
    await walk_to(page, "Skip to content", 1)
    await page.keyboard.press("Enter")
    await walk_to(page, "line", 1)
    await page.keyboard.type("/agent spa")
    await expect(page.locator("#suggestions").get_by_role("option")).to_have_count(1)
    await page.keyboard.press("Tab")
    await page.keyboard.type('sample "Write a CONTRIBUTING guide"')
    await page.keyboard.press("Enter")
    card = page.locator(".shown-card")
    await expect(card.get_by_role("button", name="Once")).to_be_visible(timeout=PATIENCE)
    await page.reload()
    await await_live(page)
    await walk_to(page, "Once")
    # Others may speak meanwhile: the focus stays where it is, though the card is drawn anew.
    await house.run("send", agent="sample-1", text="And the licence.")
    await expect(card).to_contain_text("1 message(s) wait", timeout=PATIENCE)
    assert await page.evaluate("document.activeElement.textContent") == "Once"
    await page.keyboard.press("Enter")
    await expect(card).to_contain_text("answered by", timeout=PATIENCE)
    assert await page.evaluate("document.activeElement !== document.body"), "the focus is lost with the button"
    await expect(card.locator("h3")).to_contain_text("done", timeout=PATIENCE)
    await page.reload()
    await walk_to(page, "sample-1")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/agents/sample-1")
    await walk_to(page, "Diff")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/agents/sample-1/diff")
    await expect(page.get_by_role("heading", name="CONTRIBUTING.md")).to_be_visible()


async def test_no_with_a_reason_is_heard_by_the_agent(house: LiveHouse, page: Page) -> None:
    await sign_in(house, page)
    await say_line(page, "/agent spawn sample run `git status`; say I went on")
    await page.locator(".shown-card").get_by_role("link", name="sample-1").click()
    await await_live(page)
    ask = find_ask(page)
    await ask.get_by_text("Deny with reason…").click(timeout=PATIENCE)
    await ask.get_by_label("Reason").fill("Not <b>today</b>")
    await ask.get_by_role("button", name="Deny with this reason").click()
    await expect(ask).to_have_count(0)
    thread = page.locator("#timeline")
    await expect(thread.locator(".entry-words", has_text="Not <b>today</b>").first).to_be_visible(timeout=PATIENCE)
    await expect(thread).to_contain_text("I went on", timeout=PATIENCE)
    await expect(thread.locator(".entry-asked")).to_contain_text("denied")


async def test_a_question_is_answered_by_an_option_and_a_form(house: LiveHouse, page: Page) -> None:
    await sign_in(house, page)
    await say_line(page, "/agent spawn sample -- ask Which one? options red, green; ask with fields How? options A, B")
    await page.locator(".shown-card").get_by_role("link", name="sample-1").click()
    await await_live(page)
    ask = find_ask(page)
    await ask.get_by_role("button", name="green").click(timeout=PATIENCE)
    await expect(ask.locator("select").first).to_be_visible(timeout=PATIENCE)
    await assert_fits(page)
    for field in await ask.locator("select").all():
        await field.select_option(index=1)
    for field in await ask.locator("input[type=number]").all():
        await field.fill("2")
    await ask.get_by_role("button", name="Answer").click()
    await expect(ask).to_have_count(0)
    await expect(page.locator("#agent-head .badge")).to_contain_text("done", timeout=PATIENCE)
    await expect(page.locator(".entry-words", has_text="green")).not_to_have_count(0)

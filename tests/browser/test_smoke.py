"""What the bot serves to whoever opens its address."""

from __future__ import annotations

from house import LiveHouse
from playwright.async_api import Page, expect

from tests.browser.chromium import Watch

READ = "async path => { const answer = await fetch(path); return [answer.status, await answer.json()] }"


async def test_the_banners_address_shows_nothing_to_strangers(house: LiveHouse, page: Page, watch: Watch) -> None:
    await page.goto(str(house.http.base_url))
    await expect(page.locator("body")).to_contain_text("Callboard")
    await expect(page.locator("#line")).to_have_count(0)
    watch.troubles = [trouble for trouble in watch.troubles if " 401 " not in trouble]


async def test_a_page_reads_the_bots_health_and_not_its_agents(house: LiveHouse, page: Page, watch: Watch) -> None:
    await page.goto(f"{house.http.base_url}/healthz")
    assert await page.evaluate(READ, "/healthz") == [200, {"status": "ok", "reasons": []}]
    status, problem = await page.evaluate(READ, "/api/v1/agents")
    assert status == 401
    assert "token" in str(problem)
    assert len(watch.forgive("console error: .* 401 .*/api/v1/agents")) == 1

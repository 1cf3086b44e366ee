"""The instrument itself: what it sees, and that the two screens are what they are called."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Page

from tests.browser.chromium import Watch, find_barriers
from tests.browser.conftest import Axe

SOUND = "<!doctype html><html lang=en><title>Sound</title><main><h1>Sound</h1></main></html>"
DEAF = SOUND.replace("<main>", "<main><img src='data:,'><button></button>")


TROUBLES = {
    "script": ("setTimeout(() => { throw new Error('lost') })", "page error: .*lost"),
    "promise": ("Promise.reject(new Error('lost'))", "page error: .*lost"),
    "console": ("console.error('lost')", "console error: lost"),
    "number": ("fetch('http://192.0.2.1:81/x').catch(() => 0)", "request to elsewhere: GET http://192.0.2.1:81/x"),
    "name": ("new Image().src = 'http://example.com/x.png'", "request to elsewhere: GET http://example.com/x.png"),
}


@pytest.mark.parametrize(("script", "trouble"), TROUBLES.values(), ids=list(TROUBLES))
async def test_trouble_is_seen(page: Page, watch: Watch, script: str, trouble: str) -> None:
    await page.set_content(f"{SOUND}<script>{script}</script>")
    # A request to elsewhere is refused, and that is on the console.
    for expected in (trouble, "console error: .*ERR_NAME_NOT_RESOLVED")[: 1 + trouble.startswith("request")]:
        await wait_for(watch, expected)
        watch.forgive(expected)


async def wait_for(watch: Watch, pattern: str) -> None:
    async with asyncio.timeout(20):
        while not any(re.match(pattern, trouble) for trouble in watch.troubles):
            await asyncio.sleep(0.01)


async def test_only_what_happened_can_be_forgiven(watch: Watch) -> None:
    with pytest.raises(AssertionError, match="nothing to forgive"):
        watch.forgive("page error")


async def test_barriers_are_found(page: Page, axe: Axe) -> None:
    await page.set_content(SOUND)
    await axe(page)
    await page.set_content(DEAF)
    assert [line.split(":")[0] for line in await find_barriers(page)] == ["critical button-name", "critical image-alt"]
    with pytest.raises(AssertionError, match="image-alt"):
        await axe(page)


async def test_the_phone_is_touched_and_narrow(page: Page, screen: str) -> None:
    await page.set_content(SOUND.replace("<title>", "<meta name=viewport content='width=device-width'><title>"))
    size = {"desktop": [1280, 800], "phone": [390, 844]}[screen]
    assert await page.evaluate("[innerWidth, innerHeight, navigator.maxTouchPoints > 0]") == [*size, screen == "phone"]

"""Pages in a real browser, at two widths. The tests of this folder share one loop, in which the browser lives."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Error, Page

from tests.browser.chromium import CACHE, SCREENS, Watch, explain_absence, find_barriers, start_chromium

sys.path.insert(0, str(Path(__file__).parents[1] / "flows"))

from house import LiveHouse

HERE = Path(__file__).parent
FAILED = CACHE / "failed"
OUTCOME = pytest.StashKey[bool]()

Axe = Callable[[Page], Awaitable[None]]
Opener = Callable[..., Awaitable[Page]]


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    skipped = terminalreporter.stats.get("skipped", ())
    for reason in {report.longrepr[2] for report in skipped if "tests/browser" in report.nodeid}:
        terminalreporter.write_line(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """A failure names the folder in which its pages are kept."""
    report = yield
    if report.failed and HERE in item.path.parents:
        item.stash[OUTCOME] = True
        report.sections.append(("pages as they were", f"{name_shots(item)}-*.png"))
    return report


def name_shots(item: pytest.Item) -> Path:
    return FAILED / re.sub(r"[^\w.-]+", "-", f"{item.path.stem}-{item.name}").strip("-")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The browser of the whole run; else the test is skipped with the reason, and fails where CI runs."""
    reason = explain_absence()
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    async with start_chromium() as browser:
        yield browser


@pytest.fixture
def watch(request: pytest.FixtureRequest) -> Watch:
    """What the pages did wrong so far; a test takes out with `forgive` what it meant to happen."""
    return Watch()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(chromium: Browser, watch: Watch, request: pytest.FixtureRequest) -> AsyncIterator[Opener]:
    """Opens an empty page for one more person (a context of its own) on a screen of SCREENS."""
    pages: list[Page] = []

    async def open_one(screen: str = "desktop") -> Page:
        context = await chromium.new_context(**SCREENS[screen], reduced_motion="reduce")
        watch.attach(context)
        pages.append(await context.new_page())
        return pages[-1]

    yield open_one
    if watch.troubles or request.node.stash.get(OUTCOME, False):
        await keep_pages(pages, name_shots(request.node))
    for page in pages:
        await page.context.close()
    assert watch.troubles == []


async def keep_pages(pages: Sequence[Page], start: Path) -> None:
    """Screenshots, for whoever looks into a failure."""
    FAILED.mkdir(parents=True, exist_ok=True)
    for number, page in enumerate(pages, 1):
        with suppress(Error):
            await page.screenshot(path=f"{start}-{number}.png", full_page=True)


@pytest.fixture(params=list(SCREENS))
def screen(request: pytest.FixtureRequest) -> str:
    """Each screen in turn."""
    return str(request.param)


@pytest_asyncio.fixture(loop_scope="session")
async def page(open_page: Opener, screen: str) -> Page:
    """An empty page, once on a desktop and once on a phone. It shows no error, and nothing but 127.0.0.1 is asked."""
    return await open_page(screen)


@pytest.fixture
def axe() -> Axe:
    """Fails when what a page shows now has a serious or critical barrier for anybody."""

    async def check(page: Page) -> None:
        barriers = await find_barriers(page)
        assert not barriers, "\n".join([page.url, *barriers])

    return check


@pytest_asyncio.fixture(loop_scope="session")
async def open_house(chromium: Browser, tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[LiveHouse]]]:
    """Starts bots, each with settings of its own, and ends them."""
    opened: list[LiveHouse] = []

    async def open_one(name: str = "home", environ: dict[str, str] | None = None, **settings: Any) -> LiveHouse:
        opened.append(LiveHouse(tmp_path / name, settings, environ))
        return await opened[-1].start()

    yield open_one
    for house in opened:
        await house.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def house(open_house: Callable[..., Awaitable[LiveHouse]]) -> LiveHouse:
    """A running bot with default settings."""
    return await open_house()

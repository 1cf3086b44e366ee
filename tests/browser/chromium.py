"""A real Chromium (Debian's, never one that is downloaded) and what it must not do while a test looks at a page."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

HERE = Path(__file__).parent
CACHE = HERE / ".cache"
AXE = CACHE / "node_modules/axe-core/axe.min.js"
NAMES = ("chromium", "chromium-browser", "google-chrome")
# Only 127.0.0.1 is an address; every other name and number leads nowhere.
SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
SCREENS: Mapping[str, Mapping[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "has_touch": True,
        "is_mobile": True,
        "device_scale_factor": 2,
    },
}
GRAVE = ("serious", "critical")


def find_chromium() -> str:
    """The browser's path, "" when there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), "")


def explain_absence() -> str:
    """Why the browser tests cannot run here, "" when they can."""
    installed, wanted = CACHE / "installed.json", HERE / "package-lock.json"
    if not find_chromium():
        return "Chromium is not installed (Debian: apt-get install chromium): the pages are not tested"
    if not installed.exists() or installed.read_text() != wanted.read_text():
        return "axe-core is not installed (sh tests/browser/install.sh, needs npm): the pages are not tested"
    return ""


@asynccontextmanager
async def start_chromium() -> AsyncIterator[Browser]:
    """One browser without a window."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=list(SWITCHES))
        try:
            yield browser
        finally:
            await browser.close()


@dataclass(slots=True)
class Watch:
    """What went wrong in a context's pages: errors of scripts, errors on the console, requests to other hosts."""

    troubles: list[str] = field(default_factory=list)

    def attach(self, context: BrowserContext) -> None:
        """See everything from now on."""
        context.on("weberror", lambda found: self.troubles.append(f"page error: {found.error}"))
        context.on("console", lambda said: self._note_console(said.type, said.text, said.location))
        context.on("request", lambda request: self._note_request(request.method, request.url))

    def _note_console(self, kind: str, text: str, place: Mapping[str, Any]) -> None:
        # Chromium asks for this icon by itself where a page names none.
        if kind == "error" and not str(place.get("url")).endswith("/favicon.ico"):
            self.troubles.append(f"console error: {text} ({place.get('url')})")

    def _note_request(self, method: str, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            self.troubles.append(f"request to elsewhere: {method} {url}")

    def forgive(self, pattern: str) -> Sequence[str]:
        """Take out what a test meant to happen; fails when it did not."""
        meant = [trouble for trouble in self.troubles if re.search(pattern, trouble)]
        assert meant, f"nothing to forgive fits {pattern!r}: {self.troubles}"
        self.troubles = [trouble for trouble in self.troubles if trouble not in meant]
        return meant


async def find_barriers(page: Page) -> list[str]:
    """What axe calls a serious or critical violation, one line each with the elements."""
    # Evaluated by the debugger: a content security policy that forbids foreign scripts stays as it is.
    await page.evaluate(AXE.read_text("utf-8"))
    found = await page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
    grave = [violation for violation in found if violation["impact"] in GRAVE]
    return [f"{item['impact']} {item['id']}: {item['help']}: {list_elements(item)}" for item in grave]


def list_elements(violation: Mapping[str, Any]) -> str:
    return ", ".join(str(node["html"])[:200] for node in violation["nodes"])

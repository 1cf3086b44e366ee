"""Hostile words as a person's name and as a folder's, on every page that shows them: they are words."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.web.pages.login import _asks
from core.model import Role
from core.people import ensure_person
from core.sessions import make_link
from tests.bot.web.door import Door
from tests.bot.web.test_agent import read_page
from tests.bot.web.test_chat import Elements, wait_for_board
from tests.bot.web.test_fleet import PAGE

pytestmark = pytest.mark.asyncio(loop_scope="module")
MARKUP = "<img src=x onerror=alert(1)></title></script><script>alert(2)</script>"
# Markup, a template's, mentions, what turns text around, what colours terminals, what ends an attribute.
HOSTILE = f"{MARKUP}\"' onfocus=alert(3) {{{{7*7}}}} @everyone <!channel> \u202egnp.exe\x1b[31m\x07"
HARMLESS = "kim"
STILL = ("link", "no role", "waits", "bulk", "refused")


def assert_words(name: str, html: str) -> None:
    tags = Elements(html).tags
    assert not [attribute for _, attrs in tags for attribute in attrs if attribute.startswith("on")], name
    assert all(str(attrs.get("src")).startswith("/static/") for tag, attrs in tags if tag in ("img", "script")), name
    assert not {"\u202e", "\x1b", "\x07"} & set(html), name


def make_project(root: Path) -> Path:
    """A repository in a folder with a hostile name."""
    path = root / HOSTILE.replace("/", "").replace("\x07", "")[:120]
    path.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(path)], check=True)
    return path


async def add_person(door: Door, name: str, role: Role) -> str:
    """Somebody with this name, and a link of theirs."""
    now = door.bot.clock.now()
    async with door.bot.database.transaction() as tx:
        person = await ensure_person(tx, f"test:{role.name}:{name[:9]}", name, role, now)
        return await make_link(tx, person.id, Role.ADMIN, person.id, now, door.bot.house.session_lasts)


async def enter(door: Door, browser: httpx.AsyncClient, code: str) -> None:
    assert (await browser.post("/login", data={"code": code})).status_code == 303


async def read_token(browser: httpx.AsyncClient, path: str) -> str:
    found = re.search(r'<meta name="csrf" content="([0-9a-f]{64})">', (await browser.get(path)).text)
    assert found
    return found[1]


async def show_all(door: Door, name: str) -> dict[str, str]:
    """Every page that shows a person's name, when somebody is called so."""
    options: dict[str, Any] = {"base_url": door.http.base_url, "headers": PAGE, "timeout": 30}
    code, asker = await add_person(door, name, Role.ADMIN), await add_person(door, name, Role.NOBODY)
    async with httpx.AsyncClient(**options) as browser, httpx.AsyncClient(**options) as stranger:
        shown = {"link": (await browser.get(f"/login/{code}")).text}
        await enter(door, browser, code)
        await enter(door, stranger, asker)
        shown["no role"] = (await stranger.get("/access")).text
        csrf = await read_token(stranger, "/access")
        await stranger.post("/access", data={"csrf": csrf})
        shown["waits"] = (await stranger.get("/access")).text
        token = await read_token(browser, "/")
        sent = {"csrf": token, "line": "/agent spawn sample take 300 seconds", "key": "1"}
        assert (await browser.post("/say", data=sent)).status_code == 303
        (agent,) = await door.list_agents()
        await wait_for_board(door, "card: ")
        await wait_for_board(door, "asks for access")
        for path in ("/", "/fleet", "/settings", f"/agents/{agent}", f"/agents/{agent}/log"):
            shown[path] = (await browser.get(path)).text
        picked = {"csrf": token, "agent": agent}
        shown["bulk"] = (await browser.post("/fleet/stop", data=picked)).text
        shown["people"] = (await browser.post("/say", data={"csrf": token, "line": "/agent admin people"})).text
        shown["stopped"] = (await browser.post("/fleet/stop", data={**picked, "confirmed": "yes"})).text
        refused = await stranger.post("/access", data={"csrf": csrf})
        shown["refused"] = refused.text
        await door.wait_for(agent, "stopped")
    return {path.replace(agent, "ID"): html for path, html in shown.items()}


def list_tags(html: str) -> Sequence[str]:
    return [tag for tag, _ in Elements(html).tags]


def count_scripts(html: str) -> list[int]:
    tags = list_tags(html)
    return [tags.count(tag) for tag in ("img", "script", "title", "meta", "link")]


async def test_names_are_words_on_every_page(tmp_path: Path) -> None:
    _asks._tries.clear()
    shown = []
    for number, name in enumerate((HARMLESS, HOSTILE)):
        door = Door(tmp_path / f"home-{number}")
        await door.start()
        try:
            shown.append(await show_all(door, name))
        finally:
            await door.stop()
    _asks._tries.clear()
    harmless, hostile = shown
    for path, html in hostile.items():
        assert_words(path, html)
        # Of a live page more may have been drawn by now; nothing that is drawn has these.
        kept = list_tags(html) if path in STILL else count_scripts(html)
        assert kept == (list_tags(harmless[path]) if path in STILL else count_scripts(harmless[path])), path
    told = {path for path, html in hostile.items() if "alert(2)" in Elements(html).text}
    assert told >= {"link", "no role", "waits", "/", "/fleet", "/agents/ID", "bulk", "people"}


async def test_a_folders_name_is_words(tmp_path: Path) -> None:
    path = make_project(tmp_path)
    door = Door(tmp_path / "home", {"projects": {"odd": {"path": str(path)}}})
    await door.start()
    try:
        page = await read_page(door, "/settings")
        assert_words("/settings", page)
        assert "onerror=alert(1)" in Elements(page).text
    finally:
        await door.stop()


async def test_no_page_of_login_repeats_what_was_sent(door: Door) -> None:
    async with httpx.AsyncClient(base_url=door.http.base_url, headers=PAGE, timeout=30) as stranger:
        pages = [
            await stranger.get("/login", params={"next": HOSTILE}),
            await stranger.get("/login", params={"next": f"/{MARKUP}"}),
            await stranger.get("/login/x<script>alert(2)"),
            await stranger.post("/login", data={"code": HOSTILE, "next": HOSTILE}),
            await stranger.post("/access", data={"name": HOSTILE}),
        ]
    for page in pages:
        assert_words(str(page.url), page.text)
        assert page.status_code in (200, 400, 410), page.text

"""Every address of the bot: nobody is let in without a session or a token, and no form is taken that is not ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from bot.web.server import make_app
from core.model import Role
from core.people import ensure_person
from core.sessions import make_link
from tests.bot.web.door import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Who may come without being known, and why.
PUBLIC = {
    "GET /healthz": "the process answers",
    "GET /readyz": "agents can be spawned",
    "GET /metrics": "numbers alone, on this machine; a token is needed where others may reach it",
    "GET /login": "the way in",
    "GET /login/{code}": "the way in",
    "POST /login": "the way in, once",
    "POST /logout": "the way out; nothing for who is not in",
    "GET /access": "what became of an ask",
    "POST /access": "asks for access",
    "GET /static/{digest}/{name}": "scripts and styles, the same for everybody",
    "GET /favicon.ico": "a picture",
    "POST /hooks/{integration}/{path:path}": "each integration proves what comes in",
}


FORM = {"command": "spawn sample x", "line": "/agent spawn sample x", "text": "x", "name": "eve"}


def list_routes(routes: Any) -> Iterator[tuple[str, str]]:
    """Method and path of each route, those of included routers too."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield from ((method, route.path) for method in sorted(route.methods or ()))
        elif inner := getattr(route, "original_router", None) or getattr(route, "app", None):
            yield from list_routes(getattr(inner, "routes", ()))


@pytest.fixture
def routes(door: Door) -> list[tuple[str, str]]:
    bot = door.bot
    app = make_app(bot.house, bot.dispatcher, bot.registry, bot.feed, bot.lag)
    found = sorted(set(list_routes(app.routes)))
    assert {("POST", "/act"), ("GET", "/api/v1/agents"), ("GET", "/agents/{agent}/log")} <= set(found)
    return found


def fill_path(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "web-1", path)


async def sign_in(door: Door, browser: httpx.AsyncClient) -> None:
    now = door.bot.clock.now()
    async with door.bot.database.transaction() as tx:
        person = await ensure_person(tx, "test:walker", "walker", Role.ADMIN, now)
        secret = await make_link(tx, person.id, Role.ADMIN, person.id, now, door.bot.house.session_lasts)
    await browser.post("/login", data={"code": secret})
    assert (await browser.get("/", headers={"accept": "text/html"})).status_code == 200


async def test_nobody_unknown_is_let_in(door: Door, routes: list[tuple[str, str]]) -> None:
    async with httpx.AsyncClient(base_url=door.http.base_url, timeout=30) as stranger:
        for method, path in routes:
            if f"{method} {path}" in PUBLIC:
                continue
            answer = await stranger.request(method, fill_path(path), headers={"accept": "application/json"})
            assert answer.status_code in (401, 303), f"{method} {path}: {answer.status_code} {answer.text[:200]}"
            assert answer.status_code == 401 or answer.headers["location"].startswith("/login")


async def test_what_is_public_is_there(routes: list[tuple[str, str]]) -> None:
    assert PUBLIC.keys() <= {f"{method} {path}" for method, path in routes}


async def test_no_form_is_taken_that_is_not_ours(door: Door, routes: list[tuple[str, str]]) -> None:
    forms = [
        path for method, path in routes if method == "POST" and not path.startswith(("/api/", "/hooks/", "/login"))
    ]
    assert len(forms) > 6
    async with httpx.AsyncClient(base_url=door.http.base_url, timeout=30) as browser, door.nothing_spawned():
        await sign_in(door, browser)
        for path in forms:
            for headers in ({}, {"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
                answer = await browser.post(fill_path(path), data=FORM, headers=headers)
                assert answer.status_code in (401, 403), f"{path} {headers}: {answer.status_code} {answer.text[:200]}"
        assert (await browser.get("/", headers={"accept": "text/html"})).status_code == 200


async def test_the_api_takes_no_session(door: Door, routes: list[tuple[str, str]]) -> None:
    async with httpx.AsyncClient(base_url=door.http.base_url, timeout=30) as browser:
        await sign_in(door, browser)
        for method, path in routes:
            if path.startswith("/api/") and f"{method} {path}" not in PUBLIC:
                answer = await browser.request(method, fill_path(path))
                assert answer.status_code == 401, f"{method} {path}: {answer.status_code}"


@pytest.mark.parametrize("http", [{"allow_remote": True}, {"public_url": "https://callboard.example.com"}])
async def test_numbers_for_everybody_only_on_this_machine(tmp_path: Path, http: dict[str, Any]) -> None:
    house = Door(tmp_path / "home", {"http": http})
    await house.start()
    try:
        assert (await house.http.get("/metrics")).status_code == 200
        assert (await house.http.get("/metrics", headers={"authorization": ""})).status_code == 401
        assert (await house.http.get("/metrics", headers={"authorization": "Bearer cb_x"})).status_code == 401
    finally:
        await house.stop()

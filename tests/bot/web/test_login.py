"""Who comes in to the console, and who does not."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import httpx
import pytest

from bot.web.door import find_way
from core.model import Role
from core.sessions import make_link
from core.store import find
from core.visits import Session
from tests.bot.web.door import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAGE = {"Accept": "text/html"}


def browser(door: Door) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=door.http.base_url, headers=PAGE, timeout=30)


async def link(door: Door, lasts: int = 15) -> str:
    now = door.bot.clock.now()
    async with door.bot.database.transaction() as tx:
        return await make_link(tx, door.bot.entrance.local, Role.ADMIN, "test", now, timedelta(minutes=lasts))


async def sign_in(door: Door, http: httpx.AsyncClient, way: str = "/fleet") -> httpx.Response:
    return await http.post("/login", data={"code": await link(door), "next": way})


async def read_token(http: httpx.AsyncClient) -> str:
    found = re.search(r'<meta name="csrf" content="([0-9a-f]{64})">', (await http.get("/fleet")).text)
    assert found
    return found[1]


async def test_a_link_is_looked_at_and_used_once(door: Door) -> None:
    code = await link(door)
    async with browser(door) as http:
        for _ in range(3):
            shown = await http.get(f"/login/{code}")
            assert shown.status_code == 200
            assert "Sign in as" in shown.text
            assert shown.headers["Referrer-Policy"] == "no-referrer"
        answers = await asyncio.gather(*(http.post("/login", data={"code": code}) for _ in range(2)))
        assert sorted(answer.status_code for answer in answers) == [303, 410]
        (refused,) = [answer for answer in answers if answer.status_code == 410]
        assert "used already, at" in refused.text
        (entered,) = [answer for answer in answers if answer.status_code == 303]
        cookie = entered.headers["Set-Cookie"]
        assert re.match(r"callboard-\d+=[\w-]{43}; HttpOnly; Max-Age=\d+; Path=/; SameSite=lax$", cookie)
        assert (await http.get(f"/login/{code}")).status_code == 410
    assert (await door.events("link.reused"))[-1]["data"]["person"] == door.bot.entrance.local


async def test_strangers_are_sent_to_the_door(door: Door) -> None:
    async with browser(door) as http:
        response = await http.get("/fleet?q=a&kind=b")
        assert (response.status_code, response.headers["Location"]) == (303, "/login?next=%2Ffleet%3Fq%3Da%26kind%3Db")
        assert (await http.get("/login")).status_code == 200
        live = await http.get("/live/fleet", headers={"Accept": "text/event-stream"})
        assert live.status_code == 401
        assert (await http.get("/api/v1/agents")).status_code == 401


async def test_the_api_knows_no_cookies(door: Door) -> None:
    async with browser(door) as http:
        await sign_in(door, http)
        assert (await http.get("/fleet")).status_code == 200
        assert (await http.get("/api/v1/agents")).status_code == 401


async def test_a_session_is_always_new(door: Door) -> None:
    async with browser(door) as http:
        await sign_in(door, http)
        name, old = next(iter(http.cookies.items()))
        await sign_in(door, http)
        assert http.cookies[name] != old
        http.cookies.clear()
        assert (await http.get("/fleet", headers={"Cookie": f"{name}={old}"})).status_code == 303
        chosen = await http.post("/login", data={"code": await link(door)}, headers={"Cookie": f"{name}=mine"})
        assert "mine" not in chosen.headers["Set-Cookie"]


@pytest.mark.parametrize(
    "way", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/\t/evil", "evil", ""]
)
async def test_the_way_back_is_ours(door: Door, way: str) -> None:
    async with browser(door) as http:
        assert (await sign_in(door, http, way)).headers["Location"] == "/"
    assert find_way(way) == "/"


@pytest.mark.parametrize("way", ["/", "/fleet?q=a%2Fb", "/agents/web-1", "/%2F%2Fevil.example"])
async def test_a_way_of_this_site(way: str) -> None:
    assert find_way(way) == way


async def test_forged_forms_do_nothing(door: Door) -> None:
    async with browser(door) as http, browser(door) as stranger:
        await sign_in(door, http)
        token = await read_token(http)
        line = {"command": 'spawn sample "stolen"'}
        forged: list[tuple[dict[str, str], dict[str, str]]] = [
            (line, {}),
            ({**line, "csrf": ""}, {}),
            ({**line, "csrf": "0" * 64}, {}),
            ({**line, "csrf": "é\x00" * 9}, {}),
            ({**line, "csrf": token}, {"Origin": "https://evil.example"}),
            ({**line, "csrf": token}, {"Origin": "null"}),
            ({**line, "csrf": token}, {"Sec-Fetch-Site": "cross-site"}),
            ({**line, "csrf": token}, {"Sec-Fetch-Site": "same-site"}),
            ({**line, "csrf": token}, {"Host": "evil.example"}),
            ({**line, "csrf": token}, {"Content-Type": "multipart/form-data; boundary=x"}),
        ]
        async with door.nothing_spawned():
            for count in range(1_000):
                data, headers = forged[count % len(forged)]
                response = await http.post(("/act", "/logout")[count % 37 == 0], data=data, headers=headers)
                assert 400 <= response.status_code < 500, (data, headers, response.text)
            assert (await stranger.post("/act", data={**line, "csrf": token})).status_code == 303
        assert (await http.get("/fleet")).status_code == 200
        good = await http.post("/act", data={"command": "me", "csrf": token}, headers={"Origin": str(http.base_url)})
        assert good.status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "[", "a@b", ""])
async def test_other_names_are_refused(door: Door, host: str) -> None:
    async with browser(door) as http:
        for path in ("/login", "/fleet", "/login/x"):
            response = await http.get(path, headers={"Host": host})
            assert 400 <= response.status_code < 500, response.text


async def test_asking_for_access(door: Door) -> None:
    async with browser(door) as http:
        assert (await http.post("/access", data={"name": "<b>"})).status_code == 400
        assert (await http.post("/access", data={"name": "kim lee"})).headers["Location"] == "/access"
        page = await http.get("/fleet")
        asked = (await door.events("access.asked"))[-1]["data"]
        assert page.status_code == 403
        assert asked["word"] in page.text
        assert (await http.get("/live/fleet")).status_code == 403
        again = await http.post("/access", data={"csrf": "0" * 64})
        assert again.status_code == 403
        await door.run("admin grant", person=asked["ask"], role="viewer")
        assert (await http.get("/access")).headers["Location"] == "/"
        assert (await http.get("/fleet")).status_code == 200
        await door.run("admin revoke", who=asked["person"])
        assert (await http.get("/fleet")).status_code == 303


async def test_a_live_page_ends_with_its_session(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.web.access.ADMITTED_FOR", 300.0)
    made = await door.run("admin grant", person="lee", role="viewer")
    async with browser(door) as http:
        await http.post("/login", data={"code": made["secret"].rpartition("/")[2]})
        async with asyncio.timeout(20), http.stream("GET", "/live/fleet") as response:
            assert response.status_code == 200
            chunks = response.aiter_raw()
            await anext(chunks)
            await door.run("admin revoke", who="lee")
            async for _ in chunks:
                pass


async def test_signing_out(door: Door) -> None:
    async with browser(door) as http:
        await sign_in(door, http)
        async with door.bot.database.reading() as tx:
            before = len(await find(tx, Session))
        response = await http.post("/logout", data={"csrf": await read_token(http)})
        assert response.headers["Location"] == "/login"
        assert (await http.get("/fleet")).status_code == 303
    async with door.bot.database.reading() as tx:
        assert len(await find(tx, Session)) == before - 1


async def test_who_signs_out_leaves_no_page_live(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other tabs of the browser end by the bell, not by a look that is due."""
    monkeypatch.setattr("bot.web.access.ADMITTED_FOR", 3600.0)
    async with browser(door) as http:
        await sign_in(door, http)
        csrf = await read_token(http)
        async with http.stream("GET", "/live/fleet", params={"after": ""}) as stream:
            lines = stream.aiter_lines()
            await anext(lines)
            assert (await http.post("/logout", data={"csrf": csrf})).status_code == 303
            async with asyncio.timeout(30):
                async for _ in lines:
                    pass

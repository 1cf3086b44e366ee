"""Who is let in, who is refused, and what browsers of strangers can do: nothing."""

from __future__ import annotations

import asyncio
import itertools
import json
from datetime import timedelta

import pytest

from core.home import RUN_FILE
from core.model import AuditRow, Role, Token
from core.store import change, find
from tests.bot.web.door import Door, assert_problem

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORIGIN = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}


async def test_no_valid_token_is_a_401(door: Door) -> None:
    expired = await door.make_token(Role.ADMIN, lasts=timedelta(seconds=-1))
    for token in ("", "x", "cb_" + "a" * 43, expired, "a" * 20_000):
        problem = assert_problem(await door.call("GET", "/agents", token=token), 401, "unauthorized")
        assert "run.json" in problem["remedy"]
    for words in ("", "Bearer", "Basic Y2I6", "Token x", "Bearer a b"):
        response = await door.call("GET", "/agents", token="", headers={"Authorization": words})
        assert_problem(response, 401, "unauthorized")
        assert response.headers["www-authenticate"] == "Bearer"


async def test_a_stranger_hears_401_whatever_is_asked(door: Door) -> None:
    for method, path in (("GET", "/agents"), ("POST", "/agents"), ("GET", "/nothing"), ("DELETE", "/agents")):
        response = await door.call(method, path, token="", content=b"{" * 1000)
        assert_problem(response, 401, "unauthorized")


async def test_what_needs_no_token_tells_nothing_of_agents(door: Door) -> None:
    await door.spawn("say something confidential")
    for path in ("/healthz", "/readyz", "/metrics", "/api/v1/openapi.json"):
        response = await door.http.get(path, headers={"Authorization": ""})
        assert response.status_code == 200, path
        assert "confidential" not in response.text


async def test_a_viewer_spawns_nothing_and_it_is_written_down(door: Door) -> None:
    token = await door.make_token(Role.VIEWER)
    assert (await door.call("GET", "/agents", token=token)).status_code == 200
    async with door.nothing_spawned():
        response = await door.call("POST", "/agents", token=token, json={"task": "say hello"})
    assert "operator" in assert_problem(response, 403, "refused")["detail"]
    async with door.bot.database.reading() as tx:
        (row,) = await find(tx, AuditRow, verb="spawn", allowed=False)
    event = (await door.events("command.refused"))[-1]
    assert event["actor"] == row.actor
    assert event["data"]["command"] == "spawn"


async def test_a_tokens_role_caps_its_person(door: Door) -> None:
    token = await door.make_token(Role.ADMIN, cap=Role.VIEWER, label="capped")
    assert (await door.command("me", token)).json()["reply"]["data"]["role"] == "viewer"
    assert_problem(await door.command("spawn", token, text="say x"), 403, "refused")
    async with door.bot.database.transaction() as tx:
        await change(tx, Token, {"label": "capped"}, role=Role.OPERATOR)
    assert (await door.command("spawn", token, text="say x")).status_code == 200


async def test_somebody_without_a_role_sees_nothing(door: Door) -> None:
    token = await door.make_token(Role.NOBODY, cap=Role.ADMIN)
    for path in ("/agents", "/requests", "/events", "/events/stream", "/projects", "/commands", "/kinds", "/people"):
        assert_problem(await door.call("GET", path, token=token), 403, "refused")
    assert_problem(await door.command("me", token), 403, "refused")


async def test_somebody_elses_agent_takes_an_approver(door: Door) -> None:
    agent = await door.spawn("run `git status`")
    await door.wait_for(agent, "needs you")
    operator = await door.make_token(Role.OPERATOR)
    assert_problem(await door.call("POST", f"/agents/{agent}/stop", token=operator, json={}), 403, "refused")
    approver = await door.make_token(Role.APPROVER)
    assert (await door.call("POST", f"/agents/{agent}/stop", token=approver, json={})).status_code == 200


async def test_the_token_of_run_json_is_new_after_a_start(door: Door) -> None:
    async def count_tokens() -> int:
        async with door.bot.database.reading() as tx:
            return len(await find(tx, Token))

    before = json.loads((door.home / RUN_FILE).read_text())["token"]
    kept = await door.make_token(Role.VIEWER)
    number = await count_tokens()
    await door.restart()
    assert await count_tokens() == number
    assert_problem(await door.call("GET", "/agents", token=before), 401, "unauthorized")
    assert (await door.call("GET", "/agents", token=kept)).status_code == 200
    assert (await door.call("GET", "/agents")).status_code == 200


async def test_no_browser_of_a_stranger_is_let_in(door: Door) -> None:
    """The token stands in a header, which a page of another origin may only send when it is allowed to."""
    paths = ("/api/v1/agents", "/healthz", "/metrics", "/api/v1/openapi.json", "/nothing")
    for method, path in itertools.product(("GET", "OPTIONS", "POST"), paths):
        for headers in (ORIGIN, {**ORIGIN, "Host": "evil.example"}):
            response = await door.http.request(method, path, headers=headers)
            assert not [name for name in response.headers if name.startswith("access-control")]
            assert "set-cookie" not in response.headers
            assert response.headers["x-content-type-options"] == "nosniff"
            assert "server" not in response.headers


async def test_errors_carry_the_same_headers(door: Door) -> None:
    for response in (
        await door.call("GET", "/agents", token=""),
        await door.call("GET", "/agents/none-1"),
        await door.call("POST", "/agents", content=b"x" * 3_000_000),
    ):
        assert response.status_code >= 400
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "server" not in response.headers


async def test_a_stranger_may_not_fill_the_memory(door: Door) -> None:
    """Who has no token is refused before the body is read."""
    reader, writer = await asyncio.open_connection(door.http.base_url.host, door.http.base_url.port)
    writer.write(b"POST /api/v1/agents HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
    await writer.drain()
    assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 401 ")
    writer.close()
    await writer.wait_closed()

"""A stream that is open is no way around a token that is void."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from bot.web import access
from core.model import Token
from core.people import digest_token
from core.store import remove
from tests.bot.web.door import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_stream_ends_when_its_token_is_void(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, by the bell: no look of its own is due within this test."""
    monkeypatch.setattr(access, "ADMITTED_FOR", 3600.0)
    person = (await door.run("me"))["data"]["name"]
    made = await door.run("admin token", person=person, role="viewer")
    headers = {"Authorization": f"Bearer {made['secret']}"}
    url = door.http.base_url.join("/api/v1/events/stream")
    async with httpx.AsyncClient(headers=headers, timeout=30) as client, client.stream("GET", url) as response:
        lines = response.aiter_lines()
        await anext(lines)
        await door.run("admin revoke", who=made["data"]["token"])
        await door.spawn("say the reader must not see this")
        async with asyncio.timeout(30):
            seen = [line async for line in lines]
    assert "must not see this" not in "".join(seen)


async def test_a_silent_stream_ends_with_its_token(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing rings and nothing comes, not even a beat: somebody else took the token, in another process."""
    monkeypatch.setattr(access, "ADMITTED_FOR", 0.2)
    monkeypatch.setattr("bot.web.feed._BEAT", 3600.0)
    person = (await door.run("me"))["data"]["name"]
    made = await door.run("admin token", person=person, role="viewer")
    url = door.http.base_url.join("/api/v1/events/stream")
    params = {"agent": "nobody-1"}
    headers = {"Authorization": f"Bearer {made['secret']}"}
    async with (
        httpx.AsyncClient(headers=headers, timeout=60) as client,
        client.stream("GET", url, params=params) as response,
    ):
        lines = response.aiter_lines()
        await anext(lines)
        async with door.bot.database.transaction() as tx:
            await remove(tx, Token, digest=digest_token(made["secret"]))
        async with asyncio.timeout(30):
            assert [line async for line in lines if line] == []

"""A stream that is open is no way around a token that is void."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from bot.web import access
from tests.bot.web.door import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_stream_ends_when_its_token_is_void(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "ADMITTED_FOR", 0.0)
    person = (await door.run("me"))["data"]["name"]
    made = await door.run("admin token", person=person, role="viewer")
    headers = {"Authorization": f"Bearer {made['secret']}"}
    url = door.http.base_url.join("/api/v1/events/stream")
    async with httpx.AsyncClient(headers=headers, timeout=30) as client, client.stream("GET", url) as response:
        lines = response.aiter_lines()
        await anext(lines)
        await door.run("admin revoke", who=made["data"]["token"])
        await door.spawn("say the reader must not see this")
        async with asyncio.timeout(10):
            seen = [line async for line in lines]
    assert "must not see this" not in "".join(seen)

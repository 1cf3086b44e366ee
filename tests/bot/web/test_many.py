"""Very many agents: none that needs somebody is hidden by those that rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.commands import agents
from core.model import Agent
from core.store import get, insert
from tests.bot.web.door import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_what_needs_somebody_is_listed_first_however_old(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "MOST_LISTED", 20)
    asking = await door.spawn("run `git status`")
    done = await door.spawn("say done")
    await door.wait_for(asking, "needs you")
    await door.wait_for(done, "done")
    async with door.bot.database.transaction() as tx:
        one = await get(tx, Agent, id=done)
        assert one
        later = one.created_at + timedelta(minutes=1)
        await insert(tx, *(replace(one, id=f"old-{n}", number=n, created_at=later) for n in range(1, 31)))
    reply = await door.run("list", all=True)
    assert reply["data"]["agents"][0]["id"] == asking
    assert len(reply["data"]["agents"]) == 20
    assert "more than 20" in reply["text"]
    query = {"status": "needs you", "limit": "5"}
    found = (await door.http.get("/api/v1/agents", params=query)).json()["agents"]
    assert [agent["id"] for agent in found] == [asking]
    assert [agent["id"] for agent in (await door.run("list", status="needs you"))["data"]["agents"]] == [asking]

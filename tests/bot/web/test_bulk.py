"""Stopping many agents at once, and the settings page."""

from __future__ import annotations

import re

import pytest

from core.model import Role
from tests.bot.web.door import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAGE = {"Accept": "text/html"}


async def test_exactly_what_was_shown_is_stopped(door: Door) -> None:
    first, second, third = [await door.spawn("Write a CONTRIBUTING guide") for _ in range(3)]
    for agent in (first, second, third):
        await door.wait_for(agent, "needs you")
    await door.run("stop", agent=second)
    await door.wait_for(second, "stopped")
    plan = await door.http.post("/fleet/stop", data={"agent": [first, second, "gone-1"]}, headers=PAGE)
    assert "<h1>Stop 1 agent?</h1>" in plan.text
    assert "It is stopped already." in plan.text
    assert "1 of what was selected is no agent any more" in plan.text
    shown = re.findall(r'name="agent" value="([^"]+)"', plan.text)
    assert shown == [first]
    form = {"agent": shown, "confirmed": "yes", "key": "k1"}
    done = await door.http.post("/fleet/stop", data=form, headers=PAGE)
    assert first in done.text
    assert "not stopped" not in done.text
    await door.wait_for(first, "stopped")
    assert (await door.agent(third))["status"] == "needs you"
    again = await door.http.post("/fleet/stop", data=form, headers=PAGE)
    assert "not stopped" not in again.text
    assert len(await door.events("agent.stopped", first)) == 1
    await door.run("stop", agent=third)


async def test_who_may_not_stop_is_told_before(door: Door) -> None:
    agent = await door.spawn("Write a CONTRIBUTING guide")
    viewer = {"Authorization": f"Bearer {await door.make_token(Role.VIEWER)}", **PAGE}
    plan = await door.http.post("/fleet/stop", data={"agent": agent}, headers=viewer)
    assert "Nothing to stop" in plan.text
    assert "takes the role approver" in plan.text
    forced = await door.http.post("/fleet/stop", data={"agent": agent, "confirmed": "yes"}, headers=viewer)
    assert "not stopped" in forced.text
    assert (await door.agent(agent))["status"] != "stopped"
    await door.run("stop", agent=agent)


async def test_nothing_selected(door: Door) -> None:
    assert "No agent was selected" in (await door.http.post("/fleet/stop", headers=PAGE)).text


async def test_settings_say_how_everything_is(door: Door) -> None:
    page = (await door.http.get("/settings", headers=PAGE)).text
    assert "SQLite, can be written" in page
    for words in ("sample (default)", "scripted, no model", "terminal", "opencode"):
        assert words in page
    assert door.http.headers["Authorization"].split()[1] not in page

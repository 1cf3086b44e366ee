"""The main job with real agents: permission, a restart of the bot in the middle, a message after the end."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.agents.real import RealAgent, age_sessions, has_stored

sys.path.insert(0, str(Path(__file__).parents[1] / "flows"))

from house import LiveHouse

PATIENCE = 90.0


@pytest.fixture
async def house(real_agent: RealAgent, repository: Path, tmp_path: Path) -> AsyncIterator[LiveHouse]:
    kinds = {real_agent.name: {"command": list(real_agent.command), "env": dict(real_agent.env), "mode": "default"}}
    if real_agent.name != "claude":
        del kinds[real_agent.name]["mode"]
    projects = {"web": {"path": str(repository), "kind": real_agent.name}}
    house = LiveHouse(tmp_path / "callboard", {"kinds": kinds, "projects": projects})
    await house.start()
    yield house
    await house.stop()


async def spawn(house: LiveHouse, text: str) -> str:
    return str((await house.run("spawn", project="web", text=text))["data"]["id"])


async def approve_until(house: LiveHouse, agent: str, *ends: str) -> dict[str, object]:
    """Say yes to whatever it asks."""
    while True:
        record = await house.wait_for(agent, "needs you", *ends, patience=PATIENCE)
        if record["status"] != "needs you":
            return record
        for request in record["requests"]:
            await house.post("approve", request=request["id"])


@pytest.mark.timeout(300)
async def test_spawn_approve_restart_done_and_a_message_after(house: LiveHouse, real_agent: RealAgent) -> None:
    agent = await spawn(house, "write notes.md: Hello\nrun git status --short\nsay All done.")
    record = await house.wait_for(agent, "needs you", patience=PATIENCE)
    assert record["requests"][0]["kind"] == "permission"
    await house.until(lambda: has_stored(real_agent))
    age_sessions(real_agent)
    await house.restart()
    record = await approve_until(house, agent, "done", "failed", "ready")
    assert record["status"] == "done", record["reason"]
    assert record["attempts"] == 2
    diff = (await house.run("diff", agent=agent))["data"]["diff"]
    assert "+Hello" in diff
    reply = await house.run("send", agent=agent, text="write more.md: Second\nsay Again.")
    # gemini erases a session that it loads in the minute in which it began it.
    expected = ("session loaded", "session rebuilt") if real_agent.name == "gemini" else ("session loaded",)
    assert reply["data"]["session"] in expected, reply
    record = await approve_until(house, agent, "done", "failed", "ready")
    assert record["status"] == "done", record["reason"]
    assert "+Second" in (await house.run("diff", agent=agent))["data"]["diff"]
    await house.run("accept", agent=agent)


@pytest.mark.timeout(300)
async def test_denied_with_a_reason_asked_again_and_granted(house: LiveHouse) -> None:
    agent = await spawn(house, "run touch made.txt\nsay Done.")
    record = await house.wait_for(agent, "needs you", patience=PATIENCE)
    first = record["requests"][0]["id"]
    await house.run("deny", request=first, reason="ask for the other file instead\nrun touch other.txt\nsay Good.")
    record = await house.wait_for(agent, "needs you", patience=PATIENCE)
    assert record["requests"][0]["id"] != first
    record = await approve_until(house, agent, "done", "failed", "ready")
    assert record["status"] == "done", record["reason"]
    outcomes = [event["data"]["outcome"] for event in await house.events("request.answered")]
    assert outcomes[:2] == ["denied", "once"]
    diff = (await house.run("diff", agent=agent))["data"]["diff"]
    assert "other.txt" in diff
    assert "made.txt" not in diff

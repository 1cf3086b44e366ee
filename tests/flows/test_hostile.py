"""Agents that do what no agent should: the bot stays whole, and people are told."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from house import LiveHouse

from bot.house import House
from bot.web.api import find_place
from core.errors import BadInput, Refused
from core.interfaces import Ask, Integration
from core.model import RequestKind


def git(*words: str) -> bytes:
    return subprocess.run(["git", *words], capture_output=True, check=True, timeout=20).stdout


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("run `git checkout -q --orphan elsewhere`", "left its branch"),
        ("run `rm -f .git`", "no longer the worktree"),
    ],
)
async def test_work_that_cannot_be_collected_is_told_once(house: LiveHouse, words: str, why: str) -> None:
    """It was started anew, for ever, some fifteen times a second."""
    agent = await house.spawn(f"{words}; edit a.txt")
    await house.wait_for(agent, "needs you")
    await house.run("approve", request=agent)
    record = await house.wait_for(agent, "ready")
    assert why in record["reason"]
    assert record["attempts"] == 1
    await house.assert_told("asks for permission", why)


async def test_nothing_is_committed_around_the_worktree(tmp_path: Path, open_house: Any) -> None:
    git("init", "-q", str(tmp_path))
    house = await open_house()
    agent = await house.spawn("run `rm -f .git`; edit a.txt")
    await house.wait_for(agent, "needs you")
    await house.run("approve", request=agent)
    await house.wait_for(agent, "ready")
    assert git("-C", str(tmp_path), "for-each-ref") == b""


def find_agent(agent: str) -> list[int]:
    """Processes of an agent, by its marker."""
    return [
        int(place.parent.name)
        for place in Path("/proc").glob("[0-9]*/environ")
        if re.search(rb"CALLBOARD_AGENT=\w+:%s\0" % agent.encode(), read_quietly(place))
    ]


def read_quietly(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


async def test_what_a_killed_agent_asked_is_still_asked(house: LiveHouse) -> None:
    agent = await house.spawn("run `git status`; say I asked once")
    (request,) = (await house.wait_for(agent, "needs you"))["requests"]
    for pid in find_agent(agent):
        os.kill(pid, signal.SIGKILL)
    await house.run("approve", request=request["id"])
    record = await house.wait_for(agent, "done")
    assert record["attempts"] == 2
    assert len(await house.events("request.opened")) == 1
    assert len(await house.events("request.used")) == 1
    assert await house.events("request.withdrawn") == []
    await house.assert_told("asks for permission", "is done")


def find_ear(house: LiveHouse, agent: str) -> Any:
    """What the agent's tools speak to."""
    return house.bot.fleet._crew.tools._seats[agent].listener  # type: ignore[attr-defined]


async def test_a_flood_of_reports_holds_up_nobody(house: LiveHouse) -> None:
    agent = await house.spawn("run `git status`")
    await house.wait_for(agent, "needs you")
    ear = find_ear(house, agent)
    for number in range(5_000):
        ear.hear("report", {"text": f"report {number}"})
    async with asyncio.timeout(3):
        await house.spawn("say nobody waits")
    await house.run("deny", request=agent)
    await house.wait_for(agent, "done")
    reported = await house.events("agent.reported", agent)
    assert len(reported) < 10
    assert reported[-1]["data"]["text"] == "report 4999"


async def test_a_flood_of_questions_is_asked_little_by_little(house: LiveHouse) -> None:
    agent = await house.spawn("run `git status`")
    await house.wait_for(agent, "needs you")
    ear = find_ear(house, agent)
    asks = [
        asyncio.create_task(ear.ask(Ask(RequestKind.QUESTION, f"Question {number}?", "t", {}))) for number in range(300)
    ]
    async with asyncio.timeout(10):
        while len(open_now := (await house.agent(agent))["requests"]) < 20:
            await asyncio.sleep(0.05)
    await house.spawn("say nobody waits")
    assert len((await house.agent(agent))["requests"]) == 20 == ear.waiting
    await house.run("answer", request=open_now[-1]["id"], text="yes")
    await house.run("stop", agent=agent)
    await house.wait_for(agent, "stopped")
    for ask in asks:
        ask.cancel()
    await asyncio.wait(asks)
    assert [item for item in await house.events("request.opened") if "Question 299" in str(item)] == []


async def test_asking_for_ever_comes_to_an_end(open_house: Any) -> None:
    house = await open_house(limits={"output_mb": 0.1})
    agent = await house.spawn("run `git status`")
    await house.wait_for(agent, "needs you")
    ear = find_ear(house, agent)
    asks = [asyncio.create_task(ear.ask(Ask(RequestKind.QUESTION, f"{number}?", "t", {}))) for number in range(150)]
    assert "limits.output_mb" in (await house.wait_for(agent, "failed"))["reason"]
    for ask in asks:
        ask.cancel()
    await asyncio.wait(asks)


async def test_a_form_is_filled_in_over_http(house: LiveHouse) -> None:
    agent = await house.spawn("ask with fields: Which colour?")
    (request,) = (await house.wait_for(agent, "needs you"))["requests"]
    names = list(request["detail"]["fields"])
    fields = {"answer": "blue", **{name: "3" for name in names if name != "answer"}}
    response = await house.http.post(
        f"/api/v1/requests/{request['id']}/answer", json={"verdict": "answered", "fields": fields}
    )
    assert response.status_code == 200, response.text
    await house.wait_for(agent, "done")
    said = await house.read_logs(agent)
    assert "'answer': 'blue'" in said
    assert '{"answer"' not in said


def test_the_api_writes_to_no_chat_but_the_terminal() -> None:
    chats = [Integration(name, "", chat=cast("Any", object)) for name in ("terminal", "slack")]
    house = cast("House", SimpleNamespace(integrations=chats))
    assert find_place(house, "terminal:up") == "terminal:up"
    with pytest.raises(Refused):
        find_place(house, "slack:#general")
    with pytest.raises(BadInput):
        find_place(house, "irc:#general")

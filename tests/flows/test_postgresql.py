"""The whole bot on PostgreSQL, alone and with a second one on the same database (F21)."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from house import LiveHouse


async def test_main_job_and_restart(open_house: Any, postgres_url: str) -> None:
    house = await open_house(environ={"CALLBOARD_DATABASE": postgres_url})
    agent = await house.spawn("edit a.txt; run `git status`")
    (request,) = (await house.wait_for(agent, "needs you"))["requests"]
    await house.restart()
    await house.run("approve", request=request["id"])
    record = await house.wait_for(agent, "done")
    assert record["attempts"] == 2
    await house.run("send", agent=agent, text="say more")
    await house.wait_for(agent, "done")
    assert len(await house.events("request.used")) == 1
    await house.assert_told("asks for permission", "is done", "is done")


async def test_two_bots_do_nothing_twice(open_house: Any, postgres_url: str) -> None:
    options = {"environ": {"CALLBOARD_DATABASE": postgres_url}, "limits": {"max_agents": 2}}
    one: LiveHouse = await open_house("one", **options)
    two: LiveHouse = await open_house("two", **options)
    spawned = await asyncio.gather(*(house.spawn("edit a.txt; say fine") for house in (one, two) for _ in range(4)))
    assert len(set(spawned)) == 8
    for agent in spawned:
        record = await one.wait_for(agent, "done", patience=60)
        assert record["attempts"] == 1
        assert len(record["commits"]) == 1
    started = [event["agent"] for event in await one.events("agent.started")]
    assert sorted(started) == sorted(spawned)
    told = await one.told()
    assert sorted(told) == sorted(await two.told())
    assert len(told) == 8


async def test_the_other_bot_answers_and_stops(open_house: Any, postgres_url: str) -> None:
    options = {"environ": {"CALLBOARD_DATABASE": postgres_url}}
    one: LiveHouse = await open_house("one", **options)
    asking = await one.spawn("run `git status`")
    busy = await one.spawn("take 300 seconds")
    await one.wait_for(asking, "needs you")
    two: LiveHouse = await open_house("two", **options)
    await two.run("deny", request=asking)
    await two.run("stop", agent=busy)
    await two.wait_for(asking, "done", patience=60)
    await two.wait_for(busy, "stopped", patience=60)


async def test_a_link_signs_in_and_a_revoke_out(open_house: Any, postgres_url: str) -> None:
    house: LiveHouse = await open_house(environ={"CALLBOARD_DATABASE": postgres_url})
    link = (await house.run("admin grant", person="kim", role="viewer"))["secret"]
    code = {"code": link.rpartition("/")[2]}
    async with httpx.AsyncClient(base_url=house.http.base_url, headers={"Accept": "text/html"}) as browser:
        answers = await asyncio.gather(*(browser.post("/login", data=code) for _ in range(2)))
        assert sorted(answer.status_code for answer in answers) == [303, 410]
        assert (await browser.get("/fleet")).status_code == 200
        await house.run("admin revoke", who="kim")
        assert (await browser.get("/fleet")).headers["Location"] == "/login?next=%2Ffleet"
    await house.assert_told()

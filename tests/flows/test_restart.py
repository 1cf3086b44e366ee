"""The bot goes down, or is shot, in every state of an agent; nothing is lost and nothing is done twice."""

from __future__ import annotations

import asyncio

import pytest
from house import LiveHouse


async def test_restart_while_it_asks_and_the_answer_comes_meanwhile(house: LiveHouse) -> None:
    agent = await house.spawn("run `git status`; say I asked once")
    (request,) = (await house.wait_for(agent, "needs you"))["requests"]
    await house.restart()
    await house.run("approve", request=request["id"])
    record = await house.wait_for(agent, "done")
    assert record["attempts"] == 2
    assert len(await house.events("request.opened")) == 1, "the same ask is the same request"
    assert len(await house.events("request.used")) == 1, "the answer was used once"
    assert "I asked once" in await house.read_logs(agent)
    resumed = (await house.events("agent.resumed"))[0]
    assert (resumed["data"]["how"], resumed["data"]["why"]) == ("loaded", "restart")
    started = (await house.events("bot.started"))[-1]
    assert started["data"]["resumed"] == [agent]
    await house.assert_told("asks for permission", "is done")


async def test_restart_in_mid_turn(house: LiveHouse) -> None:
    agent = await house.spawn("edit a.txt; take 2 seconds; edit b.txt")
    await house.wait_for_activity(agent, "1 of 2")
    await house.restart()
    record = await house.wait_for(agent, "done")
    assert set(house.git("diff", "--name-only", f"main...{record['branch']}").split()) == {"a.txt", "b.txt"}
    await house.assert_told("is done")


async def test_restart_with_a_queue(open_house) -> None:  # type: ignore[no-untyped-def]
    house = await open_house(limits={"max_agents": 1})
    first = await house.spawn("run `git status`")
    second = await house.spawn("say second")
    await house.wait_for(first, "needs you")
    await house.restart()
    await house.wait_for(first, "needs you")
    assert (await house.agent(second))["queue_position"] == 1
    await house.run("deny", request=first)
    await house.wait_for(second, "done")


async def test_restart_with_messages_waiting(house: LiveHouse) -> None:
    agent = await house.spawn("run `git status`")
    await house.wait_for(agent, "needs you")
    await house.run("send", agent=agent, text="say this was kept")
    await house.restart()
    await house.wait_for(agent, "needs you")
    await house.run("deny", request=agent)
    await house.wait_for(agent, "done")
    assert "this was kept" in await house.read_logs(agent)


async def test_rest_survives_a_restart(house: LiveHouse) -> None:
    done = await house.spawn("say done")
    failed = await house.spawn("fail with trouble")
    await house.wait_for(done, "done")
    await house.wait_for(failed, "failed")
    await house.restart()
    assert (await house.agent(done))["status"] == "done"
    assert (await house.agent(failed))["status"] == "failed"
    assert (await house.events("bot.started"))[-1]["data"]["resumed"] == []
    reply = await house.run("send", agent=failed, text="say again")
    assert reply["data"]["session"] == "session loaded"
    await house.wait_for(failed, "done")


async def test_restart_without_load_is_rebuilt(open_house) -> None:  # type: ignore[no-untyped-def]
    from integrations.demo import COMMAND

    house = await open_house(kinds={"forgetful": {"command": [*COMMAND, "--no-load"]}})
    agent = await house.spawn("run `git status`; say over", kind="forgetful")
    await house.wait_for(agent, "needs you")
    await house.restart()
    await house.run("approve", request=agent)
    record = await house.wait_for(agent, "done")
    assert record["attempts"] == 2
    assert len(await house.events("request.opened")) == 1
    assert (await house.events("agent.resumed"))[0]["data"]["how"] == "rebuilt"


async def test_a_kind_that_is_gone_fails_with_the_reason(open_house) -> None:  # type: ignore[no-untyped-def]
    from integrations.demo import COMMAND

    house = await open_house(kinds={"mine": {"command": list(COMMAND)}})
    agent = await house.spawn("run `git status`", kind="mine")
    await house.wait_for(agent, "needs you")
    await house.stop()
    house.config.write_text("")
    await house.start()
    record = await house.wait_for(agent, "failed")
    assert "kinds.mine" in record["reason"]
    async with house.bot.database.reading():
        failed = (await house.events("agent.failed"))[0]
    assert failed["agent"] == agent


async def test_a_worktree_half_made_when_it_was_stopped_is_removed_too(
    house: LiveHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = asyncio.Event()
    prepare = house.bot.house.host.prepare

    async def prepare_slowly(*words: str) -> object:
        place = await prepare(*words)
        if not made.is_set():
            made.set()
            await asyncio.Event().wait()
        return place

    monkeypatch.setattr(house.bot.house.host, "prepare", prepare_slowly)
    agent = await house.spawn("say hello")
    await asyncio.wait_for(made.wait(), 20)
    await house.run("stop", agent=agent)
    await house.wait_for(agent, "stopped")
    await house.run("remove", agent=agent)
    assert list((house.home / "worktrees").glob("sample-*")) == []
    assert house.git("branch", "--list", "callboard/*") == ""

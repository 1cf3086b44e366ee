"""The main job, from the order to the branch."""

from __future__ import annotations

import asyncio

import pytest
from house import LiveHouse, commits_of

GUIDE = "Write a CONTRIBUTING guide"


async def test_spawn_approve_done_accept_remove(house: LiveHouse) -> None:
    agent = await house.spawn(GUIDE)
    assert agent == "sample-1"
    record = await house.wait_for(agent, "needs you")
    (request,) = record["requests"]
    assert request["kind"] == "permission"
    assert "unittest" in str(request["detail"]["command"])
    await house.run("approve", request=agent)
    record = await house.wait_for(agent, "done")
    assert commits_of(record) == [GUIDE]
    assert record["scripted"] is True
    assert record["cost"] is None
    assert "CONTRIBUTING.md" in house.git("show", "--stat", record["branch"])
    assert "CONTRIBUTING" in (await house.run("diff", agent=agent))["data"]["diff"]
    refused = await house.post("remove", agent=agent)
    assert refused.status_code == 409
    await house.run("accept", agent=agent)
    assert "CONTRIBUTING.md" in house.git("ls-tree", "--name-only", "main")
    await house.run("remove", agent=agent)
    assert house.git("branch", "--list", record["branch"]) == ""
    assert (await house.post("show", agent=agent)).status_code == 404
    await house.assert_told(r"sample-1 asks for permission: .*unittest", r"sample-1 is done: .*1 commit on callboard/")


async def test_deny_with_a_reason(house: LiveHouse) -> None:
    agent = await house.spawn("edit notes.txt; run `git status`")
    await house.wait_for(agent, "needs you")
    await house.run("deny", request=agent, reason="no git please")
    record = await house.wait_for(agent, "done")
    logs = await house.read_logs(agent)
    assert "no git please" in logs
    assert record["turns"] == 2, "the reason is a message as well"
    events = await house.events("request.answered")
    assert [event["data"]["outcome"] for event in events] == ["denied"]
    await house.assert_told("asks for permission", "is done")


async def test_for_this_agent_asks_no_second_time(house: LiveHouse) -> None:
    agent = await house.spawn("run `git status`")
    await house.wait_for(agent, "needs you")
    await house.run("approve", request=agent, for_agent=True)
    await house.wait_for(agent, "done")
    await house.run("send", agent=agent, text="run `git status`")
    await house.wait_for(agent, "done")
    await house.run("send", agent=agent, text="run `git log`")
    record = await house.wait_for(agent, "needs you")
    assert "git log" in record["requests"][0]["title"] + str(record["requests"][0]["detail"])
    await house.run("deny", request=agent)
    await house.wait_for(agent, "done")


@pytest.mark.parametrize("words", ["ask Which one? options red, green", "ask by tool Which one? options red, green"])
async def test_question_with_options(house: LiveHouse, words: str) -> None:
    agent = await house.spawn(words)
    record = await house.wait_for(agent, "needs you")
    (request,) = record["requests"]
    assert request["kind"] == "question"
    assert [option["name"] for option in request["options"]] == ["red", "green"]
    wrong = await house.post("approve", request=request["id"])
    assert wrong.status_code in (400, 409)
    await house.run("answer", request=agent, text="2")
    await house.wait_for(agent, "done")
    assert "green" in await house.read_logs(agent)
    again = await house.post("answer", request=request["id"], text="1")
    assert again.status_code == 409
    await house.assert_told("asks: Which one", "is done")


async def test_report_is_an_event(house: LiveHouse) -> None:
    agent = await house.spawn("report Half of it is done")
    await house.wait_for(agent, "done")
    events = await house.events("agent.reported")
    assert [event["data"]["text"] for event in events] == ["Half of it is done"]


async def test_message_is_queued_to_the_turns_end(house: LiveHouse) -> None:
    agent = await house.spawn("run `git status`")
    await house.wait_for(agent, "needs you")
    reply = await house.run("send", agent=agent, text="say second thing")
    assert reply["data"]["handover"] == "queued"
    await house.run("approve", request=agent)
    record = await house.wait_for(agent, "done")
    assert record["turns"] == 2
    assert record["attempts"] == 1
    assert "second thing" in await house.read_logs(agent)


async def test_message_now_interrupts(house: LiveHouse) -> None:
    agent = await house.spawn("take 300 seconds")
    await house.wait_for_activity(agent, "300")
    reply = await house.run("send", agent=agent, text="say short thing", now=True)
    assert reply["data"]["handover"] == "interrupts"
    record = await house.wait_for(agent, "done")
    assert record["seconds"] < 60
    assert "short thing" in await house.read_logs(agent)
    ends = [event["data"]["stop_reason"] for event in await house.events("agent.turn_ended")]
    assert ends == ["cancelled", "end_turn"]


async def test_stop_keeps_the_work(house: LiveHouse) -> None:
    agent = await house.spawn("edit notes.txt; take 300 seconds")
    await house.wait_for_activity(agent, "300")
    await house.run("stop", agent=agent)
    record = await house.wait_for(agent, "stopped")
    assert len(record["commits"]) == 1
    assert (await house.run("stop", agent=agent))["data"]["stopping"] is False


async def test_stop_while_it_asks(house: LiveHouse) -> None:
    agent = await house.spawn("run `git status`")
    record = await house.wait_for(agent, "needs you")
    await house.run("stop", agent=agent)
    await house.wait_for(agent, "stopped")
    late = await house.post("approve", request=record["requests"][0]["id"])
    assert late.status_code == 409
    assert "no longer" in late.json()["detail"]


async def test_a_finished_agent_goes_on_and_says_how(house: LiveHouse) -> None:
    agent = await house.spawn("edit notes.txt")
    await house.wait_for(agent, "done")
    reply = await house.run("send", agent=agent, text="edit more.txt; say I am back")
    assert reply["data"]["session"] == "session loaded"
    record = await house.wait_for(agent, "done")
    assert commits_of(record) == ["edit notes.txt", "edit more.txt; say I am back"]
    assert record["attempts"] == 2
    assert "I am back" in await house.read_logs(agent)


async def test_an_agent_that_cannot_load_is_rebuilt(open_house) -> None:  # type: ignore[no-untyped-def]
    from integrations.demo import COMMAND

    house = await open_house(kinds={"forgetful": {"command": [*COMMAND, "--no-load"]}})
    agent = await house.spawn("edit notes.txt", kind="forgetful")
    await house.wait_for(agent, "done")
    reply = await house.run("send", agent=agent, text="say I begin anew")
    assert reply["data"]["session"] == "session rebuilt"
    record = await house.wait_for(agent, "done")
    assert len(record["commits"]) == 1


async def test_failing_agent_fails_once(house: LiveHouse) -> None:
    agent = await house.spawn("fail with no more credit")
    record = await house.wait_for(agent, "failed")
    assert "no more credit" in record["reason"]
    assert record["attempts"] == 1
    again = await house.run("retry", agent=agent, text="say fine now")
    assert again["data"]["parent"] == agent
    await house.wait_for(again["data"]["id"], "done")
    await house.assert_told("sample-1 failed: .*no more credit", "sample-2 is done")


async def test_a_crash_is_tried_again(house: LiveHouse) -> None:
    agent = await house.spawn("edit notes.txt; crash once; say I survived")
    record = await house.wait_for(agent, "done")
    assert record["attempts"] == 2
    assert "I survived" in await house.read_logs(agent)


async def test_crashing_each_time_fails_with_the_reason(house: LiveHouse) -> None:
    agent = await house.spawn("crash")
    record = await house.wait_for(agent, "failed")
    assert "exit code 3" in record["reason"]
    assert record["attempts"] == 4
    await house.assert_told("sample-1 failed: exit code 3")


async def test_refusal_is_ready_not_done(house: LiveHouse) -> None:
    agent = await house.spawn("refuse")
    record = await house.wait_for(agent, "ready")
    assert "refused" in record["reason"]


async def test_a_hanging_agent_can_be_stopped(open_house) -> None:  # type: ignore[no-untyped-def]
    house = await open_house()
    agent = await house.spawn("say here I am; hang hard")
    await house.wait_for_activity(agent, "here I am")
    await house.run("stop", agent=agent)
    record = await house.wait_for(agent, "stopped", patience=30)
    assert record["status"] == "stopped"


async def test_flood_of_ten_megabytes(house: LiveHouse) -> None:
    agent = await house.spawn("flood 10 MB; say still here")
    await house.wait_for(agent, "done", patience=40)
    assert "still here" in await house.read_logs(agent)


async def test_output_limit(open_house) -> None:  # type: ignore[no-untyped-def]
    house = await open_house(limits={"output_mb": 1})
    agent = await house.spawn("flood 10 MB")
    record = await house.wait_for(agent, "failed", patience=40)
    assert "output_mb" in record["reason"]


async def test_time_limit_does_not_count_waiting(open_house) -> None:  # type: ignore[no-untyped-def]
    house = await open_house(limits={"minutes": 0.02})
    asking = await house.spawn("run `git status`")
    busy = await house.spawn("take 300 seconds")
    record = await house.wait_for(busy, "ready")
    assert "its budget of 0.02 minutes is used" in record["reason"]
    await house.wait_for(asking, "needs you")
    await house.run("approve", request=asking)
    await house.wait_for(asking, "done")


async def test_turn_limit(open_house) -> None:  # type: ignore[no-untyped-def]
    house = await open_house(limits={"turns": 1})
    agent = await house.spawn("say one")
    await house.wait_for(agent, "done")
    await house.run("send", agent=agent, text="say two")
    record = await house.wait_for(agent, "ready")
    assert "its budget of 1 turn is used" in record["reason"]


async def test_over_the_limit_they_queue_in_order(open_house) -> None:  # type: ignore[no-untyped-def]
    house = await open_house(limits={"max_agents": 1})
    first = await house.spawn("run `git status`")
    second = await house.spawn("say second")
    third = await house.spawn("say third")
    await house.wait_for(first, "needs you")
    assert [(await house.agent(agent))["queue_position"] for agent in (second, third)] == [1, 2]
    assert (await house.agent(third))["status"] == "queued"
    await house.run("deny", request=first)
    await house.wait_for(third, "done")
    started = [event["agent"] for event in await house.events("agent.started")]
    assert started == [first, second, third]


async def test_a_queued_agent_can_be_stopped(open_house) -> None:  # type: ignore[no-untyped-def]
    house = await open_house(limits={"max_agents": 1, "queue": 1})
    first = await house.spawn("run `git status`")
    await house.wait_for(first, "needs you")
    second = await house.spawn("say second")
    full = await house.post("spawn", project="sample", text="say third")
    assert full.status_code == 409
    await house.run("stop", agent=second)
    assert (await house.agent(second))["status"] == "stopped"


async def test_a_deadline_ends_as_no_answer(open_house) -> None:  # type: ignore[no-untyped-def]
    house = await open_house(limits={"request_hours": 0.0003})
    agent = await house.spawn("run `git status`")
    await house.wait_for(agent, "done")
    (event,) = await house.events("request.expired")
    assert event["agent"] == agent
    assert "Nobody answered" in await house.read_logs(agent)
    assert (await house.agent(agent))["turns"] == 2, "the agent is told in words too"
    assert await house.events("request.answered") == []


async def test_one_key_spawns_once(house: LiveHouse) -> None:
    answers = await asyncio.gather(
        *(house.post("spawn", key="same", project="sample", text="say once") for _ in range(5))
    )
    assert {answer.json()["reply"]["data"]["id"] for answer in answers} == {"sample-1"}
    other = await house.post("spawn", key="same", project="sample", text="say something else")
    assert other.status_code == 409


async def test_cost_is_shown_and_never_invented(house: LiveHouse) -> None:
    paid = await house.spawn("use cost 0.42")
    free = await house.spawn("say nothing of cost")
    assert (await house.wait_for(paid, "done"))["cost"] == 0.42
    assert (await house.wait_for(free, "done"))["cost"] is None


async def test_model_and_mode_are_chosen_or_refused(house: LiveHouse) -> None:
    good = await house.spawn("say hello", model="demo-large", mode="plan")
    bad = await house.spawn("say hello", model="gpt-99")
    await house.wait_for(good, "done")
    record = await house.wait_for(bad, "failed")
    assert "demo-large" in record["reason"]


async def test_the_agents_environment_is_an_allowlist(open_house) -> None:  # type: ignore[no-untyped-def]
    house = await open_house(environ={"SLACK_SIGNING_SECRET": "x", "MY_SECRET": "y", "LANG": "C.UTF-8"})
    agent = await house.spawn("env")
    await house.wait_for(agent, "done")
    logs = await house.read_logs(agent)
    assert "LANG" in logs
    assert "MY_SECRET" not in logs
    assert "SLACK" not in logs


async def test_secrets_are_redacted_everywhere(house: LiveHouse) -> None:
    agent = await house.spawn("secret")
    await house.wait_for(agent, "done")
    logs = await house.read_logs(agent)
    raw = "\n".join((await house.run("logs", agent=agent, raw=True, lines=1000))["data"]["lines"])
    assert "redacted" in logs
    for text in (logs, raw, (house.home / "events.jsonl").read_text()):
        assert "ghp_" not in text
        assert "AKIA" not in text

"""Budgets from the first warning to the raise, over restarts, and shared by agents."""

from __future__ import annotations

from typing import Any

import pytest
from house import LiveHouse, commits_of

from core.budgets import UsageDay
from core.model import Agent
from core.store import find


async def read_days(house: LiveHouse) -> list[UsageDay]:
    async with house.bot.database.reading() as tx:
        return await find(tx, UsageDay)


async def read_cost(house: LiveHouse) -> str:
    text = (await house.http.get("/metrics")).text
    return next((line.rpartition(" ")[2] for line in text.splitlines() if line.startswith("cost_dollars{")), "")


async def test_warned_once_stopped_raised_and_done(open_house) -> None:  # type: ignore[no-untyped-def]
    house = await open_house(budgets={"agent": {"money": 1}})
    agent = await house.spawn(
        "edit a.txt; use cost 0.85; use cost 0.01; take 1 seconds; use cost 0.2; take 300 seconds; edit b.txt"
    )
    record = await house.wait_for(agent, "ready")
    assert record["reason"] == "its budget of $1 is used; an approver can raise it: budget raise sample-1 --money 0.5"
    assert dict(record["card"]["fields"])["cost"] == "$1.06 of $1"
    assert len(commits_of(record)) == 1, "the work is kept"
    assert "a.txt" in house.git("diff", "--name-only", f"main...{record['branch']}")
    (warned,) = await house.events("budget.warned", agent)
    assert (warned["data"]["scope"], warned["data"]["what"], warned["data"]["limit"]) == ("agent", "money", "$1")
    await house.assert_told(r"its budget is 8[56]% used: \$0\.8[56] of \$1", r"its budget of \$1 is used")

    cut = await house.run("budget raise", subject=agent, money="0.01")
    assert "cannot go on yet" in cut["text"]
    reply = await house.run("budget raise", subject=agent, money="$5")
    assert reply["data"]["goes_on"]
    assert reply["text"] == "The budget of sample-1 is $6.01 now. It goes on."
    await house.wait_for(agent, "working")
    await house.run("send", agent=agent, text="say enough", now=True)
    record = await house.wait_for(agent, "done")
    assert record["cost"] == 1.06
    raised = await house.events("budget.raised", agent)
    assert [event["data"] for event in raised] == [{"money": 0.01}, {"money": 5.0}]
    assert len(await house.events("budget.warned", agent)) == 1


async def test_a_restart_counts_nothing_twice(house: LiveHouse) -> None:
    agent = await house.spawn("use cost 0.42; use tokens 100; take 2 seconds; use cost 0.08; run `git status`")
    await house.wait_for_activity(agent, "1 of 2")
    await house.restart()
    await house.wait_for(agent, "needs you")
    await house.restart()
    await house.run("deny", request=agent)
    record = await house.wait_for(agent, "done")
    await house.restart()
    await house.run("send", agent=agent, text="use cost 0.25")
    await house.wait_for(agent, "working", "queued", "done")
    record = await house.wait_for(agent, "done")
    assert round(record["cost"], 6) == 0.75
    assert record["turns"] == 2, "a turn that was cut short is one turn"
    (day,) = await read_days(house)
    assert (round(day.cost or 0, 6), day.tokens, day.turns) == (0.75, record["tokens"], 2)
    async with house.bot.database.reading() as tx:
        (stored,) = await find(tx, Agent)
    assert round(day.seconds, 6) == round(stored.active_seconds, 6)
    assert await read_cost(house) == "0.75"


async def test_two_agents_share_a_day(open_house) -> None:  # type: ignore[no-untyped-def]
    house = await open_house(budgets={"day": {"money": 1}})
    first = await house.spawn("use cost 0.6; run `git status`; say on we go")
    await house.wait_for(first, "needs you")
    second = await house.spawn("use cost 0.6; take 300 seconds")
    record = await house.wait_for(second, "ready")
    assert record["reason"].startswith("today's budget of everybody of $1 is used; go on tomorrow")
    assert (await house.agent(first))["status"] == "needs you", "waiting costs nothing"
    await house.run("deny", request=first)
    assert (await house.wait_for(first, "ready", "done"))["status"] == "ready"
    refused = await house.post("spawn", project="sample", text="say more")
    assert refused.status_code == 409
    assert "budget raise day --money 0.5" in refused.text
    again = await house.run("send", agent=second, text="say more")
    assert "it cannot (today's budget" in again["text"]
    raised = await house.run("budget raise", subject=second, money="5")
    assert "cannot go on yet: today's budget" in raised["text"]


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
async def test_a_day_is_raised_for_today(open_house: Any, postgres_url: str, store: str) -> None:
    environ = {"CALLBOARD_DATABASE": postgres_url} if store == "postgresql" else {}
    house = await open_house(environ=environ, budgets={"day": {"money": 1}, "project_day": {"money": 3}})
    agent = await house.spawn("use cost 1.2; take 300 seconds")
    record = await house.wait_for(agent, "ready")
    raises = [button["command"] for button in record["card"]["buttons"] if button["label"] == "Raise"]
    assert raises == ["budget raise day --money 0.5"]
    for wrong in (
        {"subject": "day", "name": "everybody", "money": "1"},
        {"subject": "person", "money": "1"},
        {"subject": "day"},
        {"subject": "day", "turns": 5},
        {"subject": agent, "name": "more", "money": "1"},
    ):
        assert (await house.post("budget raise", **wrong)).status_code == 400, wrong
    assert (await house.post("budget raise", subject="project", name="nope", money="1")).status_code == 404
    assert (await house.post("budget raise", subject="person", name="nope", money="1")).status_code == 404

    for _ in range(2):
        reply = await house.run("budget raise", key="the-same-call", subject="day", money="0.5")
    assert reply["text"] == f"Today's budget of everybody is $1.50 now. {agent} goes on."
    await house.wait_for(agent, "working", "queued")
    await house.run("stop", agent=agent)
    await house.wait_for(agent, "stopped")
    await house.restart()
    shown = await house.run("budget show")
    (row,) = [row for row in shown["table"]["rows"] if row[0].startswith("today's budget of everybody")]
    assert row[:2] == ["today's budget of everybody (raised by $0.50)", "$1.20 of $1.50"]
    assert shown["data"]["budgets"][-1]["raised"] == {"money": 0.5}
    reply = await house.run("budget raise", subject="project", name="sample", money="2")
    assert reply["text"] == "Today's budget of the project sample is $5 now."
    assert [event["data"]["of"] for event in await house.events("budget.raised")] == ["day", "project_day"]


async def test_unknown_cost_is_limited_by_turns(open_house) -> None:  # type: ignore[no-untyped-def]
    house = await open_house(budgets={"agent": {"money": 0.01, "turns": 1}})
    agent = await house.spawn("cost unknown; say one")
    record = await house.wait_for(agent, "done")
    assert record["cost"] is None
    await house.run("send", agent=agent, text="say two")
    record = await house.wait_for(agent, "ready")
    assert "its budget of 1 turn is used" in record["reason"]
    await house.run("budget raise", subject=agent, turns=1)
    record = await house.wait_for(agent, "done")
    assert "two" in await house.read_logs(agent)


async def test_the_queue_rests_when_the_day_is_used_up(open_house) -> None:  # type: ignore[no-untyped-def]
    house = await open_house(budgets={"day": {"money": 1}}, limits={"max_agents": 1})
    first = await house.spawn("use cost 2; take 300 seconds")
    second = await house.spawn("say never")
    await house.wait_for(first, "ready")
    record = await house.wait_for(second, "ready")
    assert "today's budget" in record["reason"]
    assert (record["attempts"], record["turns"]) == (0, 0)


async def test_show_says_what_was_used_of_what(open_house) -> None:  # type: ignore[no-untyped-def]
    house = await open_house(budgets={"agent": {"tokens": 5000}, "project_day": {"turns": 7}})
    agent = await house.spawn("use cost 0.42; run `git status`")
    await house.wait_for(agent, "needs you")
    await house.wait_for_activity(agent, "0.42")
    for subject, kinds in (("", ["agent", "person_day", "project_day", "day"]), ("sample", ["agent"]), (agent, [])):
        reply = await house.run("budget show", subject=subject)
        assert [item["of"] for item in reply["data"]["budgets"]][: len(kinds)] == kinds
    rows: dict[str, Any] = {row[0]: row[1:] for row in reply["table"]["rows"]}
    assert rows[agent] == ["$0.42 of $10", rows[agent][1], "1 of 50 turns", "unknown of 5,000 tokens"]
    assert rows["today's budget of the project sample"][2] == "1 of 7 turns"
    assert rows["today's budget of everybody"][0] == "$0.42 of $100"
    wrong = await house.post("budget raise", subject=agent, money="a lot")
    assert wrong.status_code == 400
    nothing = await house.post("budget raise", subject=agent)
    assert nothing.status_code == 400
    assert (await house.post("budget show", subject="nope-1")).status_code == 404

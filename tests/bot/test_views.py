"""How agents look: the same whether one is seen or all, and always as the store has them now."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.house import House
from bot.subjects import draw_subject
from bot.views import await_resume, see_agent, see_agents, write_agent
from core.budgets import Plan
from core.lifecycle import Patience
from core.model import AgentMessage, Attempt, MessageState, Outcome, ProcessState, Status, Wanted
from core.requests import open_request
from core.store import Database, change, insert
from tests.fakes.board import keep_agent, read_agent, set_agent
from tests.fakes.clock import START
from tests.fakes.records import make_ask

NOW = START + timedelta(minutes=1)


def make_house(database: Database) -> House:
    """As much of a house as is looked at."""
    kinds = {"demo": SimpleNamespace(scripted=True)}
    found = SimpleNamespace(database=database, now=lambda: NOW, patience=Patience(), kinds=kinds, projects={})
    found.find_plan = lambda project: Plan()
    found.find_quorum = lambda project, request: None
    return cast("House", found)


async def fill(database: Database) -> list[str]:
    """Agents in different states."""
    states: list[dict[str, Any]] = [
        {},
        {"queued_at": START - timedelta(hours=1)},
        {"holder": "h", "process": ProcessState.RUNNING, "turns": 1},
        {"outcome": Outcome.DONE, "wanted": Wanted.REST, "kind": "claude"},
    ]
    for number, values in enumerate(states, 1):
        await keep_agent(database, f"web-{number}", **values)
    async with database.transaction() as tx:
        await open_request(tx, await read_agent(database, "web-3"), make_ask(), 1, START, None)
    return [f"web-{number}" for number in range(1, 5)]


async def test_one_by_one_and_all_at_once_look_the_same(database: Database) -> None:
    house = make_house(database)
    agents = [await read_agent(database, id) for id in await fill(database)]
    async with database.reading() as tx:
        one_by_one = [await see_agent(tx, house, agent) for agent in agents]
        at_once = await see_agents(tx, house, agents)
    assert [sight.status for sight in one_by_one] == [Status.QUEUED, Status.QUEUED, Status.NEEDS_YOU, Status.DONE]
    for one, other in zip(one_by_one, at_once, strict=True):
        assert (one.status, one.owner, one.queue, one.scripted) == (
            other.status, other.owner, other.queue, other.scripted,
        )  # fmt: skip
    assert [sight.queue for sight in one_by_one] == [2, 1, 0, 0]
    assert [sight.owner for sight in one_by_one] == ["ann"] * 4
    assert [sight.scripted for sight in one_by_one] == [True, True, True, False]


async def test_a_record_is_json_with_all_there_is(database: Database) -> None:
    house = make_house(database)
    for id in await fill(database):
        async with database.reading() as tx:
            record = write_agent(await see_agent(tx, house, await read_agent(database, id)), NOW)
        assert json.loads(json.dumps(record)) == record
        assert record["id"] == id
        assert record["card"]["title"].startswith(id)


async def test_the_task_is_no_message_that_waits(database: Database) -> None:
    house, agent = make_house(database), await keep_agent(database)
    async with database.transaction() as tx:
        for number in (1, 2):
            await insert(
                tx, AgentMessage(f"m{number}", agent.id, number, "x", "ann", MessageState.QUEUED, False, START)
            )
        assert (await see_agent(tx, house, agent)).waiting_messages == 1
        await change(tx, AgentMessage, {"agent": agent.id}, state=MessageState.DONE)
        assert (await see_agent(tx, house, agent)).waiting_messages == 0


async def test_a_card_is_drawn_for_what_is_there(database: Database) -> None:
    house = make_house(database)
    await keep_agent(database)
    async with database.reading() as tx:
        card = await draw_subject(tx, house, "agent:web-1")
        assert card is not None
        assert card.title.startswith("web-1")
        for subject in ("agent:web-9", "batch:1", "web-1", ""):
            assert await draw_subject(tx, house, subject) is None


@pytest.mark.parametrize("how", ["loaded", "rebuilt"])
async def test_how_a_woken_agent_goes_on_is_told_when_it_is_known(database: Database, how: str) -> None:
    house, agent = make_house(database), await keep_agent(database, attempts=1)
    waiting = asyncio.create_task(await_resume(house, agent, 10))
    async with database.transaction() as tx:
        await insert(tx, Attempt(agent.id, 2, "", "message", START))
        tx.ring("agent:web-1")
    async with database.transaction() as tx:
        await change(tx, Attempt, {"agent": agent.id, "number": 2}, how=how)
        tx.ring("agent:web-1")
    assert await waiting == f"session {how}"


async def test_so_is_what_kept_it_from_it(database: Database) -> None:
    agent = await keep_agent(database, attempts=1)
    await set_agent(database, outcome=Outcome.FAILED, reason="sign in first")
    assert await await_resume(make_house(database), agent, 10) == "it failed (sign in first)"


async def test_nobody_waits_for_ever(database: Database) -> None:
    agent = await keep_agent(database, attempts=1)
    assert await await_resume(make_house(database), agent, 0.05) == ""

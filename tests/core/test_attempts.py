"""What is on record of an attempt, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.agents import Order, spawn_agent
from core.crew import Site
from core.errors import PermanentFailure
from core.model import Actor, Agent, AgentMessage, Attempt, MessageState, Outcome, ProcessState
from core.store import Database, find, insert
from tests.fakes.board import admit, keep_agent
from tests.fakes.clock import START
from tests.fakes.crew import WAIT, Yard

CUT_SHORT: dict[str, Any] = {"process": ProcessState.STARTING, "attempts": 1, "holder": "dead", "host": "local"}


@pytest.fixture
async def ann(database: Database) -> Actor:
    return await admit(database)


@pytest.fixture
async def yard(database: Database, ann: Actor, tmp_path: Path) -> AsyncIterator[Yard]:
    async with Yard(database, tmp_path).open() as yard:
        yield yard
    assert yard.host.list_living() == []


class Gate:
    """A hook that waits until it is opened."""

    def __init__(self) -> None:
        self.gate, self.reached = asyncio.Event(), asyncio.Event()

    async def __call__(self, *_anything: object) -> None:
        self.reached.set()
        async with asyncio.timeout(WAIT):
            await self.gate.wait()


async def spawn(yard: Yard, ann: Actor) -> Agent:
    async with yard.database.transaction() as tx:
        return await spawn_agent(tx, ann, Order("web", "demo", "Fix it"), "terminal:here", 100, START)


async def keep_cut_short(database: Database, **values: Any) -> Agent:
    agent = await keep_agent(database, "web-1", **CUT_SHORT | values)
    async with database.transaction() as tx:
        await insert(tx, AgentMessage("m-1", agent.id, 1, "Fix it", agent.owner, MessageState.QUEUED, False, START))
        await insert(tx, Attempt(agent.id, 1, "", "order", START))
    return agent


async def read_attempts(database: Database) -> list[tuple[int, str, str]]:
    async with database.reading() as tx:
        return sorted((item.number, item.why, item.exit) for item in await find(tx, Attempt))


async def test_it_is_on_record_while_git_works_and_before_a_process_is_started(yard: Yard, ann: Actor) -> None:
    yard.host.before_prepare = git = Gate()
    yard.host.before_start = start = Gate()
    await spawn(yard, ann)
    agent = await yard.wait_until(lambda agent: agent.attempts)
    assert (agent.process, agent.worktree, git.reached.is_set()) == (ProcessState.STARTING, "", True)
    assert await read_attempts(yard.database) == [(1, "order", "")]
    assert not start.reached.is_set()
    git.gate.set()
    start.gate.set()
    agent = await yard.wait_rest()
    assert (agent.outcome, agent.attempts, agent.worktree) == (Outcome.DONE, 1, "/worktrees/web-1")


async def test_the_worktree_is_on_record_before_the_agent_is_spoken_to(yard: Yard, ann: Actor) -> None:
    yard.runtime.before_open = opening = Gate()
    await spawn(yard, ann)
    async with asyncio.timeout(WAIT):
        await opening.reached.wait()
    agent = await yard.wait_until(lambda agent: agent.worktree)
    assert (agent.branch, agent.base, agent.base_commit) == ("callboard/web-1", "main", "c0ffee")
    opening.gate.set()
    assert (await yard.wait_rest()).outcome is Outcome.DONE


async def test_the_worktree_of_an_agent_that_cannot_start_is_on_record(yard: Yard, ann: Actor) -> None:
    async def refuse(_agent: str) -> None:
        raise PermanentFailure("there is no such program")

    yard.host.before_start = refuse
    await spawn(yard, ann)
    agent = await yard.wait_rest()
    assert (agent.outcome, agent.worktree) == (Outcome.FAILED, "/worktrees/web-1")
    assert await read_attempts(yard.database) == [(1, "order", "not started")]


async def test_without_a_worktree_it_is_closed_and_the_next_one_makes_it(yard: Yard, ann: Actor) -> None:
    async def fail(agent: str) -> None:
        await yard.wait_until(lambda agent: agent.attempts, agent)
        raise PermanentFailure("the disk is full")

    yard.host.before_prepare = fail
    await spawn(yard, ann)
    agent = await yard.wait_rest()
    assert (agent.outcome, agent.process, agent.worktree) == (Outcome.FAILED, ProcessState.NONE, "")
    assert await read_attempts(yard.database) == [(1, "order", "not started")]
    yard.host.before_prepare = Gate()
    yard.host.before_prepare.gate.set()
    await yard.send(ann, "Again")
    agent = await yard.wait_rest()
    assert (agent.outcome, agent.worktree) == (Outcome.DONE, "/worktrees/web-1")
    assert [exit for _, _, exit in await read_attempts(yard.database)] == ["not started", "ended by the bot"]


@pytest.mark.parametrize(("worktree", "furnished"), [("", ["web-1"]), ("/worktrees/web-1", [])])
async def test_one_cut_short_before_its_worktree_was_there_is_set_up_still(
    yard: Yard, worktree: str, furnished: list[str]
) -> None:
    yard.catalogue.projects = {"web": Site("/repositories/web", "main", copy=(".env",))}
    await keep_cut_short(yard.database, worktree=worktree)
    yard.database.bells.ring("fleet")
    agent = await yard.wait_rest()
    assert (agent.outcome, agent.attempts) == (Outcome.DONE, 2)
    assert [name for name, _ in yard.host.furnished] == furnished
    assert yard.host.reclaimed == ["web-1"]

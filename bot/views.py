"""How agents look, for commands, the HTTP API and cards: read from the store, never remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.house import House
from core.announce import subject_of
from core.budgets import Budget, is_spent, read_raised
from core.cards import Sight, draw_agent, write_request, write_tally
from core.crew import Site
from core.home import say_machine
from core.lifecycle import count_seconds, derive_status
from core.model import Agent, AgentMessage, Attempt, MessageState, Outcome, Person, Request, RequestState
from core.quorum import Tally
from core.requests import list_open
from core.shelter import name_shelter, say_shelter
from core.store import Transaction, count, find, get
from core.store.fleet import count_open, list_answered, list_queue
from core.votes import count_votes
from core.wire import encode_card

_LOOK_AGAIN = 2.0
_ANSWERS_SHOWN = timedelta(minutes=15)


async def see_agent(tx: Transaction, house: House, agent: Agent) -> Sight:
    """One agent with everything that is shown of it."""
    requests = await list_open(tx, agent.id)
    status = derive_status(agent, len(requests), house.now(), house.patience)
    queue = await list_queue(tx) if not agent.holder else []
    owner = await get(tx, Person, id=agent.owner)
    return Sight(
        agent=agent,
        status=status,
        owner=owner.name if owner else agent.owner,
        requests=requests,
        settled=await list_answered(tx, agent.id, house.now() - _ANSWERS_SHOWN),
        tallies=await _count_votes(tx, house, agent, requests),
        queue=queue.index(agent.id) + 1 if agent.id in queue else 0,
        waiting_messages=await _count_waiting(tx, agent),
        scripted=_is_scripted(house, agent),
        shelter=_name_shelter(house, agent),
        files=await _name_files(tx, agent),
        elsewhere=_find_elsewhere(house, agent),
        budget=_find_budget(house, agent),
    )


def _find_elsewhere(house: House, agent: Agent) -> str:
    """The machine whose bot has to start it; "" when this one may, or when it is held."""
    if agent.holder or not agent.worktree or agent.home in ("", house.id) or house.database.is_sqlite:
        return ""
    return say_machine(agent.home)


async def _name_files(tx: Transaction, agent: Agent) -> list[str]:
    first = await get(tx, AgentMessage, agent=agent.id, number=1)
    return [file.name for file in first.files] if first else []


async def _count_votes(tx: Transaction, house: House, agent: Agent, requests: Sequence[Request]) -> Mapping[str, Tally]:
    quorums = [(request, house.find_quorum(agent.project, request)) for request in requests]
    return {request.id: await count_votes(tx, agent, request, quorum) for request, quorum in quorums if quorum}


async def _count_waiting(tx: Transaction, agent: Agent) -> int:
    waiting = await count(tx, AgentMessage, agent=agent.id, state=MessageState.QUEUED)
    return max(0, waiting - (1 if agent.turns == 0 else 0))


def _is_scripted(house: House, agent: Agent) -> bool:
    kind = house.kinds.get(agent.kind)
    return kind is not None and kind.scripted


def _name_shelter(house: House, agent: Agent) -> str:
    """As it was at its last start; before the first as its project is set now."""
    project = house.projects.get(agent.project)
    if agent.attempts or project is None:
        return say_shelter(agent.host)
    return say_shelter(name_shelter(Site(agent.repository, "", project.host, project.walls)))


def _find_budget(house: House, agent: Agent) -> Budget:
    return house.find_plan(agent.project).agent.raised(read_raised(agent))


async def see_agents(tx: Transaction, house: House, agents: Sequence[Agent]) -> list[Sight]:
    """Many agents, with as few questions to the store as for one; without their requests' details."""
    open_requests = await count_open(tx)
    queue = {agent: number for number, agent in enumerate(await list_queue(tx), 1)}
    people = {person.id: person.name for person in await find(tx, Person)}
    now = house.now()
    return [
        Sight(
            agent=agent,
            status=derive_status(agent, open_requests.get(agent.id, 0), now, house.patience),
            owner=people.get(agent.owner, agent.owner),
            queue=queue.get(agent.id, 0),
            scripted=_is_scripted(house, agent),
            shelter=_name_shelter(house, agent),
            budget=_find_budget(house, agent),
        )
        for agent in agents
    ]


async def write_requests(tx: Transaction, house: House, requests: Sequence[Request]) -> list[dict[str, Any]]:
    """Requests as plain JSON; with those that wait for approvals, how far these are."""
    written = []
    for request in requests:
        agent = await get(tx, Agent, id=request.agent) if request.state is RequestState.OPEN else None
        tallies = await _count_votes(tx, house, agent, [request]) if agent else {}
        written.append({**write_request(request), **_write_tally(tallies, request)})
    return written


def write_agent(sight: Sight, now: datetime) -> dict[str, Any]:
    """An agent as plain JSON."""
    agent = sight.agent
    return {
        "id": agent.id,
        "project": agent.project,
        "kind": agent.kind,
        "scripted": sight.scripted,
        "sandbox": sight.shelter,
        "task": agent.task,
        "owner": sight.owner,
        "status": sight.status.value,
        "reason": agent.reason,
        "model": agent.model,
        "mode": agent.mode,
        "branch": agent.branch,
        "base": agent.base,
        "worktree": agent.worktree,
        "spare": agent.spare,
        "repository": agent.repository,
        "commits": [dict(commit) for commit in agent.commits],
        "diffstat": agent.diffstat,
        "accepted": agent.accepted,
        "cost": agent.cost,
        "tokens": agent.tokens,
        "seconds": round(count_seconds(agent, now), 3),
        "turns": agent.turns,
        "attempts": agent.attempts,
        "parent": agent.parent,
        "files": list(sight.files),
        "created_at": agent.created_at.isoformat(),
        "ended_at": agent.ended_at.isoformat() if agent.ended_at else None,
        "last_activity": agent.last_activity,
        "last_activity_at": agent.last_activity_at.isoformat() if agent.last_activity_at else None,
        "requests": [{**write_request(request), **_write_tally(sight.tallies, request)} for request in sight.requests],
        "queue_position": sight.queue,
        "queued_messages": sight.waiting_messages,
        "card": encode_card(draw_agent(sight, now)),
    }


def _write_tally(tallies: Mapping[str, Tally], request: Request) -> dict[str, Any]:
    tally = tallies.get(request.id)
    return {"approvals": write_tally(tally)} if tally else {}


async def await_resume(house: House, agent: Agent, timeout: float) -> str:
    """How a woken agent's session was opened: `session loaded`, `session rebuilt`, or what kept it from it. "" when
    it is not known within `timeout` seconds, because the agent waits for a place."""
    bells, topic = house.database.bells, subject_of(agent.id)
    end = asyncio.get_running_loop().time() + timeout
    while (left := end - asyncio.get_running_loop().time()) > 0:
        heard = bells.listen(topic)
        async with house.database.reading() as tx:
            now = await get(tx, Agent, id=agent.id) or agent
            attempt = await get(tx, Attempt, agent=agent.id, number=agent.attempts + 1)
        if attempt is not None and attempt.how:
            return f"session {attempt.how}"
        if now.outcome is Outcome.FAILED:
            return f"it failed ({now.reason})"
        if is_spent(now):
            return f"it cannot ({now.reason})"
        await bells.wait(topic, heard, min(left, _LOOK_AGAIN))
    return ""


async def await_release(house: House, agent: Agent, timeout: float) -> bool:
    """Whether nothing runs for an agent at rest any more, within `timeout` seconds: its process ends after its work."""
    bells, topic = house.database.bells, subject_of(agent.id)
    end = asyncio.get_running_loop().time() + timeout
    while (left := end - asyncio.get_running_loop().time()) > 0:
        heard = bells.listen(topic)
        async with house.database.reading() as tx:
            now = await get(tx, Agent, id=agent.id)
        if now is None or not now.holder:
            return True
        await bells.wait(topic, heard, min(left, 2.0))
    return False

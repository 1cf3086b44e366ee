"""Gives an agent a spare to begin in, if one fits.

An agent never waits for a spare, and never fails for one: whatever is wrong with it, the agent gets its own worktree.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import structlog

from core.announce import announce
from core.crew import Crew, Site, insistent, require_held, write_facts
from core.errors import CallboardError
from core.fitting import mark_site
from core.interfaces import Stand, Workspace
from core.model import Agent, ProcessState
from core.prompts import title_task
from core.spares import Spare, SpareState
from core.store import change, count, get, remove
from core.store.spares import take_spare
from core.workspace import write_workspace

log = structlog.get_logger()
BELL = "pool"


async def take_place(crew: Crew, agent: Agent, site: Site) -> tuple[Agent, Workspace] | None:
    """A spare for an agent that has no worktree, and the agent as it is with that. None when it needs a new one. Raises
    LeaseLost."""
    spare = await _find_spare(crew, agent, site)
    place = await _hand_over(crew, agent, spare) if spare else None
    if spare is None or place is None:
        return None
    begun = await _note_taken(crew, agent, spare, place)
    return (begun, place) if begun else None


async def make_place(crew: Crew, agent: Agent, site: Site) -> Workspace:
    """A new worktree, or the one that an interrupted call made. Raises PermanentFailure, TemporaryFailure."""
    return await crew.host.prepare(agent.id, site.repository, agent.base or site.base, title_task(agent.task))


async def _find_spare(crew: Crew, agent: Agent, site: Site) -> Spare | None:
    """One that it took already, when that was cut short; else one in which it begins as in a new worktree."""
    taken, ready = await _look_around(crew, agent)
    if taken or not ready or agent.base not in ("", site.base):
        return taken
    try:
        stand = await crew.spares.look(site.repository, site.base, site.copy)
    except CallboardError as failure:
        log.warning("no spare is taken", agent=agent.id, reason=failure.message)
        return None
    return await _take(crew, agent, mark_site(site, agent.kind), stand)


@insistent
async def _look_around(crew: Crew, agent: Agent) -> tuple[Spare | None, int]:
    async with crew.database.reading() as tx:
        taken = await get(tx, Spare, agent=agent.id, house=crew.house, state=SpareState.TAKEN)
        return taken, await count(tx, Spare, project=agent.project, house=crew.house, state=SpareState.READY)


@insistent
async def _take(crew: Crew, agent: Agent, fingerprint: str, stand: Stand) -> Spare | None:
    async with crew.database.transaction() as tx:
        return await take_spare(tx, await require_held(tx, agent), crew.house, fingerprint, stand)


async def _hand_over(crew: Crew, agent: Agent, spare: Spare) -> Workspace | None:
    try:
        return await crew.spares.hand_over(spare.place, agent.id, title_task(agent.task))
    except CallboardError as failure:
        log.warning("a spare is not as it was left", agent=agent.id, spare=spare.id, reason=failure.message)
        await _give_up(crew, spare)
        return None


@insistent
async def _give_up(crew: Crew, spare: Spare) -> None:
    """Whoever tends the pool looks into it."""
    async with crew.database.transaction() as tx:
        seen = {"id": spare.id, "state": SpareState.TAKEN}
        await change(tx, Spare, seen, state=SpareState.GOING, agent="")
        tx.ring(BELL)


@insistent
async def _note_taken(crew: Crew, agent: Agent, spare: Spare, place: Workspace) -> Agent | None:
    """From here on it is the agent's worktree and no spare; None when it was taken away meanwhile."""
    now = crew.now()
    values: dict[str, Any] = {
        **write_workspace(place),
        "spare": spare.id,
        "set_up_at": now,
        "process": ProcessState.STARTING,
        "last_activity": "took a prepared worktree",
        "last_activity_at": now,
    }
    async with crew.database.transaction() as tx:
        held = await require_held(tx, agent)
        if not await remove(tx, Spare, id=spare.id, state=SpareState.TAKEN, agent=agent.id):
            return None
        await write_facts(tx, agent, **values)
        age = round((now - (spare.ready_at or now)).total_seconds(), 1)
        await announce(tx, held, "agent.took_spare", now, spare=spare.id, age_seconds=age)
        tx.ring(BELL)
    return replace(held, **values)

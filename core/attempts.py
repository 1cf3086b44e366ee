"""Attempts on record: each is one process of an agent, written down before it is started and once it is gone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core.announce import make_fact
from core.crew import Site, write_facts
from core.errors import CallboardError
from core.events import Event
from core.interfaces import Exit, Session, Workspace
from core.meter import read_meter
from core.model import Agent, Attempt, ProcessState
from core.shelter import name_shelter
from core.store import Transaction, change, insert
from core.store.fleet import last_update
from core.transcript import Track
from core.workspace import write_workspace


class Stopped(CallboardError):
    """A person wants the agent to stop."""


class Spent(CallboardError):
    """A budget is used up: there is nothing to start for."""


async def note_start(
    tx: Transaction, agent: Agent, why: str, site: Site, place: Workspace | None, now: datetime
) -> Track:
    """The next attempt of a locked agent, and its worktree if that is there already. Raises LeaseLost."""
    number = agent.attempts + 1
    await insert(tx, Attempt(agent.id, number, "", why, now))
    values = write_workspace(place) if place else {}
    await write_facts(tx, agent, process=ProcessState.STARTING, attempts=number, host=name_shelter(site), **values)
    return Track(
        agent=agent.id,
        project=agent.project,
        attempt=number,
        number=await last_update(tx, agent.id) if agent.attempts else 0,
        output=agent.output_bytes,
        meter=read_meter(agent),
        activity=agent.last_activity,
        epoch=agent.epoch,
    )


async def note_session(
    tx: Transaction, agent: Agent, session: Session, why: str, now: datetime
) -> tuple[dict[str, Any], Event]:
    """How the agent's attempt opened its session. The facts and the event are for the caller to write."""
    number = agent.attempts
    await change(tx, Attempt, {"agent": agent.id, "number": number}, how=session.how, session=session.id)
    if number == 1:
        event = make_fact(agent, "agent.started", now, attempt=number, kind=agent.kind)
    else:
        event = make_fact(agent, "agent.resumed", now, attempt=number, how=session.how, why=why)
    return {"process": ProcessState.RUNNING, "session": session.id}, event


async def note_end(tx: Transaction, agent: str, end: Exit | str | None, now: datetime) -> None:
    """How the last process ended; None when nobody saw it."""
    await change(tx, Attempt, {"agent": agent, "ended_at": None}, ended_at=now, exit=str(end or "lost"))

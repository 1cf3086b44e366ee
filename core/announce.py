"""The event street's on-ramp: what happened, the cards it changes and the messages it causes, in one transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core.delivery import bump_postings, queue_reply
from core.events import Event
from core.model import Agent, Posting
from core.notices import Notice, write_notice
from core.routing import read_routes
from core.store import Transaction, append_events, find

_ASKS = ("request.opened", "request.expired")


async def announce(tx: Transaction, agent: Agent, kind: str, now: datetime, actor: str = "", /, **data: Any) -> Event:
    """Record that something happened to an agent; everything that follows from it is written with it."""
    (event,) = await announce_facts(tx, agent, make_fact(agent, kind, now, actor, **data))
    return event


async def announce_facts(tx: Transaction, agent: Agent, *facts: Event) -> list[Event]:
    """The same for several things that happened to one agent, in this order."""
    events = await append_events(tx, *facts)
    if events:
        await bump_postings(tx, subject_of(agent.id))
        tx.ring(subject_of(agent.id))
    for event in events:
        if notice := write_notice(event, agent):
            lane, reply = notice
            await queue_reply(tx, agent.place, reply, stream=subject_of(agent.id), lane=lane, now=event.at)
            await _tell_others(tx, event, agent, notice)
    return events


async def _tell_others(tx: Transaction, event: Event, agent: Agent, notice: Notice) -> None:
    """Each place has a stream of its own: one that takes nothing holds up no other."""
    lane, reply = notice
    words = dict.fromkeys(await _list_other_places(tx, agent) if event.kind in _ASKS else (), reply)
    routes = await read_routes(tx)
    words |= {place: routes.word(reply, agent) for place in routes.choose(event, agent)}
    for place, told in words.items():
        stream = f"{subject_of(agent.id)}@{place}"
        await queue_reply(tx, place, told, stream=stream, lane=lane, now=event.at)


async def _list_other_places(tx: Transaction, agent: Agent) -> list[str]:
    """Where else it is shown: there too people hear what it asks, and nothing else."""
    return [posting.hears for posting in await find(tx, Posting, subject=subject_of(agent.id)) if posting.hears]


def make_fact(agent: Agent, kind: str, now: datetime, actor: str = "", /, **data: Any) -> Event:
    """Something that happened to an agent, to be announced."""
    return Event(kind=kind, at=now, agent=agent.id, project=agent.project, actor=actor, data=data)


def subject_of(agent: str) -> str:
    """How postings, streams and bells name an agent."""
    return f"agent:{agent}"

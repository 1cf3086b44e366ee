"""Statements about the thread of one agent: its newest lines, and those before a point in it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from core.events import Event, Update
from core.model import AgentMessage, Request
from core.store.database import Transaction
from core.store.records import find
from core.store.tables import agents, events, messages, postings, requests, updates


async def read_events(
    tx: Transaction, agent: str, untold: Collection[str], limit: int, *, until: datetime | None = None
) -> list[Event]:
    """The newest events of an agent but for some kinds, oldest first; not later than `until` if given."""
    conditions = [events.c.agent == agent, events.c.kind.not_in(sorted(untold))]
    if until is not None:
        conditions.append(events.c.at <= until)
    return (await find(tx, Event, *conditions, order=events.c.seq.desc(), limit=limit))[::-1]


async def read_updates(tx: Transaction, agent: str, limit: int, *, before: int | None = None) -> list[Update]:
    """The newest lines of a transcript, oldest first; only those before a number if given."""
    conditions = [updates.c.number < before] if before is not None else []
    return (await find(tx, Update, *conditions, order=updates.c.number.desc(), limit=limit, agent=agent))[::-1]


async def read_messages(
    tx: Transaction, agent: str, limit: int, *, until: datetime | None = None
) -> list[AgentMessage]:
    """The newest messages to an agent, oldest first."""
    conditions = [messages.c.created_at <= until] if until is not None else []
    found = await find(tx, AgentMessage, *conditions, order=messages.c.number.desc(), limit=limit, agent=agent)
    return found[::-1]


async def read_requests(tx: Transaction, agent: str, limit: int, *, until: datetime | None = None) -> list[Request]:
    """The newest things that an agent asked, oldest first."""
    conditions = [requests.c.opened_at <= until] if until is not None else []
    found = await find(tx, Request, *conditions, order=requests.c.opened_at.desc(), limit=limit, agent=agent)
    return found[::-1]


async def read_plan(tx: Transaction, agent: str) -> Update | None:
    """The newest plan of an agent."""
    found = await find(tx, Update, updates.c.kind == "plan", order=updates.c.number.desc(), limit=1, agent=agent)
    return found[0] if found else None


async def list_ids(tx: Transaction) -> list[str]:
    """The ids of all agents, the newest first, those that were removed too."""
    return list((await tx.run(sa.select(agents.c.id).order_by(agents.c.created_at.desc()).limit(10_000))).scalars())


async def list_turns(tx: Transaction, agent: str) -> list[str]:
    """Subjects of the turns of an agent that are shown somewhere."""
    subject = postings.c.subject
    # A range, so that the index serves: a semicolon follows the colon.
    return list(
        (
            await tx.run(sa.select(subject).distinct().where(subject > f"turn:{agent}:", subject < f"turn:{agent};"))
        ).scalars()
    )


async def read_words(tx: Transaction, agent: str, after: int, until: int | None, most: int) -> str:
    """What an agent said to people between two lines of its transcript; not much more than so many characters."""
    wanted = sa.select(updates.c.data).where(
        updates.c.agent == agent, updates.c.kind == "message", updates.c.number > after
    )
    if until is not None:
        wanted = wanted.where(updates.c.number <= until)
    said: list[str] = []
    left = most
    for data in (await tx.run(wanted.order_by(updates.c.number).limit(20_000))).scalars():
        said.append(str(data.get("text", "")))
        left -= len(said[-1])
        if left <= 0:
            break
    return "".join(said)[:most]

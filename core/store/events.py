"""The one sequence of events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from core.events import Event
from core.store.database import Transaction
from core.store.records import encode, find
from core.store.tables import counters, events

BELL = "events"
_LOCK = 7233002
_INSERT = sa.insert(events)


async def take_numbers(tx: Transaction, name: str, amount: int = 1) -> int:
    """Take `amount` numbers of a counter; returns the last. Numbers are given under one lock that is held until the
    commit, so they appear in the order in which transactions commit, without a gap. It is one for all counters: two
    transactions that take numbers of two counters in different order would wait for each other for ever."""
    await lock_numbers(tx)
    return int((await tx.run(_grow_counter(tx.is_sqlite), {"name": name, "amount": amount})).scalar_one())


async def lock_numbers(tx: Transaction) -> None:
    """Wait for that lock now. Whoever changes a posting or a delivery and tells of it afterwards begins with this:
    others, who have told, change such rows while they hold the lock."""
    if not tx.is_sqlite:
        await tx.run(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


@cache
def _grow_counter(is_sqlite: bool) -> Any:
    amount = sa.bindparam("amount", type_=sa.Integer)
    statement = (sqlite if is_sqlite else postgresql).insert(counters).values(name=sa.bindparam("name"), value=amount)
    return statement.on_conflict_do_update(
        index_elements=["name"], set_={"value": counters.c.value + amount}
    ).returning(counters.c.value)


async def append_events(tx: Transaction, *new: Event) -> list[Event]:
    """Give events their place in the sequence and store them."""
    if not new:
        return []
    last = await take_numbers(tx, "events", len(new))
    placed = [replace(event, seq=last - len(new) + 1 + index) for index, event in enumerate(new)]
    await tx.run(_INSERT, [encode(event) for event in placed])
    # Home tabs are drawn by what happened.
    tx.ring(BELL, "postings")
    return placed


async def list_events(
    tx: Transaction,
    *,
    after: int = 0,
    since: datetime | None = None,
    kinds: Sequence[str] = (),
    agent: str = "",
    limit: int = 1000,
    newest: bool = False,
) -> list[Event]:
    """Events beyond `after`, oldest first; with `newest` the last `limit` of them. A kind may end in `.*`."""
    conditions = [events.c.seq > after]
    if since is not None:
        conditions.append(events.c.at >= since)
    if agent:
        conditions.append(events.c.agent == agent)
    if kinds:
        conditions.append(sa.or_(*(_fits(kind) for kind in kinds)))
    order = events.c.seq.desc() if newest else events.c.seq
    found = await find(tx, Event, *conditions, order=order, limit=limit)
    return found[::-1] if newest else found


async def list_touched(tx: Transaction, after: int) -> dict[str, int]:
    """Agents of which something happened beyond `after`, with the place of the last of it."""
    statement = (
        sa.select(events.c.agent, sa.func.max(events.c.seq))
        .where(events.c.seq > after, events.c.agent != "")
        .group_by(events.c.agent)
    )
    return {str(agent): int(seq) for agent, seq in await tx.run(statement)}


async def last_seq(tx: Transaction) -> int:
    """The place of the newest event, 0 before the first."""
    return int((await tx.run(sa.select(sa.func.max(events.c.seq)))).scalar() or 0)


async def forget_events(tx: Transaction, before: datetime) -> int:
    """Delete events older than `before`; how many there were."""
    return (await tx.run(sa.delete(events).where(events.c.at < before))).rowcount


def _fits(kind: str) -> sa.ColumnElement[bool]:
    if kind.endswith(".*"):
        return events.c.kind.startswith(kind[:-1], autoescape=True)
    return events.c.kind == kind

"""Statements about agents that more than one process may hold, and about their transcripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa

from core.events import Update
from core.model import Agent, AgentMessage, MessageState, Outcome, ProcessState, Request, RequestState, Wanted
from core.store.database import Transaction
from core.store.records import decode, encode, find
from core.store.tables import agents, holders, messages, requests, updates

# The statements on the way from an order to its agent are made once: making one costs more than running it.


async def list_claimable(tx: Transaction, me: str, now: datetime, limit: int, home: str = "") -> list[Agent]:
    """Agents with work to do that no other living process (one that is signed in) holds: first those cut short, then
    in the order of the queue. Our own are among them: whoever asks knows which of those it runs. With `home`
    (core.home.read_house) only those whose worktree is there, or that have none yet."""
    rows = (await tx.run(_CLAIMABLE, {"me": me, "now": now, "most": limit, "home": home})).mappings()
    return [decode(Agent, cast("Mapping[str, Any]", row)) for row in rows]


def _has_work() -> sa.ColumnElement[bool]:
    return sa.and_(agents.c.outcome == Outcome.NONE.value, agents.c.wanted.in_([Wanted.RUN.value, Wanted.STOP.value]))


_FREE = sa.or_(
    agents.c.holder == sa.bindparam("me"),
    agents.c.holder.not_in(sa.select(holders.c.id)),
    agents.c.lease_until < sa.bindparam("now"),
)
_HERE = sa.or_(
    sa.bindparam("home", type_=sa.Text) == "",
    agents.c.worktree == "",
    agents.c.home.in_(["", sa.bindparam("home", type_=sa.Text)]),
)
_CLAIMABLE = (
    sa.select(agents)
    .where(_FREE, _HERE, _has_work())
    .order_by(agents.c.process == ProcessState.NONE.value, agents.c.queued_at, agents.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)


async def claim_agent(tx: Transaction, agent: Agent, me: str, until: datetime, home: str = "") -> bool:
    """Take an agent, whose worktree is in `home` from now on; False when another process was faster, or it was stopped
    meanwhile. No turn runs any more."""
    values = {"of": agent.id, "seen": agent.epoch, "me": me, "until": until, "home": home}
    return (await tx.run(_CLAIM, values)).rowcount == 1


_CLAIM = (
    sa.update(agents)
    .where(agents.c.id == sa.bindparam("of"), agents.c.epoch == sa.bindparam("seen"), _has_work())
    .values(
        holder=sa.bindparam("me"),
        home=sa.bindparam("home"),
        epoch=agents.c.epoch + 1,
        lease_until=sa.bindparam("until"),
        turn_started_at=None,
    )
)


async def lock_agent(tx: Transaction, agent: str) -> Agent | None:
    """The agent as it is, and as it stays until this transaction ends: what is decided by it holds."""
    row = (await tx.run(_LOCK, {"agent": agent})).mappings().first()
    return None if row is None else decode(Agent, cast("Mapping[str, Any]", row))


_LOCK = sa.select(agents).where(agents.c.id == sa.bindparam("agent")).with_for_update()


async def renew_leases(tx: Transaction, me: str, until: datetime) -> list[str]:
    """Say that this process still holds what it holds, which is returned. Locked in order: so are groups of lines."""
    held = sa.select(agents.c.id).where(agents.c.holder == me).order_by(agents.c.id).with_for_update()
    ids = list((await tx.run(held)).scalars())
    await tx.run(sa.update(agents).where(agents.c.holder == me).values(lease_until=until))
    return ids


async def release_agents(tx: Transaction, me: str, kept: Sequence[str]) -> None:
    """Hold no agent any more, but for those to be kept."""
    ours = sa.and_(agents.c.holder == me, agents.c.id.not_in(list(kept)))
    await tx.run(sa.update(agents).where(ours).values(holder="", lease_until=None))


async def list_heard(tx: Transaction, me: str) -> list[str]:
    """Requests of held agents that somebody, perhaps by way of another process, settled and the agent has not heard."""
    statement = (
        sa.select(requests.c.id)
        .join(agents, agents.c.id == requests.c.agent)
        .where(agents.c.holder == me, requests.c.state != RequestState.OPEN.value, requests.c.used_at.is_(None))
        .where(requests.c.state != RequestState.WITHDRAWN.value)
    )
    return list((await tx.run(statement)).scalars())


async def list_orders(tx: Transaction, me: str) -> list[str]:
    """Held agents that a person wants something of: to stop, or to hear a message."""
    waiting = sa.exists().where(
        messages.c.agent == agents.c.id, messages.c.state == MessageState.QUEUED.value, messages.c.now.is_(True)
    )
    statement = sa.select(agents.c.id).where(
        agents.c.holder == me, sa.or_(agents.c.wanted != Wanted.RUN.value, waiting)
    )
    return list((await tx.run(statement)).scalars())


async def next_message(tx: Transaction, agent: str) -> AgentMessage | None:
    """The message to hand over next: one that was cut short, else an urgent one, else the oldest."""
    return await _find_message(tx, _NEXT, agent)


_TO_AGENT = sa.select(messages).where(messages.c.agent == sa.bindparam("agent")).limit(1)
_NEXT = _TO_AGENT.where(messages.c.state.in_([MessageState.SENT.value, MessageState.QUEUED.value])).order_by(
    messages.c.state != MessageState.SENT.value, messages.c.now.is_(False), messages.c.number
)
_URGENT = _TO_AGENT.where(messages.c.state == MessageState.QUEUED.value, messages.c.now.is_(True)).order_by(
    messages.c.number
)


async def _find_message(tx: Transaction, statement: sa.Select[Any], agent: str) -> AgentMessage | None:
    row = (await tx.run(statement, {"agent": agent})).mappings().first()
    return None if row is None else decode(AgentMessage, cast("Mapping[str, Any]", row))


async def next_urgent(tx: Transaction, agent: str) -> AgentMessage | None:
    """The oldest message that is to interrupt the turn."""
    return await _find_message(tx, _URGENT, agent)


async def list_earlier(tx: Transaction, agent: str, number: int) -> list[AgentMessage]:
    """Messages that were handed over before the one with this number, oldest first."""
    return await find(
        tx, AgentMessage, messages.c.number < number, order=messages.c.number, agent=agent, state=MessageState.DONE
    )


async def count_open(tx: Transaction, ids: Sequence[str] = ()) -> dict[str, int]:
    """Open requests by agent; of all agents when no ids are given."""
    statement = (
        sa.select(requests.c.agent, sa.func.count().label("open"))
        .where(requests.c.state == RequestState.OPEN.value)
        .group_by(requests.c.agent)
    )
    if ids:
        statement = statement.where(requests.c.agent.in_(list(ids)))
    return {str(row["agent"]): int(row["open"]) for row in (await tx.run(statement)).mappings()}


async def list_queue(tx: Transaction) -> list[str]:
    """Ids of agents that wait for a place, in order."""
    return list((await tx.run(_QUEUE)).scalars())


_QUEUE = (
    sa.select(agents.c.id)
    .where(_has_work(), agents.c.holder == "", agents.c.process == ProcessState.NONE.value)
    .order_by(agents.c.queued_at, agents.c.id)
)


async def store_updates(tx: Transaction, lines: Sequence[Update], facts: Sequence[Mapping[str, Any]]) -> None:
    """Write lines of transcripts in one go, and what they say of their agents (`agent` and columns' values)."""
    if lines:
        await tx.run(sa.insert(updates), [encode(line) for line in lines])
    if facts:
        names = [name for name in facts[0] if name != "agent"]
        statement = (
            sa.update(agents)
            .where(agents.c.id == sa.bindparam("agent"))
            .values({name: sa.bindparam(f"new_{name}") for name in names})
        )
        rows = [{"agent": fact["agent"], **{f"new_{name}": fact[name] for name in names}} for fact in facts]
        await tx.run(statement, rows)


async def last_update(tx: Transaction, agent: str) -> int:
    """The number of the newest line of an agent's transcript, 0 before the first."""
    statement = sa.select(sa.func.max(updates.c.number)).where(updates.c.agent == agent)
    return int((await tx.run(statement)).scalar() or 0)


async def list_updates(tx: Transaction, agent: str, after: int = 0, limit: int = 500) -> list[Update]:
    """Lines of a transcript beyond `after`, oldest first."""
    return await find(tx, Update, updates.c.number > after, order=updates.c.number, limit=limit, agent=agent)


async def last_updates(tx: Transaction, agent: str, limit: int) -> list[Update]:
    """The newest lines of a transcript, oldest first."""
    return (await find(tx, Update, order=updates.c.number.desc(), limit=limit, agent=agent))[::-1]


async def forget_updates(tx: Transaction, before: datetime) -> int:
    """Delete transcript lines of agents that ended before; how many there were."""
    ended = sa.select(agents.c.id).where(agents.c.ended_at < before)
    return (await tx.run(sa.delete(updates).where(updates.c.agent.in_(ended)))).rowcount


async def list_agents(
    tx: Transaction,
    *,
    project: str = "",
    owner: str = "",
    outcome: Outcome | None = None,
    removed: bool = False,
    busy_first: bool = False,
    limit: int = 500,
) -> list[Agent]:
    """Agents, the newest first; with `busy_first` those that do not rest come before all others, so that no limit
    hides them."""
    conditions: list[sa.ColumnElement[bool]] = []
    if not removed:
        conditions.append(agents.c.removed_at.is_(None))
    if outcome is not None:
        conditions.append(agents.c.outcome == outcome.value)
    if project:
        conditions.append(agents.c.project == project)
    if owner:
        conditions.append(agents.c.owner == owner)
    newest = (agents.c.created_at.desc(),)
    order = (agents.c.outcome != Outcome.NONE.value, *newest) if busy_first else newest
    return await find(tx, Agent, *conditions, order=order, limit=limit)


async def count_outcomes(tx: Transaction, owner: str = "") -> dict[Outcome, int]:
    """How many agents that were not removed, of one owner if given, came to rest in which way; NONE for those that did
    not."""
    whose = [agents.c.owner == owner] if owner else []
    statement = (
        sa.select(agents.c.outcome, sa.func.count())
        .where(agents.c.removed_at.is_(None), *whose)
        .group_by(agents.c.outcome)
    )
    return {Outcome(outcome): int(number) for outcome, number in await tx.run(statement)}


async def list_requests(tx: Transaction, state: RequestState | None, limit: int = 500) -> list[Request]:
    """Requests, the oldest first; of one state if given."""
    where: dict[str, Any] = {"state": state} if state else {}
    return await find(tx, Request, order=requests.c.opened_at, limit=limit, **where)


async def list_answered(tx: Transaction, agent: str, since: datetime, limit: int = 3) -> list[Request]:
    """What an agent asked that somebody answered after a time, the oldest first; at most the newest `limit`."""
    late = requests.c.answered_at > since
    order = (requests.c.answered_at.desc(), requests.c.id)
    return (await find(tx, Request, late, agent=agent, state=RequestState.ANSWERED, order=order, limit=limit))[::-1]

"""Queries of the spine: timers, deliveries, postings, inbox."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from core.messages import Action
from core.model import Delivery, DeliveryState, InboxItem, Lane, Posting, Timer
from core.store.database import Transaction
from core.store.records import change, decode, encode, find, remove
from core.store.tables import actions, deliveries, identities, inbox, postings, timers

# ---------------------------------------------------------------------------------------------------------- timers


async def take_due_timer(tx: Transaction, now: datetime, topics: Collection[str]) -> Timer | None:
    """Delete and return the most overdue timer of these topics that no other process is firing."""
    due = (
        sa.select(timers)
        .where(timers.c.due_at <= now, timers.c.topic.in_(topics))
        .order_by(timers.c.due_at, timers.c.key)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = (await tx.run(due)).mappings().first()
    if row is None:
        return None
    await tx.run(sa.delete(timers).where(timers.c.key == row["key"]))
    return decode(Timer, cast("Mapping[str, Any]", row))


async def find_next_timer(tx: Transaction, topics: Collection[str]) -> datetime | None:
    """When the next timer of these topics is due."""
    return await _scalar(tx, sa.select(sa.func.min(timers.c.due_at)).where(timers.c.topic.in_(topics)))


async def list_unheard_topics(tx: Transaction, now: datetime, topics: Collection[str]) -> list[str]:
    """Topics with an overdue timer that are none of these."""
    unheard = sa.select(timers.c.topic).distinct().where(timers.c.due_at <= now, timers.c.topic.not_in(topics))
    return list((await tx.run(unheard)).scalars())


async def delay_timer(tx: Transaction, timer: Timer, due_at: datetime) -> bool:
    """Move a timer unless it was set anew meanwhile."""
    return await change(tx, Timer, {"key": timer.key, "due_at": timer.due_at}, due_at=due_at) == 1


# ------------------------------------------------------------------------------------------------------ deliveries


async def list_ready(
    tx: Transaction, lane: Lane, now: datetime, limit: int, *, places: Collection[str], ids: Collection[str]
) -> list[Delivery]:
    """Heads of their streams that may be sent now, oldest first, but none of these `places` and `ids`. Their rows
    stay locked until the commit; those that another process has locked are passed over."""
    ready = (
        sa.select(deliveries)
        .where(*_ready(now), deliveries.c.lane == lane.value)
        .where(deliveries.c.place.not_in(places), deliveries.c.id.not_in(ids))
        .order_by(deliveries.c.number)
        .limit(limit)
        .with_for_update(skip_locked=True, of=deliveries)
    )
    return [decode(Delivery, cast("Mapping[str, Any]", row)) for row in (await tx.run(ready)).mappings()]


async def has_rival(tx: Transaction, place: str, lanes: Sequence[Lane], now: datetime) -> bool:
    """Whether one of these lanes has something for the place that may be sent now."""
    rival = sa.select(deliveries.c.id).where(
        *_ready(now), deliveries.c.place == place, deliveries.c.lane.in_([lane.value for lane in lanes])
    )
    return (await tx.run(rival.limit(1))).first() is not None


async def find_next_delivery(tx: Transaction, lane: Lane, now: datetime) -> datetime | None:
    """When the next delivery of a lane that waits for a time is due."""
    later = sa.select(sa.func.min(deliveries.c.due_at)).where(
        deliveries.c.state == DeliveryState.WAITING.value, deliveries.c.lane == lane.value, deliveries.c.due_at > now
    )
    return await _scalar(tx, later)


async def find_head_lane(tx: Transaction, stream: str) -> Lane | None:
    """The lane of what is next in a stream."""
    head = (
        sa.select(deliveries.c.lane)
        .where(deliveries.c.stream == stream, deliveries.c.state == DeliveryState.WAITING.value)
        .order_by(deliveries.c.number)
        .limit(1)
    )
    lane = (await tx.run(head)).scalar()
    return None if lane is None else Lane(lane)


async def raise_lane(tx: Transaction, stream: str, lane: Lane, slower: Sequence[Lane]) -> int:
    """Move what waits in a stream out of slower lanes, so that it does not hold up something urgent behind it."""
    where = {"stream": stream, "state": DeliveryState.WAITING, "lane": list(slower)}
    return await change(tx, Delivery, where, lane=lane)


async def revive_held(tx: Transaction, mark: str, now: datetime) -> int:
    """Make everything due whose error begins so; how much that is."""
    waits = {"state": DeliveryState.WAITING}
    sent = await change(tx, Delivery, waits, deliveries.c.error.startswith(mark, autoescape=True), due_at=now)
    return sent + await change(tx, Posting, {}, postings.c.error.startswith(mark, autoescape=True), due_at=now)


async def release_claims(tx: Transaction) -> int:
    """Take back what a killed courier held; how many deliveries and postings there were. For a single process."""
    freed = 0
    for kind, table in ((Delivery, deliveries), (Posting, postings)):
        freed += await change(tx, kind, {}, table.c.holder != "", holder="", lease_until=None, unsure=True)
    return freed


async def measure_backlog(tx: Transaction) -> dict[Lane, tuple[int, datetime]]:
    """Of every lane in which something waits: how much, and since when."""
    statement = (
        sa.select(deliveries.c.lane, sa.func.count(), sa.func.min(deliveries.c.created_at))
        .where(deliveries.c.state == DeliveryState.WAITING.value)
        .group_by(deliveries.c.lane)
    )
    return {Lane(lane): (amount, since) for lane, amount, since in await tx.run(statement)}


async def forget_deliveries(tx: Transaction, before: datetime) -> int:
    """Delete what was sent, or given up, and queued before a time; how many there were."""
    over = [DeliveryState.SENT, DeliveryState.FAILED]
    return await remove(tx, Delivery, deliveries.c.created_at < before, state=over)


def _ready(now: datetime) -> list[sa.ColumnElement[bool]]:
    earlier = deliveries.alias()
    waiting = DeliveryState.WAITING.value
    held = sa.exists().where(
        earlier.c.stream == deliveries.c.stream,
        earlier.c.state == waiting,
        earlier.c.number < deliveries.c.number,
    )
    return [deliveries.c.state == waiting, deliveries.c.due_at <= now, _unclaimed(deliveries, now), ~held]


def _unclaimed(table: sa.Table, now: datetime | sa.BindParameter[Any]) -> sa.ColumnElement[bool]:
    return sa.or_(table.c.holder == "", table.c.lease_until <= now)


# -------------------------------------------------------------------------------------------------------- postings


async def add_posting(tx: Transaction, posting: Posting) -> Posting:
    """Store a posting, or have the one of the same subject and place drawn again; returns what is stored."""
    statement = (sqlite if tx.is_sqlite else postgresql).insert(postings).values(encode(posting))
    stored = statement.on_conflict_do_update(
        index_elements=["subject", "place"], set_={"wanted": postings.c.wanted + 1}
    ).returning(postings)
    row = (await tx.run(stored)).mappings().one()
    return decode(Posting, cast("Mapping[str, Any]", row))


async def list_drawn(tx: Transaction, places: str, subjects: str) -> list[Posting]:
    """Postings that stand somewhere, whose place and subject begin so."""
    columns = postings.c
    begins = [columns.place.startswith(places, autoescape=True), columns.subject.startswith(subjects, autoescape=True)]
    return await find(tx, Posting, *begins, columns.reference != "")


async def raise_wanted(tx: Transaction, subject: str) -> int:
    """Have every posting of a subject drawn again; how many there are."""
    return (await tx.run(_RAISE, {"of": subject})).rowcount


_RAISE = sa.update(postings).where(postings.c.subject == sa.bindparam("of")).values(wanted=postings.c.wanted + 1)


async def list_stale(
    tx: Transaction, now: datetime, limit: int, *, places: Collection[str], ids: Collection[str]
) -> list[Posting]:
    """Postings to be drawn now; locked as those of `list_ready`."""
    given = {"now": now, "most": limit, "places": list(places), "ids": list(ids)}
    return [decode(Posting, cast("Mapping[str, Any]", row)) for row in (await tx.run(_STALE, given)).mappings()]


async def find_next_posting(tx: Transaction, now: datetime) -> datetime | None:
    """When the next posting that waits for a time is due."""
    return await _scalar(tx, _LATER, {"now": now})


# Made once: cards are looked for after every act, and making these costs more than running them.
_NOW: sa.BindParameter[Any] = sa.bindparam("now")
_STALE = (
    sa.select(postings)
    .where(postings.c.shown < postings.c.wanted, _unclaimed(postings, _NOW))
    .where(sa.or_(postings.c.due_at.is_(None), postings.c.due_at <= _NOW))
    .where(postings.c.place.not_in(sa.bindparam("places", expanding=True)))
    .where(postings.c.id.not_in(sa.bindparam("ids", expanding=True)))
    .order_by(postings.c.due_at.nulls_first(), postings.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
    .with_for_update(skip_locked=True)
)
_LATER = sa.select(sa.func.min(postings.c.due_at)).where(postings.c.shown < postings.c.wanted, postings.c.due_at > _NOW)


# ------------------------------------------------------------------------------------------------- inbox and people


async def list_unhandled(tx: Transaction, house: str = "") -> list[InboxItem]:
    """What came in to the bot of a home and was not handled, oldest first; to any for ""."""
    ours = [inbox.c.house.in_((house, ""))] if house else []
    return await find(tx, InboxItem, inbox.c.handled_at.is_(None), *ours, order=(inbox.c.received_at, inbox.c.id))


async def forget_handled(tx: Transaction, before: datetime) -> int:
    """Delete what was handled before a time; how many there were."""
    return await remove(tx, InboxItem, inbox.c.handled_at < before)


async def forget_actions(tx: Transaction, before: datetime) -> int:
    """Delete buttons that were made before a time; how many there were."""
    return await remove(tx, Action, actions.c.made_at < before)


async def list_persons(tx: Transaction, prefix: str) -> dict[str, str]:
    """The persons of all identities that begin so, by identity."""
    statement = sa.select(identities.c.key, identities.c.person).where(
        identities.c.key.startswith(prefix, autoescape=True)
    )
    return {str(row[0]): str(row[1]) for row in await tx.run(statement)}


async def list_identities(tx: Transaction, person: str) -> list[str]:
    """A person's identities."""
    return list((await tx.run(sa.select(identities.c.key).where(identities.c.person == person))).scalars())


async def _scalar(
    tx: Transaction, statement: sa.Select[Any], given: Mapping[str, Any] | None = None
) -> datetime | None:
    return cast("datetime | None", (await tx.run(statement, given)).scalar())

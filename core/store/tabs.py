"""Queries of home tabs. Which of them are behind is not written by acts: it is seen by the newest event."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from core.model import Posting
from core.store.database import Transaction
from core.store.events import last_seq
from core.store.records import change, remove
from core.store.tables import events, postings, tabs
from core.tab import GAP, LOOKED_AT, Tab, name_subject

_NEWEST = sa.select(sa.func.coalesce(sa.func.max(events.c.seq), 0)).scalar_subquery()
# Made once: it is asked after every act.
_BEHIND = (
    sa.select(tabs.c.place)
    .where(
        sa.or_(
            sa.and_(tabs.c.seq < _NEWEST, tabs.c.looked_at <= sa.bindparam("before")),
            tabs.c.looked_at <= sa.bindparam("long_before"),
        )
    )
    .order_by(tabs.c.place)
    .with_for_update(skip_locked=True)
)
_OLDEST = sa.select(sa.func.min(tabs.c.looked_at)).where(tabs.c.seq < _NEWEST)


async def stir_tabs(tx: Transaction, now: datetime) -> int:
    """Have tabs drawn again beyond whose last look something happened, each once in GAP; how many there are."""
    given = {"before": now - GAP, "long_before": now - LOOKED_AT}
    behind = list((await tx.run(_BEHIND, given)).scalars())
    if not behind:
        return 0
    await change(tx, Tab, {"place": behind}, seq=await last_seq(tx), looked_at=now)
    subjects = [name_subject(place) for place in behind]
    # What is behind already, and in nobody's hands, is drawn as it is by then.
    is_current = sa.or_(postings.c.shown >= postings.c.wanted, postings.c.holder != "")
    stirred = sa.update(postings).where(postings.c.subject.in_(subjects), is_current)
    return (await tx.run(stirred.values(wanted=postings.c.wanted + 1))).rowcount


async def find_next_look(tx: Transaction) -> datetime | None:
    """When a tab of which something happened may be looked at."""
    oldest = (await tx.run(_OLDEST)).scalar()
    return None if oldest is None else oldest + GAP


async def remove_tab(tx: Transaction, place: str) -> None:
    """Forget a tab, and draw it no more."""
    await remove(tx, Tab, place=place)
    await remove(tx, Posting, subject=name_subject(place))


async def list_unseen(tx: Transaction, before: datetime) -> list[str]:
    """Tabs of which nobody made use since a time."""
    return list((await tx.run(sa.select(tabs.c.place).where(tabs.c.seen_at < before))).scalars())

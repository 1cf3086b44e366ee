"""Queries of the board."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from core.messages import Entry
from core.store.database import Transaction
from core.store.records import find, remove
from core.store.tables import board


async def list_entries(
    tx: Transaction, places: Collection[str], *, before: int = 0, after: int = 0, limit: int = 100
) -> list[Entry]:
    """The newest entries of some places, oldest first. `before` and `after` are numbers, 0 for no bound; with `after`
    the oldest that follow it."""
    conditions = [board.c.place.in_(places), board.c.number > after]
    if before:
        conditions.append(board.c.number < before)
    if after:
        return await find(tx, Entry, *conditions, order=board.c.number, limit=limit)
    return (await find(tx, Entry, *conditions, order=board.c.number.desc(), limit=limit))[::-1]


async def list_changes(
    tx: Transaction, place: str, after: int, *, limit: int = 1000, below: bool = False
) -> list[Entry]:
    """Entries of a place, or of all whose names begin so, that were put or edited beyond the version `after`, in the
    order of that."""
    mine = board.c.place.startswith(place, autoescape=True) if below else board.c.place == place
    return await find(tx, Entry, mine, board.c.version > after, order=board.c.version, limit=limit)


async def last_version(tx: Transaction) -> int:
    """The version of the newest change, 0 before the first."""
    return int((await tx.run(sa.select(sa.func.max(board.c.version)))).scalar() or 0)


async def forget_entries(tx: Transaction, before: datetime) -> int:
    """Delete entries that did not change since a time; how many there were."""
    return await remove(tx, Entry, board.c.changed_at < before)

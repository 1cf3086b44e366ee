"""Statements about spares that more than one process may want."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import sqlalchemy as sa

from core.model import Agent
from core.spares import Spare, SpareState
from core.store.database import Transaction
from core.store.pools import pool_troubles, spares
from core.store.records import change, count, decode
from core.work import Stand


async def take_spare(tx: Transaction, agent: Agent, house: str, fingerprint: str, stand: Stand) -> Spare | None:
    """The oldest spare that fits, for this agent alone; the agent's row is locked. None when there is none."""
    fits = sa.select(spares).where(
        spares.c.house == house,
        spares.c.project == agent.project,
        spares.c.state == SpareState.READY.value,
        spares.c.fingerprint == fingerprint,
        spares.c.base == stand.base,
        spares.c.base_commit == stand.commit,
        spares.c.copies == stand.copies,
    )
    oldest = fits.order_by(spares.c.ready_at, spares.c.id).limit(1).with_for_update(skip_locked=True)
    row = (await tx.run(oldest)).mappings().first()
    if row is None:
        return None
    spare = decode(Spare, cast("Mapping[str, Any]", row))
    await change(tx, Spare, {"id": spare.id}, state=SpareState.TAKEN, agent=agent.id)
    tx.ring("pool")
    return spare


async def doom_spare(tx: Transaction, spare: Spare, me: str) -> bool:
    """Make a spare ours to remove; False when somebody was faster."""
    seen = {"id": spare.id, "state": spare.state, "holder": spare.holder, "agent": spare.agent}
    return await change(tx, Spare, seen, state=SpareState.GOING, holder=me) == 1


async def adopt_spares(tx: Transaction, house: str) -> int:
    """Make all spares those of one house; how many were of another. What these could not do is forgotten."""
    await tx.run(sa.delete(pool_troubles).where(pool_troubles.c.house != house))
    return (await tx.run(sa.update(spares).where(spares.c.house != house).values(house=house))).rowcount


async def is_worked_in(tx: Transaction, folder: str) -> bool:
    """Whether a folder is on record as an agent's worktree."""
    return bool(folder) and await count(tx, Agent, worktree=folder, removed_at=None) > 0

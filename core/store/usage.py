"""What agents used on each day: grown by what their facts grow, in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from core.budgets import DayRaise, Usage, UsageDay
from core.store.database import Transaction
from core.store.records import encode
from core.store.tables import agents, day_raises, usage_days

_KEY = ("day", "agent", "person")
_NAMES = ("id", "epoch", "owner", "project", "active_seconds", "tokens", "cost")


async def lock_facts(tx: Transaction, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Epoch, owner, project and usage of these agents, as they stay until this transaction ends."""
    statement = sa.select(*(agents.c[name] for name in _NAMES)).where(agents.c.id.in_(list(ids)))
    rows = await tx.run(statement.order_by(agents.c.id).with_for_update())
    return {str(row["id"]): dict(row) for row in rows.mappings()}


async def add_usage(tx: Transaction, more: UsageDay) -> None:
    """Add to a day of an agent. What is not known adds nothing."""
    if not (more.seconds or more.turns or more.tokens or more.cost is not None):
        return
    known = tuple(name for name in ("tokens", "cost") if getattr(more, name) is not None)
    await tx.run(_grow_day(tx.is_sqlite, known), encode(more))


@cache
def _grow_day(is_sqlite: bool, known: tuple[str, ...]) -> Any:
    statement: Any = (sqlite if is_sqlite else postgresql).insert(usage_days)
    sums: dict[str, Any] = {name: usage_days.c[name] + statement.excluded[name] for name in ("seconds", "turns")}
    for name in known:
        sums[name] = sa.func.coalesce(usage_days.c[name], 0) + statement.excluded[name]
    return statement.on_conflict_do_update(index_elements=list(_KEY), set_=sums)


async def add_raise(tx: Transaction, more: DayRaise) -> None:
    """Add to what a day's budget was raised by."""
    names = ("money", "minutes", "turns", "tokens")
    statement: Any = (sqlite if tx.is_sqlite else postgresql).insert(day_raises).values(encode(more))
    sums = {
        name: sa.func.coalesce(day_raises.c[name], 0) + statement.excluded[name]
        for name in names
        if getattr(more, name) is not None
    }
    await tx.run(statement.on_conflict_do_update(index_elements=["day", "kind", "name"], set_=sums))


async def sum_usage(tx: Transaction, day: str, **where: str) -> Usage:
    """What was used on a day, by one `person` or `project` if named."""
    row = (await tx.run(_sum_day(tuple(where)), {"day": day, **where})).mappings().one()
    tokens = row["tokens"]
    return Usage(
        row["cost"], (row["seconds"] or 0.0) / 60, int(row["turns"] or 0), None if tokens is None else int(tokens)
    )


@cache
def _sum_day(names: tuple[str, ...]) -> sa.Select[Any]:
    table = usage_days.c
    wanted = [table[name] == sa.bindparam(name) for name in ("day", *names)]
    sums = sa.select(*(sa.func.sum(table[name]).label(name) for name in ("cost", "seconds", "turns", "tokens")))
    return sums.where(*wanted)


async def sum_projects(tx: Transaction, day: str) -> dict[str, float]:
    """The money that was reported on a day, by project."""
    table = usage_days.c
    statement = sa.select(table.project, sa.func.sum(table.cost)).where(table.day == day).group_by(table.project)
    return {str(project): float(cost) for project, cost in await tx.run(statement) if cost is not None}

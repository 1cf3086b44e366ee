"""Small things by owner and key: cursors, hashes, counts."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from core.store.database import Transaction
from core.store.tables import notebooks


async def get_note(tx: Transaction, owner: str, key: str) -> str | None:
    """What is noted, or None."""
    statement = sa.select(notebooks.c.value).where(notebooks.c.owner == owner, notebooks.c.key == key)
    found = (await tx.run(statement)).scalar()
    return None if found is None else str(found)


async def set_note(tx: Transaction, owner: str, key: str, value: str) -> None:
    """Note something, in place of what was noted."""
    dialect = sqlite if tx.is_sqlite else postgresql
    statement = dialect.insert(notebooks).values(owner=owner, key=key, value=value)
    await tx.run(statement.on_conflict_do_update(index_elements=["owner", "key"], set_={"value": value}))

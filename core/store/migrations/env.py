"""Run by Alembic, in a thread, on a connection of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from core.store import tables

engine = sa.create_engine(context.config.attributes["url"], poolclass=sa.NullPool)
with engine.begin() as connection:
    if connection.dialect.name == "postgresql":
        # Two bots that start at once migrate one after the other.
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(7233001)"))
    context.configure(connection=connection, target_metadata=tables.people.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()

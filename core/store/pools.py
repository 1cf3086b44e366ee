"""The tables of warm pools. Changed only together with a migration."""

from __future__ import annotations

from sqlalchemy import Index, Table

from core.store.columns import metadata, moment, number, text

spares = Table(
    "spares",
    metadata,
    text("id", primary_key=True),
    text("project"),
    text("house"),
    text("holder"),
    text("repository"),
    text("fingerprint"),
    text("base"),
    text("base_commit"),
    text("copies"),
    moment("created_at"),
    text("state"),
    text("folder"),
    text("seal"),
    text("agent"),
    moment("ready_at", nullable=True),
    Index("spares_by_house", "house", "project", "state"),
    Index("spares_by_agent", "agent"),
)

pool_troubles = Table(
    "pool_troubles",
    metadata,
    text("id", primary_key=True),
    text("project"),
    text("house"),
    text("fingerprint"),
    text("base_commit"),
    text("reason"),
    number("failures"),
    moment("retry_at"),
    moment("told_at", nullable=True),
)

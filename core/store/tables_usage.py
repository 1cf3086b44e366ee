"""The tables of what was used and may be used. Changed only together with a migration."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Integer, Table

from core.store.columns import metadata, moment, number, text

usage_days = Table(
    "usage_days",
    metadata,
    text("day", primary_key=True),
    text("agent", primary_key=True),
    text("person", primary_key=True),
    text("project"),
    Column("seconds", Float, nullable=False),
    number("turns"),
    Column("tokens", BigInteger),
    Column("cost", Float),
)

day_raises = Table(
    "day_raises",
    metadata,
    text("day", primary_key=True),
    text("kind", primary_key=True),
    text("name", primary_key=True),
    Column("money", Float),
    Column("minutes", Float),
    Column("turns", Integer),
    Column("tokens", BigInteger),
)

budget_warnings = Table("budget_warnings", metadata, text("key", primary_key=True), moment("at"))

"""The tables of people and of what they sign in with. Changed only together with a migration."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Table, Text

from core.store.columns import metadata, moment, number, text

people = Table("people", metadata, text("id", primary_key=True), text("name"), number("role"), moment("created_at"))

identities = Table(
    "identities",
    metadata,
    text("key", primary_key=True),
    Column("person", Text, ForeignKey("people.id"), nullable=False, index=True),
    moment("created_at"),
    text("origin"),
)

project_roles = Table(
    "project_roles",
    metadata,
    Column("person", Text, ForeignKey("people.id"), primary_key=True),
    text("project", primary_key=True),
    number("role"),
    moment("created_at"),
)

codes = Table(
    "codes",
    metadata,
    text("digest", primary_key=True),
    text("purpose"),
    text("person"),
    moment("created_at"),
    moment("expires_at"),
    moment("used_at", nullable=True),
    text("used_by"),
)

code_tries = Table("code_tries", metadata, text("who", primary_key=True), number("wrong"), moment("since"))

tokens = Table(
    "tokens",
    metadata,
    text("digest", primary_key=True),
    Column("person", Text, ForeignKey("people.id"), nullable=False, index=True),
    number("role"),
    text("label"),
    moment("created_at"),
    moment("expires_at", nullable=True),
)

sessions = Table(
    "sessions",
    metadata,
    text("digest", primary_key=True),
    Column("person", Text, ForeignKey("people.id"), nullable=False, index=True),
    number("cap"),
    moment("created_at"),
    moment("seen_at"),
    moment("expires_at"),
    moment("ends_at"),
)

login_links = Table(
    "login_links",
    metadata,
    text("digest", primary_key=True),
    Column("person", Text, ForeignKey("people.id"), nullable=False, index=True),
    number("cap"),
    text("made_by"),
    moment("created_at"),
    moment("expires_at"),
    moment("used_at", nullable=True),
)

asks = Table(
    "asks",
    metadata,
    text("id", primary_key=True),
    Column("person", Text, ForeignKey("people.id"), nullable=False, index=True),
    text("name"),
    text("word"),
    moment("created_at"),
    text("state"),
    number("role"),
    text("answered_by"),
    moment("answered_at", nullable=True),
    text("project"),
)

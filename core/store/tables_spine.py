"""The tables of what comes in, goes out, falls due and is written down. Changed only together with a migration."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, Table

from core.store.columns import Moment, metadata, moment, number, plain, text

inbox = Table(
    "inbox",
    metadata,
    text("id", primary_key=True),
    text("key", unique=True),
    text("door"),
    text("person"),
    number("cap"),
    text("place"),
    text("command"),
    plain("arguments"),
    moment("received_at"),
    moment("handled_at", nullable=True),
    plain("reply", nullable=True),
    text("reply_to"),
    text("private"),
    plain("facts"),
    text("house"),
    text("identity"),
    text("name"),
    Index("inbox_by_age", "handled_at", "received_at"),
)

actions = Table(
    "actions",
    metadata,
    text("id", primary_key=True),
    text("holder"),
    text("subject"),
    text("command"),
    Column("prompted", Boolean, nullable=False),
    Column("made_at", Moment, nullable=False, index=True),
    moment("used_at", nullable=True),
)

deliveries = Table(
    "deliveries",
    metadata,
    text("id", primary_key=True),
    number("number", unique=True),
    text("stream"),
    text("lane"),
    text("place"),
    plain("body"),
    moment("created_at"),
    moment("due_at"),
    text("state"),
    number("attempts"),
    text("error"),
    text("reference"),
    moment("sent_at", nullable=True),
    text("holder"),
    moment("lease_until", nullable=True),
    Column("unsure", Boolean, nullable=False),
    Index("deliveries_due", "state", "lane", "due_at"),
    Index("deliveries_by_stream", "stream", "state", "number"),
)

postings = Table(
    "postings",
    metadata,
    text("id", primary_key=True),
    text("subject"),
    text("place"),
    text("reference"),
    number("wanted"),
    number("shown"),
    moment("due_at", nullable=True),
    number("attempts"),
    text("error"),
    text("holder"),
    moment("lease_until", nullable=True),
    Column("unsure", Boolean, nullable=False),
    text("hears"),
    text("digest"),
    Index("postings_by_subject", "subject", "place", unique=True),
    Index("postings_due", "due_at"),
)

heard = Table(
    "heard",
    metadata,
    text("key", primary_key=True),
    text("house"),
    plain("body"),
    moment("heard_at"),
)

tabs = Table(
    "tabs",
    metadata,
    text("place", primary_key=True),
    text("identity"),
    text("name"),
    plain("facts"),
    number("seq"),
    moment("looked_at"),
    moment("seen_at"),
    text("column"),
    Column("mine", Boolean, nullable=False),
    plain("answer", nullable=True),
)

board = Table(
    "board",
    metadata,
    text("id", primary_key=True),
    text("place"),
    text("key"),
    text("kind"),
    text("person"),
    text("name"),
    plain("body"),
    moment("created_at"),
    Column("changed_at", Moment, nullable=False, index=True),
    number("number"),
    number("version", unique=True),
    Index("board_by_key", "place", "key", unique=True),
    Index("board_by_number", "place", "number", unique=True),
)

timers = Table(
    "timers",
    metadata,
    text("key", primary_key=True),
    text("topic"),
    Column("due_at", Moment, nullable=False, index=True),
    plain("data"),
)

events = Table(
    "events",
    metadata,
    number("seq", primary_key=True, autoincrement=False),
    text("kind"),
    Column("at", Moment, nullable=False, index=True),
    text("agent"),
    text("project"),
    text("actor"),
    plain("data"),
    Index("events_by_agent", "agent", "seq"),
    Index("events_by_kind", "kind", "seq"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    text("actor"),
    text("via"),
    text("verb"),
    text("subject"),
    Column("allowed", Boolean, nullable=False),
    text("detail"),
)

counters = Table("counters", metadata, text("name", primary_key=True), number("value"))

notebooks = Table("notebooks", metadata, text("owner", primary_key=True), text("key", primary_key=True), text("value"))

holders = Table(
    "holders",
    metadata,
    text("id", primary_key=True),
    text("host"),
    number("pid"),
    moment("started_at"),
    moment("seen_at"),
)

"""What becomes due while a courier looks is sent at once, not when it looks again by itself half a minute later."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.delivery import queue_reply, show_posting
from core.desk import Desk, Line
from core.interfaces import Pace
from core.messages import Card, Place, Reply
from core.model import Delivery, Lane, Posting
from core.parcel import DeliveryLine
from core.postings import PostingLine
from core.store import Database, Transaction, change
from tests.fakes.chat import FakeChat, Platform
from tests.fakes.clock import START, FakeClock

HERE = Place("fake", "here")
SOON = START + timedelta(seconds=1)


async def draw_nothing(tx: Transaction, subject: str) -> Card | None:
    return None


@pytest.fixture
def desk(database: Database) -> Desk:
    chats, paces = {"fake": FakeChat(Platform())}, {"fake": Pace(posts_per_second=1.0)}
    return Desk(database, FakeClock(), chats, paces, str, draw_nothing, None, "me")


async def store(tx: Transaction, kind: str) -> None:
    if kind == "posting":
        await show_posting(tx, "agent:web-1", HERE)
    else:
        await queue_reply(tx, HERE, Reply("hello"), stream="s", lane=Lane.NORMAL, now=START)


def make_line(desk: Desk, kind: str) -> Line:
    return PostingLine(desk) if kind == "posting" else DeliveryLine(desk, Lane.NORMAL)


@pytest.mark.parametrize("kind", ["posting", "delivery"])
async def test_it_was_put_off(desk: Desk, kind: str) -> None:
    line, record = make_line(desk, kind), Posting if kind == "posting" else Delivery
    async with desk.database.transaction() as tx:
        await store(tx, kind)
        await change(tx, record, {"place": str(HERE)}, due_at=SOON)
        assert await line.claim(tx, 8, set()) == []
        desk.clock.advance(2)  # type: ignore[attr-defined]
        assert await line.find_next(tx) == SOON
        assert len(await line.claim(tx, 8, set())) == 1


@pytest.mark.parametrize("kind", ["posting", "delivery"])
async def test_its_place_was_closed(desk: Desk, kind: str) -> None:
    line = make_line(desk, kind)
    async with desk.database.transaction() as tx:
        await store(tx, kind)
        desk.gate.close(str(HERE), SOON)
        assert await line.claim(tx, 8, set()) == []
        now = desk.clock.advance(2)  # type: ignore[attr-defined]
        assert dict(desk.gate.list_closed(now)) == {}, "another line looks in between"
        assert await line.find_next(tx) == SOON
        assert len(await line.claim(tx, 8, set())) == 1

"""A message or card is given up while others tell of things."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from core.delivery import bump_postings, queue_reply, show_posting
from core.desk import Desk, Job
from core.events import Event
from core.messages import Card, Place, Reply
from core.model import Delivery, Lane, Posting
from core.parcel import Parcel
from core.postings import Drawing
from core.store import Database, Transaction, change, find, take_numbers
from core.store.spine import raise_lane
from tests.fakes.clock import START, FakeClock
from tests.fakes.crew import WAIT

HERE = Place("fake", "here")
_WAITING = sa.text(
    "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
    " WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
)


async def draw_nothing(_tx: Transaction, _subject: str) -> Card | None:
    return None


async def make_job(database: Database, what: str) -> Job:
    """Something that is on its way."""
    desk = Desk(database, FakeClock(), {}, {}, str, draw_nothing, None, "me")
    async with database.transaction() as tx:
        posting = await show_posting(tx, "web-1", HERE)
        delivery = await queue_reply(tx, HERE, Reply(text="Hello"), stream="s", lane=Lane.NORMAL, now=START)
        await change(tx, Posting, {"id": posting.id}, holder="me")
        await change(tx, Delivery, {"id": delivery.id}, holder="me")
    return Drawing(desk, posting) if what == "card" else Parcel(desk, delivery)


async def touch(tx: Transaction, what: str) -> Any:
    """What others do to the same rows once they have told of something."""
    return await (bump_postings(tx, "web-1") if what == "card" else raise_lane(tx, "s", Lane.HUMAN, [Lane.NORMAL]))


@pytest.mark.parametrize("what", ["card", "message"])
async def test_neither_waits_for_ever(postgres_pair: tuple[Database, Database], what: str) -> None:
    ours, theirs = postgres_pair
    job = await make_job(ours, what)
    async with asyncio.timeout(WAIT):
        async with theirs.transaction() as tx:
            await take_numbers(tx, "events")
            giving = asyncio.create_task(job.give_up("the channel is gone"))
            while not (await tx.run(_WAITING)).scalar_one():
                await asyncio.sleep(0)
            assert await touch(tx, what) == 1
        await giving
    async with ours.reading() as tx:
        assert [event.kind for event in await find(tx, Event)] == ["delivery.failed"]
        kept: list[Posting | Delivery] = [*await find(tx, Posting), *await find(tx, Delivery)]
    assert sorted(item.error for item in kept) == ["", "the channel is gone"]

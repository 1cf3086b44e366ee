"""Home tabs: who opened one has it drawn by what happens, each as seldom as promised, and the last state arrives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from core.delivery import Courier
from core.errors import PermanentFailure, TemporaryFailure
from core.events import Event
from core.inbox import answer_place
from core.messages import Attachment, Card, How, Message, Place, Reply, Visibility
from core.model import Delivery, InboxItem, Posting, Role
from core.store import Database, Transaction, append_events, find, get
from core.tab import GAP, KEPT, LOOKED_AT, TURN, Tab, is_home, is_subject, name_subject
from core.tabs import answer_tab, forget_tabs, open_tab, touch_tab, turn_tab
from tests.fakes.chat import FakeChat, Platform
from tests.fakes.clock import START, FakeClock

LINES = 5
ANN = Place("fake", "~U1")


def make_opened(place: Place = ANN, key: str = "event:1") -> Message:
    return Message(key, place, place, f"fake:T/{place.address}", "ann", "", How.OPENED)


class World:
    """Tabs, what they show, and who draws them. `looks` are the subjects that were read for drawing."""

    def __init__(self, database: Database) -> None:
        self.database, self.clock = database, FakeClock()
        self.platform = Platform()
        self.chat = FakeChat(self.platform)
        self.state: str | None = "calm"
        self.looks: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def draw(self, tx: Transaction, subject: str) -> Card | None:
        self.looks.append(subject)
        known = await get(tx, Tab, place=subject.partition(":")[2])
        return Card(f"{self.state} {known.column}".strip()) if known and self.state is not None else None

    async def begin(self) -> None:
        self.courier = Courier(self.database, self.clock, {"fake": self.chat}, {}, str, draw_subject=self.draw)
        self.tasks.append(asyncio.create_task(self.courier.run()))
        await self.settle()

    async def settle(self) -> None:
        await self.clock.settle(LINES, lambda: self.courier.flying == 0)

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.settle()

    async def open(self, *places: Place) -> None:
        async with self.database.transaction() as tx:
            for place in places or (ANN,):
                await open_tab(tx, make_opened(place), self.clock.now())

    async def happen(self, state: str, amount: int = 1) -> None:
        """Something, of which no tab is told."""
        self.state = state
        async with self.database.transaction() as tx:
            await append_events(tx, *[Event("agent.started", self.clock.now(), agent="web-1")] * amount)

    @property
    def draws(self) -> int:
        return sum(step == "draw" for step, _, _ in self.platform.calls)

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, BaseExceptionGroup):
                await task


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    made = World(database)
    yield made
    await made.end()


async def test_an_event_draws_it_and_a_later_one_waits_for_the_gap(world: World) -> None:
    await world.open()
    await world.begin()
    assert world.platform.texts() == ["calm"]
    await world.advance(GAP.total_seconds())
    await world.happen("busy")
    await world.settle()
    assert world.platform.texts() == ["busy"]
    for number in range(40):
        await world.happen(f"state {number}", 3)
        await world.advance(0.1)
    assert world.draws == 2, "what comes within the gap waits for its end"
    await world.advance(1.0)
    assert world.platform.texts() == ["state 39"], "the last state arrives"
    assert world.draws == 3
    await world.advance(600)
    assert world.draws == 3


async def test_what_did_not_change_is_not_sent(world: World) -> None:
    await world.open()
    await world.begin()
    for _ in range(5):
        await world.advance(GAP.total_seconds())
        await world.happen("calm")
        await world.settle()
    assert world.draws == 1
    looks = len(world.looks)
    assert looks >= 5, "it was looked at"
    await world.happen("busy")
    await world.settle()
    assert world.draws == 1
    await world.advance(GAP.total_seconds())
    assert world.draws == 2


async def test_many_who_look_cost_one_drawing_each_in_a_gap(world: World) -> None:
    people = [Place("fake", f"~U{number}") for number in range(10)]
    await world.open(*people)
    await world.begin()
    assert world.draws == 10
    for step in range(40):
        await world.happen(f"step {step}", 50)
        await world.advance(0.25)
    assert world.draws <= 10 * (1 + 10 / GAP.total_seconds())
    assert len(world.looks) <= 2 * world.draws
    await world.advance(GAP.total_seconds())
    assert world.platform.texts() == ["step 39"] * 10


async def test_time_alone_is_looked_at_once_a_minute(world: World) -> None:
    await world.open()
    await world.begin()
    world.state = "stuck"
    await world.advance(LOOKED_AT.total_seconds() - 1)
    assert world.draws == 1
    await world.advance(40)
    assert world.platform.texts() == ["stuck"]


async def test_a_restart_goes_on(world: World) -> None:
    await world.open()
    await world.begin()
    await world.end()
    world.tasks.clear()
    await world.happen("other")
    world.clock.advance(GAP.total_seconds())
    world.clock = FakeClock(world.clock.now())
    await world.begin()
    assert world.platform.texts() == ["other"]
    assert len(world.platform.messages) == 1


async def test_opening_again_publishes_what_the_chat_may_have_lost(world: World) -> None:
    await world.open()
    await world.begin()
    await world.advance(GAP.total_seconds())
    await world.open()
    await world.settle()
    assert world.draws == 2
    async with world.database.reading() as tx:
        assert len(await find(tx, Tab)) == len(await find(tx, Posting)) == 1


async def test_who_left_is_drawn_no_more(world: World) -> None:
    async def refuse(step: str, place: Place, key: str) -> None:
        raise PermanentFailure("user_not_found")

    await world.open()
    world.chat.before = refuse
    await world.begin()
    async with world.database.reading() as tx:
        assert await find(tx, Tab) == await find(tx, Posting) == []
        failed = [event for event in await find(tx, Event) if event.kind == "delivery.failed"]
    assert len(failed) <= 1
    await world.happen("busy")
    await world.advance(300)
    assert world.draws <= 1


async def test_a_refusal_for_now_is_tried_again_with_the_newest(world: World) -> None:
    async def refuse(step: str, place: Place, key: str) -> None:
        raise TemporaryFailure("wait", retry_after=7)

    await world.open()
    world.chat.before, usual = refuse, world.chat.before
    await world.begin()
    world.chat.before = usual
    await world.happen("newest")
    await world.advance(8)
    assert world.platform.texts() == ["newest"]


async def test_turning_shows_another_column(world: World) -> None:
    await world.open()
    await world.begin()
    await world.advance(GAP.total_seconds())
    async with world.database.transaction() as tx:
        await turn_tab(tx, ANN, f"{TURN}column working")
    await world.settle()
    assert world.platform.texts() == ["calm working"]
    for command, mine in ((f"{TURN}mine", True), (f"{TURN}all", False), (f"{TURN}dismiss", False)):
        async with world.database.transaction() as tx:
            await turn_tab(tx, ANN, command)
            known = await get(tx, Tab, place=str(ANN))
        assert known is not None
        assert (known.column, known.mine, known.answer) == ("working", mine, None)


async def test_what_somebody_does_at_once_is_shown_after_the_gap(world: World) -> None:
    await world.open()
    await world.begin()
    async with world.database.transaction() as tx:
        await turn_tab(tx, ANN, f"{TURN}column working")
    await world.advance(GAP.total_seconds() - 1)
    assert world.platform.texts() == ["calm"]
    await world.advance(1)
    assert world.platform.texts() == ["calm working"]


def make_item(place: Place) -> InboxItem:
    return InboxItem(
        "c-1", "k", "fake", "p-1", Role.ADMIN, str(place), "stop", {}, START, reply_to=str(place), private="fake:@U1"
    )


@pytest.mark.parametrize(
    ("reply", "is_shown"),
    [
        (Reply("Stopping web-1."), True),
        (Reply(cards=(Card("Stop 2 agents?"),)), True),
        (Reply("No.", visibility=Visibility.ASKER), False),
        (Reply(attachments=(Attachment("a.diff", "+"),)), False),
    ],
)
async def test_an_answer_is_shown_in_the_tab_or_told_directly(database: Database, reply: Reply, is_shown: bool) -> None:
    async with database.transaction() as tx:
        await open_tab(tx, make_opened(), START)
        await answer_place(tx, make_item(ANN), reply, START)
        told = await find(tx, Delivery)
        known = await get(tx, Tab, place=str(ANN))
    assert known is not None
    assert (known.answer is not None) is is_shown
    assert [delivery.place for delivery in told] == ([] if is_shown else ["fake:@U1"])


async def test_an_answer_for_a_tab_that_is_gone_is_told_directly(database: Database) -> None:
    async with database.transaction() as tx:
        assert not await answer_tab(tx, ANN, Reply("Done."))
        await answer_place(tx, make_item(ANN), Reply("Done."), START)
        assert [delivery.place for delivery in await find(tx, Delivery)] == ["fake:@U1"]


async def test_who_does_not_come_for_long_is_forgotten(database: Database) -> None:
    bob = Place("fake", "~U2")
    later = START + KEPT - timedelta(days=1)
    async with database.transaction() as tx:
        await open_tab(tx, make_opened(), START)
        await open_tab(tx, make_opened(bob), START)
        await touch_tab(tx, replace(make_opened(bob), facts=("guest",)), later)
        assert await forget_tabs(tx, START + KEPT + timedelta(minutes=1)) == 1
        (left,) = await find(tx, Tab)
        (posting,) = await find(tx, Posting)
    assert (left.place, list(left.facts), left.seen_at) == (str(bob), ["guest"], later)
    assert posting.subject == name_subject(str(bob))


def test_which_places_are_tabs() -> None:
    assert is_home(ANN)
    assert is_subject(name_subject(str(ANN)))
    assert not is_home(Place("fake", "@U1"))
    assert not is_subject("agent:web-1")

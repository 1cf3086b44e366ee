from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from core import postings
from core.delivery import Courier, bump_postings, show_posting
from core.errors import PermanentFailure, TemporaryFailure
from core.events import Event
from core.interfaces import Pace
from core.messages import Card, Place
from core.model import Posting
from core.store import Database, Transaction, find, get
from tests.fakes.chat import FakeChat, KilledError, Platform
from tests.fakes.clock import FakeClock

LINES = 5
HERE = Place("fake", "here")
THERE = Place("fake", "there")


class World:
    """A state to be drawn, and who draws it."""

    def __init__(self, database: Database, clock: FakeClock, platform: Platform) -> None:
        self.database, self.clock, self.platform = database, clock, platform
        self.chat = FakeChat(platform)
        self.state: str | None = "one hunter2"
        self.pace = Pace()
        self.courier = self.make()
        self.tasks: list[asyncio.Task[None]] = []

    async def draw(self, tx: Transaction, subject: str) -> Card | None:
        return None if self.state is None else Card(f"{subject} {self.state}")

    def make(self, chat: FakeChat | None = None) -> Courier:
        chats = {"fake": chat or self.chat}
        return Courier(
            self.database,
            self.clock,
            chats,
            {"fake": self.pace},
            lambda text: text.replace("hunter2", "***"),
            draw_subject=self.draw,
        )

    async def begin(self) -> None:
        self.courier = self.make()
        self.tasks.append(asyncio.create_task(self.courier.run()))
        await self.settle()

    async def settle(self) -> None:
        await self.clock.settle(LINES, lambda: self.courier.flying == 0)

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.settle()

    async def show(self, *places: Place) -> None:
        async with self.database.transaction() as tx:
            for place in places:
                await show_posting(tx, "web-1", place)

    async def change(self, state: str | None) -> None:
        async with self.database.transaction() as tx:
            self.state = state
            await bump_postings(tx, "web-1")

    async def stored(self, place: Place = HERE) -> Posting:
        async with self.database.reading() as tx:
            found = await get(tx, Posting, place=str(place))
        assert found
        return found

    def steps(self) -> list[str]:
        return [step for step, _, _ in self.platform.calls]


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    made = World(database, FakeClock(), Platform())
    yield made
    for task in made.tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, BaseExceptionGroup):
            await task


async def test_draws_and_draws_again_in_every_place(world: World) -> None:
    await world.show(HERE, THERE)
    await world.begin()
    assert world.platform.texts() == ["web-1 one ***"] * 2
    await world.change("two")
    await world.settle()
    assert world.platform.texts() == ["web-1 two"] * 2
    stored = await world.stored()
    assert (stored.shown, stored.wanted, stored.holder, stored.attempts) == (2, 2, "", 0)


async def test_showing_twice_is_one_card(world: World) -> None:
    await world.show(HERE)
    await world.show(HERE)
    await world.begin()
    assert len(world.platform.messages) == 1
    assert (await world.stored()).wanted == 2


async def test_a_bump_that_is_rolled_back_draws_nothing(world: World) -> None:
    await world.show(HERE)
    await world.begin()
    with contextlib.suppress(RuntimeError):
        async with world.database.transaction() as tx:
            assert await bump_postings(tx, "web-1") == 1
            raise RuntimeError
    await world.advance(60)
    assert world.steps() == ["draw"]


async def test_the_latest_wins_and_versions_are_skipped(world: World) -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    async def hold(step: str, place: Place, key: str) -> None:
        entered.set()
        await release.wait()

    await world.show(HERE)
    await world.begin()
    world.chat.before = hold
    await world.change("two")
    await entered.wait()
    for number in range(3, 30):
        await world.change(str(number))
    release.set()
    await world.settle()
    assert world.platform.texts() == ["web-1 29"]
    assert world.steps() == ["draw"] * 3
    stored = await world.stored()
    assert stored.shown == stored.wanted == 29


async def test_keeps_the_gap_between_edits(world: World) -> None:
    world.pace = Pace(edit_gap=2)
    await world.show(HERE)
    await world.begin()
    await world.change("two")
    await world.settle()
    assert world.steps() == ["draw"]
    await world.advance(1.9)
    await world.change("three")
    await world.settle()
    assert world.steps() == ["draw"]
    await world.advance(0.1)
    assert world.platform.texts() == ["web-1 three"]
    assert world.steps() == ["draw"] * 2


async def test_new_cards_keep_the_pace_of_posts(world: World) -> None:
    world.pace = Pace(posts_per_second=1)
    async with world.database.transaction() as tx:
        for number in range(3):
            await show_posting(tx, f"web-{number}", HERE)
    await world.begin()
    seen = [len(world.platform.messages)]
    for _ in range(2):
        await world.advance(1)
        seen.append(len(world.platform.messages))
    assert seen == [1, 2, 3]


async def test_a_failure_backs_off_and_draws_what_is_then(world: World) -> None:
    fails = [TemporaryFailure("503"), TemporaryFailure("503")]

    async def fail(step: str, place: Place, key: str) -> None:
        if fails:
            raise fails.pop()

    await world.show(HERE)
    world.chat.before = fail
    await world.begin()
    await world.advance(1)
    await world.change("two")
    await world.settle()
    assert world.platform.texts() == []
    await world.advance(5)
    assert world.platform.texts() == ["web-1 two"]


async def test_nothing_to_draw_is_left_alone(world: World) -> None:
    await world.show(HERE)
    await world.begin()
    await world.change(None)
    await world.settle()
    assert world.steps() == ["draw"]
    assert (await world.stored()).shown == 2


async def test_a_permanent_failure_is_told_once(world: World) -> None:
    async def fail(step: str, place: Place, key: str) -> None:
        raise PermanentFailure("the message was deleted.")

    await world.show(HERE)
    await world.begin()
    world.chat.before = fail
    for state in ("two", "three"):
        await world.change(state)
        await world.settle()
    async with world.database.reading() as tx:
        events = await find(tx, Event)
    assert [event.kind for event in events] == ["delivery.failed"]
    world.chat.before = FakeChat(world.platform).before
    await world.change("four")
    await world.settle()
    assert world.platform.texts() == ["web-1 four"]


Kill = Callable[[str, Place, str], Awaitable[None]]


@pytest.mark.parametrize("moment", ["before", "after", "recorded"])
async def test_killed_at_any_step_is_one_card(world: World, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    world.platform.refuses_twice = False

    async def kill(*_: object, **__: object) -> None:
        raise KilledError

    await world.show(HERE)
    for number in range(3):
        with monkeypatch.context() as patch:
            chat = FakeChat(world.platform)
            if moment == "recorded":
                patch.setattr(postings.Drawing, "_close", kill)
            else:
                setattr(chat, moment, kill)
            with pytest.raises(BaseExceptionGroup):
                await world.make(chat).run()
        await world.change(f"after {number}")
        if not world.database.is_sqlite:
            world.clock.advance(46)
    await world.begin()
    assert world.platform.texts() == ["web-1 after 2"]
    stored = await world.stored()
    assert stored.shown == stored.wanted


async def test_two_couriers_draw_one_card(postgres_pair: tuple[Database, Database]) -> None:
    clock, platform = FakeClock(), Platform(refuses_twice=False)
    worlds = [World(database, clock, platform) for database in postgres_pair]
    async with postgres_pair[0].transaction() as tx:
        for number in range(40):
            await show_posting(tx, "web-1", Place("fake", str(number)))
    couriers = [world.make() for world in worlds]
    tasks = [asyncio.create_task(courier.run()) for courier in couriers]
    for _ in range(6):
        await clock.settle(2 * LINES, lambda: all(courier.flying == 0 for courier in couriers))
        clock.advance(30)
    await clock.settle(2 * LINES, lambda: all(courier.flying == 0 for courier in couriers))
    assert len(platform.messages) == len(platform.calls) == 40
    for task in tasks:
        task.cancel()


async def test_a_card_that_one_courier_draws_no_other_takes(postgres_pair: tuple[Database, Database]) -> None:
    clock, platform = FakeClock(), Platform()
    one, two = (World(database, clock, platform) for database in postgres_pair)
    entered, release = asyncio.Event(), asyncio.Event()

    async def hold(step: str, place: Place, key: str) -> None:
        entered.set()
        await release.wait()

    one.chat.before = hold
    await one.show(HERE)
    tasks = [asyncio.create_task(one.courier.run())]
    await entered.wait()
    tasks.append(asyncio.create_task(two.courier.run()))
    await clock.settle(2 * LINES, lambda: two.courier.flying == 0)
    assert platform.calls == []
    release.set()
    await clock.settle(2 * LINES, lambda: one.courier.flying == 0)
    assert one.steps() == ["draw"]
    for task in tasks:
        task.cancel()

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from core.errors import TemporaryFailure
from core.model import Timer
from core.store import Database, Transaction, find, get
from core.timers import Timers, cancel_timer, set_timer
from tests.fakes.clock import START, FakeClock

Fired = list[tuple[str, datetime]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def fired() -> Fired:
    return []


@pytest.fixture
async def timers(database: Database, clock: FakeClock, fired: Fired) -> AsyncIterator[Timers]:
    async def note(tx: Transaction, timer: Timer, now: datetime) -> None:
        fired.append((timer.key, now))

    async def fail(tx: Transaction, timer: Timer, now: datetime) -> None:
        fired.append((timer.key, now))
        await set_timer(tx, Timer("half", "note", now))
        raise ValueError("broken")

    async def again(tx: Transaction, timer: Timer, now: datetime) -> None:
        fired.append((timer.key, now))
        await set_timer(tx, Timer(timer.key, "again", now + timedelta(seconds=10)))

    running = Timers(database, clock, {"note": note, "fail": fail, "again": again})
    task = asyncio.create_task(running.run())
    await clock.settle(1)
    yield running
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def promise(database: Database, key: str, seconds: float, topic: str = "note") -> None:
    async with database.transaction() as tx:
        await set_timer(tx, Timer(key, topic, START + timedelta(seconds=seconds)))


async def test_fires_at_its_time_and_once(database: Database, timers: Timers, clock: FakeClock, fired: Fired) -> None:
    await promise(database, "a", 10)
    await clock.settle(1)
    clock.advance(9.9)
    await clock.settle(1)
    assert fired == []
    now = clock.advance(0.1)
    await clock.settle(1)
    clock.advance(1000)
    await clock.settle(1)
    assert fired == [("a", now)]


async def test_an_earlier_one_wakes_the_loop(
    database: Database, timers: Timers, clock: FakeClock, fired: Fired
) -> None:
    await promise(database, "late", 25)
    await clock.settle(1)
    await promise(database, "early", 5)
    await clock.settle(1)
    clock.advance(5)
    await clock.settle(1)
    assert [key for key, _ in fired] == ["early"]


async def test_overdue_ones_fire_in_order(database: Database, timers: Timers, clock: FakeClock, fired: Fired) -> None:
    for key, seconds in (("c", 30), ("a", 10), ("b", 20), ("never", 7200)):
        await promise(database, key, seconds)
    await clock.settle(1)
    clock.advance(3600)
    await clock.settle(1)
    assert [key for key, _ in fired] == ["a", "b", "c"]


async def test_setting_again_moves_it(database: Database, timers: Timers, clock: FakeClock, fired: Fired) -> None:
    await promise(database, "a", 10)
    await promise(database, "a", 20)
    await clock.settle(1)
    clock.advance(15)
    await clock.settle(1)
    assert fired == []
    clock.advance(5)
    await clock.settle(1)
    assert len(fired) == 1


async def test_cancelled_does_not_fire(database: Database, timers: Timers, clock: FakeClock, fired: Fired) -> None:
    await promise(database, "a", 10)
    async with database.transaction() as tx:
        assert await cancel_timer(tx, "a")
        assert not await cancel_timer(tx, "a")
    clock.advance(100)
    await clock.settle(1)
    assert fired == []


async def test_a_clock_set_back_fires_nothing_twice(
    database: Database, timers: Timers, clock: FakeClock, fired: Fired
) -> None:
    await promise(database, "a", 10)
    await promise(database, "b", 20)
    await clock.settle(1)
    clock.advance(10)
    await clock.settle(1)
    clock.advance(-3600)
    await clock.settle(1)
    clock.advance(7200)
    await clock.settle(1)
    assert [key for key, _ in fired] == ["a", "b"]


async def test_a_failure_is_moved_and_others_go_on(
    database: Database, timers: Timers, clock: FakeClock, fired: Fired
) -> None:
    await promise(database, "bad", 1, "fail")
    await promise(database, "good", 2)
    await clock.settle(1)
    clock.advance(5)
    await clock.settle(1)
    assert [key for key, _ in fired] == ["bad", "good"]
    tries = []
    for pause in (30, 60, 300, 300):
        clock.advance(pause - 1)
        await clock.settle(1)
        clock.advance(1)
        await clock.settle(1)
        tries.append(len(fired))
    assert tries == [3, 4, 5, 6]
    async with database.reading() as tx:
        assert [timer.key for timer in await find(tx, Timer)] == ["bad"], "what a failed handler wrote is not kept"


async def test_a_handler_sets_its_own_again(database: Database, timers: Timers, clock: FakeClock, fired: Fired) -> None:
    await promise(database, "beat", 10, "again")
    await clock.settle(1)
    for _ in range(3):
        clock.advance(10)
        await clock.settle(1)
    assert len(fired) == 3


async def test_nobody_hears_it_and_it_is_kept(database: Database, timers: Timers, clock: FakeClock) -> None:
    await promise(database, "odd", 1, "unknown")
    await clock.settle(1)
    clock.advance(100)
    await clock.settle(1)
    async with database.reading() as tx:
        assert await get(tx, Timer, key="odd")


async def test_a_database_in_trouble_is_tried_again(
    database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fired: Fired = []

    async def note(tx: Transaction, timer: Timer, now: datetime) -> None:
        fired.append((timer.key, now))

    await promise(database, "a", -1)
    with monkeypatch.context() as patch:

        def refuse() -> None:
            raise TemporaryFailure("the database is locked.")

        patch.setattr(database, "transaction", refuse)
        task = asyncio.create_task(Timers(database, clock, {"note": note}).run())
        await clock.settle(1)
    clock.advance(5)
    await clock.settle(1)
    assert len(fired) == 1
    task.cancel()


async def test_killed_while_firing_fires_again(database: Database, clock: FakeClock) -> None:
    tries = 0

    async def die_once(tx: Transaction, timer: Timer, now: datetime) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise KeyboardInterruptLike

    class KeyboardInterruptLike(BaseException):
        pass

    await promise(database, "a", -1, "die")
    with pytest.raises(KeyboardInterruptLike):
        await Timers(database, clock, {"die": die_once}).run()
    task = asyncio.create_task(Timers(database, clock, {"die": die_once}).run())
    await clock.settle(1)
    assert tries == 2
    task.cancel()


async def test_two_processes_fire_once(postgres_pair: tuple[Database, Database], clock: FakeClock) -> None:
    fired: list[str] = []

    async def note(tx: Transaction, timer: Timer, now: datetime) -> None:
        fired.append(timer.key)
        await asyncio.sleep(0)

    async with postgres_pair[0].transaction() as tx:
        for number in range(60):
            await set_timer(tx, Timer(f"t{number:02}", "note", START - timedelta(seconds=60 - number)))
    tasks = [asyncio.create_task(Timers(database, clock, {"note": note}).run()) for database in postgres_pair]
    await clock.settle(2)
    assert sorted(fired) == [f"t{number:02}" for number in range(60)]
    for task in tasks:
        task.cancel()

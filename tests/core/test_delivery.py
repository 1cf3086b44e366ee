from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from core import parcel
from core.delivery import Courier, queue_reply
from core.errors import BadInput, PermanentFailure, TemporaryFailure
from core.events import Event
from core.interfaces import Pace
from core.messages import Attachment, Card, Place, Reply
from core.model import Delivery, DeliveryState, Lane
from core.store import Database, Transaction, find, get
from tests.fakes.chat import FakeChat, KilledError, Platform
from tests.fakes.clock import START, FakeClock

LINES = 5
HERE = Place("fake", "here")
Begin = Callable[..., Awaitable[Courier]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
def chat(platform: Platform) -> FakeChat:
    return FakeChat(platform)


async def draw_nothing(tx: Transaction, subject: str) -> Card | None:
    return None


@pytest.fixture
async def begin(database: Database, clock: FakeClock, chat: FakeChat) -> AsyncIterator[Begin]:
    """Starts couriers, and ends them."""
    tasks: list[asyncio.Task[None]] = []

    async def begin_one(pace: Pace | None = None, **options: Any) -> Courier:
        chats = options.pop("chats", {"fake": chat})
        courier = Courier(
            options.pop("database", database),
            clock,
            chats,
            {"fake": pace or Pace()},
            options.pop("redactor", lambda text: text.replace("hunter2", "[redacted]")),
            draw_subject=draw_nothing,
            **options,
        )
        tasks.append(asyncio.create_task(courier.run()))
        return courier

    yield begin_one
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, BaseExceptionGroup):
            await task


async def queue(database: Database, *texts: str, place: Place = HERE, **options: Any) -> list[Delivery]:
    given = {"stream": "s", "lane": Lane.NORMAL, "now": START, **options}
    async with database.transaction() as tx:
        return [await queue_reply(tx, place, Reply(text=text), **given) for text in texts]


async def settle(clock: FakeClock, courier: Courier) -> None:
    await clock.settle(LINES, lambda: courier.flying == 0)


async def advance(clock: FakeClock, courier: Courier, seconds: float) -> None:
    clock.advance(seconds)
    await settle(clock, courier)


async def read(database: Database, delivery: Delivery) -> Delivery:
    async with database.reading() as tx:
        found = await get(tx, Delivery, id=delivery.id)
    assert found
    return found


async def kinds(database: Database) -> list[str]:
    async with database.reading() as tx:
        return [event.kind for event in await find(tx, Event)]


def failing(*errors: BaseException, only: str = "") -> Callable[[str, Place, str], Awaitable[None]]:
    """A step that raises these, one at a time; at one address only if given."""
    left = list(errors)

    async def step(_step: str, place: Place, _key: str) -> None:
        if left and only in ("", place.address):
            raise left.pop(0)

    return step


# ------------------------------------------------------------------------------------------------------- queueing


async def test_queues_a_reply_once_for_each_key(database: Database) -> None:
    (first,) = await queue(database, "one", key="k")
    (second,) = await queue(database, "two", key="k")
    assert second == first
    (other,) = await queue(database, "three", key="l")
    assert other.id != first.id
    assert len(first.id) <= 25
    async with database.reading() as tx:
        assert len(await find(tx, Delivery)) == 2


async def test_refuses_what_is_no_place(database: Database) -> None:
    async with database.transaction() as tx:
        with pytest.raises(BadInput):
            await queue_reply(tx, "nowhere", Reply(), stream="s", lane=Lane.BULK, now=START)


async def test_what_is_rolled_back_is_not_sent(
    database: Database, begin: Begin, clock: FakeClock, platform: Platform
) -> None:
    courier = await begin()
    await settle(clock, courier)
    with contextlib.suppress(RuntimeError):
        async with database.transaction() as tx:
            await queue_reply(tx, HERE, Reply(text="no"), stream="s", lane=Lane.HUMAN, now=START)
            raise RuntimeError
    await advance(clock, courier, 60)
    assert platform.texts() == []


# -------------------------------------------------------------------------------------------------------- sending


async def test_sends_redacts_and_records(
    database: Database, begin: Begin, clock: FakeClock, platform: Platform
) -> None:
    courier = await begin()
    await settle(clock, courier)
    reply = Reply(text="pw hunter2", attachments=(Attachment("log", "hunter2"),), data={"hunter2": ["hunter2"]})
    async with database.transaction() as tx:
        delivery = await queue_reply(tx, HERE, reply, stream="s", lane=Lane.CRITICAL, now=START)
    await settle(clock, courier)
    ((_, shown),) = platform.messages.values()
    assert "hunter2" not in repr(shown)
    stored = await read(database, delivery)
    assert (stored.state, stored.reference, stored.attempts) == (DeliveryState.SENT, "m1", 1)
    assert (stored.sent_at, stored.holder, stored.lease_until) == (START, "", None)


async def test_keeps_the_order_of_each_stream(
    database: Database, begin: Begin, clock: FakeClock, platform: Platform
) -> None:
    for number in range(10):
        for stream in ("a", "b", "c"):
            await queue(database, str(number), place=Place("fake", stream), stream=stream)
    courier = await begin()
    await settle(clock, courier)
    for stream in ("a", "b", "c"):
        assert platform.texts(stream) == [str(number) for number in range(10)]


async def test_a_waiting_head_holds_its_stream_only(
    database: Database, begin: Begin, clock: FakeClock, platform: Platform, chat: FakeChat
) -> None:
    chat.before = failing(TemporaryFailure("500"), TemporaryFailure("500"), only="bad")
    await queue(database, "b1", "b2", place=Place("fake", "bad"), stream="bad")
    await queue(database, "g1", "g2", place=Place("fake", "good"), stream="good")
    courier = await begin()
    await settle(clock, courier)
    assert platform.texts() == ["g1", "g2"]
    await advance(clock, courier, 1)
    assert platform.texts("bad") == []
    await advance(clock, courier, 5)
    assert platform.texts("bad") == ["b1", "b2"]


async def test_backs_off_and_keeps_the_key(
    database: Database, begin: Begin, clock: FakeClock, platform: Platform, chat: FakeChat
) -> None:
    keys: list[str] = []

    async def fail(step: str, place: Place, key: str) -> None:
        keys.append(key)
        raise TemporaryFailure("503", retry_after=100 if len(keys) == 4 else None)

    chat.before = fail
    (delivery,) = await queue(database, "x")
    courier = await begin()
    await settle(clock, courier)
    waits = []
    for _ in range(7):
        stored = await read(database, delivery)
        waits.append((stored.due_at - clock.now()).total_seconds())
        await advance(clock, courier, waits[-1])
    assert waits == [1, 5, 30, 100, 600, 600, 600]
    assert set(keys) == {delivery.id}
    assert len(keys) == 8
    assert (await read(database, delivery)).error == "503"


async def test_a_permanent_failure_is_told_and_the_stream_goes_on(
    database: Database, begin: Begin, clock: FakeClock, platform: Platform, chat: FakeChat
) -> None:
    told: list[tuple[str, str]] = []

    async def on_failure(tx: Transaction, delivery: Delivery, reason: str) -> None:
        told.append((delivery.id, reason))
        await queue_reply(tx, Place("fake", "else"), Reply(text="instead"), stream="e", lane=Lane.HUMAN, now=START)

    chat.before = failing(PermanentFailure("channel hunter2 is archived."))
    first, _second = await queue(database, "lost", "next")
    courier = await begin(on_failure=on_failure)
    await settle(clock, courier)
    assert sorted(platform.texts()) == ["instead", "next"]
    stored = await read(database, first)
    assert (stored.state, stored.error) == (DeliveryState.FAILED, "channel [redacted] is archived.")
    assert told == [(first.id, "channel [redacted] is archived.")]
    assert await kinds(database) == ["delivery.failed"]


async def test_a_bug_is_tried_twenty_times(
    database: Database, begin: Begin, clock: FakeClock, platform: Platform, chat: FakeChat
) -> None:
    tries = 0

    async def stumble(step: str, place: Place, key: str) -> None:
        nonlocal tries
        tries += 1
        raise KeyError("bug")

    chat.before = stumble
    (delivery,) = await queue(database, "x")
    courier = await begin()
    await settle(clock, courier)
    for _ in range(21):
        await advance(clock, courier, 600)
    assert tries == 20
    assert (await read(database, delivery)).state is DeliveryState.FAILED


async def test_a_send_has_a_time_limit(
    database: Database, begin: Begin, clock: FakeClock, chat: FakeChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parcel, "SEND_LIMIT", 0.02)

    async def hang(step: str, place: Place, key: str) -> None:
        await asyncio.Event().wait()

    chat.before = hang
    (delivery,) = await queue(database, "x")
    courier = await begin()
    await settle(clock, courier)
    stored = await read(database, delivery)
    assert "did not answer" in stored.error
    assert stored.unsure


async def test_an_unknown_chat_waits_until_it_is_enabled(
    database: Database, begin: Begin, clock: FakeClock, platform: Platform, chat: FakeChat
) -> None:
    (delivery,) = await queue(database, "x", place=Place("slack", "#ops"))
    courier = await begin()
    await settle(clock, courier)
    stored = await read(database, delivery)
    assert stored.error == "held: no chat named slack is enabled."
    assert stored.due_at == clock.now() + timedelta(minutes=5)
    assert (stored.attempts, stored.unsure) == (0, False)
    assert await courier.drain(5)
    second = await begin(chats={"slack": chat})
    await settle(clock, second)
    assert platform.texts() == ["x"]


# ---------------------------------------------------------------------------------------------------------- lanes


async def test_a_full_lane_does_not_hold_another(
    database: Database, begin: Begin, clock: FakeClock, platform: Platform, chat: FakeChat
) -> None:
    release = asyncio.Event()
    entered = 0

    async def hold(step: str, place: Place, key: str) -> None:
        nonlocal entered
        if place.address == "slow":
            entered += 1
            await release.wait()

    chat.before = hold
    for number in range(30):
        await queue(database, "bulk", place=Place("fake", "slow"), stream=f"b{number}", lane=Lane.BULK)
        await queue(database, "normal", place=Place("fake", "slow"), stream=f"n{number}", lane=Lane.NORMAL)
    courier = await begin()
    await clock.settle(LINES, lambda: entered == 10)
    await queue(database, "now", stream="c", lane=Lane.CRITICAL)
    full = parcel.ROOM[Lane.BULK] + parcel.ROOM[Lane.NORMAL]
    await clock.settle(LINES, lambda: courier.flying == full and "now" in platform.texts())
    release.set()
    await settle(clock, courier)
    assert len(platform.texts()) == 61


async def test_what_is_ahead_of_something_urgent_moves_up(
    database: Database, begin: Begin, clock: FakeClock, platform: Platform, chat: FakeChat
) -> None:
    (slow,) = await queue(database, "first", stream="s", lane=Lane.BULK)
    (urgent,) = await queue(database, "second", stream="s", lane=Lane.CRITICAL)
    (after,) = await queue(database, "third", stream="s", lane=Lane.NORMAL)
    lanes = [(await read(database, item)).lane for item in (slow, urgent, after)]
    assert lanes == [Lane.CRITICAL, Lane.CRITICAL, Lane.NORMAL]
    courier = await begin()
    await settle(clock, courier)
    assert platform.texts() == ["first", "second", "third"]


# ----------------------------------------------------------------------------------------------------------- pace


async def test_keeps_the_pace_of_each_place(
    database: Database, begin: Begin, clock: FakeClock, platform: Platform
) -> None:
    for number in range(4):
        await queue(database, str(number), place=Place("fake", "a"), stream=f"a{number}")
    await queue(database, "x", place=Place("fake", "b"), stream="b")
    courier = await begin(Pace(posts_per_second=2))
    await settle(clock, courier)
    assert (platform.texts("a"), platform.texts("b")) == (["0"], ["x"])
    await advance(clock, courier, 0.4)
    assert platform.texts("a") == ["0"]
    await advance(clock, courier, 0.1)
    assert platform.texts("a") == ["0", "1"]
    for _ in range(2):
        await advance(clock, courier, 0.5)
    assert platform.texts("a") == ["0", "1", "2", "3"]


async def test_the_urgent_goes_first_where_pace_is_kept(
    database: Database, begin: Begin, clock: FakeClock, platform: Platform
) -> None:
    for number in range(3):
        await queue(database, f"n{number}", stream=f"n{number}", lane=Lane.NORMAL)
    courier = await begin(Pace(posts_per_second=1))
    await settle(clock, courier)
    for number in range(3):
        await queue(database, f"c{number}", stream=f"c{number}", lane=Lane.CRITICAL)
    for _ in range(8):
        await advance(clock, courier, 1)
    assert platform.texts() == ["n0", "c0", "c1", "c2", "n1", "n2"]


async def test_a_limit_closes_its_place_only(
    database: Database, begin: Begin, clock: FakeClock, platform: Platform, chat: FakeChat
) -> None:
    chat.before = failing(TemporaryFailure("429", retry_after=50), only="a")
    await queue(database, "a1", place=Place("fake", "a"), stream="a1")
    courier = await begin()
    await settle(clock, courier)
    await queue(database, "a2", place=Place("fake", "a"), stream="a2")
    await queue(database, "b1", place=Place("fake", "b"), stream="b1")
    await settle(clock, courier)
    assert platform.texts() == ["b1"]
    await advance(clock, courier, 50)
    assert platform.texts() == ["b1", "a1", "a2"]
    assert not [call for call in platform.calls if call[0] == "find"], "who was told to wait knows it did not arrive"


# ------------------------------------------------------------------------------------------------- killed anywhere


async def test_an_ambiguous_send_is_looked_up(
    database: Database, begin: Begin, clock: FakeClock, platform: Platform, chat: FakeChat
) -> None:
    platform.refuses_twice = False
    chat.after = failing(TemporaryFailure("connection reset"))
    (delivery,) = await queue(database, "x")
    courier = await begin()
    await settle(clock, courier)
    await advance(clock, courier, 1)
    assert [step for step, _, _ in platform.calls] == ["post", "find"]
    assert platform.texts() == ["x"]
    assert (await read(database, delivery)).reference == "m1"


async def test_a_look_up_that_is_forbidden_does_not_lose_it(
    database: Database, begin: Begin, clock: FakeClock, platform: Platform, chat: FakeChat
) -> None:
    async def forbid(place: Place, key: str) -> str:
        raise PermanentFailure("missing_scope")

    chat.before = failing(TemporaryFailure("connection reset"))
    chat.find = forbid  # type: ignore[method-assign]
    await queue(database, "x")
    courier = await begin()
    await settle(clock, courier)
    await advance(clock, courier, 1)
    assert platform.texts() == ["x"]


@pytest.mark.parametrize("moment", ["before", "after", "recorded"])
async def test_killed_at_any_step_arrives_once(
    database: Database, begin: Begin, clock: FakeClock, platform: Platform, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    platform.refuses_twice = False
    deliveries = await queue(database, *(str(number) for number in range(6)))
    killed = 0

    async def kill(step: str, place: Place, key: str) -> None:
        nonlocal killed
        if key == deliveries[killed % 6].id and killed < 6:
            killed += 1
            raise KilledError

    async def kill_after_record(tx: Transaction, stream: str) -> Lane | None:
        await kill("record", HERE, deliveries[min(killed, 5)].id)
        return None

    if moment == "recorded":
        monkeypatch.setattr(parcel, "find_head_lane", kill_after_record)
    steps: dict[str, Any] = {} if moment == "recorded" else {moment: kill}
    for _ in range(6):
        courier = _make(database, clock, FakeChat(platform, **steps))
        with pytest.raises(BaseExceptionGroup) as caught:
            await courier.run()
        assert caught.group_contains(KilledError)
        if not database.is_sqlite:
            clock.advance(46)
    last = await begin(chats={"fake": FakeChat(platform)})
    await settle(clock, last)
    assert killed == 6
    assert platform.texts() == [str(number) for number in range(6)]
    for delivery in deliveries:
        assert (await read(database, delivery)).state is DeliveryState.SENT


def _make(database: Database, clock: FakeClock, chat: FakeChat) -> Courier:
    return Courier(database, clock, {"fake": chat}, {}, str, draw_subject=draw_nothing)


async def test_what_cannot_be_recorded_is_looked_up_when_the_claim_ends(
    database: Database, begin: Begin, clock: FakeClock, platform: Platform, chat: FakeChat
) -> None:
    platform.refuses_twice = False
    sent = asyncio.Event()
    real = database.transaction

    def refuse() -> Any:
        raise TemporaryFailure("no room on the disk.")

    async def fill_disk(step: str, place: Place, key: str) -> None:
        database.transaction = refuse  # type: ignore[method-assign]
        sent.set()

    chat.after = fill_disk
    (delivery,) = await queue(database, "x")
    courier = await begin()
    await sent.wait()
    await clock.settle(LINES, lambda: courier.flying == 0)
    database.transaction = real  # type: ignore[method-assign]
    assert (await read(database, delivery)).state is DeliveryState.WAITING
    for _ in range(3):
        await advance(clock, courier, 30)
    assert platform.texts() == ["x"]
    assert (await read(database, delivery)).state is DeliveryState.SENT


async def test_two_couriers_send_once(
    postgres_pair: tuple[Database, Database], clock: FakeClock, platform: Platform
) -> None:
    platform.refuses_twice = False
    for number in range(40):
        await queue(postgres_pair[0], *("012"), place=Place("fake", str(number)), stream=str(number))

    async def wait_a_little(step: str, place: Place, key: str) -> None:
        await asyncio.sleep(0)

    couriers = [_make(database, clock, FakeChat(platform, wait_a_little)) for database in postgres_pair]
    tasks = [asyncio.create_task(courier.run()) for courier in couriers]
    async with asyncio.timeout(20):
        while len(platform.messages) < 120:
            await clock.settle(2 * LINES, lambda: all(courier.flying == 0 for courier in couriers))
            clock.advance(1)
    await clock.settle(2 * LINES, lambda: all(courier.flying == 0 for courier in couriers))
    assert len(platform.messages) == len([step for step, _, _ in platform.calls if step == "post"]) == 120
    for number in range(40):
        assert platform.texts(str(number)) == ["0", "1", "2"]
    for task in tasks:
        task.cancel()


async def test_what_one_courier_holds_no_other_takes_until_it_is_dead(
    postgres_pair: tuple[Database, Database], clock: FakeClock, platform: Platform
) -> None:
    platform.refuses_twice = False
    entered = asyncio.Event()

    async def hang(step: str, place: Place, key: str) -> None:
        entered.set()
        await asyncio.Event().wait()

    await queue(postgres_pair[0], "first", "second")
    first = asyncio.create_task(_make(postgres_pair[0], clock, FakeChat(platform, after=hang)).run())
    await entered.wait()
    courier = _make(postgres_pair[1], clock, FakeChat(platform))
    second = asyncio.create_task(courier.run())
    await clock.settle(2 * LINES, lambda: courier.flying == 0)
    assert platform.texts() == ["first"]
    assert len(platform.calls) == 1
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    for _ in range(2):
        await advance(clock, courier, 30)
    assert platform.texts() == ["first", "second"]
    assert [step for step, _, _ in platform.calls] == ["post", "find", "post"]
    second.cancel()


# -------------------------------------------------------------------------------------------------------- the end


async def test_drain_finishes_what_is_on_its_way(
    database: Database, begin: Begin, clock: FakeClock, platform: Platform, chat: FakeChat
) -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    async def hold(step: str, place: Place, key: str) -> None:
        entered.set()
        await release.wait()

    chat.before = hold
    first, second = await queue(database, "first", "second")
    courier = await begin()
    await entered.wait()
    assert not await courier.drain(0.01)
    release.set()
    assert await courier.drain(5)
    assert platform.texts() == ["first"]
    assert (await read(database, first)).state is DeliveryState.SENT
    assert (await read(database, second)).holder == ""
    assert await courier.drain(5), "a second drain has nothing to do"

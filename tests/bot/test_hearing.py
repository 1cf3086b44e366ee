"""What was heard is seen to once, in order for each person, also when it was stored before an end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.hearing import Hearing
from core.errors import TemporaryFailure
from core.heard import Heard, decode_message, encode_message
from core.messages import Given, How, Message, Place
from core.store import Database, find
from tests.fakes.clock import START


def say(text: str, key: str, user: str = "U1", **more: Any) -> Message:
    place = Place("party", "C1")
    return Message(key, place, Place("party", f"C1!{user}"), f"party:T1/{user}", user, text, **more)


class Listener:
    """Writes down what it is given; what is in `failures` is raised first."""

    def __init__(self, database: Database, house: str = "h-1") -> None:
        self.seen: list[str] = []
        self.failures: list[BaseException] = []
        self.changed = asyncio.Event()
        self.hearing = Hearing(
            cast("Any", SimpleNamespace(database=database, id=house, now=lambda: START)), self.see_to
        )

    async def see_to(self, message: Message) -> None:
        if self.failures:
            raise self.failures.pop()
        self.seen.append(f"{message.name}: {message.text}")
        self.changed.set()

    async def until(self, number: int) -> None:
        async with asyncio.timeout(20):
            while len(self.seen) < number:
                await self.changed.wait()
                self.changed.clear()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.hearing.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_it_is_seen_to_in_order_for_each(database: Database) -> None:
    listener = Listener(database)
    async with listener.running():
        for at in range(6):
            await listener.hearing.keep(say(str(at), f"k{at}", f"U{at % 2}"))
        await listener.until(6)
    for user in ("U0", "U1"):
        said = [line for line in listener.seen if line.startswith(user)]
        assert said == sorted(said)


async def test_what_comes_twice_is_seen_to_once(database: Database) -> None:
    listener = Listener(database)
    await asyncio.gather(*(listener.hearing.keep(say("hi", "k1")) for _ in range(4)))
    async with listener.running():
        await listener.hearing.keep(say("end", "k2"))
        await listener.until(2)
    assert listener.seen == ["U1: hi", "U1: end"]


async def test_what_was_stored_before_an_end_is_seen_to_after_it(database: Database) -> None:
    await Listener(database).hearing.keep(say("before", "k1"))
    after = Listener(database)
    async with after.running():
        await after.until(1)
    assert after.seen == ["U1: before"]


async def test_another_house_on_the_same_store_keeps_its_own(database: Database) -> None:
    await Listener(database, "h-other").hearing.keep(say("elsewhere", "k1"))
    mine = Listener(database)
    async with mine.running():
        await mine.hearing.keep(say("here", "k2"))
        await mine.until(2 if database.is_sqlite else 1)
    assert "U1: here" in mine.seen
    assert ("U1: elsewhere" in mine.seen) == database.is_sqlite, "nobody shares a file"


async def test_it_is_forgotten_when_it_was_seen_to(database: Database) -> None:
    listener = Listener(database)
    async with listener.running():
        await listener.hearing.keep(say("hi", "k1"))
        async with asyncio.timeout(20):
            while await count_left(database):
                await asyncio.sleep(0.01)
    assert listener.seen == ["U1: hi"]


async def count_left(database: Database) -> int:
    async with database.reading() as tx:
        return len(await find(tx, Heard))


async def test_an_outage_is_waited_for_and_a_mistake_holds_up_nobody(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.crew._TROUBLE", 0.0)
    listener = Listener(database)
    listener.failures = [ValueError("ours"), TemporaryFailure("locked"), TemporaryFailure("locked")]
    async with listener.running():
        await listener.hearing.keep(say("poison", "k1"))
        await listener.hearing.keep(say("fine", "k2"))
        await listener.until(1)
    assert listener.seen == ["U1: fine"]


@pytest.mark.parametrize(
    "message",
    [
        say("hi", "k1"),
        say("hi", "k1", how=How.BUTTON, words="w", facts=("group:1",), arguments={"a": [1, None]}, at=START),
        say("\x01é", "k1", files=(Given("a.bin", bytes(range(256))),)),
    ],
)
def test_a_message_comes_back_as_it_was(message: Message) -> None:
    assert decode_message(encode_message(message)) == message

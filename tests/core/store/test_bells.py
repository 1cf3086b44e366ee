"""Nobody sleeps through a bell, and nothing is kept of those that nobody waits for."""

from __future__ import annotations

import asyncio

import pytest

from core.store import Bells, Database

SOON = 5.0


async def test_a_ring_between_listening_and_waiting_is_heard() -> None:
    bells = Bells()
    heard = bells.listen("a")
    bells.ring("a")
    assert await bells.wait("a", heard, SOON)


async def test_a_ring_while_waiting_wakes_all() -> None:
    bells = Bells()
    waiting = [asyncio.create_task(bells.wait("a", bells.listen("a"), SOON)) for _ in range(3)]
    await asyncio.sleep(0)
    bells.ring("a")
    assert await asyncio.gather(*waiting) == [True] * 3


async def test_another_topic_wakes_nobody() -> None:
    bells = Bells()
    heard = bells.listen("a")
    bells.ring("b")
    assert not await bells.wait("a", heard, 0.01)


async def test_a_ring_before_listening_is_old() -> None:
    bells = Bells()
    bells.ring("a")
    assert not await bells.wait("a", bells.listen("a"), 0.01)


async def test_two_rings_are_two() -> None:
    bells = Bells()
    bells.ring("a")
    heard = bells.listen("a")
    bells.ring("a")
    assert await bells.wait("a", heard, SOON)


async def test_who_is_cancelled_leaves_nothing() -> None:
    bells = Bells()
    waiting = asyncio.create_task(bells.wait("a", bells.listen("a"), SOON))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert bells._waiting == {}


async def test_who_waited_leaves_nothing() -> None:
    bells = Bells()
    for _ in range(3):
        await bells.wait("a", bells.listen("a"), 0.001)
        ringing = asyncio.create_task(bells.wait("a", bells.listen("a"), SOON))
        await asyncio.sleep(0)
        bells.ring("a")
        await ringing
    assert bells._waiting == {}


async def test_a_million_topics_take_no_room() -> None:
    bells = Bells(remembered=10)
    for number in range(1000):
        bells.listen(f"t{number}")
        bells.ring(f"t{number}")
    assert len(bells._rung) <= 10


async def test_what_was_forgotten_wakes_too_often_never_too_rarely() -> None:
    bells = Bells(remembered=2)
    never, rung = bells.listen("never"), bells.listen("a")
    bells.ring("a")
    after = bells.listen("a")
    for topic in "bcd":
        bells.ring(topic)
    assert await bells.wait("a", rung, SOON)
    assert await bells.wait("a", after, SOON)
    assert await bells.wait("never", never, SOON)
    assert not await bells.wait("a", bells.listen("a"), 0.001)


async def test_bells_ring_after_the_commit_and_not_after_a_rollback(database: Database) -> None:
    heard = database.bells.listen("a")
    async with database.transaction() as tx:
        tx.ring("a")
        assert database.bells.listen("a") == heard
    assert database.bells.listen("a") != heard
    heard = database.bells.listen("a")
    with pytest.raises(ZeroDivisionError):
        await ring_and_break(database)
    assert database.bells.listen("a") == heard


async def ring_and_break(database: Database) -> None:
    async with database.transaction() as tx:
        tx.ring("a")
        raise ZeroDivisionError


async def test_of_no_topics_none_rings() -> None:
    """The live log has none: its page broke and came back each second."""
    assert not await Bells().wait_any({}, 0.001)

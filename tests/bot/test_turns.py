"""Turns: a few at once, in order, and nobody keeps the others waiting for long."""

from __future__ import annotations

import asyncio

from bot.turns import Turns


async def test_so_many_at_once_and_in_order() -> None:
    turns, gate, begun = Turns(at_once=2, seconds=60), asyncio.Event(), list[int]()

    async def work(number: int) -> None:
        async with turns.take():
            begun.append(number)
            await gate.wait()

    tasks = [asyncio.create_task(work(number)) for number in range(4)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert begun == [0, 1]
    gate.set()
    await asyncio.gather(*tasks)
    assert begun == [0, 1, 2, 3]


async def test_who_takes_long_does_not_keep_the_turn() -> None:
    turns, gate = Turns(at_once=1, seconds=0.01), asyncio.Event()

    async def work() -> None:
        async with turns.take():
            await gate.wait()

    slow = asyncio.create_task(work())
    await asyncio.sleep(0)
    async with asyncio.timeout(20), turns.take():
        assert not slow.done()
    gate.set()
    await slow
    async with asyncio.timeout(20), turns.take():
        assert turns._places.locked(), "the turn was given back once, not twice"

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

import pytest

from core.events import Event
from core.store import Database, append_events, forget_events, last_seq, list_events, take_numbers
from tests.fakes.clock import START


def happen(text: str, agent: str = "web-1", kind: str = "agent.reported") -> Event:
    return Event(kind, START, agent=agent, data={"text": text} if kind == "agent.reported" else {})


async def test_events_are_without_gap_in_the_order_of_commits(database: Database) -> None:
    committed: list[int] = []
    seen: list[list[int]] = []
    done = asyncio.Event()

    async def write(writer: int) -> None:
        for turn in range(10):
            placed: list[Event] = []
            try:
                async with database.transaction() as tx:
                    placed = await append_events(tx, *(happen(f"{writer}.{turn}") for _ in range(1 + turn % 3)))
                    if turn == 5:
                        raise RuntimeError
            except RuntimeError:
                continue
            committed.extend(event.seq for event in placed)

    async def watch() -> None:
        while not done.is_set():
            async with database.reading() as tx:
                seen.append([event.seq for event in await list_events(tx)])

    watcher = asyncio.create_task(watch())
    await asyncio.gather(*(write(writer) for writer in range(20)))
    done.set()
    await watcher
    assert sorted(committed) == list(range(1, len(committed) + 1))
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seen), "a reader never sees a gap"
    async with database.reading() as tx:
        assert await last_seq(tx) == len(committed) == 20 * 16
        assert len(seen) > 1


async def test_counters_taken_in_any_order_do_not_wait_for_each_other(database: Database) -> None:
    async def take(*names: str) -> None:
        async with database.transaction() as tx:
            for name in names:
                await take_numbers(tx, name)
                await asyncio.sleep(0)

    async with asyncio.timeout(20):
        await asyncio.gather(*(take("a", "b") if number % 2 else take("b", "a") for number in range(20)))
    async with database.transaction() as tx:
        assert await take_numbers(tx, "a", 5) == 25
        assert await take_numbers(tx, "c") == 1


async def test_events_are_found(database: Database) -> None:
    async with database.transaction() as tx:
        assert await append_events(tx) == []
        await append_events(
            tx, happen("a"), happen("b", "web-2"), happen("", kind="agent.stopped"), happen("", kind="bot.stopped")
        )

        async def seqs(**options: object) -> list[int]:
            return [event.seq for event in await list_events(tx, **options)]  # type: ignore[arg-type]

        assert await seqs() == [1, 2, 3, 4]
        assert await seqs(after=2) == [3, 4]
        assert await seqs(agent="web-2") == [2]
        assert await seqs(kinds=["agent.*"]) == [1, 2, 3]
        assert await seqs(kinds=["agent.stopped", "bot.*"]) == [3, 4]
        assert await seqs(kinds=["agent_.*"]) == []
        assert await seqs(limit=2) == [1, 2]
        assert await seqs(limit=2, newest=True) == [3, 4]
        assert await seqs(since=START + timedelta(seconds=1)) == []
        assert await forget_events(tx, START) == 0
        assert await forget_events(tx, START + timedelta(seconds=1)) == 4
        (event,) = await append_events(tx, happen("later"))
        assert event.seq == 5, "a number is never used twice"


async def test_the_bell_rings_after_a_commit_only(database: Database) -> None:
    heard = database.bells.listen("events")
    with contextlib.suppress(RuntimeError):
        async with database.transaction() as tx:
            await append_events(tx, happen("a"))
            raise RuntimeError
    assert database.bells.listen("events") == heard
    async with database.transaction() as tx:
        await append_events(tx, happen("a"))
        assert database.bells.listen("events") == heard
    assert database.bells.listen("events") == heard + 1
    assert await database.bells.wait("events", heard, 5)
    assert not await database.bells.wait("events", heard + 1, 0.01)


def test_events_carry_what_the_catalogue_names() -> None:
    with pytest.raises(ValueError, match="unknown data"):
        Event("agent.stopped", START, data={"colour": "red"})
    with pytest.raises(KeyError):
        Event("agent.flew", START)

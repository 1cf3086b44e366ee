"""Server-sent events: no gap and no double, whatever happens to the connection, the reader or the bot."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.web import feed
from core.events import Event
from core.store import append_events, last_seq
from tests.bot.web.door import Door

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def tell(door: Door, number: int, agent: str = "", kind: str = "agent.reported", text: str = "x") -> int:
    """Make events happen; returns the place of the last."""
    now = door.bot.clock.now()
    data: dict[str, Any] = {"text": text} if kind == "agent.reported" else {"reason": text}
    async with door.bot.database.transaction() as tx:
        placed = await append_events(tx, *(Event(kind, now, agent=agent, data=data) for _ in range(number)))
    return placed[-1].seq


async def find_last(door: Door) -> int:
    async with door.bot.database.reading() as tx:
        return await last_seq(tx)


async def test_from_the_first_and_as_they_happen(door: Door) -> None:
    last = await tell(door, 3)
    async with asyncio.timeout(10), door.follow() as stream:
        assert await stream.read_until(last) == list(range(1, last + 1))
        newest = await tell(door, 2, text="näch\nst 🦊")
        assert await stream.read_until(newest) == [newest - 1, newest]
        await tell(door, 1, text="\u2028 data: x\r\nid: 7")
        seq, kind, body = await stream.read()
        assert (seq, kind) == (newest + 1, "agent.reported")
        assert body["data"]["text"] == "\u2028 data: x\r\nid: 7"


async def test_goes_on_after_a_lost_connection(door: Door) -> None:
    start = await tell(door, 1)
    seen = []
    for _ in range(5):
        await tell(door, 7)
        async with asyncio.timeout(10), door.follow(last=seen[-1] if seen else start) as stream:
            seen += [(await stream.read())[0] for _ in range(4)]
            await tell(door, 1)
    last = await tell(door, 1)
    async with asyncio.timeout(10), door.follow(last=seen[-1]) as stream:
        seen += await stream.read_until(last)
    assert seen == list(range(start + 1, last + 1))


async def test_goes_on_after_a_restart(door: Door) -> None:
    start = await tell(door, 1)
    seen: list[int] = []
    async with asyncio.timeout(30):
        async with door.follow(last=start) as stream:
            seen += await stream.read_until(await tell(door, 3))
            restarting = asyncio.create_task(door.stop())
            seen += await stream.read_to_end()
            await restarting
        await door.start()
        last = await tell(door, 3)
        async with door.follow(last=seen[-1]) as stream:
            seen += await stream.read_until(last)
    assert seen == list(range(start + 1, last + 1))


async def test_the_header_wins_over_the_query(door: Door) -> None:
    last = await tell(door, 5)
    async with asyncio.timeout(10), door.follow(last=last - 1, after=0) as stream:
        assert (await stream.read())[0] == last
    async with asyncio.timeout(10), door.follow(after=last - 2) as stream:
        assert await stream.read_until(last) == [last - 1, last]


async def test_only_what_was_asked_for(door: Door) -> None:
    async def read_both(**query: str) -> list[str]:
        """What was there before the stream was opened, and what comes after."""
        start = await find_last(door)
        wanted = (
            ("agent.reported", "web-1"),
            ("agent.failed", "web-1"),
            ("agent.failed", "web-2"),
            ("bot.stopped", ""),
        )
        seen = []

        async def happen() -> None:
            for kind, agent in wanted:
                if kind == "bot.stopped":
                    async with door.bot.database.transaction() as tx:
                        await append_events(tx, Event(kind, door.bot.clock.now()))
                else:
                    await tell(door, 1, agent, kind)
            await tell(door, 1, "web-1", "agent.failed", text="the end")

        await happen()
        async with asyncio.timeout(10), door.follow(last=start, **query) as stream:
            for _ in range(2):
                while not seen or seen[-1] != "the end":
                    _, kind, body = await stream.read()
                    seen.append("the end" if body["data"].get("text", body["data"].get("reason")) == "the end" else
                                f"{kind} {body['agent']}".strip())  # fmt: skip
                seen[-1] = "|"
                await happen() if len([word for word in seen if word == "|"]) == 1 else None
        return seen

    everything = ["agent.reported web-1", "agent.failed web-1", "agent.failed web-2", "bot.stopped", "|"]
    assert await read_both() == everything * 2
    assert await read_both(kind="agent.failed") == ["agent.failed web-1", "agent.failed web-2", "|"] * 2
    assert await read_both(kind="agent.*") == [*everything[:3], "|"] * 2
    assert await read_both(agent="web-1") == [*everything[:2], "|"] * 2
    assert await read_both(agent="web-1", kind="agent.failed") == ["agent.failed web-1", "|"] * 2


async def test_many_events_while_it_catches_up(door: Door) -> None:
    start = await tell(door, 1)
    await tell(door, 2_500)
    async with asyncio.timeout(20), door.follow(last=start) as stream:
        seen = [(await stream.read())[0] for _ in range(10)]
        last = await tell(door, 1_500)
        seen += await stream.read_until(last)
    assert seen == list(range(start + 1, last + 1))


async def test_a_slow_reader_is_dropped_and_can_come_back(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "_MOST_WAITING", 25)
    start = await find_last(door)
    async with asyncio.timeout(30), door.follow(last=start) as slow, door.follow(last=start) as quick:
        last = await tell(door, 1)
        seen = await slow.read_until(last)
        await quick.read_until(last)
        while not any(reader.lost for reader in door.bot.feed._readers):
            last = await tell(door, 10, text="x" * 100_000)
            await quick.read_until(last)
        seen += await slow.read_to_end()
    assert start < seen[-1] < last, "it was dropped on the way"
    async with asyncio.timeout(30), door.follow(last=seen[-1]) as slow:
        seen += await slow.read_until(last)
    assert seen == list(range(start + 1, last + 1))


async def test_a_beat_says_that_the_bot_is_there(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "_BEAT", 0.05)
    async with asyncio.timeout(10), door.follow(last=await find_last(door)) as stream:
        beats = 0
        async for line in stream.lines:
            beats += line == ": beat"
            if beats == 3:
                break


async def test_readers_that_went_away_are_forgotten(door: Door) -> None:
    async with asyncio.timeout(10):
        async with door.follow(last=await find_last(door)) as stream:
            await tell(door, 1)
            await stream.read()
            assert len(door.bot.feed._readers) >= 1
        while door.bot.feed._readers:
            await asyncio.sleep(0.01)

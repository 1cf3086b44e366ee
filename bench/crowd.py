"""`python -m bench.crowd`: the bot with a fleet that it did not start: 500 agents and 100,000 events."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from bench.append import append_steadily
from bench.house import House, await_true, open_house
from bench.stream import name_server
from bot.app import Bot
from bot.web.server import bind_socket
from core.delivery import bump_postings, show_posting
from core.events import Event, Update
from core.home import RUN_FILE
from core.messages import Place
from core.model import Agent, Holder, Outcome, Person, ProcessState, Request, RequestKind
from core.settings import load_settings
from core.store import Database, append_events, change, find, insert
from core.store.fleet import store_updates

AGENTS = 500
BUSY = 40
ASKING = 20
EVENTS = 100_000
UPDATES = 400
HOLDER = "bench"
_ENDS = (Outcome.DONE, Outcome.DONE, Outcome.READY, Outcome.FAILED, Outcome.STOPPED)


@asynccontextmanager
async def open_crowd() -> AsyncIterator[House]:
    """A bot with a large fleet, to be looked at."""
    async with open_house(command=name_server("bench.crowd")) as house:

        async def is_filled() -> bool:
            return (house.home / "filled").exists()

        await await_true(is_filled, 300)
        yield house


async def fill_house(database: Database, now: datetime) -> None:
    """Agents held by a process that is always alive, so that nobody starts them."""
    async with database.transaction() as tx:
        (owner, *_) = await find(tx, Person)
        await insert(tx, Holder(HOLDER, "bench", 1, now, now + timedelta(days=30)))
        for number in range(1, AGENTS + 1):
            await insert(tx, make_agent(number, owner.id, now))
        for number in range(1, ASKING + 1):
            await insert(tx, make_request(number, now))
        for number in range(1, BUSY + 1):
            await show_posting(tx, f"agent:web-{number}", Place("console", "main"))
    for start in range(0, EVENTS, 5_000):
        async with database.transaction() as tx:
            await append_events(tx, *make_events(start, start + 5_000, now))
    for number in range(1, AGENTS + 1, 10):
        async with database.transaction() as tx:
            await store_updates(tx, list(make_updates(f"web-{number}", now)), ())


def make_agent(number: int, owner: str, now: datetime) -> Agent:
    """The first are at work, the others rest in all ways."""
    made = now - timedelta(minutes=number)
    at_work = number <= BUSY + ASKING
    return Agent(
        id=f"web-{number}",
        number=number,
        project="sample",
        kind="demo",
        task=f"Make part {number} of the shop faster, and write down what you measured before and after",
        owner=owner,
        place="terminal:up",
        created_at=made,
        queued_at=made,
        branch=f"callboard/web-{number}-make-it-faster",
        outcome=Outcome.NONE if at_work else _ENDS[number % len(_ENDS)],
        reason="" if at_work else "the model gave up" if _ENDS[number % len(_ENDS)] is Outcome.FAILED else "",
        process=ProcessState.RUNNING if at_work else ProcessState.NONE,
        last_activity="reading files",
        last_activity_at=now,
        attempts=1,
        turns=1,
        cost=0.25,
        ended_at=None if at_work else now,
        holder=HOLDER if at_work else "",
        lease_until=now + timedelta(days=30) if at_work else None,
        epoch=1,
    )


def make_request(number: int, now: datetime) -> Request:
    """What one of those that ask is waiting for."""
    return Request(
        id=f"r-bench{number}",
        agent=f"web-{BUSY + number}",
        kind=RequestKind.PERMISSION,
        title=f"Run `make part-{number}`",
        tool="execute",
        detail={"command": f"make part-{number}"},
        options=(),
        fingerprint=f"bench-{number}",
        opened_at=now,
        attempt=1,
    )


def make_events(start: int, end: int, now: datetime) -> list[Event]:
    return [
        Event("agent.activity", now, agent=f"web-{number % AGENTS + 1}", project="sample", data={"what": "reading"})
        for number in range(start, end)
    ]


def make_updates(agent: str, now: datetime) -> Iterator[Update]:
    for number in range(1, UPDATES + 1):
        kind = ("message", "thought", "tool", "message")[number % 4]
        data = (
            {"call": f"c{number}", "title": f"Read file {number}", "status": "completed"}
            if kind == "tool"
            else {"text": f"Looking at part {number} of the shop.\n"}
        )
        yield Update(agent, 1, kind, now, data, number)


async def is_up(home: Path) -> bool:
    return (home / RUN_FILE).exists()


async def serve(home: Path) -> None:
    """The whole bot; each change of an agent is a transaction of its own, as a transcript's would be."""
    bot = Bot(home, load_settings(home / "callboard.yaml", os.environ, home), bind_socket("127.0.0.1", 0))

    async def touch(count: int) -> None:
        for _ in range(count):
            moment = time.time()
            agent = f"web-{int(moment * 1000) % BUSY + 1}"
            async with bot.database.transaction() as tx:
                now = bot.clock.now()
                words = {"last_activity": f"step at {moment:.6f}", "last_activity_at": now}
                await change(tx, Agent, {"id": agent}, **words)
                await bump_postings(tx, f"agent:{agent}")
                await append_events(tx, Event("agent.activity", now, agent=agent, data={"what": "a step"}))

    running = asyncio.create_task(bot.run())
    await await_true(partial(is_up, home), 60)
    await fill_house(bot.database, bot.clock.now())
    (home / "filled").touch()
    touching = asyncio.create_task(append_steadily(home, touch))
    await running
    touching.cancel()


if __name__ == "__main__":
    asyncio.run(serve(Path(os.environ["CALLBOARD_HOME"])))

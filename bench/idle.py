"""Two hundred agents at once that have nothing to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from bench.house import House, await_true, open_house
from bench.process import MIB, Family, find_family, read_pss, read_rss, read_seconds
from bench.row import Row, Wanted, take_percentile

AGENTS = 200
SETTLE = 5.0
WINDOW = 20.0
PROBES = 500
GAP = 0.02


async def measure_idle(agents: int = AGENTS) -> Sequence[Row]:
    """What each costs the bot, its guard and itself, and how late the bot's loop gets."""
    async with open_house({"limits": {"max_agents": agents}}) as house:
        warm = await house.spawn("say hello")
        await house.wait_for(warm, "done")
        quiet = await probe_loop(house)
        before = read_rss(house.pid)
        began = time.monotonic()
        await start_agents(house, agents)
        started = time.monotonic() - began
        rows = [*await measure_cost(house, agents, before), *await measure_family(house, agents)]
        busy = await probe_loop(house)
    return [
        *rows,
        Row("200 idle: loop lag as a bare answer, p99", busy, "ms", quiet, Wanted(50)),
        Row("200 idle: all started after", started, "s"),
    ]


async def start_agents(house: House, agents: int) -> None:
    """Until every one has been heard."""
    for _ in range(agents):
        await house.spawn("idle")

    async def all_speak() -> bool:
        working = (await house.get("/agents", status="working"))["agents"]
        return sum(1 for agent in working if agent["last_activity_at"]) == agents

    await await_true(all_speak, 300, 1)
    await asyncio.sleep(SETTLE)


async def measure_cost(house: House, agents: int, before: int) -> Sequence[Row]:
    """The bot's own memory and time."""
    memory = (read_rss(house.pid) - before) / agents
    spent = await spend_seconds([house.pid])
    return [
        Row("200 idle: memory of the bot per agent", memory / MIB, "MiB", wanted=Wanted(1)),
        Row("200 idle: time of the bot per agent", spent / WINDOW / agents * 100, "% of a core", wanted=Wanted(0.05)),
    ]


async def measure_family(house: House, agents: int) -> Sequence[Row]:
    """Guards and agents, apart."""
    family: Family = find_family(house.pid)
    guards, children = read_seconds(family.guards), read_seconds(family.agents)
    await asyncio.sleep(WINDOW / 4)
    guards, children = read_seconds(family.guards) - guards, read_seconds(family.agents) - children
    share = 100 / (WINDOW / 4) / agents
    return [
        Row("200 idle: memory of a guard", read_pss(family.guards) / len(family.guards) / MIB, "MiB"),
        Row("200 idle: memory of an agent", read_pss(family.agents) / len(family.agents) / MIB, "MiB"),
        Row("200 idle: time of a guard", guards * share, "% of a core"),
        Row("200 idle: time of an agent", children * share, "% of a core"),
    ]


async def spend_seconds(pids: Sequence[int]) -> float:
    """Processor seconds in the window, undisturbed."""
    before = read_seconds(pids)
    await asyncio.sleep(WINDOW)
    return read_seconds(pids) - before


async def probe_loop(house: House) -> float:
    """The 99th percentile in ms of how long the bot's loop takes to answer at all."""
    waits = []
    for _ in range(PROBES):
        began = time.perf_counter()
        await house.http.get("/healthz")
        waits.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(GAP)
    return take_percentile(waits, 99)

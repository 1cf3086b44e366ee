"""How fast updates are stored, against how fast the ACP library alone reads them."""

from __future__ import annotations

from collections.abc import Sequence

from bench.bare import time_updates
from bench.house import House, open_house, read_time
from bench.row import Row, Wanted, median

UPDATES = 20_000
ROUNDS = 5
LINE = "A small update.\n"


async def measure_updates(updates: int = UPDATES, rounds: int = ROUNDS) -> Sequence[Row]:
    """One agent that says something as fast as it can; one of each in turns."""
    ours: list[float] = []
    bare: list[float] = []
    async with open_house() as house:
        folder = house.home / "bare"
        folder.mkdir()
        for number in range(-1, rounds):
            floor = await time_updates(folder, updates)
            figure = await time_stored(house, updates)
            if number >= 0:
                bare.append(floor)
                ours.append(figure)
    return [Row("updates stored a second", median(ours), "1/s", median(bare), Wanted(0.5, least=True, times=True))]


async def time_stored(house: House, updates: int) -> float:
    """Updates a second from the first one heard to the turn's end, before which all are stored. Raises RuntimeError
    when any is missing: such a figure would lie."""
    agent = await house.spawn(f"updates {updates}")
    await house.wait_for(agent, "done", "failed")
    stored = await count_stored(house, agent)
    if stored != updates:
        raise RuntimeError(f"{stored} of {updates} updates were stored")
    (ended,) = (await house.get("/events", agent=agent, kind="agent.turn_ended"))["events"]
    return updates / (read_time(ended["at"]) - await house.find_first_update(agent))


async def count_stored(house: House, agent: str) -> int:
    """Words that follow words are joined into one line, so the words are counted."""
    after, found = 0, 0
    while page := await house.get(f"/agents/{agent}/updates", after=after, limit=5000):
        if not page["updates"]:
            return found
        found += sum(str(line["data"].get("text", "")).count(LINE) for line in page["updates"])
        after = page["next"]
    return found

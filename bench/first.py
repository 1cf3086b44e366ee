"""From the order to the agent's first update."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bench.bare import time_first_update
from bench.house import House, open_house
from bench.row import Row, Wanted, median, take_percentile

ROUNDS = 50
WARM_UP = 3


async def measure_first_update(rounds: int = ROUNDS) -> Sequence[Row]:
    """An order over HTTP, against git and the agent alone; one of each in turns."""
    ours: list[float] = []
    answered: list[float] = []
    bare: list[float] = []
    async with open_house() as house:
        folder = house.home / "bare"
        folder.mkdir()
        for number in range(-WARM_UP, rounds):
            floor = await time_first_update(house.home / "sample", folder, f"agent{number}")
            figure, since_answer = await time_order(house)
            if number >= 0:
                bare.append(floor * 1000)
                ours.append(figure * 1000)
                answered.append(since_answer * 1000)
    return [
        Row("spawn: accepted to first update, p50", median(answered), "ms", median(bare), Wanted(1.3, times=True)),
        Row("spawn: order to first update, p50", median(ours), "ms", median(bare)),
        Row("spawn: order to first update, p95", take_percentile(ours, 95), "ms", take_percentile(bare, 95)),
    ]


async def time_order(house: House) -> tuple[float, float]:
    """Seconds to the first update heard: from the request on its way, and from its answer, by when the order is stored.
    Waits until the agent is done."""
    began = time.time()
    agent = await house.spawn("say hello")
    answered = time.time()
    await house.wait_for(agent, "done", "failed")
    heard = await house.find_first_update(agent)
    return heard - began, heard - answered

"""How soon an agent's worktree is ready with a warm pool, beside the same bot without one."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

from bench.house import House, await_true, open_house, read_time
from bench.repository import FILES, find_memory, make_repository
from bench.row import Row, Wanted, median

ROUNDS = 4
_SECONDS = 300.0
_READY = ("agent.took_spare", "agent.set_up")


async def measure_spare(files: int = FILES, rounds: int = ROUNDS) -> list[Row]:
    """The median of some rounds, after one that is not counted."""
    with tempfile.TemporaryDirectory(prefix="callboard-bench-", dir=find_memory(), ignore_cleanup_errors=True) as name:
        repository = Path(name) / "repository"
        await asyncio.to_thread(make_repository, repository, files)
        async with open_house(write_settings(repository), where=find_memory()) as house:
            pairs = [await time_pair(house) for _ in range(rounds + 1)][1:]
    warm, cold = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    row = f"order to ready worktree of {files:,} files, with a spare"
    return [Row(row, median(warm), "s", median(cold), Wanted(0.5, times=True))]


def write_settings(repository: Path) -> dict[str, Any]:
    """Two projects that differ in nothing but the pool."""
    project = {"path": str(repository), "kind": "demo", "setup": ["true"]}
    return {"projects": {"warm": {**project, "warm": 1}, "cold": project}}


async def time_pair(house: House) -> tuple[float, float]:
    """Seconds with a spare, and without."""
    return await time_ready(house, "warm", _READY[0]), await time_ready(house, "cold", _READY[1])


async def time_ready(house: House, project: str, wanted: str) -> float:
    """Seconds from the order until the agent's worktree is ready, which must be so in the wanted way. The agent is gone
    afterwards, and nothing works on the pool before and after."""
    await await_true(lambda: is_full(house), _SECONDS)
    await asyncio.to_thread(os.sync)
    agent = str((await house.run("spawn", project=project, text="say hello"))["id"])
    await house.wait_for(agent, "done", "failed", seconds=_SECONDS)
    events = (await house.get("/events", agent=agent, limit=1000))["events"]
    times = {event["kind"]: read_time(event["at"]) for event in events}
    if [kind for kind in _READY if kind in times] != [wanted]:
        raise RuntimeError(f"{agent} was to begin by {wanted}, and had {', '.join(times)}")
    await house.run("remove", agent=agent)
    return times[wanted] - times["agent.queued"]


async def is_full(house: House) -> bool:
    """Whether the spare is there."""
    checks = (await house.run("doctor", quick=True))["checks"]
    return any((check["name"], check["detail"]) == ("warm pool warm", "1 of 1 ready") for check in checks)

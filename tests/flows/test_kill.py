"""Shot at random moments (F5), and ended politely."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from shot import ShotHouse, run_kills, run_rich_kills


@pytest.mark.timeout(600)
async def test_twenty_kills_lose_nothing(tmp_path: Path) -> None:
    shot = await run_kills(ShotHouse(tmp_path / "home", {"limits": {"restarts": 30}}), 20, seed=7)
    assert shot["bot"] >= 5


@pytest.mark.timeout(600)
async def test_kills_with_setup_rules_and_budgets_count_nothing_twice(tmp_path: Path) -> None:
    await run_rich_kills(tmp_path, 10, seed=3)


@pytest.mark.timeout(600)
async def test_kills_with_a_warm_pool_leave_no_worktree_behind(tmp_path: Path) -> None:
    await run_rich_kills(tmp_path, 8, seed=5, warm=2)


async def test_sigterm_drains_in_time_and_the_next_start_says_what_became(tmp_path: Path) -> None:
    house = ShotHouse(tmp_path / "home")
    await house.start()
    await house.ask("POST", "/agents", body={"task": "take 300 seconds", "project": "sample"})
    await house.ask("POST", "/agents", body={"task": "run `git status`", "project": "sample"})
    async with asyncio.timeout(20):
        while {agent["status"] for agent in await house.agents()} != {"working", "needs you"}:
            await asyncio.sleep(0.05)
    assert await house.end(10) == 0
    assert house.find_processes() == {}
    await house.start()
    async with asyncio.timeout(20):
        while "2 resumed" not in house.said.read_text():
            await asyncio.sleep(0.05)
    assert await house.end(10) == 0


async def test_a_second_bot_on_the_same_data_refuses(tmp_path: Path) -> None:
    first, second = ShotHouse(tmp_path / "home"), ShotHouse(tmp_path / "home")
    await first.start()
    note = (first.home / "run.json").read_text()
    second.said = tmp_path / "said.txt"
    with pytest.raises(AssertionError):
        await second.start()
    assert second.process is not None
    assert await second.process.wait() == 2
    assert "another Callboard" in second.said.read_text()
    (first.home / "run.json").write_text(note)
    assert await first.end() == 0

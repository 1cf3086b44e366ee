"""The machine fails the bot: nobody reads, the terminal closes, the disk is full."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from datetime import timedelta
from pathlib import Path

from house import LiveHouse

ROOT = Path(__file__).resolve().parents[2]


async def start_bot(home: Path, terminal: int) -> Process:
    environ = {"PATH": os.environ["PATH"], "HOME": str(home.parent), "CALLBOARD_HOME": str(home)}
    words = (sys.executable, "-m", "bot", "up", "--port", "0")
    return await asyncio.create_subprocess_exec(
        *words, cwd=ROOT, env=environ, stdin=terminal, stdout=PIPE, stderr=DEVNULL
    )


async def test_it_goes_on_when_nobody_reads_and_drains_when_the_terminal_closes(tmp_path: Path) -> None:
    """As `make run | head -1`, the second time: "Back after …" is then said to nobody."""
    home = tmp_path / "home"
    log = home / "events.jsonl"
    for number in (1, 2):
        master, terminal = os.openpty()
        bot = await start_bot(home, terminal)
        os.close(terminal)
        assert bot.stdout
        async with asyncio.timeout(20):
            assert b"is up" in await bot.stdout.readline()
        bot._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
        async with asyncio.timeout(10):
            while not log.exists() or log.read_bytes().count(b'"bot.started"') < number:
                await asyncio.sleep(0.05)
        os.close(master)
        bot.send_signal(signal.SIGHUP)
        async with asyncio.timeout(10):
            assert await bot.wait() == 0


async def test_a_clock_that_jumps_costs_no_agent_its_time(house: LiveHouse) -> None:
    """As when a laptop wakes up."""
    agent = await house.spawn("take 4 seconds; say over")
    await house.wait_for_activity(agent, "1 of 4")
    now = house.bot.clock.now
    house.bot.clock.now = lambda: now() + timedelta(hours=2)  # type: ignore[method-assign]
    crew = house.bot.fleet._crew
    object.__setattr__(crew, "now", house.bot.clock.now)
    await house.run("send", agent=agent, text="say heard")
    assert (await house.wait_for(agent, "done", "failed"))["reason"] == ""


async def fill_disk(house: LiveHouse, pages: int) -> None:
    """SQLite then says what it says on a full disk; 0 pages beyond what is there, or plenty."""
    async with house.bot.database._writer.connect() as connection:
        there = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await connection.exec_driver_sql(f"PRAGMA max_page_count = {there + pages}")


async def test_a_full_disk_acknowledges_nothing_and_the_end_is_clean(house: LiveHouse) -> None:
    agent = await house.spawn("run `git status`; say over")
    await house.wait_for(agent, "needs you")
    await fill_disk(house, 0)
    refused = [await house.post("send", agent=agent, text="x" * 30_000) for _ in range(3)]
    assert {response.status_code for response in refused} == {503}
    assert "room on its disk" in refused[0].json()["remedy"]
    assert (await house.agent(agent))["queued_messages"] == 0
    await fill_disk(house, 100_000)
    await house.run("approve", request=agent)
    await house.wait_for(agent, "done")
    await fill_disk(house, 0)
    checks = (await house.run("doctor"))["data"]["checks"]
    assert [check["name"] for check in checks if check["name"] == "database"] == ["database"]
    await house.stop()

"""A command that the bot's end cuts short: done once after the next start, and whoever waits is told so."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
from house import LiveHouse

KEY = "k-accept"


def hold_checkouts(house: LiveHouse, begun: Path, gate: Path) -> None:
    """Whatever writes a file into a worktree of the sample waits for `gate`."""
    wait = f"echo x >> {begun}; for _ in $(seq 600); do [ -e {gate} ] && exec cat; sleep 0.1; done; exit 1"
    script = begun.with_suffix(".sh")
    script.write_text(wait)
    house.git("config", "filter.slow.smudge", f"sh {script}")
    house.git("config", "filter.slow.clean", "cat")
    info = house.home / "sample/.git/info"
    info.mkdir(exist_ok=True)
    (info / "attributes").write_text("a.txt filter=slow\n")


async def test_a_merge_that_the_end_cuts_short_is_done_once_after_the_next_start(
    house: LiveHouse, tmp_path: Path
) -> None:
    agent = await house.spawn("edit a.txt; commit")
    await house.wait_for(agent, "ready", "done")
    begun, gate = tmp_path / "begun", tmp_path / "gate"
    hold_checkouts(house, begun, gate)
    async with httpx.AsyncClient(base_url=house.http.base_url, headers=house.http.headers, timeout=60) as caller:
        body = {"arguments": {"agent": agent}}
        asking = asyncio.create_task(
            caller.post("/api/v1/commands/accept", json=body, headers={"Idempotency-Key": KEY})
        )
        await house.until(lambda: begun.exists() or asking.done())
        assert not asking.done(), asking.result().text
        await house.stop()
        told = await asking
    assert (told.status_code, told.json()["code"]) == (503, "try_again"), told.text
    assert told.json()["detail"] == "The bot is ending; this is done after its next start."
    assert told.headers["retry-after"] == "2"
    assert house.git("log", "--merges", "--format=%s") == ""

    before = len(begun.read_text())
    await house.start()
    await house.until(lambda: len(begun.read_text()) > before)
    again = asyncio.create_task(house.run("accept", KEY, agent=agent))
    gate.touch()
    reply = await again
    assert reply["text"].startswith(f"{agent}: Merged ")
    assert await house.run("accept", KEY, agent=agent) == reply
    assert len(house.git("log", "--merges", "--format=%s").splitlines()) == 1
    assert len(await house.events("agent.accepted", agent)) == 1

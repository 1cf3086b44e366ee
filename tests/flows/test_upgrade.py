"""Old databases, kept from every released version: today's program opens them and does what they still promise."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import sqlite3
import subprocess
from pathlib import Path

import pytest
from house import LiveHouse, commits_of

from core.store.migration import HEAD
from integrations.local.sample import make_sample
from tests.fixtures.databases.make import replace_everywhere

FILES = sorted(Path(__file__).parents[1].glob("fixtures/databases/*.sqlite3.gz"))
ANEW = "nothing is released yet: run `python -m tests.fixtures.databases.make`"


def read_schema(file: Path) -> dict[str, set[str]]:
    with contextlib.closing(sqlite3.connect(file)) as opened:
        tables = [row[0] for row in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: {row[1] for row in opened.execute(f"PRAGMA table_info({table})")} for table in tables}


def git(folder: Path, *words: str) -> str:
    ran = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True, timeout=20)
    return ran.stdout.strip()


async def settle(packed: Path, home: Path) -> dict[str, str]:
    """The database in a home of today, with the worktrees that it tells of; returns the open requests by agent."""
    home.mkdir()
    file = home / "callboard.sqlite3"
    file.write_bytes(gzip.decompress(packed.read_bytes()))
    sample = await make_sample(home)
    replace_everywhere(file, {"@HOME@": str(home), "@BASE@": git(sample, "rev-parse", "main")})
    with contextlib.closing(sqlite3.connect(file)) as opened:
        places = opened.execute("SELECT worktree, branch FROM agents WHERE worktree != ''").fetchall()
        requests = opened.execute("SELECT agent, id FROM requests WHERE state = 'open'").fetchall()
    for folder, branch in places:
        git(sample, "worktree", "add", "--quiet", "-b", branch, folder)
    return dict(requests)


async def await_another(house: LiveHouse, agent: str, before: str) -> str:
    """The request that takes the place of one whose words name a folder that was moved."""
    async with asyncio.timeout(20):
        while (found := [item["id"] for item in (await house.agent(agent))["requests"]]) in ([], [before]):
            await asyncio.sleep(0.05)
    return str(found[-1])


def test_there_is_one_of_each_schema() -> None:
    assert FILES[-1].name == f"{HEAD}.sqlite3.gz"


def test_the_newest_is_as_the_program_would_make_it(migrated_sqlite: Path, tmp_path: Path) -> None:
    file = tmp_path / "old.sqlite3"
    file.write_bytes(gzip.decompress(FILES[-1].read_bytes()))
    assert read_schema(file) == read_schema(migrated_sqlite), ANEW


@pytest.mark.parametrize("packed", FILES, ids=lambda path: path.name)
async def test_what_was_promised_before_is_done_after(packed: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    requests = await settle(packed, home)
    house = await LiveHouse(home, {"limits": {"max_agents": 2}}).start()
    try:
        done, asking, choosing, queued = (f"sample-{number}" for number in range(1, 5))
        # A button of before the upgrade, pressed after it.
        await house.run("answer", request=requests[choosing], text="2")
        await house.wait_for(choosing, "done")
        assert "green" in await house.read_logs(choosing)
        await house.run("approve", request=await await_another(house, asking, requests[asking]))
        record = await house.wait_for(asking, "done")
        assert "second thing" in await house.read_logs(asking)
        assert record["attempts"] == 2
        await house.wait_for(queued, "needs you")
        await house.run("approve", request=queued)
        assert commits_of(await house.wait_for(queued, "done")) == ["Write a CONTRIBUTING guide"]
        await house.wait_for_activity(done, "once more")
        await house.wait_for(done, "done")
        assert "This waited for the upgrade." in await house.told()
    finally:
        await house.stop()

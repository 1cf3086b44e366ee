"""How soon a worktree is there, beside git alone, in a repository with very many files."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path

from bench.bare import add_worktree
from bench.repository import FILES, find_memory, make_repository
from bench.row import Row, Wanted, median
from bench.spare import measure_spare
from bench.suite import Suite
from integrations.local.host import LocalHost

ROUNDS = 4

ABOUT = """- *worktree of 100,000 files*: from asking the host for a worktree until it can be used, in a repository with
  100,000 small files in 100 folders, in memory where there is room, so that no disk hides the difference. Floor:
  `git worktree add` in the same repository, in turns with it; each worktree is deleted before the next.
- *order to ready worktree, with a spare*: the whole bot, from the order as it is stored, which is claimed at once,
  until the event that the agent's worktree is ready, in such a repository. Floor: the same without a warm pool, where
  a worktree is made and set up, in turns with it; the set-up is `true`: a real one only widens the gap."""


async def time_rounds(folder: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of the host's and of git's, in turns, so that neither has the better moments of the machine."""
    repository = folder / "repository"
    host = LocalHost(folder / "home")
    ours: list[float] = []
    bare: list[float] = []
    try:
        for number in range(rounds):
            ours.append(await time_ours(host, repository, f"web-{number + 1}"))
            bare.append(await time_bare(repository, folder / f"bare-{number + 1}"))
    finally:
        host.close()
    return ours, bare


async def time_ours(host: LocalHost, repository: Path, agent: str) -> float:
    began = time.perf_counter()
    place = await host.prepare(agent, str(repository), "main", "Fix the tally")
    took = time.perf_counter() - began
    await drop_worktree(repository, Path(place.folder))
    return took


async def time_bare(repository: Path, folder: Path) -> float:
    began = time.perf_counter()
    await add_worktree(repository, folder, f"bare/{folder.name}")
    took = time.perf_counter() - began
    await drop_worktree(repository, folder)
    return took


async def drop_worktree(repository: Path, folder: Path) -> None:
    """Gone, and all of it on the disk, before the next is measured."""
    words = ("git", "-C", str(repository), "worktree", "remove", "--force", "--", str(folder))
    process = await asyncio.create_subprocess_exec(*words)
    if await process.wait():
        raise RuntimeError(f"{folder} could not be removed")
    await asyncio.to_thread(os.sync)


async def measure_worktree(files: int = FILES, rounds: int = ROUNDS) -> list[Row]:
    """The median of some rounds, after one that is not counted."""
    where = find_memory()
    with tempfile.TemporaryDirectory(prefix="callboard-bench-", dir=where, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        await asyncio.to_thread(make_repository, folder / "repository", files)
        ours, bare = await time_rounds(folder, rounds + 1)
    return [
        Row(
            f"worktree of {files:,} files",
            median(ours[1:]),
            "s",
            floor=median(bare[1:]),
            wanted=Wanted(1.1, times=True),
        )
    ]


SUITE = Suite(ABOUT, {"worktree": measure_worktree, "spare": measure_spare})

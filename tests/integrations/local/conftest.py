from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path

import pytest

from core.interfaces import Launch, Process
from integrations.local.host import LocalHost

IDENTITY = {f"GIT_{who}_{what}": "tester" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

type_of_start = Callable[..., Awaitable[Process]]


@pytest.fixture(autouse=True)
def fresh_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No git configuration of whoever runs the tests: no name, no address, no default branch."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("EMAIL", "GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
async def host(home: Path) -> AsyncIterator[LocalHost]:
    host = LocalHost(home)
    yield host
    host.close()


@pytest.fixture
async def start(host: LocalHost, home: Path) -> AsyncIterator[type_of_start]:
    """Starts a small Python program as an agent; whatever still runs at the end is ended."""
    started: list[Process] = []

    async def start(program: str, name: str = "web-1", **changes: object) -> Process:
        folder = home / "worktrees" / name
        folder.mkdir(parents=True, exist_ok=True)
        known = {
            "name": name,
            "command": [sys.executable, "-I", "-S", "-c", program],
            "env": {"PATH": os.environ["PATH"]},
            "folder": str(folder),
            "log": home / "agents" / name / "stderr.log",
        }
        process = await host.start(Launch(**{**known, **changes}))  # type: ignore[arg-type]
        started.append(process)
        return process

    yield start
    for process in started:
        await process.kill()


@pytest.fixture
def git() -> Callable[..., str]:
    """The real git as a person would call it; returns what it prints, fails when it fails."""

    def git(folder: Path | str, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **IDENTITY},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return git


@pytest.fixture
def repository(tmp_path: Path, git: Callable[..., str]) -> Path:
    """Branch main, one commit, two files."""
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "a.txt").write_text("one\ntwo\nthree\n")
    (folder / "b.txt").write_text("b\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "Begin")
    return folder


@pytest.fixture
def is_alive() -> Callable[[int], bool]:
    def is_alive(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
        except OSError:
            return False

    return is_alive


@pytest.fixture
def wait_gone(is_alive: Callable[[int], bool]) -> Callable[[Iterable[int]], Awaitable[None]]:
    """For processes that nobody waits for: after a SIGKILL from outside."""

    async def wait_gone(pids: Iterable[int]) -> None:
        async with asyncio.timeout(10):
            while any(map(is_alive, pids)):
                await asyncio.sleep(0.01)

    return wait_gone

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from core.interfaces import Launch, Process, ToolServer, Walls, Workspace
from integrations.bubblewrap.sandbox import Bubblewrap
from integrations.local.host import LocalHost
from tests.fakes.walls import require_sandbox

WHO = {f"GIT_{who}_{what}": "tester" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
PLAIN = {**WHO, "PATH": "/usr/local/bin:/usr/bin:/bin", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def run_git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, env=PLAIN, check=True, capture_output=True, text=True)
    return done.stdout


@dataclass(frozen=True, slots=True)
class Place:
    """A machine in small: a person's home with a repository and a key in it, the bot's home, two agents' worktrees."""

    person: Path
    home: Path
    repository: Path
    host: LocalHost
    sandbox: Bubblewrap
    workspace: Workspace
    other: Workspace

    def launch(self, script: str, **env: str) -> Launch:
        given = {**PLAIN, "HOME": str(self.person), "CALLBOARD_STATE": str(self.home / "agents/web-1/state"), **env}
        log = self.home / "agents/web-1/stderr.log"
        return Launch("web-1", ["sh", "-c", script], given, self.workspace.folder, log)

    async def start(self, launch: Launch, walls: Walls | None = None, tools: tuple[ToolServer, ...] = ()) -> Process:
        return await self.host.start(await self.sandbox.wrap(launch, self.workspace, tools, walls or Walls()))

    async def run(self, script: str, walls: Walls | None = None, **env: str) -> tuple[int, str]:
        """The exit code of a script in the sandbox, and all that it said."""
        launch = self.launch(f"exec 2>&1; {script}", **env)
        process = await self.start(launch, walls)
        said = (await process.reader.read()).decode()
        return (await process.wait()).code, said


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    require_sandbox()
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    person, home = tmp_path / "person", tmp_path / "bot"
    repository = person / "src" / "web"
    repository.mkdir(parents=True)
    (person / ".ssh").mkdir()
    (person / ".ssh/id").write_text("CANARY")
    (repository / "README.md").write_text("Start here.\n")
    run_git(repository, "init", "-q", "-b", "main")
    run_git(repository, "add", ".")
    run_git(repository, "commit", "-q", "-m", "Start.")
    (home / "agents/web-1/state").mkdir(parents=True)
    (home / "run.json").write_text("CANARY")
    host = LocalHost(home)
    one, two = [await host.prepare(name, str(repository), "", "work") for name in ("web-1", "web-2")]
    yield Place(person, home, repository, host, Bubblewrap(home), one, two)
    host.close()


Wrapper = Callable[[Launch], Awaitable[Launch]]
__all__ = ["Place", "replace", "run_git"]

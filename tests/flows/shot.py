"""The bot as a process of its own, to be shot at."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml

from core.home import RUN_FILE

ROOT = Path(__file__).resolve().parents[2]


GUARD = "/guard."


class ShotHouse:
    """Starts the bot, kills it or its agents' guards, and asks again with the same key."""

    def __init__(self, home: Path, settings: Mapping[str, Any] | None = None) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.config = home / "callboard.yaml"
        self.config.write_text(yaml.safe_dump(dict(settings or {})))
        self.process: asyncio.subprocess.Process | None = None
        self.said = home / "said.txt"
        self.port = 0

    async def __aenter__(self) -> ShotHouse:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """A test that failed leaves no bot behind."""
        if kind is not None and self.process is not None and self.process.returncode is None:
            await self.shoot()

    async def start(self) -> None:
        """Start, and wait for run.json."""
        (self.home / RUN_FILE).unlink(missing_ok=True)
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "CALLBOARD_HOME": str(self.home)}
        with self.said.open("ab") as out:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot", "up", "--port", str(self.port), "--config", str(self.config)),
                cwd=ROOT,
                env={**env, "PYTHONPATH": str(ROOT)},
                stdout=out,
                stderr=out,
            )
        async with asyncio.timeout(30):
            while not (self.home / RUN_FILE).exists():
                assert self.process.returncode is None, self.said.read_text()
                await asyncio.sleep(0.02)

    async def shoot(self) -> None:
        """SIGKILL, at whatever it is doing."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def end(self, patience: float = 12) -> int:
        """SIGTERM; returns the exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), patience)

    async def ask(self, method: str, path: str, key: str = "", body: Any = None) -> dict[str, Any]:
        """One call, repeated with its key until it is answered, however often the bot goes down in between."""
        key = key or uuid.uuid4().hex
        async with asyncio.timeout(90):
            while True:
                try:
                    note = json.loads((self.home / RUN_FILE).read_text())
                    headers = {"Authorization": f"Bearer {note['token']}", "Idempotency-Key": key}
                    async with httpx.AsyncClient(base_url=note["url"], headers=headers, timeout=30) as http:
                        response = await http.request(method, f"/api/v1{path}", json=body)
                    if response.status_code != 503:
                        return dict(response.json())
                except (OSError, ValueError, httpx.TransportError):
                    pass
                await asyncio.sleep(0.05)

    async def agents(self) -> list[dict[str, Any]]:
        """All agents."""
        return list((await self.ask("GET", "/agents"))["agents"])

    def find_processes(self, pattern: str = "") -> dict[int, str]:
        """Living processes of this home's agents and guards: process id -> command line."""
        found: dict[int, str] = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                folder = str((entry / "cwd").readlink())
                environ = (entry / "environ").read_bytes().decode(errors="replace")
                # A guard says nowhere whose it is: it holds the agent's lock.
                held = " ".join(str(link.readlink()) for link in (entry / "fd").iterdir()) if GUARD in line else ""
            except OSError:
                continue
            ours = (
                str(self.home) in line + held
                or folder.startswith(str(self.home / "worktrees"))
                or "CALLBOARD_AGENT" in environ
            )
            mine = str(self.home) in line + folder + environ + held
            if ours and mine and " up " not in line and re.search(pattern, line):
                found[int(entry.name)] = line
        return found

    def read(self, statement: str) -> list[Any]:
        """What the database itself says, whether the bot runs or not."""
        with contextlib.closing(sqlite3.connect(self.home / "callboard.sqlite3", timeout=10)) as database:
            return database.execute(statement).fetchall()

    def count_twins(self) -> Sequence[str]:
        """Worktrees in which more than one demo agent runs. What an agent starts is called as itself for a moment."""
        places: dict[str, int] = {}
        agents = {number for number, line in self.find_processes("demo/agent.py").items() if GUARD not in line}
        for number in agents:
            try:
                if read_parent(number) in agents:
                    continue
                place = str(Path(f"/proc/{number}/cwd").readlink())
            except OSError:
                continue
            places[place] = places.get(place, 0) + 1
        return [place for place, count in places.items() if count > 1]


def read_parent(number: int) -> int:
    """A process's parent. Raises OSError when it is gone."""
    return int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])


TASK = "edit a.txt; run `git status`; edit b.txt"


async def run_kills(
    house: ShotHouse, kills: int, seed: int, project: str = "sample", task: str = TASK, end: bool = True
) -> dict[str, int]:
    """The fault F5: shoot the bot, a guard or an agent at random moments while agents start and work.

    Every agent must end done, with both of its files in one piece of work; nothing may run twice or stay behind.
    """
    async with house:
        return await _run_kills(house, kills, seed, project, task, end)


async def _run_kills(house: ShotHouse, kills: int, seed: int, project: str, task: str, end: bool) -> dict[str, int]:
    dice = random.Random(seed)
    shot = {"bot": 0, "guard": 0, "agent": 0}
    await house.start()
    for number in range(kills):
        spawning = asyncio.create_task(
            house.ask("POST", "/agents", f"kill-{number}", {"task": task, "project": project})
        )
        await asyncio.sleep(dice.uniform(0.0, 0.9))
        victim = dice.choice(["bot", "bot", "guard", "agent"])
        shot[victim] += await _shoot(house, victim)
        await spawning
        assert not house.count_twins()
        await _approve_all(house)
    await _await_rest(house)
    agents = await house.agents()
    assert len(agents) == kills
    assert {agent["status"] for agent in agents} == {"done"}, [(a["id"], a["status"], a["reason"]) for a in agents]
    if end:
        await end_clean(house)
    return shot


async def end_clean(house: ShotHouse) -> None:
    """SIGTERM; nothing stays behind."""
    assert await house.end() == 0
    assert house.find_processes() == {}


async def _shoot(house: ShotHouse, victim: str) -> int:
    if victim == "bot":
        await house.shoot()
        await house.start()
        return 1
    pattern = re.escape(GUARD) if victim == "guard" else r"demo/agent\.py"
    targets = [
        number for number, line in house.find_processes(pattern).items() if (GUARD in line) == (victim == "guard")
    ]
    for number in targets[:1]:
        try:
            os.kill(number, signal.SIGKILL)
        except ProcessLookupError:
            return 0
    return len(targets[:1])


async def _approve_all(house: ShotHouse) -> None:
    for request in (await house.ask("GET", "/requests"))["requests"]:
        await house.ask("POST", f"/requests/{request['id']}/answer", body={"verdict": "once"})


async def _await_rest(house: ShotHouse) -> None:
    async with asyncio.timeout(90):
        while any(a["status"] not in ("done", "failed", "stopped", "ready") for a in await house.agents()):
            await _approve_all(house)
            assert not house.count_twins()
            await asyncio.sleep(0.1)


async def run_rich_kills(folder: Path, kills: int, seed: int, warm: int = 0) -> dict[str, int]:
    """The same with set-up, rules and budgets in play: each agent is set up once, nobody is asked, and what the agents
    cost is what was used of the day's budget."""
    repository = folder / "web"
    repository.mkdir()
    _git(repository, "init", "-q", "-b", "main")
    _git(repository, "commit", "-q", "--allow-empty", "-m", "Start.")
    project = {"path": str(repository), "kind": "demo", "setup": ["true"], "rules": ["allow execute git status"]}
    project |= {"warm": warm}
    limits = {"limits": {"restarts": 30}, "budgets": {"agent": {"money": 1}, "day": {"money": 1000}}}
    house = ShotHouse(folder / "home", {"projects": {"web": project}, **limits})
    task = "use cost 0.25; edit a.txt; run `git status`; edit b.txt"
    async with house:
        shot = await run_kills(house, kills, seed, project="web", task=task, end=False)
        events = (await house.ask("GET", "/events?limit=10000"))["events"]
        begun = ("agent.set_up", "agent.took_spare")
        set_up = [event["agent"] for event in events if event["kind"] in begun]
        assert sorted(set_up) == sorted(f"web-{number}" for number in range(1, kills + 1))
        assert not [event for event in events if event["kind"] == "request.opened"]
        # What an agent said of its cost in the moment in which the bot was shot is heard by nobody.
        costs = sum(agent["cost"] or 0 for agent in await house.agents())
        shown = await house.ask("POST", "/commands/budget.show", body={"arguments": {}})
        used = [scope for scope in shown["reply"]["data"]["budgets"] if scope["of"] == "day"]
        assert abs(used[0]["used"]["money"] - costs) < 0.001, (used, costs)
        await _await_pool(house, warm)
        await end_clean(house)
        _check_places(house, repository)
        return shot


async def _await_pool(house: ShotHouse, warm: int) -> None:
    """Until nothing is being made or removed: all that are wanted are ready, or it is known why one is missing."""
    async with asyncio.timeout(60):
        while True:
            states = [state for _, state in house.read("SELECT id, state FROM spares")]
            full = len(states) == warm or house.read("SELECT id FROM pool_troubles")
            if full and set(states) <= {"ready"}:
                return
            await asyncio.sleep(0.1)


def _check_places(house: ShotHouse, repository: Path) -> None:
    """The worktrees and branches that are there are those of the rows, and no other."""
    spares = {name for (name,) in house.read("SELECT id FROM spares")}
    agents = house.read("SELECT id, worktree, branch FROM agents")
    places = {Path(worktree).name for _, worktree, _ in agents} | spares
    assert len(places) == len(agents) + len(spares)
    assert {path.name for path in (house.home / "worktrees").iterdir()} == places
    notes = {path.name for path in (house.home / "agents").iterdir() if path.is_dir()}
    assert notes == {name for name, _, _ in agents} | spares
    known = _git(repository, "worktree", "list", "--porcelain").splitlines()
    assert {Path(line[9:]).name for line in known if line.startswith("worktree ")} == places | {repository.name}
    heads = _git(repository, "for-each-ref", "--format=%(refname:short)", "refs/heads").split()
    assert sorted(heads) == sorted(["main", *(branch for _, _, branch in agents)])


def _git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    return subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True).stdout

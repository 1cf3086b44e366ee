"""The whole bot in the test's own loop, with the demo agent, spoken to over HTTP like any client."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml

from bot.app import Bot, make_reader
from bot.web.server import bind_socket
from core.home import RUN_FILE
from core.model import Delivery
from core.store import find

PATIENCE = 60.0


class LiveHouse:
    """A bot that can be started, ended and started again on the same data."""

    def __init__(self, home: Path, settings: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None):
        self.home = home
        self.config = home / "callboard.yaml"
        home.mkdir(parents=True, exist_ok=True)
        self.config.write_text(yaml.safe_dump(dict(settings or {})))
        self.environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), **(environ or {})}
        self.bot: Bot
        self.http: httpx.AsyncClient
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> LiveHouse:
        """Start and wait until it can be spoken to."""
        read = make_reader(self.config, {**self.environ, "CALLBOARD_HOME": str(self.home)}, self.home)
        self.bot = Bot(self.home, read(None), bind_socket("127.0.0.1", 0), read)
        self._running = asyncio.create_task(self.bot.run())
        await self.until(lambda: (self.home / RUN_FILE).exists() or self._check())
        note = json.loads((self.home / RUN_FILE).read_text())
        headers = {"Authorization": f"Bearer {note['token']}"}
        self.http = httpx.AsyncClient(base_url=note["url"], headers=headers, timeout=30)
        return self

    def _check(self) -> bool:
        assert self._running is not None
        if self._running.done():
            self._running.result()
        return False

    async def stop(self) -> None:
        """As on SIGTERM."""
        if self._running is not None:
            await self.http.aclose()
            self.bot.ending.set()
            await asyncio.wait_for(self._running, 15)
            self._running = None

    async def restart(self) -> None:
        """End and start again on the same data."""
        await self.stop()
        await self.start()

    async def until(self, holds: Callable[[], Any], patience: float = PATIENCE) -> Any:
        """Wait for a condition that nobody rings a bell for."""
        async with asyncio.timeout(patience):
            while not (found := holds()):
                await asyncio.sleep(0.02)
        return found

    async def run(self, command: str, key: str = "", **arguments: Any) -> dict[str, Any]:
        """A command's reply; fails with the problem when there is one."""
        response = await self.post(command, key, **arguments)
        assert response.status_code == 200, response.text
        return dict(response.json()["reply"])

    async def post(self, command: str, key: str = "", **arguments: Any) -> httpx.Response:
        """A command's response, whatever it is."""
        path = f"/api/v1/commands/{command.replace(' ', '.')}"
        return await self.http.post(
            path, json={"arguments": arguments}, headers={"Idempotency-Key": key or uuid.uuid4().hex}
        )

    async def spawn(self, text: str, **arguments: Any) -> str:
        """Start an agent on the sample; returns its id."""
        return str((await self.run("spawn", project="sample", text=text, **arguments))["data"]["id"])

    async def agent(self, agent: str) -> dict[str, Any]:
        """The agent's record."""
        response = await self.http.get(f"/api/v1/agents/{agent}")
        assert response.status_code == 200, response.text
        return dict(response.json())

    async def wait_for(self, agent: str, *statuses: str, patience: float = PATIENCE) -> dict[str, Any]:
        """The agent's record once it has one of these statuses."""
        bells, topic = self.bot.database.bells, f"agent:{agent}"
        record: dict[str, Any] = {}
        try:
            async with asyncio.timeout(patience):
                while True:
                    heard = bells.listen(topic)
                    record = await self.agent(agent)
                    if record["status"] in statuses:
                        return record
                    await bells.wait(topic, heard, 1.0)
        except TimeoutError:
            logs = await self.run("logs", agent=agent)
            raise AssertionError(f"{agent} is {record.get('status')}, not {statuses}: {record}\n{logs}") from None

    async def wait_for_activity(self, agent: str, words: str) -> None:
        """Wait until the agent's transcript holds the words."""
        async with asyncio.timeout(PATIENCE):
            while words not in await self.read_logs(agent):
                await asyncio.sleep(0.03)

    async def read_logs(self, agent: str) -> str:
        """The transcript as text."""
        return "\n".join((await self.run("logs", agent=agent, lines=5000))["data"]["lines"])

    async def events(self, kind: str = "", agent: str = "") -> list[dict[str, Any]]:
        """Events, oldest first."""
        response = await self.http.get("/api/v1/events", params={"kind": kind, "agent": agent, "limit": 10_000})
        return list(response.json()["events"])

    async def told(self) -> list[str]:
        """Everything that was said to people, in order, with all of it delivered."""
        async with asyncio.timeout(PATIENCE):
            while True:
                async with self.bot.database.reading() as tx:
                    found = await find(tx, Delivery)
                if all(item.state.value == "sent" for item in found):
                    break
                await asyncio.sleep(0.02)
        return [str(item.body["text"]) for item in sorted(found, key=lambda item: item.number)]

    async def assert_told(self, *patterns: str) -> None:
        """Exactly these messages were sent to people, in this order, and nothing else."""
        said = await self.told()
        fits = len(said) == len(patterns) and all(
            re.search(pattern, text) for pattern, text in zip(patterns, said, strict=True)
        )
        assert fits, f"told {said}, expected {patterns}"

    def git(self, *words: str) -> str:
        """git in the sample's repository."""
        run = subprocess.run(
            ["git", *words], cwd=self.home / "sample", capture_output=True, text=True, check=True, timeout=20
        )
        return run.stdout


def commits_of(record: Mapping[str, Any]) -> Sequence[str]:
    """Titles of an agent's commits."""
    return [str(commit["title"]) for commit in record["commits"]]

"""A bot as a process of its own, on data of its own, spoken to over HTTP like any client."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import yaml

from core.home import RUN_FILE

ROOT = Path(__file__).resolve().parents[1]
LAUNCHER = ROOT / "callboard"
START_SECONDS = 60.0
END_SECONDS = 15.0


class House:
    """A running bot and a connection to it."""

    def __init__(self, home: Path, process: asyncio.subprocess.Process, http: httpx.AsyncClient) -> None:
        self.home = home
        self.process = process
        self.http = http

    @property
    def pid(self) -> int:
        return self.process.pid

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        """An answer of the API."""
        response = await self.http.get(f"/api/v1{path}", params=query)
        response.raise_for_status()
        return dict(response.json())

    async def run(self, command: str, **arguments: Any) -> dict[str, Any]:
        """A command's reply for programs."""
        response = await self.http.post(f"/api/v1/commands/{command}", json={"arguments": arguments})
        response.raise_for_status()
        return dict(response.json()["reply"]["data"])

    async def spawn(self, text: str) -> str:
        """A demo agent on the sample; returns its id."""
        return str((await self.run("spawn", project="sample", text=text))["id"])

    async def wait_for(self, agent: str, *statuses: str, first: float = 0.3, seconds: float = 120.0) -> None:
        """Until the agent has one of the statuses. The first look is late, so that looking does not disturb."""

        async def is_there() -> bool:
            return (await self.get(f"/agents/{agent}"))["status"] in statuses

        await asyncio.sleep(first)
        await await_true(is_there, seconds)

    async def find_first_update(self, agent: str) -> float:
        """When the agent's first update was heard, in seconds since 1970."""
        updates = (await self.get(f"/agents/{agent}/updates", limit=1))["updates"]
        return read_time(updates[0]["at"])


@asynccontextmanager
async def open_house(
    settings: Mapping[str, Any] | None = None,
    command: Sequence[str] = (),
    where: str | None = None,
    secrets: Mapping[str, str] | None = None,
) -> AsyncIterator[House]:
    """A bot from its start to its end; `command` is `callboard up` unless another is given. Its home is made in
    `where`, or where temporary files go."""
    with tempfile.TemporaryDirectory(prefix="callboard-bench-", dir=where, ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        (home / ".env").write_text("".join(f"{name}={value}\n" for name, value in (secrets or {}).items()))
        process = await start_bot(home, settings or {}, command)
        try:
            note = await read_note(home, process)
            headers = {"Authorization": f"Bearer {note['token']}"}
            async with httpx.AsyncClient(base_url=note["url"], headers=headers, timeout=60) as http:
                yield House(home, process, http)
        finally:
            await end_bot(process)


async def start_bot(home: Path, settings: Mapping[str, Any], command: Sequence[str] = ()) -> asyncio.subprocess.Process:
    config = home / "callboard.yaml"
    config.write_text(yaml.safe_dump(dict(settings)))
    words = command or (str(LAUNCHER), "up", "--port", "0", "--config", str(config))
    with (home / "said.txt").open("ab") as said:
        return await asyncio.create_subprocess_exec(*words, cwd=ROOT, env=make_env(home), stdout=said, stderr=said)


def make_env(home: Path) -> dict[str, str]:
    """A clean environment: what the person at this machine has configured is not measured."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "CALLBOARD_HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
    }


async def read_note(home: Path, process: asyncio.subprocess.Process) -> dict[str, Any]:
    """run.json, once it is there."""
    async with asyncio.timeout(START_SECONDS):
        while not (home / RUN_FILE).exists():
            if process.returncode is not None:
                raise RuntimeError(f"the bot did not start: {(home / 'said.txt').read_text()}")
            await asyncio.sleep(0.02)
    return dict(json.loads((home / RUN_FILE).read_text()))


async def end_bot(process: asyncio.subprocess.Process) -> None:
    """SIGTERM, and SIGKILL for one that does not hear it."""
    for end in (process.terminate, process.kill):
        if process.returncode is None:
            end()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), END_SECONDS)


async def await_true(holds: Callable[[], Awaitable[bool]], seconds: float, pause: float = 0.05) -> None:
    """Look again and again. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while True:
            if await holds():
                return
            await asyncio.sleep(pause)


def read_time(text: str) -> float:
    """Seconds since 1970 of a time as the API writes it."""
    return datetime.fromisoformat(text).timestamp()

"""The floor of an agent: the same program, a worktree by git, and the ACP library's own client. No Callboard."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import acp
from acp.schema import ClientCapabilities

from integrations.demo import COMMAND

LINE_LIMIT = 64 * 1024 * 1024
SECONDS = 120.0


@dataclass(slots=True)
class Hearer:
    """The client's side: notes when the first update came, and whether the wanted number did."""

    wanted: int = 1
    first: float = 0.0
    heard: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def session_update(self, session_id: str, update: Any, **_rest: Any) -> None:
        if not self.heard:
            self.first = time.time()
        self.heard += 1
        if self.heard == self.wanted:
            self.enough.set()

    def on_connect(self, conn: Any) -> None:
        """Nothing to do."""


async def add_worktree(repository: Path, folder: Path, branch: str) -> None:
    """`git worktree add`, and no more."""
    words = ("git", "-C", str(repository), "worktree", "add", "--quiet", "-b", branch, "--", str(folder))
    process = await asyncio.create_subprocess_exec(*words)
    if await process.wait():
        raise RuntimeError(f"git worktree add failed in {repository}")


@asynccontextmanager
async def start_agent(folder: Path, state: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The demo agent as a child, killed at the end."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "CALLBOARD_STATE": str(state)},
        limit=LINE_LIMIT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def time_first_update(repository: Path, folder: Path, name: str) -> float:
    """Seconds from nothing to the first update of an agent in a new worktree."""
    began = time.time()
    await add_worktree(repository, folder / name, f"bare/{name}")
    async with start_agent(folder / name, folder / f"{name}.state") as process, asyncio.timeout(SECONDS):
        hearer = Hearer()
        connection = make_connection(process, hearer)
        await run_prompt(connection, folder / name, "say hello")
        await hearer.enough.wait()
        await connection.close()
    return hearer.first - began


async def time_updates(folder: Path, count: int) -> float:
    """Updates a second that the library reads of a flood, from the first to the turn's end."""
    async with start_agent(folder, folder / "state") as process, asyncio.timeout(SECONDS):
        hearer = Hearer(count)
        connection = make_connection(process, hearer)
        await run_prompt(connection, folder, f"updates {count}")
        await hearer.enough.wait()
        seconds = time.time() - hearer.first
        await connection.close()
    return count / seconds


def make_connection(process: asyncio.subprocess.Process, hearer: Hearer) -> Any:
    client: Any = hearer
    return acp.connect_to_agent(client, process.stdin, process.stdout)


async def run_prompt(connection: Any, folder: Path, text: str) -> None:
    """The three calls that every client makes."""
    await connection.initialize(acp.PROTOCOL_VERSION, client_capabilities=ClientCapabilities())
    session = await connection.new_session(cwd=str(folder), mcp_servers=[])
    await connection.prompt(session_id=session.session_id, prompt=[acp.text_block(text)])

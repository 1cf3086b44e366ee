"""The bare `acp` library as the client of a real agent: writes down what it says, answers its permissions."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import acp
from acp.client.connection import ClientSideConnection
from acp.schema import (
    AllowedOutcome,
    ClientCapabilities,
    DeniedOutcome,
    FileSystemCapabilities,
    McpServerStdio,
    PermissionOption,
    RequestPermissionResponse,
    ToolCallUpdate,
)

from tests.agents.real import RealAgent

STEP = 60.0
Chooser = Callable[[Sequence[PermissionOption]], str]


@dataclass(frozen=True, slots=True)
class Permission:
    tool: ToolCallUpdate
    options: Sequence[PermissionOption]

    @property
    def kinds(self) -> list[str]:
        return [option.kind for option in self.options]


def choose_kind(kind: str) -> Chooser:
    return lambda options: next((option.option_id for option in options if option.kind == kind), "")


@dataclass(slots=True)
class Recorder:
    """The part of `acp.Client` that agents use. `choose` names the option for a permission; "" answers that the turn
    was cancelled."""

    choose: Chooser = field(default_factory=lambda: choose_kind("allow_once"))
    updates: list[Any] = field(default_factory=list)
    permissions: list[Permission] = field(default_factory=list)

    async def request_permission(
        self, session_id: str, tool_call: ToolCallUpdate, options: list[PermissionOption], **kwargs: Any
    ) -> RequestPermissionResponse:
        self.permissions.append(Permission(tool_call, options))
        chosen = self.choose(options)
        outcome = AllowedOutcome(outcome="selected", option_id=chosen) if chosen else DeniedOutcome(outcome="cancelled")
        return RequestPermissionResponse(outcome=outcome)

    async def session_update(self, session_id: str, update: Any, **kwargs: Any) -> None:
        self.updates.append(update)

    @property
    def kinds(self) -> list[str]:
        return [update.session_update for update in self.updates]

    def read_words(self, kind: str = "agent_message_chunk") -> str:
        chunks = [update for update in self.updates if update.session_update == kind]
        return "".join(getattr(chunk.content, "text", "") for chunk in chunks)


@dataclass(slots=True)
class Talk:
    """A running agent and what it said. Every step has STEP seconds."""

    agent: RealAgent
    process: asyncio.subprocess.Process
    connection: ClientSideConnection
    recorder: Recorder
    log: Path

    async def greet(self) -> acp.InitializeResponse:
        able = ClientCapabilities(fs=FileSystemCapabilities(read_text_file=False, write_text_file=False))
        async with asyncio.timeout(STEP):
            return await self.connection.initialize(acp.PROTOCOL_VERSION, able)

    async def open(self, folder: Path, *tools: McpServerStdio) -> acp.NewSessionResponse:
        async with asyncio.timeout(STEP):
            return await self.connection.new_session(str(folder), mcp_servers=list(tools))

    async def start_session(self, folder: Path, *tools: McpServerStdio) -> str:
        await self.greet()
        return (await self.open(folder, *tools)).session_id

    async def load(self, folder: Path, session: str) -> None:
        async with asyncio.timeout(STEP):
            await self.connection.load_session(str(folder), session, mcp_servers=[])

    async def prompt(self, session: str, text: str) -> str:
        async with asyncio.timeout(STEP):
            ended = await self.connection.prompt(session, [acp.text_block(text)])
        return ended.stop_reason

    async def cancel(self, session: str) -> None:
        async with asyncio.timeout(STEP):
            await self.connection.cancel(session)


Starter = Callable[[], AbstractAsyncContextManager[Talk]]


@asynccontextmanager
async def start_agent(agent: RealAgent, folder: Path, log: Path) -> AsyncIterator[Talk]:
    """Starts the agent in a process group of its own and ends the whole group."""
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *agent.command,
            cwd=folder,
            env=dict(agent.env),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            limit=acp.core.DEFAULT_STDIO_BUFFER_LIMIT_BYTES,
        )
    recorder = Recorder()
    connection = acp.connect_to_agent(cast("acp.Client", recorder), process.stdin, process.stdout)
    try:
        yield Talk(agent, process, connection, recorder, log)
    finally:
        await end_group(process)
        await connection.close()


async def end_group(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()

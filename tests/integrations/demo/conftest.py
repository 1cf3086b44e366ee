"""A real client (the acp library, strict about the schema) over a real process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import acp
import pytest
from acp import schema
from acp.connection import StreamDirection, StreamEvent

from integrations.demo import COMMAND

ELICITATION = schema.ElicitationCapabilities(form=schema.ElicitationFormCapabilities())
LIMIT = 20.0


class Person:
    """The client's side. `answers` are what is said to asks in turn; an empty list leaves the ask open."""

    def __init__(self) -> None:
        self.updates: list[Any] = []
        self.asks: list[dict[str, Any]] = []
        self.forms: list[tuple[str, Any]] = []
        self.answers: list[Any] = []
        self.changed = asyncio.Event()

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        self.updates.append(update)
        self.changed.set()

    async def request_permission(self, session_id: str, tool_call: Any, options: Any, **_: Any) -> Any:
        self.asks.append(tool_call.model_dump(mode="json", by_alias=True, exclude_none=True))
        assert [option.kind for option in options] == ["allow_once", "allow_always", "reject_once", "reject_always"]
        return await self._answer()

    async def create_elicitation(self, message: str, mode: Any, **_: Any) -> Any:
        self.forms.append((message, mode.requested_schema))
        return await self._answer()

    async def _answer(self) -> Any:
        self.changed.set()
        if not self.answers:
            await asyncio.Event().wait()
        return self.answers.pop(0)

    def on_connect(self, conn: Any) -> None: ...

    async def ext_method(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        return {}

    async def ext_notification(self, method: str, params: dict[str, Any]) -> None: ...

    def texts(self, kind: str = "agent_message_chunk") -> str:
        return "".join(update.content.text for update in self.updates if update.session_update == kind)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT):
            while not holds():
                self.changed.clear()
                await self.changed.wait()


class Running:
    """A started agent with a client on it."""

    def __init__(self, connection: Any, process: asyncio.subprocess.Process, person: Person, folder: Path) -> None:
        self.connection = connection
        self.process = process
        self.person = person
        self.folder = folder
        self.session = ""
        self.hello: Any = None

    async def open(self, servers: list[Any] | None = None, load: str = "") -> Any:
        if load:
            self.session = load
            return await self._soon(self.connection.load_session(str(self.folder), load, servers or []))
        opened = await self._soon(self.connection.new_session(str(self.folder), mcp_servers=servers or []))
        self.session = opened.session_id
        return opened

    async def prompt(self, text: str) -> Any:
        return await self._soon(self.connection.prompt(self.session, [acp.text_block(text)]))

    def start(self, text: str) -> asyncio.Task[Any]:
        return asyncio.create_task(self.connection.prompt(self.session, [acp.text_block(text)]))

    async def cancel(self) -> None:
        await self.connection.cancel(self.session)

    async def _soon(self, call: Any) -> Any:
        async with asyncio.timeout(LIMIT):
            return await call


MODELS = {
    "session/update": schema.SessionNotification,
    "session/request_permission": schema.RequestPermissionRequest,
    "elicitation/create": schema.CreateFormSessionElicitationRequest,
}


def find_loss(message: dict[str, Any]) -> str:
    """The library mends or drops what does not fit; nothing of ours may need it."""
    model = MODELS.get(message.get("method", ""))
    if model is None:
        return ""
    kept = model.model_validate(message["params"]).model_dump(mode="json", by_alias=True, exclude_unset=True)
    return "" if kept == message["params"] else f"{message['params']} became {kept}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    return made


@pytest.fixture
def start(tmp_path: Path, folder: Path) -> Callable[..., Any]:
    """`async with start(*switches) as agent`: started, greeted, with no session yet."""

    @asynccontextmanager
    async def run(*switches: str, elicitation: bool = False, strict: bool = True) -> AsyncIterator[Running]:
        person, losses = Person(), []

        def watch(event: StreamEvent) -> None:
            if strict and event.direction is StreamDirection.INCOMING and (loss := find_loss(event.message)):
                losses.append(loss)

        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CALLBOARD_STATE": str(tmp_path / "state")}
        with (tmp_path / "stderr").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *COMMAND, *switches, stdin=-1, stdout=-1, stderr=log, env=env, limit=1 << 24
            )
        connection = acp.connect_to_agent(
            person, process.stdin, process.stdout, use_unstable_protocol=True, observers=[watch]
        )
        agent = Running(connection, process, person, folder)
        can = schema.ClientCapabilities(elicitation=ELICITATION if elicitation else None)
        try:
            async with asyncio.timeout(LIMIT):
                agent.hello = await connection.initialize(acp.PROTOCOL_VERSION, can)
            yield agent
        finally:
            await end_agent(agent)
        assert losses == []

    return run


async def end_agent(agent: Running) -> None:
    if agent.process.returncode is None:
        agent.process.kill()
    await agent.process.wait()
    await agent.connection.close()
    if agent.process.stdin:
        agent.process.stdin.close()

"""An agent that says what a test tells it to: raw lines of JSON over a pair of sockets."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from core.interfaces import Answer, Ask, Opening
from core.model import Verdict
from integrations.acp.handshake import Limits
from integrations.acp.runtime import AcpRuntime
from integrations.acp.session import AcpSession

PATIENCE = 10.0
LIMITS = Limits(greet=5, enter=5, choose=5, send=5)


@dataclass(slots=True)
class Recorder:
    """A listener that writes down what it hears. `answer` answers asks; without it they wait for ever."""

    answer: Callable[[Ask], Awaitable[Answer]] | None = None
    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    asked: list[Ask] = field(default_factory=list)
    cancelled: list[Ask] = field(default_factory=list)
    asking: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, kind: str, data: Mapping[str, Any]) -> None:
        json.dumps(data, allow_nan=False).encode()
        self.heard.append((kind, dict(data)))

    async def ask(self, ask: Ask) -> Answer:
        json.dumps(ask.detail, allow_nan=False).encode()
        self.asked.append(ask)
        self.asking.set()
        try:
            return await (self.answer(ask) if self.answer else asyncio.Event().wait())  # type: ignore[return-value]
        except asyncio.CancelledError:
            self.cancelled.append(ask)
            raise

    def list_texts(self, kind: str = "message") -> list[str]:
        return [data["text"] for heard, data in self.heard if heard == kind]


def always(verdict: Verdict, **given: Any) -> Callable[[Ask], Awaitable[Answer]]:
    async def answer(_ask: Ask) -> Answer:
        return Answer(verdict, **given)

    return answer


class FakeAgent:
    """The agent's end of the line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.seen: list[dict[str, Any]] = []

    def say(self, message: Any) -> None:
        self.write(json.dumps(message).encode() + b"\n")

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    def update(self, sort: str, session: str = "s-1", /, **fields: Any) -> None:
        params = {"sessionId": session, "update": {"sessionUpdate": sort, **fields}}
        self.say({"jsonrpc": "2.0", "method": "session/update", "params": params})

    def speak(self, text: str, session: str = "s-1") -> None:
        self.update("agent_message_chunk", session, content={"type": "text", "text": text})

    def reply(self, request: Mapping[str, Any], result: Any) -> None:
        self.say({"jsonrpc": "2.0", "id": request["id"], "result": result})

    def refuse(self, request: Mapping[str, Any], code: int, message: str, data: Any = None) -> None:
        self.say({"jsonrpc": "2.0", "id": request["id"], "error": {"code": code, "message": message, "data": data}})

    def request(self, number: Any, method: str, **params: Any) -> None:
        self.say({"jsonrpc": "2.0", "id": number, "method": method, "params": params})

    def ask_permission(self, number: Any = 1, call: Mapping[str, Any] | None = None, options: Any = None) -> None:
        self.request(
            number,
            "session/request_permission",
            sessionId="s-1",
            toolCall=call or {"toolCallId": "c-1", "title": "rm -rf build", "kind": "execute"},
            options=options if options is not None else OPTIONS,
        )

    async def read(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            line = await self.reader.readline()
        assert line, "the client went away"
        message: dict[str, Any] = json.loads(line)
        self.seen.append(message)
        return message

    async def expect(self, method: str) -> dict[str, Any]:
        message = await self.read()
        assert message.get("method") == method, message
        return message

    async def greet(self, **result: Any) -> None:
        self.reply(await self.expect("initialize"), {"protocolVersion": 1, **result})

    async def begin(self, session: str = "s-1", **result: Any) -> dict[str, Any]:
        """Answer the handshake of a new session."""
        await self.greet()
        request = await self.expect("session/new")
        self.reply(request, {"sessionId": session, **result})
        return request

    async def end(self, stop: str = "end_turn", **result: Any) -> None:
        """Wait for a prompt and end its turn at once."""
        self.reply(await self.expect("session/prompt"), {"stopReason": stop, **result})

    def leave(self) -> None:
        self.writer.close()


OPTIONS = [
    {"optionId": "yes", "name": "Allow", "kind": "allow_once"},
    {"optionId": "always", "name": "Always", "kind": "allow_always"},
    {"optionId": "no", "name": "Reject", "kind": "reject_once"},
]
LOADING = {"agentCapabilities": {"loadSession": True}}


@dataclass(slots=True)
class Line:
    """Both ends: the streams of the runtime, and the fake agent."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    agent: FakeAgent
    recorder: Recorder
    runtime: AcpRuntime

    async def open(self, script: Awaitable[Any], **opening: Any) -> AcpSession:
        """Open a session while the agent follows the script."""
        return (
            await self.play(
                self.runtime.open(self.reader, self.writer, Opening("/w", **opening), self.recorder), script
            )
        )[0]

    async def play(self, ours: Awaitable[Any], theirs: Awaitable[Any]) -> list[Any]:
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
            tasks = [group.create_task(wrap(ours)), group.create_task(wrap(theirs))]
        return [task.result() for task in tasks]


async def wrap(work: Awaitable[Any]) -> Any:
    return await work


@asynccontextmanager
async def draw_line(recorder: Recorder | None = None, limits: Limits = LIMITS) -> AsyncIterator[Line]:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    agent = FakeAgent(*await asyncio.open_connection(sock=theirs, limit=2**24))
    try:
        yield Line(reader, writer, agent, recorder or Recorder(), AcpRuntime(limits))
    finally:
        for end in (writer, agent.writer):
            end.close()

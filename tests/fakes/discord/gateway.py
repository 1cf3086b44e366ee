"""The gateway: HELLO, IDENTIFY or RESUME, heartbeats, dispatches, and what a test does to its connections.

https://discord.com/developers/docs/events/gateway
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from tests.fakes.discord.records import PRIVILEGED, Json
from tests.fakes.discord.shapes import write_guild, write_user

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord

_KEPT = 1_000


@dataclass(eq=False)
class Session:
    """What survives a connection: dispatches are numbered and kept for a RESUME."""

    id: str
    intents: int
    seq: int = 0
    log: list[Json] = field(default_factory=list)
    line: Line | None = None
    valid: bool = True


@dataclass(eq=False)
class Line:
    """One connection."""

    socket: web.WebSocketResponse
    request: web.Request
    session: Session | None = None
    beats: int = 0
    resumed: bool = False


class Gateway:
    """`acks` off: heartbeats are not acknowledged. `refuses`: connections are answered 503. `beat` is the interval in
    seconds. `lines` are the open connections, `resumes` counts those that went on."""

    def __init__(self, discord: FakeDiscord) -> None:
        self.discord = discord
        self.acks, self.refuses, self.beat = True, False, 41.25
        self.lines: list[Line] = []
        self.sessions: dict[str, Session] = {}
        self.resumes = self.opened = 0

    @property
    def ready(self) -> list[Line]:
        """Connections that are signed in."""
        return [line for line in self.lines if line.session]

    async def receive(self, request: web.Request) -> web.StreamResponse:
        if self.refuses:
            return web.Response(status=503)
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        line = Line(socket, request)
        self.lines.append(line)
        self.opened += 1
        try:
            await self._send(line, {"op": 10, "d": {"heartbeat_interval": int(self.beat * 1000)}})
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    await self._take(line, json.loads(message.data))
        finally:
            self._forget(line)
            await self.discord.note()
        return socket

    def _forget(self, line: Line) -> None:
        if line in self.lines:
            self.lines.remove(line)
        if line.session and line.session.line is line:
            line.session.line = None

    async def _take(self, line: Line, frame: Json) -> None:
        op, data = frame["op"], frame.get("d")
        if op == 1:
            line.beats += 1
            if self.acks:
                await self._send(line, {"op": 11})
        elif op == 2:
            await self._identify(line, data)
        elif op == 6:
            await self._resume(line, data)
        await self.discord.note()

    async def _identify(self, line: Line, data: Json) -> None:
        discord = self.discord
        discord.identifies.append(discord.now())
        if data["token"] != discord.token or data["token"] in discord.bad_tokens:
            await line.socket.close(code=4004, message=b"Authentication failed.")
            return
        if data["intents"] & PRIVILEGED & ~discord.intents:
            await line.socket.close(code=4014, message=b"Disallowed intent(s).")
            return
        session = Session(discord.next_id(), data["intents"], line=line)
        self.sessions[session.id], line.session = session, session
        ready = {
            "v": 10,
            "user": write_user(discord, discord.bot),
            "guilds": [{"id": id, "unavailable": True} for id in discord.guilds],
            "session_id": session.id,
            "resume_gateway_url": discord.gateway_url,
            "application": {"id": discord.app, "flags": 0},
        }
        await self.dispatch(session, "READY", ready)
        for id in discord.guilds:
            await self.dispatch(session, "GUILD_CREATE", write_guild(discord, id))

    async def _resume(self, line: Line, data: Json) -> None:
        session = self.sessions.get(data["session_id"])
        if session is None or not session.valid or data["token"] != self.discord.token:
            await self._send(line, {"op": 9, "d": False})
            return
        session.line, line.session, line.resumed = line, session, True
        self.resumes += 1
        for frame in [kept for kept in session.log if kept["s"] > data["seq"]]:
            await self._send(line, frame)
        await self.dispatch(session, "RESUMED", {})

    async def dispatch(self, session: Session, kind: str, data: Json) -> None:
        """Tell one session; it is kept for when it is not there."""
        session.seq += 1
        frame = {"op": 0, "s": session.seq, "t": kind, "d": data}
        session.log = [*session.log, frame][-_KEPT:]
        if session.line:
            await self._send(session.line, frame)

    async def tell(self, kind: str, data: Json, intent: int = 0) -> int:
        """Tell every session that wants it; returns how many that were."""
        told = 0
        for session in self.sessions.values():
            if session.valid and (not intent or session.intents & intent):
                await self.dispatch(session, kind, data)
                told += 1
        return told

    async def _send(self, line: Line, frame: Json) -> None:
        if not line.socket.closed:
            try:
                await line.socket.send_json(frame)
            except ConnectionError:
                self._forget(line)

    # What tests do.

    async def drop(self) -> None:
        """Cut every connection as a network does."""
        for line in list(self.lines):
            self._forget(line)
            if line.request.transport is not None:
                line.request.transport.abort()
        await self.discord.note()

    async def ask_reconnect(self) -> None:
        """Op 7."""
        for line in list(self.lines):
            await self._send(line, {"op": 7, "d": None})

    async def invalidate(self, *, resumable: bool = False) -> None:
        """Op 9: the session is of no more use, or can be resumed."""
        for line in list(self.lines):
            if line.session and not resumable:
                line.session.valid = False
            await self._send(line, {"op": 9, "d": resumable})

    async def close(self) -> None:
        await asyncio.gather(*(line.socket.close(code=1001) for line in list(self.lines)))

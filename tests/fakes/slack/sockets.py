"""Socket Mode: addresses for one use, frames, acknowledgements, and the ways it breaks."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import ClientConnectionResetError, WSMessage, WSMsgType, web

from tests.fakes.slack.records import Json, Sent

if TYPE_CHECKING:
    from tests.fakes.slack.server import FakeSlack

MOST = 10


@dataclass(kw_only=True, eq=False)
class Connection:
    """A socket of the app. A `frozen` one looks open to both sides, and nothing passes."""

    id: str
    request: web.Request
    socket: web.WebSocketResponse
    frozen: bool = False
    leaving: bool = False
    pings: int = 0
    pongs: int = 0
    acks: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, frame: Json) -> bool:
        if self.frozen:
            return True
        try:
            await self.socket.send_str(json.dumps(frame))
        except ClientConnectionResetError:
            self.gone.set()
            return False
        return True


class Sockets:
    """The app's connections: `open` are those that have had their hello.

    - `gate`: clear it and handshakes wait until it is set
    - `handshake_seconds`: how long each handshake takes
    - `refusals`: so many connects fail, though their address was issued and is used up
    - `refused`: why connects were refused
    """

    def __init__(self, slack: FakeSlack) -> None:
        self.slack = slack
        self.open: list[Connection] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.handshake_seconds = 0.0
        self.refusals = 0
        self.refused: list[str] = []
        self.stray_acks: list[Json] = []
        self._tickets: dict[str, bool] = {}
        self._waiting: dict[str, tuple[Sent, float]] = {}
        self._turn = 0

    def issue_url(self) -> str:
        ticket = self.slack.next_id("ticket-")
        self._tickets[ticket] = False
        return f"{self.slack.url.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={self.slack.app}"

    async def receive(self, request: web.Request) -> web.StreamResponse:
        if refusal := self._refuse(request.query.get("ticket", "")):
            self.refused.append(refusal)
            await self.slack.tell()
            return web.Response(status=503 if refusal == "unavailable" else 401, text=refusal)
        await self.gate.wait()
        if self.handshake_seconds:
            await asyncio.sleep(self.handshake_seconds)
        socket = web.WebSocketResponse(autoping=False, autoclose=False)
        await socket.prepare(request)
        await self._serve(Connection(id=self.slack.next_id("conn-"), request=request, socket=socket))
        return socket

    def _refuse(self, ticket: str) -> str:
        if self._tickets.get(ticket, True):
            return "used" if ticket in self._tickets else "unknown"
        self._tickets[ticket] = True
        if self.refusals:
            self.refusals -= 1
            return "unavailable"
        return ""

    async def _serve(self, connection: Connection) -> None:
        if len(self.open) >= MOST:
            await self._disconnect(connection, "too_many_websockets")
            await connection.socket.close()
            return
        await connection.send(self._write_hello())
        self.open.append(connection)
        await self.slack.tell()
        try:
            await self._read(connection)
        finally:
            self._forget(connection)
            await self.slack.tell()

    def _write_hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self.open) + 1,
            "debug_info": {"host": "applink-1", "build_number": 1, "approximate_connection_time": 18060},
            "connection_info": {"app_id": self.slack.app},
        }

    def _forget(self, connection: Connection) -> None:
        connection.gone.set()
        if connection in self.open:
            self.open.remove(connection)

    async def _read(self, connection: Connection) -> None:
        while not connection.gone.is_set():
            message = await self._receive(connection)
            if connection.frozen:
                await connection.gone.wait()
            elif message is None or message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED):
                await connection.socket.close()
                return
            else:
                await self._take(connection, message)

    async def _receive(self, connection: Connection) -> WSMessage | None:
        try:
            return await connection.socket.receive()
        except (ConnectionError, RuntimeError):
            return None

    async def _take(self, connection: Connection, message: WSMessage) -> None:
        if message.type == WSMsgType.PING:
            connection.pings += 1
            await connection.socket.pong(message.data)
        elif message.type == WSMsgType.PONG:
            connection.pongs += 1
        elif message.type == WSMsgType.TEXT:
            self._take_ack(connection, json.loads(message.data))
            await self.slack.tell()

    def _take_ack(self, connection: Connection, frame: Json) -> None:
        connection.acks += 1
        sent, started = self._waiting.get(str(frame.get("envelope_id")), (None, 0.0))
        if sent is None or sent.is_acked:
            self.stray_acks.append(frame)
            return
        sent.seconds, sent.answer = asyncio.get_running_loop().time() - started, frame.get("payload")
        sent.status = 200
        sent.acked.set()

    async def carry(self, sent: Sent, reason: str) -> str:
        """Send an envelope to one connection, another than before if there is one, and wait for its acknowledgement."""
        connection = self._choose(sent)
        if connection is None:
            return "no_connection"
        envelope = self.slack.next_id("env-")
        self._waiting[envelope] = (sent, asyncio.get_running_loop().time())
        sent.connections.append(connection.id)
        if not await connection.send(self._write_envelope(envelope, sent, reason)):
            return "connection_lost"
        return await self._await_ack(sent, connection)

    def _choose(self, sent: Sent) -> Connection | None:
        ready = [connection for connection in self.open if not connection.leaving] or self.open
        fresh = [connection for connection in ready if connection.id not in sent.connections] or ready
        self._turn += 1
        return fresh[self._turn % len(fresh)] if fresh else None

    def _write_envelope(self, id: str, sent: Sent, reason: str) -> Json:
        more: Json = {}
        if sent.kind == "events_api":
            more = {"retry_attempt": sent.attempts - 1, "retry_reason": reason}
        answerable = sent.kind != "events_api"
        return {
            "envelope_id": id,
            "type": sent.kind,
            "payload": sent.payload,
            "accepts_response_payload": answerable,
        } | more

    async def _await_ack(self, sent: Sent, connection: Connection) -> str:
        waits = {asyncio.ensure_future(sent.acked.wait()), asyncio.ensure_future(connection.gone.wait())}
        try:
            await asyncio.wait(waits, timeout=self.slack.ack_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if sent.is_acked:
            return ""
        return "connection_lost" if connection.gone.is_set() else "timeout"

    # What Slack, or the net, does to connections.

    async def ask_refresh(self, connection: Connection | None = None, reason: str = "refresh_requested") -> None:
        """Send a disconnect frame (or `warning`, or `link_disabled`) to one connection, or to all."""
        for each in [connection] if connection else list(self.open):
            await self._disconnect(each, reason)

    async def _disconnect(self, connection: Connection, reason: str) -> None:
        connection.leaving = True
        await connection.send({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-1"}})

    async def hang_up(self, connection: Connection | None = None) -> None:
        """Close one connection, or all, with a close frame, as Slack does some seconds after a disconnect frame."""
        for each in [connection] if connection else list(self.open):
            self._forget(each)
            await each.socket.close()

    def freeze(self, connection: Connection | None = None) -> None:
        """Half open: what is sent vanishes, pings stay unanswered, and nobody is told."""
        for each in [connection] if connection else list(self.open):
            each.frozen = True

    def drop(self, connection: Connection | None = None) -> None:
        """Cut the line without a word."""
        for each in [connection] if connection else list(self.open):
            self._forget(each)
            if each.request.transport is not None:
                each.request.transport.abort()

    async def ping(self) -> None:
        """Ping every connection, as Slack does."""
        for each in self.open:
            await each.socket.ping(b"Ping from applink-1")

    async def close(self) -> None:
        self.gate.set()
        self.drop()

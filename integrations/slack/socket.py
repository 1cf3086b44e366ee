"""Socket Mode: two connections, each with its successor ready before it goes, so that no click finds nobody.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from core.errors import PermanentFailure, TemporaryFailure
from integrations.slack.ear import Ear
from integrations.slack.web import call, make_client

log = structlog.get_logger()
CONNECTIONS = 2
CONNECT_SECONDS = 10.0
# Half as long again, and a connection that says nothing is given up.
HEARTBEAT = 10.0
STABLE_SECONDS = 60.0
_PAUSES = (0.2, 1.0, 2.0, 5.0, 10.0)
_LEAVING_SECONDS = 5.0
_LARGEST = 16 * 1024 * 1024
_REFUSED = "Make an app-level token with connections:write (SLACK_APP_TOKEN), then `reload`."
_OFF = "Turn Socket Mode on in the app's settings, or set SLACK_SIGNING_SECRET for signed HTTP; then `reload`."
Json = Mapping[str, Any]


class Sockets:
    """Both connections. `on_open` is called whenever one is there anew: something may have been missed before."""

    def __init__(self, app: AsyncApp, ear: Ear, on_open: Callable[[], None]) -> None:
        self._app = app
        self._ear = ear
        self._on_open = on_open
        self._token = ear.settings.app_token.get_secret_value()
        self._client = make_client(ear.settings, token=self._token)

    async def hold(self) -> None:
        """Listen until cancelled. Raises PermanentFailure where Slack gives no connection to this app."""
        limit = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
        async with aiohttp.ClientSession(timeout=limit) as session, asyncio.TaskGroup() as group:
            for number in range(CONNECTIONS):
                group.create_task(self._keep(session, number), name=f"slack socket {number}")

    async def _keep(self, session: aiohttp.ClientSession, number: int) -> None:
        """One connection after another. One that Slack wants back is read until the next is there."""
        # A little apart, so that not both are renewed at once.
        await asyncio.sleep(number * 0.3)
        async with asyncio.TaskGroup() as group:
            tries = 0
            while True:
                link = await self._connect(session, number, tries)
                began = time.monotonic()
                self._ear.line.connected[number] = time.time()
                self._on_open()
                reading = group.create_task(link.read(), name=f"slack link {number}")
                await link.leaving.wait()
                tries = 0 if link.asked or time.monotonic() - began > STABLE_SECONDS else tries + 1
                if reading.done():
                    self._ear.line.connected.pop(number, None)
                    log.warning("a connection to Slack is made anew", connection=number)

    async def _connect(self, session: aiohttp.ClientSession, number: int, tries: int) -> Link:
        while True:
            if tries:
                await asyncio.sleep(_PAUSES[min(tries, len(_PAUSES)) - 1])
            try:
                return await self._open(session)
            except TemporaryFailure as failure:
                tries += 1
                log.warning("no connection to Slack", connection=number, tries=tries, reason=failure.message)
                await asyncio.sleep(min(failure.retry_after or 0.0, 15.0))

    async def _open(self, session: aiohttp.ClientSession) -> Link:
        """A connection that had its hello. Each try has an address of its own: they are good for one use."""
        try:
            given = await call(self._client.apps_connections_open(app_token=self._token))
        except PermanentFailure as failure:
            raise PermanentFailure(failure.message, remedy=_REFUSED) from failure
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                socket = await session.ws_connect(str(given["url"]), heartbeat=HEARTBEAT, max_msg_size=_LARGEST)
                hello = await socket.receive()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TemporaryFailure(f"Slack gave no connection: {type(error).__name__}.") from error
        link = Link(self._app, socket)
        if hello.type != aiohttp.WSMsgType.TEXT:
            await socket.close()
            raise TemporaryFailure("Slack closed the connection at once.")
        link.take(hello.data)
        return link


class Link:
    """One connection. `leaving` is set when another is needed, `asked` when Slack said so."""

    def __init__(self, app: AsyncApp, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.leaving = asyncio.Event()
        self.asked = False
        self._app = app
        self._socket = socket
        self._handling: set[asyncio.Task[None]] = set()

    async def read(self) -> None:
        """Take what comes until it is closed, or for some seconds after it was asked to go. Raises PermanentFailure
        when Socket Mode was turned off."""
        closing = asyncio.create_task(self._close_after())
        try:
            while (message := await self._socket.receive()).type == aiohttp.WSMsgType.TEXT:
                self.take(message.data)
        finally:
            self.leaving.set()
            closing.cancel()
            await self._finish()

    async def _close_after(self) -> None:
        await self.leaving.wait()
        await asyncio.sleep(_LEAVING_SECONDS)
        await self._socket.close()

    async def _finish(self) -> None:
        """What is being stored is stored."""
        if self._handling:
            _, late = await asyncio.wait(self._handling, timeout=2)
            for task in late:
                task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await self._socket.close()

    def take(self, text: str) -> None:
        """A frame. Raises PermanentFailure when Socket Mode was turned off."""
        frame = read_frame(text)
        kind = frame.get("type")
        if kind == "disconnect":
            self._leave(str(frame.get("reason") or ""))
        elif "envelope_id" in frame:
            task = asyncio.create_task(self._handle(frame))
            self._handling.add(task)
            task.add_done_callback(self._forget)

    def _leave(self, reason: str) -> None:
        if reason == "link_disabled":
            raise PermanentFailure("Slack says: Socket Mode was turned off for this app.", remedy=_OFF)
        log.info("Slack renews a connection", reason=reason)
        self.asked = True
        self.leaving.set()

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._handling.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("an envelope was not handled", exc_info=error)

    async def _handle(self, frame: Json) -> None:
        request = AsyncBoltRequest(mode="socket_mode", body=dict(frame.get("payload") or {}))
        answer = await self._app.async_dispatch(request)
        if answer.status == 200:
            # Where the line is gone by now, Slack sends an event again, and it is done once.
            with contextlib.suppress(ConnectionError, aiohttp.ClientError):
                await self._socket.send_str(json.dumps(write_ack(str(frame["envelope_id"]), answer)))


def read_frame(text: str) -> Json:
    """A frame, or an empty one for what is none."""
    try:
        frame = json.loads(text)
    except ValueError:
        return {}
    return frame if isinstance(frame, dict) else {}


def write_ack(envelope: str, answer: BoltResponse) -> dict[str, Any]:
    """The acknowledgement, with what bolt answers in it."""
    if not answer.body:
        return {"envelope_id": envelope}
    is_json = answer.headers.get("content-type", [""])[0].startswith("application/json")
    return {"envelope_id": envelope, "payload": json.loads(answer.body) if is_json else {"text": answer.body}}

"""Socket Mode: two connections, so that one is there while Slack renews the other, and a watch over both.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp

from core.errors import TemporaryFailure
from integrations.slack.ear import Ear
from integrations.slack.web import call, make_client

log = structlog.get_logger()
CONNECTIONS = 2
CONNECT_SECONDS = 20.0
SILENCE_SECONDS = 20.0
_LOOK = 1.0
_QUIET = logging.getLogger("callboard.slack.socket")


async def hold_sockets(app: AsyncApp, ear: Ear) -> None:
    """Listen until cancelled. Raises PermanentFailure for a bad token."""
    await check_token(ear)
    async with asyncio.TaskGroup() as group:
        for number in range(CONNECTIONS):
            group.create_task(_keep(app, ear, number), name=f"slack socket {number}")


async def check_token(ear: Ear) -> None:
    """Whether Slack gives connections for the app-level token: the library would ask for ever."""
    client = make_client(ear.settings, token=ear.settings.app_token.get_secret_value())
    await call(client.apps_connections_open(app_token=ear.settings.app_token.get_secret_value()))


async def _keep(app: AsyncApp, ear: Ear, number: int) -> None:
    """One connection after another. The second begins a little later, so that both are not renewed at once."""
    await asyncio.sleep(number * 0.5)
    while True:
        try:
            await _hold(app, ear)
        except TemporaryFailure as failure:
            log.warning("a connection to Slack is made anew", connection=number, reason=failure.message)
            await asyncio.sleep(1.0)


async def _hold(app: AsyncApp, ear: Ear) -> None:
    """One connection, as long as it is good. Raises TemporaryFailure when it is not."""
    _QUIET.setLevel(logging.CRITICAL)
    token = ear.settings.app_token.get_secret_value()
    handler = AsyncSocketModeHandler(app, token, web_client=make_client(ear.settings, token=token), logger=_QUIET)
    try:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await handler.connect_async()  # type: ignore[no-untyped-call]
        except TimeoutError as error:
            raise TemporaryFailure("Slack gave no connection in time.") from error
        await _watch(handler)
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await handler.close_async()  # type: ignore[no-untyped-call]


async def _watch(handler: AsyncSocketModeHandler) -> None:
    """Return never; raise TemporaryFailure when nothing was heard for too long."""
    client = handler.client
    lost_at = 0.0
    while True:
        await asyncio.sleep(_LOOK)
        heard = client.last_ping_pong_time or time.time()
        if time.time() - heard > SILENCE_SECONDS:
            raise TemporaryFailure("nothing was heard")
        if await client.is_connected():
            lost_at = 0.0
        elif not lost_at:
            lost_at = time.monotonic()
        elif time.monotonic() - lost_at > SILENCE_SECONDS / 2:
            raise TemporaryFailure("the connection is gone")

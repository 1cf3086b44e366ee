"""The connection to Discord's gateway: held, resumed, and made anew with a new client when it cannot go on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any

import aiohttp
import discord
import structlog

from core.errors import TemporaryFailure
from core.interfaces import Notebook, Setup
from integrations.discord.commands import draw_commands
from integrations.discord.ear import Ear
from integrations.discord.identify import choose_wait, keep_recent
from integrations.discord.sync import sync_commands
from integrations.discord.web import SECONDS, make_client, open_web, refuse_token

log = structlog.get_logger()
IDENTIFIES, BLIND = "identifies", "blind"


class GatewayClient(discord.Client):
    """Hears; `ear` is given what it heard."""

    def __init__(self, *, ear: Ear, **options: Any) -> None:
        super().__init__(**options)
        self.ear = ear

    async def on_message(self, message: discord.Message) -> None:
        try:
            await self.ear.hear_message(self, message)
        except TemporaryFailure as failure:
            log.error("words from Discord were not taken", reason=str(failure))

    async def on_interaction(self, act: discord.Interaction) -> None:
        await self.ear.hear_act(self, act)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        await wait_for_turn(self.ear.notebook)


async def wait_for_turn(notebook: Notebook) -> None:
    """Wait until the bot may sign in again, and write down that it does. Counted over restarts of the process."""
    times = keep_recent(json.loads(await notebook.read(IDENTIFIES) or "[]"), time.time())
    if wait := choose_wait(times, time.time()):
        log.warning(
            "waiting before signing in at Discord's gateway again", seconds=round(wait), within_an_hour=len(times)
        )
        await asyncio.sleep(wait)
    await notebook.write(IDENTIFIES, json.dumps([*times, time.time()]))


async def hold_gateway(setup: Setup) -> None:
    """Listen until cancelled. Raises Held for a bad token, TemporaryFailure for what may pass."""
    holding = asyncio.create_task(_hold(setup))
    watching = asyncio.create_task(open_web(setup).watch())
    try:
        done, _ = await asyncio.wait([holding, watching], return_when=asyncio.FIRST_COMPLETED)
        done.pop().result()
    finally:
        for task in (holding, watching):
            task.cancel()
        await asyncio.gather(holding, watching, return_exceptions=True)


async def _hold(setup: Setup) -> None:
    ear = Ear(setup)
    try:
        await _run(ear, setup, is_blind=False)
    except discord.PrivilegedIntentsRequired:
        log.error("Discord does not let the bot read messages: plain replies are not heard", remedy=READING)
        await _run(ear, setup, is_blind=True)


READING = "On the page Bot of the application turn on Message Content Intent."


async def _run(ear: Ear, setup: Setup, *, is_blind: bool) -> None:
    await setup.notebook.write(BLIND, "yes" if is_blind else "")
    intents = discord.Intents(guilds=True, guild_messages=True, dm_messages=True, message_content=not is_blind)
    client = make_client(ear.settings, intents, kind=GatewayClient, ear=ear)
    try:
        await _connect(client, ear, setup)
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await client.close()


async def _connect(client: discord.Client, ear: Ear, setup: Setup) -> None:
    """One client, from signing in to its end. It resumes by itself; what it cannot, the next one begins anew."""
    try:
        async with asyncio.timeout(SECONDS):
            await client.login(ear.settings.token.get_secret_value())
        verbs = setup.street.list_verbs()
        await sync_commands(client, setup.notebook, ear.settings.guilds, draw_commands(ear.settings.command, verbs))
        await client.connect()
    except discord.LoginFailure as error:
        raise refuse_token() from error
    except discord.ConnectionClosed as error:
        if error.code == 4004:
            raise refuse_token() from error
        raise TemporaryFailure(f"Discord's gateway closed the connection: {error.code}.") from error
    except (discord.HTTPException, discord.RateLimited, discord.GatewayNotFound, aiohttp.ClientError) as error:
        raise TemporaryFailure(f"Discord's gateway cannot be reached: {error}.") from error
    # A gateway that cannot be reached at the first try ends discord.py by an AttributeError: Rapptz/discord.py#10520.
    except (TimeoutError, OSError, AttributeError) as error:
        raise TemporaryFailure(f"Discord's gateway cannot be reached: {type(error).__name__}.") from error
    raise TemporaryFailure("The connection to Discord's gateway ended.")

"""The commands as Discord has them: replaced when they changed, in the servers named or in all, never both."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import discord
import structlog
from discord.http import Route

from core.interfaces import Notebook
from integrations.discord.commands import Json, hash_commands
from integrations.discord.web import SECONDS

log = structlog.get_logger()
SYNCED = "commands"


async def sync_commands(
    client: discord.Client, notebook: Notebook, guilds: Sequence[str], commands: Sequence[Json]
) -> None:
    """Offer these commands. Stale ones go first. Raises discord.HTTPException. `""` stands for all servers."""
    known: dict[str, str] = json.loads(await notebook.read(SYNCED) or "{}")
    wanted = {scope: hash_commands(commands) for scope in (guilds or ("",))}
    if known == wanted:
        return
    for scope in (*(known.keys() - wanted.keys()), *([""] if guilds and "" not in known else [])):
        await _put(client, scope, [])
    for scope, mark in wanted.items():
        if known.get(scope) != mark:
            await _put(client, scope, commands)
    await notebook.write(SYNCED, json.dumps(wanted))
    log.info("commands were offered to Discord", servers=len(guilds) or "all")


async def _put(client: discord.Client, scope: str, commands: Sequence[Json]) -> None:
    await _call(client, "PUT", scope, list(commands))


async def fetch_commands(client: discord.Client, scope: str) -> list[dict[str, Any]]:
    """What Discord has now."""
    found: list[dict[str, Any]] = await _call(client, "GET", scope, None)
    return found


async def _call(client: discord.Client, method: str, scope: str, body: Any) -> Any:
    app = client.application_id
    if scope:
        route = Route(
            method, "/applications/{application_id}/guilds/{guild_id}/commands", application_id=app, guild_id=int(scope)
        )
    else:
        route = Route(method, "/applications/{application_id}/commands", application_id=app)
    async with asyncio.timeout(SECONDS):
        return await (client.http.request(route) if body is None else client.http.request(route, json=body))

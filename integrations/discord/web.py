"""Discord's API by discord.py, with a time limit on every call and errors cut by what to do next.

Codes: https://discord.com/developers/docs/topics/opcodes-and-status-codes
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import HTTPClient, Route

from core.errors import Held, PermanentFailure, TemporaryFailure
from core.interfaces import Setup
from core.messages import Attachment
from integrations.discord.layout import name_file
from integrations.discord.settings import DiscordSettings

SECONDS = 20.0
V2, EPHEMERAL, QUIET = 1 << 15, 1 << 6, 1 << 12
UNKNOWN_MESSAGE, UNKNOWN_CHANNEL, UNKNOWN_WEBHOOK, UNKNOWN_ACT = 10008, 10003, 10015, 10062
ARCHIVED, HAS_THREAD, CLOSED_DIRECT = 50083, 160004, 50007
GONE = (UNKNOWN_MESSAGE, UNKNOWN_CHANNEL, UNKNOWN_WEBHOOK, UNKNOWN_ACT, 50027)
NOBODY: Mapping[str, Any] = {"parse": []}
_REMEDIES = {
    50001: "Let the bot see the channel: its role needs View Channel.",
    50013: "Give the bot's role what is missing: Send Messages, Create Public Threads, Attach Files.",
    UNKNOWN_CHANNEL: "The channel is gone: choose another with `project use` there.",
    CLOSED_DIRECT: "They take no direct messages from people of the server.",
}
_ANEW = "Copy the bot's token again: Bot, Reset Token (DISCORD_BOT_TOKEN)."
Json = dict[str, Any]


def make_client(settings: DiscordSettings, intents: discord.Intents, **more: Any) -> discord.Client:
    """A client that calls nobody, and does not sit out long limits by itself."""
    if settings.api_url != Route.BASE:
        Route.BASE = settings.api_url
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(settings.gateway_url)
    # What matters is told by the bot itself; voice is of no use to it.
    logging.getLogger("discord").setLevel(logging.CRITICAL)
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
    nobody = discord.AllowedMentions.none()
    kind = more.pop("kind", discord.Client)
    made: discord.Client = kind(
        intents=intents, allowed_mentions=nobody, max_ratelimit_timeout=30.0, max_messages=None, **more
    )
    return made


class Web:
    """The calls that need no gateway. It signs in at the first one; after a token was refused it calls no more."""

    def __init__(self, settings: DiscordSettings) -> None:
        self._settings = settings
        self._client: discord.Client | None = None
        self._lock = asyncio.Lock()
        self._refused = asyncio.Event()

    async def call(
        self, method: str, path: str, body: Any = None, files: Sequence[Attachment] = (), **names: Any
    ) -> Any:
        """Raises TemporaryFailure, ambiguous where Discord did not answer, Held once the token is refused, and
        PermanentFailure with what to do."""
        http = await self._sign_in()
        try:
            async with asyncio.timeout(SECONDS):
                return await _send(http, Route(method, path, **names), body, files)
        except discord.HTTPException as error:
            failure = explain(error)
            if isinstance(failure, Held):
                self._refused.set()
            raise failure from error
        except discord.RateLimited as error:
            raise TemporaryFailure("Discord asks to wait.", retry_after=error.retry_after) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TemporaryFailure(f"Discord did not answer: {type(error).__name__}.") from error

    async def _sign_in(self) -> HTTPClient:
        if self._refused.is_set():
            raise refuse_token()
        async with self._lock:
            if self._client is None:
                client = make_client(self._settings, discord.Intents(guilds=True))
                await self._log_in(client)
                self._client = client
        return self._client.http

    async def _log_in(self, client: discord.Client) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                await client.login(self._settings.token.get_secret_value())
        except discord.LoginFailure as error:
            await client.close()
            self._refused.set()
            raise refuse_token() from error
        except (discord.HTTPException, discord.RateLimited, aiohttp.ClientError, TimeoutError, OSError) as error:
            await client.close()
            raise TemporaryFailure(f"Discord did not answer: {type(error).__name__}.") from error

    async def watch(self) -> None:
        """Wait until the token is refused. Raises Held then."""
        await self._refused.wait()
        raise refuse_token()

    async def aclose(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    @property
    def app(self) -> str:
        """The id of the application, once signed in."""
        return str(self._client.application_id or "") if self._client else ""


def open_web(setup: Setup) -> Web:
    """What all parts of a setup call by."""
    web = setup.shared.setdefault("web", Web(setup.settings))
    assert isinstance(web, Web)
    return web


def refuse_token() -> Held:
    """What is said when Discord does not take the token."""
    return Held("Discord refuses the bot's token.", remedy=_ANEW)


async def _send(http: HTTPClient, route: Route, body: Any, files: Sequence[Attachment]) -> Any:
    if not files:
        return await (http.request(route) if body is None else http.request(route, json=body))
    form: list[Json] = [{"name": "payload_json", "value": json.dumps(body)}]
    made = [discord.File(_read(item), filename=f"{number}-{name_file(item.name)}") for number, item in enumerate(files)]
    for number, file in enumerate(made):
        kind = "application/octet-stream"
        form.append({"name": f"files[{number}]", "value": file.fp, "filename": file.filename, "content_type": kind})
    return await http.request(route, form=form, files=made)


def _read(item: Attachment) -> Any:
    import io

    return io.BytesIO((item.text or " ").encode("utf-8", "replace"))


def explain(error: discord.HTTPException) -> TemporaryFailure | PermanentFailure:
    """What a refusal means. 401, 403 and 404 are never tried again: who repeats them is banned."""
    if error.status == 401 and error.code != 50027:
        return refuse_token()
    if error.status == 429 or error.status >= 500:
        return TemporaryFailure(f"Discord is in trouble: {error.status}.")
    words = " ".join(str(error.text).split())[:200]
    return PermanentFailure(f"Discord refused: {words or error.status}.", remedy=_REMEDIES.get(error.code, ""))


def read_code(failure: BaseException) -> int:
    """Discord's number of an error, 0 when there is none."""
    cause = failure.__cause__
    return cause.code if isinstance(cause, discord.HTTPException) else 0

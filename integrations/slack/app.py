"""The bolt app: what Slack sends goes to the ear, and is acknowledged when it is stored."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slack_bolt.async_app import AsyncApp

from core.errors import CallboardError, PermanentFailure, TemporaryFailure
from integrations.slack import forms
from integrations.slack.ear import Ear
from integrations.slack.web import call

Json = Mapping[str, Any]
Ack = Callable[..., Awaitable[Any]]
_ANY = re.compile(".*", re.DOTALL)
_LOG = logging.getLogger("callboard.slack")


def make_app(ear: Ear) -> AsyncApp:
    """An app whose requests are proved before it sees them: by the socket, or at the door."""
    # What was not acknowledged is told by the ear; what is left is a mistake of ours, and belongs into the log.
    _LOG.setLevel(logging.ERROR)
    app = AsyncApp(
        client=ear.client,
        token=ear.settings.bot_token.get_secret_value(),
        request_verification_enabled=False,
        logger=_LOG,
    )
    _hear_words(app, ear)
    _hear_clicks(app, ear)
    _hear_forms(app, ear)
    return app


def _hear_words(app: AsyncApp, ear: Ear) -> None:
    @app.event("app_mention")
    async def mention(ack: Ack, body: Json, event: Json) -> None:
        if not await _try(ear, body, ear.hear_mention(event, f"event:{body['event_id']}")):
            await ack()

    @app.event("message")
    async def message(ack: Ack, body: Json, event: Json) -> None:
        if not await _try(ear, body, ear.hear_message(event, f"event:{body['event_id']}")):
            await ack()

    @app.command(_ANY)
    async def command(ack: Ack, body: Json) -> None:
        words = str(body.get("text") or "").split()
        if not words or words == ["spawn"]:
            said = await _try(ear, body, ear.open_spawn(body, str(body["channel_id"])))
            await ack(text=said) if said else await ack()
            return
        await ack(text=said) if (said := await _try(ear, body, ear.hear_command(body))) else await ack()


def _hear_clicks(app: AsyncApp, ear: Ear) -> None:
    @app.action(re.compile(r"(act|pick):\d+"))
    async def click(ack: Ack, body: Json, action: Json) -> None:
        if said := await _try(ear, body, ear.hear_button(body, action)):
            await _whisper(ear, body, said)
        await ack()

    @app.action(re.compile(r"ask:\d+"))
    async def ask(ack: Ack, body: Json, action: Json) -> None:
        if said := await _try(ear, body, ear.open_words(body, action)):
            await _whisper(ear, body, said)
        await ack()

    @app.options(re.compile(r"pick:(project|kind|agent)"))
    async def options(ack: Ack, body: Json) -> None:
        await ack(options=await ear.list_options(body))


def _hear_forms(app: AsyncApp, ear: Ear) -> None:
    @app.view(re.compile(rf"{forms.SPAWN}|{forms.WORDS}|{forms.SEND}"))
    async def form(ack: Ack, body: Json) -> None:
        if said := await _try(ear, body, ear.hear_form(body)):
            await ack(response_action="errors", errors={forms.TEXT: said[:150]})
        else:
            await ack()

    @app.shortcut("start_agent")
    async def start(ack: Ack, body: Json) -> None:
        if said := await _try(ear, body, ear.offer_spawn(body)):
            await _whisper(ear, body, said)
        await ack()

    @app.shortcut("send_to_agent")
    async def send(ack: Ack, body: Json) -> None:
        if said := await _try(ear, body, ear.offer_send(body)):
            await _whisper(ear, body, said)
        await ack()


async def _try(ear: Ear, body: Json, work: Awaitable[None]) -> str:
    """ "" when it is stored, else what the one who did it is told."""
    try:
        await work
    except CallboardError as failure:
        return await ear.refuse(body, failure)
    return ""


async def _whisper(ear: Ear, body: Json, said: str) -> None:
    channel = str((body.get("channel") or {}).get("id") or "")
    if not channel:
        return
    # The log has it already, and there is no other way to tell.
    with contextlib.suppress(TemporaryFailure, PermanentFailure):
        await call(ear.client.chat_postEphemeral(channel=channel, user=str(body["user"]["id"]), text=said))

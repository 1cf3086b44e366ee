"""The bolt app: what Slack sends goes to the ear, and is acknowledged when it is stored, never before."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_bolt.response import BoltResponse

from core.errors import CallboardError, TemporaryFailure
from integrations.slack import forms
from integrations.slack.ear import Ear
from integrations.slack.room import FullError

Json = Mapping[str, Any]
Ack = Callable[..., Awaitable[Any]]
Work = Callable[[], Awaitable[None]]
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
        # Without this bolt acknowledges events before anybody has looked at them.
        process_before_response=True,
        logger=_LOG,
    )
    _hear_words(app, ear)
    _hear_clicks(app, ear)
    _hear_forms(app, ear)
    return app


def _hear_words(app: AsyncApp, ear: Ear) -> None:
    @app.event("app_mention")
    async def mention(ack: Ack, body: Json, event: Json) -> BoltResponse | None:
        return await _take(ear, body, ack, partial(ear.hear_mention, event))

    @app.event("message")
    async def message(ack: Ack, body: Json, event: Json) -> BoltResponse | None:
        return await _take(ear, body, ack, partial(ear.hear_message, event))

    @app.event(re.compile(r"tokens_revoked|app_uninstalled"))
    async def revoked(ack: Ack, event: Json) -> None:
        ear.hear_revocation(event)
        await ack()

    @app.event("app_home_opened")
    async def home(ack: Ack, body: Json, event: Json) -> BoltResponse | None:
        return await _take(ear, body, ack, partial(ear.hear_home, event))

    @app.command(_ANY)
    async def command(ack: Ack, body: Json) -> BoltResponse | None:
        words = str(body.get("text") or "").split()
        if not words or words == ["spawn"]:
            return await _take(ear, body, ack, partial(ear.open_spawn, body, str(body["channel_id"])))
        return await _take(ear, body, ack, partial(ear.hear_command, body))


def _hear_clicks(app: AsyncApp, ear: Ear) -> None:
    @app.action(re.compile(r"(act|pick):\d+"))
    async def click(ack: Ack, body: Json, action: Json) -> BoltResponse | None:
        return await _take(ear, body, ack, partial(ear.hear_button, body, action))

    @app.action(re.compile(r"ask:\d+"))
    async def ask(ack: Ack, body: Json, action: Json) -> BoltResponse | None:
        return await _take(ear, body, ack, partial(ear.open_words, body, action))

    @app.options(re.compile(r"pick:(project|kind|agent)"))
    async def options(ack: Ack, body: Json) -> None:
        await ack(options=await ear.list_options(body))


def _hear_forms(app: AsyncApp, ear: Ear) -> None:
    @app.view(re.compile(rf"{forms.SPAWN}|{forms.WORDS}|{forms.SEND}"))
    async def form(ack: Ack, body: Json) -> BoltResponse | None:
        return await _take(ear, body, ack, partial(ear.hear_form, body))

    @app.shortcut("start_agent")
    async def start(ack: Ack, body: Json) -> BoltResponse | None:
        return await _take(ear, body, ack, partial(ear.offer_spawn, body))

    @app.shortcut("send_to_agent")
    async def send(ack: Ack, body: Json) -> BoltResponse | None:
        return await _take(ear, body, ack, partial(ear.offer_send, body))


async def _take(ear: Ear, body: Json, ack: Ack, work: Work) -> BoltResponse | None:
    """Do it and acknowledge it. What could not be stored is not acknowledged; whoever did it is told either way."""
    try:
        async with ear.room.enter():
            await work()
    except CallboardError as failure:
        return await _refuse(ear, body, ack, failure)
    await ack()
    return None


async def _refuse(ear: Ear, body: Json, ack: Ack, failure: CallboardError) -> BoltResponse | None:
    said = ear.explain(body, failure)
    if "view" in body and body.get("type") == "view_submission":
        # A form has no place to be told in but the form, which then keeps what was filled in.
        await ack(response_action="errors", errors={forms.find_block(body["view"]): said[:150]})
        return None
    is_command = "command" in body
    if is_command and isinstance(failure, FullError):
        await ack(text=said)
        return None
    if isinstance(failure, TemporaryFailure):
        await ear.tell(body, said)
        return BoltResponse(status=503)
    if is_command:
        await ack(text=said)
        return None
    await ear.tell(body, said)
    await ack()
    return None

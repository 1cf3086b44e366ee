"""Slack's Web API, with a time limit on every call and errors cut by what to do next.

Errors: https://docs.slack.dev/reference/methods
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from core.errors import PermanentFailure, TemporaryFailure
from integrations.slack.line import REVOKED, Line
from integrations.slack.settings import SlackSettings

SECONDS = 10.0
GONE = ("message_not_found", "cant_update_message")
_LATER = ("internal_error", "fatal_error", "service_unavailable", "request_timeout", "ratelimited", "team_added_to_org")
REMEDIES = {
    "invalid_auth": "Copy the Bot User OAuth Token of the app again (SLACK_BOT_TOKEN).",
    "not_authed": "Set SLACK_BOT_TOKEN.",
    "token_revoked": "The app was removed or its token revoked: install it again and set SLACK_BOT_TOKEN.",
    "token_expired": "Copy the Bot User OAuth Token of the app again (SLACK_BOT_TOKEN).",
    "account_inactive": "The app was removed from the workspace: install it again and set SLACK_BOT_TOKEN.",
    "not_in_channel": "Invite the bot: /invite @callboard",
    "channel_not_found": "Invite the bot to the channel: /invite @callboard",
    "is_archived": "The channel is archived: choose another with `project use` there.",
    "not_enabled": "Update the app from the manifest: its Home tab is turned off.",
    "missing_scope": "Update the app from the manifest and install it again.",
}


class Client(AsyncWebClient):
    """A client that asks nothing more once its line is cut, and cuts it when Slack refuses the token."""

    line: Line | None = None

    async def api_call(self, api_method: str, **more: Any) -> Any:
        """As the base does. Raises Held in addition."""
        if self.line:
            self.line.check()
        try:
            return await super().api_call(api_method, **more)
        except SlackApiError as error:
            if self.line and read_code(error) in REVOKED:
                failure = explain(error)
                self.line.cut(failure.message, failure.remedy)
                self.line.check()
            raise


def make_client(settings: SlackSettings, line: Line | None = None, *, token: str = "") -> AsyncWebClient:
    """A client that repeats nothing by itself: who posts decides that."""
    client = Client(
        token=token or settings.bot_token.get_secret_value(),
        base_url=settings.api_url,
        timeout=int(SECONDS),
        retry_handlers=[],
    )
    client.line = line
    return client


async def call(answer: Awaitable[Any]) -> Mapping[str, Any]:
    """What a call of the API says. Raises TemporaryFailure, ambiguous where Slack did not answer, Held where it takes
    no token of ours any more, and PermanentFailure with what to do."""
    try:
        async with asyncio.timeout(SECONDS + 5):
            response = await answer
    except SlackApiError as error:
        raise explain(error) from error
    except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as error:
        raise TemporaryFailure(f"Slack did not answer: {type(error).__name__}.") from error
    data = response.data if hasattr(response, "data") else response
    return data if isinstance(data, Mapping) else {}


def explain(error: SlackApiError) -> TemporaryFailure | PermanentFailure:
    """What a refusal means."""
    response = error.response
    status = getattr(response, "status_code", 200)
    code = read_code(error)
    if status == 429 or code == "ratelimited":
        wait = getattr(response, "headers", {}).get("Retry-After", "")
        return TemporaryFailure("Slack asks to wait.", retry_after=float(wait) if str(wait).isdigit() else 30.0)
    if status >= 500 or code in _LATER:
        return TemporaryFailure(f"Slack is in trouble: {code or status}.")
    needed = response.get("needed", "") if hasattr(response, "get") else ""
    scope = f" It needs the scope {needed}." if code == "missing_scope" and needed else ""
    return PermanentFailure(f"Slack refused: {code or status}.{scope}", remedy=REMEDIES.get(code, ""))


def read_code(error: SlackApiError) -> str:
    """Slack's name of an error, "" when it sent none."""
    try:
        return str(error.response.get("error") or "")
    except (AttributeError, ValueError, TypeError):
        return ""


async def answer_act(settings: SlackSettings, url: str, text: str) -> None:
    """Tell the one who acted, by the address that came with the act: it works where the bot is no member. Raises
    TemporaryFailure, and PermanentFailure for an address that is not Slack's."""
    host, own = urlsplit(url).hostname or "", urlsplit(settings.api_url).hostname
    if host != own and not (host == "slack.com" or host.endswith(".slack.com")):
        raise PermanentFailure("That address is not Slack's.")
    content = {"text": text, "response_type": "ephemeral", "replace_original": False}
    limit = aiohttp.ClientTimeout(total=SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=limit) as session, session.post(url, json=content) as response:
            status = response.status
    except (aiohttp.ClientError, TimeoutError) as error:
        raise TemporaryFailure(f"Slack did not answer: {type(error).__name__}.") from error
    if status >= 400:
        raise TemporaryFailure(f"Slack does not pass it on: {status}.")

"""What Slack says of a token: whose it is, of which app, and what it may do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from core.errors import BadInput, PermanentFailure, TemporaryFailure
from integrations.slack.manifest import list_scopes
from integrations.slack.people import list_facts, read_name
from integrations.slack.settings import SlackSettings
from integrations.slack.web import SECONDS, explain, make_client

APP_REMEDY = (
    "Make an app-level token with connections:write (Basic Information, App-Level Tokens) and set SLACK_APP_TOKEN, and "
    "see that Socket Mode is on."
)
STRANGE = ("guest", "foreign", "bot")
MEMBER = re.compile(r"[UW][A-Z0-9]{4,}")
Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Bot:
    """Whom a bot token belongs to. `app` is "" when it may not be asked; `date` is Slack's clock as it was sent."""

    team: str
    team_name: str
    user: str
    name: str
    app: str
    scopes: frozenset[str]
    date: str

    @property
    def missing(self) -> list[str]:
        """Scopes of the manifest that were not granted."""
        return [scope for scope in list_scopes() if scope not in self.scopes]

    def __str__(self) -> str:
        return f"{self.team_name} as {self.name}"


@dataclass(frozen=True, slots=True)
class Seen:
    """Somebody in Slack, with a name for the settings."""

    id: str
    name: str


async def ask(settings: SlackSettings, method: str, token: str = "", **args: str) -> tuple[Mapping[str, Any], Headers]:
    """An answer and its headers, by name in small letters. Raises TemporaryFailure and PermanentFailure."""
    client = make_client(settings, token=token)
    try:
        async with asyncio.timeout(SECONDS + 5):
            response = await client.api_call(method, params=args)
    except SlackApiError as error:
        raise explain(error) from error
    except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as error:
        raise TemporaryFailure(f"Slack did not answer: {type(error).__name__}.") from error
    data = response.data if isinstance(response.data, Mapping) else {}
    return data, {name.lower(): str(value) for name, value in response.headers.items()}


async def meet_bot(settings: SlackSettings, token: str = "") -> Bot:
    """Whose bot token it is. Raises as `ask` does."""
    said, headers = await ask(settings, "auth.test", token)
    scopes = frozenset(scope.strip() for scope in headers.get("x-oauth-scopes", "").split(","))
    return Bot(
        team=str(said.get("team_id", "")),
        team_name=str(said.get("team", "")),
        user=str(said.get("user_id", "")),
        name=str(said.get("user", "")),
        app=await _find_app(settings, token, str(said.get("bot_id", ""))) if "users:read" in scopes else "",
        scopes=scopes,
        date=headers.get("date", ""),
    )


async def _find_app(settings: SlackSettings, token: str, bot: str) -> str:
    try:
        said, _ = await ask(settings, "bots.info", token, bot=bot)
    except PermanentFailure:
        return ""
    return str((said.get("bot") or {}).get("app_id", ""))


async def meet_app(settings: SlackSettings, token: str) -> str:
    """Whether Slack gives connections for an app-level token; the app's id. Raises as `ask` does."""
    try:
        await ask(settings, "apps.connections.open", token)
        said, _ = await ask(settings, "auth.test", token)
    except PermanentFailure as failure:
        raise PermanentFailure(failure.message, remedy=APP_REMEDY) from failure
    return str(said.get("app_id", ""))


async def find_person(settings: SlackSettings, words: str) -> Seen:
    """Somebody by e-mail address or member ID. Raises BadInput for what is neither, and for guests, bots and people of
    elsewhere, who are refused whatever they are named; PermanentFailure, TemporaryFailure."""
    team = (await ask(settings, "auth.test"))[0].get("team_id", "")
    person = await _look_up(settings, words)
    if facts := [fact for fact in list_facts(person, str(team)) if fact in STRANGE]:
        raise BadInput(f"{read_name(person)} is a {facts[0]}, and would be refused.", remedy="Name somebody else.")
    return Seen(str(person.get("id", "")), " ".join(read_name(person).split())[:80])


async def _look_up(settings: SlackSettings, words: str) -> Mapping[str, Any]:
    if not ("@" in words.strip("@") or MEMBER.fullmatch(words)):
        remedy = "In Slack: your profile, the three dots, Copy member ID."
        raise BadInput("This is neither an e-mail address nor a member ID like U024BE7LH.", remedy=remedy)
    try:
        if MEMBER.fullmatch(words):
            said, _ = await ask(settings, "users.info", user=words)
        else:
            said, _ = await ask(settings, "users.lookupByEmail", email=words)
    except PermanentFailure as failure:
        if "missing_scope" in failure.message:
            remedy = "Give the member ID: in Slack your profile, the three dots, Copy member ID."
            raise BadInput("This app may not look people up by e-mail.", remedy=remedy) from failure
        raise BadInput(f"Slack knows nobody like that ({failure.message})", remedy="Write it again.") from failure
    person = said.get("user")
    return person if isinstance(person, Mapping) else {}

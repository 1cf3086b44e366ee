"""What `doctor` asks Slack: tokens, workspace, scopes, connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import PermanentFailure, TemporaryFailure
from core.interfaces import Check, Setup
from integrations.slack.line import TEAM
from integrations.slack.manifest import list_scopes
from integrations.slack.settings import SlackSettings
from integrations.slack.web import explain, make_client

_REACH = "See whether this machine reaches Slack; it is tried again."
_MOVE = (
    "Take the token of the app in the same workspace. To move the bot to another one, start it anew with that token."
)
_MANIFEST = "Update the app from `integrations/slack/manifest.yaml` and install it again."


async def run_checks(setup: Setup) -> Sequence[Check]:
    """The lines of `doctor`."""
    settings: SlackSettings = setup.settings
    home = await setup.notebook.read(TEAM) or ""
    return [*await _check_bot(settings, home), *await _check_app(settings)]


async def _check_bot(settings: SlackSettings, home: str) -> list[Check]:
    try:
        said, headers = await _ask(settings, "auth.test")
    except (TemporaryFailure, PermanentFailure) as failure:
        return [Check("slack bot token", False, failure.message, failure.remedy or _REACH)]
    if home and str(said.get("team_id", "")) != home:
        other = f"it is of another workspace: {said.get('team', '')} ({said.get('team_id', '')}), not {home}"
        return [Check("slack bot token", False, other, _MOVE)]
    team = f"{said.get('team', '')} as {said.get('user', '')}"
    granted = {scope.strip() for scope in headers.get("x-oauth-scopes", "").split(",")}
    missing = [scope for scope in list_scopes() if scope not in granted]
    detail = f"missing: {', '.join(missing)}" if missing else f"all {len(list_scopes())} granted"
    return [
        Check("slack bot token", True, team),
        Check("slack scopes", not missing, detail, _MANIFEST if missing else ""),
    ]


async def _check_app(settings: SlackSettings) -> list[Check]:
    token = settings.app_token.get_secret_value()
    if not token:
        return [Check("slack http", True, "signed requests to /hooks/slack/events")]
    try:
        await _ask(settings, "apps.connections.open", token)
    except (TemporaryFailure, PermanentFailure) as failure:
        refused = "Make an app-level token with connections:write (SLACK_APP_TOKEN)."
        remedy = _REACH if isinstance(failure, TemporaryFailure) else refused
        return [Check("slack socket mode", False, failure.message, remedy)]
    return [Check("slack socket mode", True, "Slack gives connections")]


async def _ask(settings: SlackSettings, method: str, token: str = "") -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """An answer and its headers."""
    import asyncio

    import aiohttp
    from slack_sdk.errors import SlackApiError, SlackClientError

    client = make_client(settings, token=token)
    try:
        async with asyncio.timeout(15):
            response = await client.api_call(method)
    except SlackApiError as error:
        raise explain(error) from error
    except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as error:
        raise TemporaryFailure(f"Slack did not answer: {type(error).__name__}.") from error
    data = response.data if isinstance(response.data, Mapping) else {}
    return data, {name.lower(): str(value) for name, value in response.headers.items()}

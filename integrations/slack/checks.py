"""What `doctor` asks Slack: tokens, workspace, scopes, connections."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import PermanentFailure, TemporaryFailure
from core.interfaces import Check, Setup
from integrations.slack.line import TEAM
from integrations.slack.manifest import list_scopes
from integrations.slack.probe import Bot, meet_app, meet_bot
from integrations.slack.settings import SlackSettings

_REACH = "See whether this machine reaches Slack; it is tried again."
_MOVE = (
    "Take the token of the app in the same workspace. To move the bot to another one, start it anew with that token."
)
_MANIFEST = "Bring the app up to `slack manifest` (App Manifest, in its settings) and install it again."


async def run_checks(setup: Setup) -> Sequence[Check]:
    """The lines of `doctor`."""
    settings: SlackSettings = setup.settings
    if settings.is_send_only:
        return [Check("slack webhook", True, f"notices alone: {', '.join(settings.notify) or 'none'}")]
    home = await setup.notebook.read(TEAM) or ""
    try:
        bot = await meet_bot(settings)
    except (TemporaryFailure, PermanentFailure) as failure:
        checks = [Check("slack bot token", False, failure.message, failure.remedy or _REACH)]
        return [*checks, *await _check_app(settings, None)]
    return [*_check_bot(bot, home), *await _check_app(settings, bot)]


def _check_bot(bot: Bot, home: str) -> list[Check]:
    if home and bot.team != home:
        other = f"it is of another workspace: {bot.team_name} ({bot.team}), not {home}"
        return [Check("slack bot token", False, other, _MOVE)]
    detail = f"missing: {', '.join(bot.missing)}" if bot.missing else f"all {len(list_scopes())} granted"
    return [
        Check("slack bot token", True, str(bot)),
        Check("slack scopes", not bot.missing, detail, _MANIFEST if bot.missing else ""),
    ]


async def _check_app(settings: SlackSettings, bot: Bot | None) -> list[Check]:
    token = settings.app_token.get_secret_value()
    if not token:
        return [Check("slack http", True, "signed requests to /hooks/slack/events")]
    try:
        app = await meet_app(settings, token)
    except (TemporaryFailure, PermanentFailure) as failure:
        return [Check("slack socket mode", False, failure.message, failure.remedy or _REACH)]
    if bot and bot.app and app and app != bot.app:
        detail = f"the app-level token is of the app {app}, the bot token of {bot.app}"
        return [Check("slack socket mode", False, detail, "Take both tokens of one app.")]
    return [Check("slack socket mode", True, "Slack gives connections")]

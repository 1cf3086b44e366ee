"""What `doctor` asks Slack: tokens, workspace, scopes, connections."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime

from core.errors import PermanentFailure, TemporaryFailure
from core.interfaces import Check, Setup
from integrations.slack.line import TEAM, open_line
from integrations.slack.manifest import list_scopes
from integrations.slack.places import split_reference
from integrations.slack.probe import Bot, ask, meet_app, meet_bot
from integrations.slack.settings import SlackSettings

_MOST_OFF = 60.0
_MOST_CHANNELS = 20
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
    checks = [*_check_bot(bot, home), *await _check_app(settings, bot)]
    if settings.signing_secret.get_secret_value():
        checks += check_clock(bot.date, time.time())
    elif checks[-1].ok:
        checks.append(check_age(open_line(setup).connected, time.time()))
    return [*checks, *await _check_channels(setup)]


def check_age(connected: Mapping[int, float], now: float) -> Check:
    """How long each connection stands; `connected` are seconds since 1970 by its number."""
    if not connected:
        remedy = "See whether this machine reaches Slack, and what the bot's log says."
        return Check("slack connections", False, "none is open", remedy)
    ages = ", ".join(f"{max(int(now - since), 0) // 60} min" for _, since in sorted(connected.items()))
    return Check("slack connections", True, f"{len(connected)} open, since {ages}")


def check_clock(date: str, now: float) -> list[Check]:
    """How far this machine's clock is from Slack's: requests that seem older than five minutes are refused."""
    try:
        off = now - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return []
    remedy = "" if abs(off) <= _MOST_OFF else "Set this machine's clock (NTP): signed requests are refused otherwise."
    return [Check("slack clock", not remedy, f"{abs(off):.0f} s off Slack's", remedy)]


async def _check_channels(setup: Setup) -> list[Check]:
    """Channels with cards in which the bot may not speak any more."""
    found = await setup.anchors.list_cards("slack", "agent:")
    channels = list(dict.fromkeys(split_reference(reference)[0] for _, reference in found))
    wrong = [check for one in channels[:_MOST_CHANNELS] if (check := await _check_channel(setup.settings, one))]
    more = f", {len(channels) - _MOST_CHANNELS} more were not looked at" if len(channels) > _MOST_CHANNELS else ""
    return wrong or [Check("slack channels", True, f"{len(channels)} with cards{more}")]


async def _check_channel(settings: SlackSettings, channel: str) -> Check | None:
    try:
        said, _ = await ask(settings, "conversations.info", channel=channel)
    except (TemporaryFailure, PermanentFailure) as failure:
        return Check(f"slack channel {channel}", False, failure.message, failure.remedy or _REACH)
    about = said.get("channel") or {}
    name = f"slack channel #{about.get('name') or channel}"
    if about.get("is_archived"):
        return Check(name, False, "it is archived", "Unarchive it, or show its agents elsewhere.")
    if not about.get("is_member") and not about.get("is_im"):
        return Check(name, False, "the bot is not in it", "There: /invite @callboard")
    return None


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

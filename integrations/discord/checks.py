"""What `doctor` asks Discord: the token, what the bot may read, its servers, its commands."""

from __future__ import annotations

import json
from collections.abc import Sequence

from core.errors import PermanentFailure, TemporaryFailure
from core.interfaces import Check, Setup
from integrations.discord.commands import draw_commands, hash_commands
from integrations.discord.permissions import write_invite
from integrations.discord.settings import DiscordSettings
from integrations.discord.sync import SYNCED
from integrations.discord.web import Web

_REACH = "See whether this machine reaches Discord; it is tried again."
READING = "On the page Bot of the application turn on Message Content Intent."
# https://discord.com/developers/docs/resources/application#application-object-application-flags
_MAY_READ = (1 << 18) | (1 << 19)


async def run_checks(setup: Setup) -> Sequence[Check]:
    """The lines of `doctor`."""
    settings: DiscordSettings = setup.settings
    web = Web(settings)
    try:
        return [*await _check_bot(web), await _check_commands(setup)]
    except (TemporaryFailure, PermanentFailure) as failure:
        return [Check("discord bot token", False, failure.message, failure.remedy or _REACH)]
    finally:
        await web.aclose()


async def _check_bot(web: Web) -> list[Check]:
    me = await web.call("GET", "/users/@me")
    app = await web.call("GET", "/oauth2/applications/@me")
    guilds = await web.call("GET", "/users/@me/guilds")
    names = ", ".join(str(guild["name"]) for guild in guilds[:5])
    may_read = bool(int(app.get("flags") or 0) & _MAY_READ)
    missing = "not granted: plain replies in threads are not heard, mentions are"
    return [
        Check("discord bot token", True, str(me.get("username"))),
        Check("discord message content", may_read, "granted" if may_read else missing, "" if may_read else READING),
        Check(
            "discord servers", bool(guilds), names or "the bot is in none", "" if guilds else write_invite(app["id"])
        ),
    ]


async def _check_commands(setup: Setup) -> Check:
    known = json.loads(await setup.notebook.read(SYNCED) or "{}")
    settings: DiscordSettings = setup.settings
    mark = hash_commands(draw_commands(settings.command, setup.street.list_verbs()))
    fits = dict.fromkeys(settings.guilds or ("",), mark) == known
    return Check("discord commands", True, "as they are here" if fits else "are offered when the bot starts")

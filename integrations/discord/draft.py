"""The section `discord` while it is still being set up: what is there, whether it would hold or not."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr

from core.errors import BadInput
from core.interfaces import Errand
from core.walk import read_known
from integrations.discord.settings import COMMAND, TOKEN, DiscordSettings, is_safe

VARIABLE = "DISCORD_BOT_TOKEN"
_FIELDS = DiscordSettings.model_fields


def read_draft(errand: Errand) -> DiscordSettings:
    """Settings that were not checked, without a token. Raises BadInput for an address to which no token may go."""
    api_url = str(errand.written.get("api_url") or _FIELDS["api_url"].default)
    command = str(errand.written.get("command") or _FIELDS["command"].default)
    if not is_safe(api_url):
        raise BadInput("integrations.discord.api_url: the token goes there in clear text.", remedy="Use https.")
    if not COMMAND.fullmatch(command):
        raise BadInput("integrations.discord.command: this is no name of a command.", remedy="Write it as agent")
    gateway_url = _FIELDS["gateway_url"].default
    return DiscordSettings.model_construct(
        token=SecretStr(""), command=command, api_url=api_url, gateway_url=gateway_url
    )


def read_token(errand: Errand) -> Mapping[str, str]:
    """The token that is known already: the file of the options first, then what the bot would read. Raises BadInput."""
    return read_known(errand, (VARIABLE,), f"{VARIABLE}=…")


def check_shape(token: str) -> None:
    """Raises BadInput for what cannot be a bot's token."""
    if TOKEN.fullmatch(token):
        return
    if token.isdigit():
        raise BadInput("This is an id, not the token.", remedy="On the page Bot of the application: Reset Token.")
    raise BadInput("This is no bot token.", remedy="On the page Bot of the application: Reset Token.")

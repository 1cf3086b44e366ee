"""The section `discord` of the settings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from core.settings.chat import ChatSection
from core.settings.problem import fault
from core.settings.value import Variable

_EMPTY = SecretStr("")
COMMAND = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
TOKEN = re.compile(r"[\w-]{10,}\.[\w-]{3,}\.[\w-]{3,}")
_HERE = ("127.0.0.1", "localhost", "::1")


def is_safe(url: str) -> bool:
    """Whether what is sent there is read by nobody else."""
    parts = urlsplit(url)
    return parts.scheme in ("https", "wss") or parts.hostname in _HERE


class DiscordSettings(ChatSection):
    """A Discord bot, in as many servers as it was invited to."""

    token: Annotated[SecretStr, Variable("DISCORD_BOT_TOKEN")] = Field(_EMPTY, description="The bot's token.")
    command: str = Field("agent", description="The name of the slash command.")
    guilds: Sequence[str] = Field(
        (), description="Ids of the servers in which the command is offered; none: in all, which Discord may delay."
    )
    api_url: str = Field("https://discord.com/api/v10", description="Where Discord's API is.")
    gateway_url: str = Field("wss://gateway.discord.gg/", description="Where Discord's gateway is.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        token = self.token.get_secret_value()
        if not token:
            raise fault("it is missing.", "Copy the token of the bot (DISCORD_BOT_TOKEN).", "token")
        if not TOKEN.fullmatch(token):
            raise fault("this is no bot token.", "On the page Bot of the application: Reset Token.", "token")
        if not COMMAND.fullmatch(self.command):
            raise fault("this is no name of a command.", "Write it as agent", "command")
        if wrong := [guild for guild in self.guilds if not guild.isdigit()]:
            raise fault(f"{wrong[0]!r} is no id of a server.", "Copy Server ID gives it, 17 to 20 digits.", "guilds")
        for name in ("api_url", "gateway_url"):
            if not is_safe(getattr(self, name)):
                raise fault("the token goes there in clear text.", "Use https or wss.", name)
        return self

"""The section `slack` of the settings."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from core.settings.chat import ChatSection
from core.settings.problem import fault
from core.settings.value import Variable

_EMPTY = SecretStr("")
COMMAND = re.compile(r"/[a-z0-9][a-z0-9_-]{0,30}")


def is_safe(url: str) -> bool:
    """Whether what is sent there is read by nobody else."""
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in ("127.0.0.1", "localhost", "::1")


class SlackSettings(ChatSection):
    """A Slack workspace: a bot with Socket Mode (`app_token`) or signed HTTP (`signing_secret`), or both; or a webhook
    alone, to which notices of all agents go."""

    bot_token: Annotated[SecretStr, Variable("SLACK_BOT_TOKEN")] = Field(
        _EMPTY, description="Bot User OAuth Token, xoxb-…"
    )
    app_token: Annotated[SecretStr, Variable("SLACK_APP_TOKEN", enables=False)] = Field(
        _EMPTY,
        description="App-level token with connections:write, xapp-…: Socket Mode, which needs no public address.",
    )
    signing_secret: Annotated[SecretStr, Variable("SLACK_SIGNING_SECRET", enables=False)] = Field(
        _EMPTY, description="Signing Secret: Slack calls /hooks/slack/events at http.public_url."
    )
    webhook_url: Annotated[SecretStr, Variable("SLACK_WEBHOOK_URL")] = Field(
        _EMPTY, description="Incoming webhook of a channel that hears of all agents, with or without a bot."
    )
    notify: tuple[Literal["needs", "failed", "finished"], ...] = Field(
        ("needs", "failed", "finished"),
        description="What the webhook hears of: agents that need somebody, that failed, that finished.",
    )
    command: str = Field("/agent", description="The slash command as the app's manifest has it.")
    api_url: str = Field("https://slack.com/api/", description="Where Slack's Web API is.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_webhook()
        if not self.is_send_only:
            self._check_tokens()
        if not COMMAND.fullmatch(self.command):
            raise fault("this is no slash command.", "Write it as /agent", "command")
        if "direct" in self.admit:
            raise fault("direct messages need no admission in Slack.", "Leave `direct` out.", "admit")
        if not is_safe(self.api_url):
            raise fault("tokens go there in clear text.", "Use https.", "api_url")
        return self

    @property
    def is_send_only(self) -> bool:
        """Whether there is a webhook and nothing else."""
        others = (self.bot_token, self.app_token, self.signing_secret)
        return bool(self.webhook_url.get_secret_value()) and not any(item.get_secret_value() for item in others)

    def _check_webhook(self) -> None:
        url = self.webhook_url.get_secret_value()
        if url and not (is_safe(url) and urlsplit(url).path.strip("/")):
            remedy = "Copy the address of the incoming webhook: https://hooks.slack.com/services/…"
            raise fault("this is no address of a webhook.", remedy, "webhook_url")
        if not url and "notify" in self.model_fields_set:
            raise fault("there is no webhook to tell.", "Set SLACK_WEBHOOK_URL, or remove the line.", "notify")

    def _check_tokens(self) -> None:
        bot, app = self.bot_token.get_secret_value(), self.app_token.get_secret_value()
        if not bot:
            raise fault("it is missing.", "Install the app and copy its Bot User OAuth Token, xoxb-…", "bot_token")
        if not bot.startswith("xoxb-"):
            raise fault("this is no bot token.", "It begins with xoxb-; xoxp- is a person's.", "bot_token")
        if app and not app.startswith("xapp-"):
            raise fault("this is no app-level token.", "It begins with xapp-.", "app_token")
        if not (app or self.signing_secret.get_secret_value()):
            remedy = "Set app_token (Socket Mode, no public address), or signing_secret for signed HTTP."
            raise fault("nothing that people do in Slack could be heard.", remedy, "app_token")

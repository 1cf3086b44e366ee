"""How Slack is examined: before the stand-in's own rules, without a socket between, read as people see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

from slack_sdk.errors import SlackApiError

from core.exam.record import Moorings
from core.interfaces import Chat
from integrations.slack.chat import SlackChat
from integrations.slack.settings import SlackSettings
from tests.fakes.slack.records import Call, Denied
from tests.fakes.slack.server import FakeSlack
from tests.fakes.slack.web import run_method

TOKENS = {"bot_token": "xoxb-1", "app_token": "xapp-1"}


class ShortClient:
    """The methods of AsyncWebClient that the chat uses, each run by the stand-in at once."""

    def __init__(self, slack: FakeSlack) -> None:
        self._slack = slack
        self.uploaded: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda **args: self._run(name.replace("_", ".", 1), args)

    async def files_upload_v2(self, *, file_uploads: list[dict[str, Any]], **_where: Any) -> dict[str, Any]:
        self.uploaded += [upload["content"] for upload in file_uploads]
        return {"ok": True}

    async def _run(self, method: str, args: dict[str, Any]) -> Any:
        slack = self._slack
        given = {key: str(value).lower() if isinstance(value, bool) else value for key, value in args.items()}
        try:
            return run_method(slack, Call(method=method, args=given, token=slack.bot_token, at=slack.now()))
        except Denied as denied:
            body = (
                {"ok": False, **denied.to_json()} if hasattr(denied, "to_json") else {"ok": False, "error": str(denied)}
            )
            raise SlackApiError("refused", MagicMock(status_code=200, data=body, get=body.get)) from denied


def open_chat() -> tuple[Chat, Callable[[], str]]:
    slack = FakeSlack()
    channel = slack.channel("here")
    slack.channels["here"] = channel
    chat = SlackChat(SlackSettings(**TOKENS), Moorings())
    client = ShortClient(slack)
    chat._client = client  # type: ignore[assignment]

    def read() -> str:
        assert slack.pings == slack.unexpected == []
        shown = [slack.text_of(message) for message in slack.messages(channel.id)]
        return "\n".join([*shown, *client.uploaded])

    return chat, read

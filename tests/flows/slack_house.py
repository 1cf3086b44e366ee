"""A bot in a workspace of the stand-in Slack whose tokens stand in a file, so that they can be swapped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from core.messages import Entry
from core.store import find
from tests.fakes.slack.server import FakeSlack
from tests.flows.house import LiveHouse
from tests.flows.test_slack import Team


@asynccontextmanager
async def open_team(
    folder: Path, environ: Mapping[str, str] | None = None, *, http: bool = False, **more: Any
) -> AsyncIterator[Team]:
    """A workspace with ann, its admin, in the channel `ops`. Asserts at the end that nothing was sent that Slack would
    not take, and nothing was left unanswered that was not taken out of `slack.failures`."""
    async with FakeSlack(ack_seconds=more.pop("ack_seconds", 30)) as slack:
        ann = slack.user("ann")
        channel = slack.channel("ops", ann)
        settings = {
            "integrations": {"slack": {"api_url": slack.base_url}},
            "people": {"ann": {"role": "admin", "identities": [f"slack:{slack.team}/{ann.id}"]}},
            **more,
        }
        house = LiveHouse(folder / "home", settings, environ)
        write_tokens(house, slack, http=http)
        await house.start()
        made = Team(slack, house, ann, channel.id)
        if http:
            slack.request_url = f"{house.bot.url}/hooks/slack/events"
        else:
            await made.wait(lambda: len(slack.sockets.open) == 2, "two connections")
        try:
            yield made
        finally:
            await house.stop()
        assert slack.pings == []
        assert slack.unexpected == []
        assert slack.failures == []


def write_tokens(house: LiveHouse, slack: FakeSlack, *, http: bool = False, bot: str = "", app: str = "") -> None:
    """The tokens where the bot reads them at its start, and at a reload."""
    names = {"SLACK_BOT_TOKEN": bot or slack.bot_token, "SLACK_SIGNING_SECRET": slack.signing_secret}
    if not http:
        names["SLACK_APP_TOKEN"] = app or slack.app_token
    (house.home / ".env").write_text("".join(f"{name}={value}\n" for name, value in names.items()))


async def read_console(house: LiveHouse) -> str:
    """What stands in the console's channel."""
    async with house.bot.database.reading() as tx:
        return "\n".join(str(entry.body) for entry in await find(tx, Entry))

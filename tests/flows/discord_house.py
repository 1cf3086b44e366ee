"""A server of the stand-in Discord with the whole bot in it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.model import InboxItem
from core.store import find
from tests.fakes.discord.hands import User
from tests.fakes.discord.records import Channel, Message
from tests.fakes.discord.server import FakeDiscord
from tests.flows.house import LiveHouse

PATIENCE = 30.0


@dataclass
class Guild:
    """A server with the bot in it: ann is its admin, in the channel `ops`."""

    discord: FakeDiscord
    house: LiveHouse
    ann: User
    ops: Channel

    async def see(self, words: str, where: Channel | None = None) -> Message:
        """Wait until a message there shows the words."""
        return await self.wait(lambda: self.find(words, where or self.ops), words)

    def find(self, words: str, where: Channel) -> Message | None:
        shown = self.discord.messages(where)
        return next((one for one in reversed(shown) if words in one.text), None)

    async def whispered(self, user: User, words: str) -> Message:
        """Wait until somebody alone is shown the words."""
        return await self.wait(
            lambda: next((one for one in reversed(self.discord.whispers(user)) if words in one.text), None), words
        )

    async def thread(self) -> Channel:
        """The thread of the first agent."""
        return await self.wait(lambda: next(iter(self.discord.threads(self.ops)), None), "a thread")

    async def wait(self, holds: Callable[[], Any], what: str) -> Any:
        end = asyncio.get_running_loop().time() + PATIENCE
        while not (found := holds()):
            assert asyncio.get_running_loop().time() < end, f"{what} is not shown:\n{self.discord.describe()}"
            await asyncio.sleep(0.02)
        return found

    async def listen(self) -> None:
        """Wait until Discord reaches the bot, and knows its commands."""
        await self.wait(lambda: self.discord.gateway.ready and any(self.discord.commands.values()), "a connection")

    async def calls(self) -> list[str]:
        """The commands that came in from Discord and were taken."""
        async with self.house.bot.database.reading() as tx:
            return sorted(item.command for item in await find(tx, InboxItem) if item.door == "discord")


@contextlib.asynccontextmanager
async def open_guild(folder: Path, discord: FakeDiscord, **section: Any) -> AsyncIterator[Guild]:
    """The bot in a server, started; `section` is more of its settings. At the end nobody was called."""
    ann = discord.user("ann")
    ops = discord.channel("ops", ann)
    addresses = {"api_url": discord.api_url, "gateway_url": discord.gateway_url}
    people: Mapping[str, Any] = {"ann": {"role": "admin", "identities": [f"discord:{ann.id}"]}}
    settings = {"integrations": {"discord": {**addresses, **section}}, "people": people}
    house = LiveHouse(folder / "home", settings, {"DISCORD_BOT_TOKEN": discord.token})
    await house.start()
    try:
        yield Guild(discord, house, ann, ops)
    finally:
        await house.stop()
    assert discord.pings == []
    assert discord.failures == []

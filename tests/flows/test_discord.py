"""The whole bot in servers of the stand-in Discord: what people type and press there, and what they see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.model import InboxItem
from core.store import find
from tests.fakes.discord.hands import User
from tests.fakes.discord.records import QUIET, Channel, Message
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


@pytest.fixture
async def guild(tmp_path: Path) -> AsyncIterator[Guild]:
    async with FakeDiscord(answer_seconds=30) as discord:
        ann = discord.user("ann")
        ops = discord.channel("ops", ann)
        settings = {
            "integrations": {"discord": {"api_url": discord.api_url, "gateway_url": discord.gateway_url}},
            "people": {"ann": {"role": "admin", "identities": [f"discord:{ann.id}"]}},
        }
        house = LiveHouse(tmp_path / "home", settings, {"DISCORD_BOT_TOKEN": discord.token})
        await house.start()
        made = Guild(discord, house, ann, ops)
        await made.listen()
        yield made
        await house.stop()
        assert discord.pings == []
        assert discord.unexpected == []
        assert discord.failures == []


async def test_from_a_command_to_the_work(guild: Guild) -> None:
    act = await guild.ann.command("agent spawn", guild.ops, text="run `git status`; say bye", project="sample")
    await guild.whispered(guild.ann, "sample-1: demo")
    assert "sample-1: demo" in act.text
    card = await guild.see("asks: Run")
    thread = await guild.thread()
    asked = await guild.see("asks for permission", thread)
    assert not asked.flags & QUIET, "whoever is needed is called"
    await guild.ann.click(card, "Once")
    done = await guild.see("sample-1 · done")
    assert done is card
    assert "answered by ann" in done.text
    assert "Once" not in done.buttons
    said = await guild.see("sample-1 is done", thread)
    assert said.flags & QUIET
    assert await guild.calls() == ["approve", "spawn"]
    assert len(guild.discord.messages(guild.ops)) == 1


async def test_words_in_the_channel_and_in_the_thread(guild: Guild) -> None:
    await guild.ann.mention(guild.ops, "spawn sample -- say hello & <goodbye> in main.py")
    await guild.see("sample-1: demo")
    await guild.see("sample-1 · done")
    thread = await guild.thread()
    await guild.ann.say(thread, "say more")
    await guild.see("sample-1 goes on", thread)
    await guild.ann.say(thread, "stop")
    offer = await guild.see("Nothing was sent yet", thread)
    await guild.ann.click(offer, "Send as text")
    await guild.ann.mention(thread, "show")
    await guild.see("project: sample", thread)
    await guild.ann.say(guild.ops, "this is nobody's business")
    await guild.wait(lambda: guild.find("sample-1 · done", guild.ops), "the end")
    assert await guild.calls() == ["send", "send", "show", "spawn"]


async def test_a_button_works_after_a_restart(guild: Guild) -> None:
    await guild.ann.command("agent spawn", guild.ops, text="run `git status`; say bye", project="sample")
    card = await guild.see("asks: Run")
    await guild.house.stop()
    await guild.house.start()
    await guild.listen()
    await guild.ann.click(card, "Once")
    await guild.see("sample-1 · done")
    assert await guild.calls() == ["approve", "spawn"]
    assert len([call for call in guild.discord.calls if call.method == "PUT"]) == 1, "the commands had not changed"

"""The line between Discord and the bot: it may be cut, refused or slow; nothing is lost, nothing is done twice."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from core.messages import Entry
from core.store import find
from integrations.discord.gateway import IDENTIFIES
from integrations.discord.sync import SYNCED
from tests.fakes.discord.records import MESSAGE_CONTENT
from tests.fakes.discord.server import FakeDiscord
from tests.flows.discord_house import PATIENCE, Guild, open_guild


async def read_console(guild: Guild) -> str:
    async with guild.house.bot.database.reading() as tx:
        return "\n".join(str(entry.body) for entry in await find(tx, Entry))


async def wait_for_words(guild: Guild, words: str) -> str:
    """What the console says, once it says them."""
    async with asyncio.timeout(PATIENCE):
        while words not in (told := await read_console(guild)):
            await asyncio.sleep(0.05)
    return told


async def test_a_connection_is_resumed_and_what_was_said_meanwhile_is_heard(tmp_path: Path) -> None:
    async with FakeDiscord(answer_seconds=30) as discord, open_guild(tmp_path, discord) as guild:
        await guild.listen()
        await discord.gateway.drop()
        await guild.ann.mention(guild.ops, "spawn sample -- say hello")
        await guild.see("sample-1 · done")
        await discord.gateway.ask_reconnect()
        await guild.wait(lambda: discord.gateway.resumes >= 2 and discord.gateway.ready, "a resume")
        await discord.gateway.invalidate()
        await guild.wait(lambda: len(discord.identifies) == 2 and discord.gateway.ready, "a new session")
        await guild.ann.mention(guild.ops, "list")
        await guild.see("```")
        assert await guild.calls() == ["list", "spawn"]
        assert discord.unexpected == []


async def test_a_gateway_that_is_not_there_at_first_is_tried_again(tmp_path: Path) -> None:
    async with FakeDiscord(answer_seconds=30) as discord:
        discord.gateway.refuses = True
        async with open_guild(tmp_path, discord) as guild:
            await guild.wait(lambda: any(discord.commands.values()), "the commands")
            assert (await guild.house.run("list"))["text"], "the rest of the bot runs"
            discord.gateway.refuses = False
            await guild.listen()
            await guild.ann.mention(guild.ops, "spawn sample -- say hello")
            await guild.see("sample-1 · done")


async def test_a_refused_token_is_told_and_what_is_to_be_said_waits(tmp_path: Path) -> None:
    async with FakeDiscord(answer_seconds=30) as discord, open_guild(tmp_path, discord) as guild:
        await guild.listen()
        await guild.ann.command("agent spawn", guild.ops, text="run `git status`; say bye", project="sample")
        card = await guild.see("asks: Run")
        discord.revoke()
        await guild.house.run("approve", request="sample-1")
        await wait_for_words(guild, "Discord refuses the bot's token")
        called = len(discord.calls)
        assert "asks: Run" in card.text, "nothing could be drawn"
        discord.bad_tokens.clear()
        await guild.house.run("reload")
        await guild.see("sample-1 · done")
        assert len(discord.calls) > called


async def test_a_bad_token_is_one_line(tmp_path: Path) -> None:
    async with FakeDiscord() as discord:
        discord.revoke()
        async with open_guild(tmp_path, discord) as guild:
            told = await wait_for_words(guild, "Discord refuses the bot's token")
            assert told.count("does not listen") == 1
            assert (await guild.house.run("list"))["text"]
        assert len([call for call in discord.calls if call.status == 401]) <= 2


async def test_without_the_intent_mentions_are_heard(tmp_path: Path) -> None:
    async with FakeDiscord(answer_seconds=30) as discord:
        discord.intents &= ~MESSAGE_CONTENT
        async with open_guild(tmp_path, discord) as guild:
            await guild.listen()
            await guild.ann.mention(guild.ops, "spawn sample -- say hello")
            await guild.see("sample-1 · done")
            checks = (await guild.house.run("doctor"))["data"]["checks"]
            found = next(check for check in checks if check["name"] == "discord message content")
            assert not found["ok"]
            assert "Message Content Intent" in found["remedy"]


async def test_a_post_without_an_answer_is_one_message(tmp_path: Path) -> None:
    async with FakeDiscord(answer_seconds=30) as discord, open_guild(tmp_path, discord) as guild:
        await guild.listen()
        for fault in ("502_after", "close_after"):
            discord.trouble(fault, "POST", f"/channels/{guild.ops.id}/messages")
        await guild.ann.command("agent spawn", guild.ops, text="say hello", project="sample")
        await guild.see("sample-1 · done")
        assert len(discord.messages(guild.ops)) == 1
        assert all(trouble.hits for trouble in discord.troubles)


async def test_what_cannot_be_seen_is_said_once(tmp_path: Path) -> None:
    async with FakeDiscord(answer_seconds=30) as discord, open_guild(tmp_path, discord) as guild:
        await guild.listen()
        discord.expected_codes |= {50001, 50013}
        guild.ops.denied |= {"SEND_MESSAGES"}
        await guild.ann.command("agent spawn", guild.ops, text="say hello", project="sample")
        await guild.whispered(guild.ann, "sample-1: demo")
        await guild.wait(lambda: [call for call in discord.calls if call.code == 50013], "a refusal")
        guild.ops.denied.clear()
        await guild.ann.command("agent send", guild.ops, agent="sample-1", text="say more")
        await guild.whispered(guild.ann, "sample-1")
        assert len([call for call in discord.calls if call.code == 50013]) <= 2, "403 is not repeated"


async def test_commands_are_offered_when_they_changed_and_in_one_way(tmp_path: Path) -> None:
    async with FakeDiscord(answer_seconds=30) as discord:
        home = discord.guild("home")
        async with open_guild(tmp_path, discord) as guild:
            await guild.listen()
            assert [scope for scope, commands in discord.commands.items() if commands] == [""]
            text = guild.house.config.read_text().replace("  discord:", f"  discord:\n    guilds: ['{home}']")
            guild.house.config.write_text(text)
            await guild.house.restart()
            await guild.wait(lambda: discord.commands.get(home), "the server's commands")
            await guild.wait(lambda: len(discord.identifies) == 2, "a connection")
            assert discord.commands[""] == [], "never both"
            puts = [call for call in discord.calls if call.method == "PUT"]
            await guild.house.restart()
            await guild.wait(lambda: len(discord.identifies) == 3, "a connection")
            assert [call for call in discord.calls if call.method == "PUT"] == puts
            notebook = guild.house.bot.parts.setups["discord"].notebook
            assert list(json.loads(await notebook.read(SYNCED) or "")) == [home]
            assert len(json.loads(await notebook.read(IDENTIFIES) or "")) == 3

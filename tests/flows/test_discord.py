"""The whole bot in servers of the stand-in Discord: what people type and press there, and what they see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.discord.records import QUIET
from tests.fakes.discord.server import FakeDiscord
from tests.flows.discord_house import Guild, open_guild


@pytest.fixture
async def guild(tmp_path: Path) -> AsyncIterator[Guild]:
    async with FakeDiscord(answer_seconds=30) as discord:
        async with open_guild(tmp_path, discord) as made:
            await made.listen()
            yield made
        assert discord.unexpected == []


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


async def test_a_form_where_a_task_is_missing(guild: Guild) -> None:
    act = await guild.ann.command("agent spawn", guild.ops, project="sample")
    await guild.ann.submit(act, {"What is it to do?": "say hello"})
    await guild.see("sample-1 · done")
    said = await guild.ann.say(guild.ops, "the tests fail, say so", files={"log.txt": b"boom"})
    menu = await guild.ann.use_menu("Start an agent on this", said)
    await guild.ann.submit(menu, {})
    await guild.see("sample-2")
    assert await guild.calls() == ["spawn", "spawn"]


async def test_options_are_completed(guild: Guild) -> None:
    await guild.ann.command("agent spawn", guild.ops, text="say hello", project="sample")
    await guild.see("sample-1 · done")
    found = await guild.ann.complete("agent show", guild.ops, "agent", "sam")
    assert [(choice["name"].partition(" ")[0], choice["value"]) for choice in found] == [("sample-1", "sample-1")]
    assert [choice["value"] for choice in await guild.ann.complete("agent spawn", guild.ops, "project", "")] == [
        "sample"
    ]
    assert await guild.ann.complete("agent spawn", guild.ops, "project", "x" * 99) == []


async def test_a_second_thought_and_words_for_a_refusal(guild: Guild) -> None:
    await guild.ann.command("agent spawn", guild.ops, text="run `git status`; run `git log`", project="sample")
    card = await guild.see("asks: Run")
    form = await guild.ann.click(card, "Deny with reason…")
    await guild.ann.submit(form, {"In your words": "not today"})
    await guild.wait(lambda: "git log" in guild.ops.messages[card.id].text, "the second question")
    sure = await guild.ann.click(card, "Stop")
    assert "Its work is kept" in sure.text
    asked = guild.discord.whispers(guild.ann)[-1]
    await guild.ann.click(asked, "Stop")
    await guild.see("sample-1 · stopped")
    assert await guild.calls() == ["deny", "spawn", "stop"]


async def test_who_may(guild: Guild) -> None:
    bob, carl = guild.discord.user("bob"), guild.discord.user("carl", is_bot=True)
    guild.discord.channel("ops", bob, carl)
    await guild.ann.command("agent spawn", guild.ops, text="run `git status`", project="sample")
    card = await guild.see("asks: Run")
    refused = await bob.click(card, "Once")
    assert refused.error == ""
    offer = await guild.whispered(bob, "has no role here")
    await bob.click(offer, "Ask for access")
    await guild.whispered(bob, "code word")
    await carl.mention(guild.ops, "list")
    await bob.dm("list")
    await guild.wait(lambda: guild.find("direct messages", guild.discord.direct(bob.id)), "a refusal")
    ask = await guild.see("bob")
    assert any("perator" in label for label in ask.buttons)
    assert await guild.calls() == ["approve", "list", "spawn"], "the other bot was not heard"
    assert "Once" in card.buttons, "nothing was approved"


async def test_an_archived_thread_is_brought_back(guild: Guild) -> None:
    guild.discord.expected_codes.add(50083)
    await guild.ann.command("agent spawn", guild.ops, text="say hello", project="sample")
    await guild.see("sample-1 · done")
    thread = await guild.thread()
    await guild.see("sample-1 is done", thread)
    thread.archived = True
    await guild.ann.command("agent send", guild.ops, agent="sample-1", text="say more")
    await guild.wait(lambda: len(guild.discord.messages(thread)) >= 2, "what is said of it")
    await guild.wait(lambda: not thread.archived, "the thread")


async def test_an_answer_that_comes_late_is_a_direct_message(guild: Guild, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.discord.acts.LASTS", -1.0)
    monkeypatch.setattr("integrations.discord.acts._YOUNG", 0.0)
    await guild.ann.command("agent list", guild.ops)
    await guild.wait(lambda: guild.discord.messages(guild.discord.direct(guild.ann.id)), "a direct message")
    assert guild.discord.messages(guild.ops) == []

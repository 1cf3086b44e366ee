"""The whole bot in a workspace of the stand-in Slack: what people type and click there, and what they see."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.model import Identity, InboxItem
from core.roles import find_named
from core.store import find, insert_new
from integrations.slack.manifest import read_manifest
from tests.fakes.slack.hands import User
from tests.fakes.slack.records import Message
from tests.fakes.slack.server import FakeSlack
from tests.flows.house import LiveHouse

PATIENCE = 60.0


@dataclass
class Team:
    """A workspace with the bot in it: ann is its admin, in the channel `ops`."""

    slack: FakeSlack
    house: LiveHouse
    ann: User
    ops: str

    async def see(self, words: str, thread: str | None = None) -> Message:
        """Wait until a message of the channel, or of a thread, shows the words."""
        return await self.wait(lambda: self.find(words, thread), words)

    def find(self, words: str, thread: str | None = None) -> Message | None:
        shown = self.slack.messages("ops", thread)
        return next((one for one in reversed(shown) if words in self.slack.text_of(one)), None)

    async def whispered(self, user: User, words: str) -> Message:
        """Wait until somebody alone is shown the words."""
        return await self.wait(lambda: self.find_whispered(user, words), words)

    def find_whispered(self, user: User, words: str) -> Message | None:
        shown = self.slack.ephemerals(user)
        return next((one for one in reversed(shown) if words in self.slack.text_of(one)), None)

    async def wait(self, holds: Callable[[], Any], what: str) -> Any:
        end = asyncio.get_running_loop().time() + PATIENCE
        while not (found := holds()):
            said = [self.slack.text_of(one) for one in self.slack.messages("ops")]
            assert asyncio.get_running_loop().time() < end, f"{what} is not shown: {said}"
            await asyncio.sleep(0.02)
        return found

    async def listen(self) -> None:
        """Wait until Slack can reach the bot."""
        if self.house.environ.get("SLACK_APP_TOKEN"):
            await self.wait(lambda: self.slack.sockets.open, "a connection")

    async def calls(self) -> list[str]:
        """The commands that came in from Slack and were taken."""
        async with self.house.bot.database.reading() as tx:
            return sorted(item.command for item in await find(tx, InboxItem) if item.door == "slack")


BOTH = pytest.mark.parametrize("team", ["socket", "http"], indirect=True)


@pytest.fixture
async def team(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Team]:
    """Over Socket Mode, or over HTTP where the test says BOTH."""
    way = getattr(request, "param", "socket")
    async with FakeSlack(ack_seconds=30) as slack:
        slack.install(read_manifest())
        ann = slack.user("ann")
        channel = slack.channel("ops", ann)
        settings = {
            "integrations": {"slack": {"api_url": slack.base_url}},
            "people": {"ann": {"role": "admin", "identities": [f"slack:{slack.team}/{ann.id}"]}},
        }
        secrets = {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_SIGNING_SECRET": slack.signing_secret}
        if way == "socket":
            secrets["SLACK_APP_TOKEN"] = slack.app_token
        house = LiveHouse(tmp_path / "home", settings, secrets)
        await house.start()
        made = Team(slack, house, ann, channel.id)
        await made.listen()
        if way == "http":
            slack.request_url = f"{house.bot.url}/hooks/slack/events"
        yield made
        await house.stop()
        assert slack.pings == []
        assert slack.unexpected == []
        assert slack.failures == []


@BOTH
async def test_from_a_command_to_the_work(team: Team) -> None:
    await team.ann.command("/agent", "spawn sample -- run `git status`; say bye", "ops")
    await team.whispered(team.ann, "sample-1: demo")
    card = await team.see("asks: Run")
    await team.see("asks for permission", card.ts)
    await team.ann.click(card, "Once")
    done = await team.see("sample-1 · done")
    assert done.ts == card.ts
    assert "answered by ann" in team.slack.text_of(done)
    await team.see("sample-1 is done", card.ts)
    assert await team.calls() == ["approve", "spawn"]
    assert len(team.slack.messages("ops")) == 1


@BOTH
async def test_words_in_the_channel_and_in_the_thread(team: Team) -> None:
    await team.ann.mention("ops", "spawn sample -- say hello & <goodbye> in main.py")
    await team.see("sample-1: demo")
    card = await team.see("sample-1 · done")
    await team.ann.say("ops", "say more", thread_ts=card.ts)
    await team.see("sample-1 goes on", card.ts)
    await team.ann.say("ops", "stop", thread_ts=card.ts)
    offer = await team.whispered(team.ann, "Nothing was sent yet")
    await team.ann.click(offer, "Send as text")
    await team.ann.mention("ops", "show", thread_ts=card.ts)
    await team.wait(lambda: "project: sample" in team.slack.text_of(team.slack.messages("ops", card.ts)[-1]), "a card")
    other = await team.ann.say("ops", "this is nobody's business")
    await team.ann.say("ops", "nor is this", thread_ts=other.ts)
    await team.slack.settle()
    assert await team.calls() == ["send", "send", "show", "spawn"]
    assert "hello & <goodbye> in main.py" in (await team.house.agent("sample-1"))["task"]


@BOTH
async def test_forms(team: Team) -> None:
    await team.ann.command("/agent", "", "ops")
    (form,) = await team.wait(lambda: team.slack.modals(team.ann), "a form")
    assert "sample" in str(await team.ann.list_options(form, "project", ""))
    await team.ann.submit(form, {"project": "sample", "kind": "demo", "text": "run `git status`"})
    card = await team.see("asks: Run")
    await team.ann.click(card, "Deny with reason…")
    (form,) = await team.wait(lambda: team.slack.modals(team.ann), "a form")
    await team.ann.submit(form, {"text": 'Not "today"'})
    await team.see("denied")
    note = await team.ann.say("ops", "fix the login")
    await team.ann.shortcut(note, "start_agent")
    (form,) = await team.wait(lambda: team.slack.modals(team.ann), "a form")
    assert "fix the login" in str(form.content["blocks"])
    assert await team.calls() == ["deny", "spawn"]


async def test_a_form_that_slack_does_not_open_is_told(team: Team) -> None:
    await team.ann.command("/agent", "spawn sample -- run `git status`", "ops")
    card = await team.see("asks: Run")
    team.slack.trouble("expired_trigger_id", "views.open", times=1)
    await team.ann.click(card, "Deny with reason…")
    await team.whispered(team.ann, "expired_trigger_id")
    assert team.slack.modals(team.ann) == []


async def test_a_post_without_an_answer_is_not_posted_twice(team: Team) -> None:
    team.slack.trouble("close_after", "chat.postMessage", times=1)
    await team.ann.command("/agent", "spawn sample -- run `git status`", "ops")
    card = await team.see("asks: Run")
    await team.ann.click(card, "Once")
    await team.see("sample-1 · done")
    assert len(team.slack.messages("ops")) == 1
    assert len(team.slack.calls("chat.postMessage")) >= 1


@BOTH
async def test_two_click_and_the_first_wins_after_a_restart(team: Team) -> None:
    bob = team.slack.user("bob")
    team.slack.channel("ops", bob)
    await team.house.run("admin grant", person="bob", role="approver")
    async with team.house.bot.database.transaction() as tx:
        known = await find_named(tx, "bob")
        assert known is not None
        await insert_new(tx, Identity(f"slack:{team.slack.team}/{bob.id}", known.id, team.house.bot.clock.now()), "key")
    await team.ann.command("/agent", "spawn sample -- run `git status`", "ops")
    card = await team.see("asks: Run")
    await team.house.restart()
    if team.slack.request_url != team.slack.url:
        team.slack.request_url = f"{team.house.bot.url}/hooks/slack/events"
    await team.listen()
    await asyncio.gather(team.ann.click(card, "Once"), bob.click(card, "Deny"))
    done = await team.see("sample-1 · done")
    assert team.slack.text_of(done).count("answered by") == 1
    assert len(await team.house.events("request.answered")) == 1
    assert sorted(await team.calls()) == ["approve", "deny", "spawn"]


async def test_who_is_refused(team: Team) -> None:
    guest = team.slack.user("gus", is_restricted=True)
    foreign = team.slack.user("fay", team="T0FOREIGN")
    stranger = team.slack.user("sam")
    team.slack.channel("ops", guest, foreign, stranger)
    for person, words in ((guest, "Guests may not"), (foreign, "other organisations"), (stranger, "no role here")):
        await person.command("/agent", "spawn sample -- say hello", "ops")
        await team.whispered(person, words)
    await team.ann.command("/agent", "spawn sample -- run `git status`", "ops")
    card = await team.see("asks: Run")
    await stranger.click(card, "Once")
    await team.wait(lambda: len(team.slack.ephemerals(stranger)) == 2, "a refusal")
    assert (await team.house.agent("sample-1"))["status"] == "needs you"


async def test_what_slack_sends_again_is_done_once(team: Team) -> None:
    await team.ann.mention("ops", "spawn sample -- say hello")
    await team.see("sample-1 · done")
    mention = next(sent for sent in team.slack.sent if "event" in str(sent.payload))
    for _ in range(3):
        await team.slack.redeliver(mention)
    await team.slack.settle()
    assert await team.calls() == ["spawn"]


async def test_long_answers_are_files(team: Team) -> None:
    await team.ann.command("/agent", "spawn sample -- edit a.txt", "ops")
    card = await team.see("sample-1 · done")
    await team.ann.mention("ops", "diff", thread_ts=card.ts)
    await team.wait(lambda: [file for file in team.slack.files.values() if "a.txt" in str(file.content)], "a file")


async def test_a_stranger_asks_for_access_and_is_let_in(team: Team) -> None:
    sam = team.slack.user("sam")
    team.slack.channel("ops", sam)
    await sam.command("/agent", "spawn sample -- say hello", "ops")
    await sam.click(await team.whispered(sam, "You are not known here"), "Ask for access")
    told = team.slack.text_of(await team.whispered(sam, "your code word"))
    card = await team.see("sam asks for access")
    assert re.search(r"“(.+)”", told)[1] in team.slack.text_of(card)  # type: ignore[index]
    await sam.click(card, "Operator")
    await team.whispered(sam, "no role here")
    await team.ann.click(card, "Operator")
    await team.see("granted operator by ann")
    await sam.command("/agent", "spawn sample -- say hello", "ops")
    await team.see("sample-1 · done")
    assert await team.calls() == ["admin grant", "admin grant", "spawn", "spawn"]


async def test_a_bad_token_is_told_and_the_rest_runs_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with FakeSlack() as slack:
        secrets = {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_APP_TOKEN": "xapp-wrong"}
        house = LiveHouse(tmp_path / "home", {"integrations": {"slack": {"api_url": slack.base_url}}}, secrets)
        await house.start()
        await house.wait_for(await house.spawn("say hello"), "done")
        said = ""
        async with asyncio.timeout(PATIENCE):
            while "slack does not listen: Slack refused: invalid_auth" not in said:
                await asyncio.sleep(0.02)
                said += capsys.readouterr().out
        checks = {check["name"]: check for check in (await house.run("doctor", quick=True))["data"]["checks"]}
        assert checks["slack bot token"]["ok"]
        assert not checks["slack socket mode"]["ok"]
        assert "SLACK_APP_TOKEN" in checks["slack socket mode"]["remedy"]
        await house.stop()
        asked = len(slack.calls("apps.connections.open"))
        assert asked <= 3, "a token that is refused is not tried without end"

"""What people do in a chat of another company, from its platform to the agent and back: a platform in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from core.errors import PermanentFailure, Refused, TemporaryFailure
from core.interfaces import Door, Integration, Plain, Setup
from core.messages import Card, Given, How, Message, Place, Reply
from core.model import Actor, InboxItem, Role
from core.people import find_person
from core.roles import grant_role
from core.settings.chat import ChatSection
from core.store import find
from tests.fakes.chat import FakeChat, Platform
from tests.flows.house import PATIENCE, LiveHouse

HERE = Place("party", "C1")


@dataclass
class Party:
    """A chat platform, and the integration that speaks with it."""

    platform: Platform = field(default_factory=Platform)
    setups: list[Setup] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    knocked: list[bytes] = field(default_factory=list)
    house: LiveHouse = field(init=False)

    def make_record(self) -> Integration:
        return Integration(
            name="party",
            about="A chat platform in memory.",
            settings=lambda: ChatSection,
            chat=lambda _setup: FakeChat(self.platform),
            listen=self.listen,
            doors=lambda _setup: [Door("/in", self.verify, self.handle)],
            sealed=True,
            threads=True,
        )

    async def listen(self, setup: Setup) -> None:
        self.setups.append(setup)
        if self.failures:
            raise self.failures.pop(0)
        await asyncio.Event().wait()

    def verify(self, plain: Plain) -> None:
        if plain.headers.get("x-sign") != "good":
            raise Refused("Forged.")

    async def handle(self, plain: Plain) -> Plain:
        self.knocked.append(plain.body)
        if plain.body == b"full":
            raise TemporaryFailure("the store is full")
        return Plain({"content-type": "text/plain"}, b"thanks")

    async def say(self, text: str, key: str, how: How = How.COMMAND, user: str = "U1", **more: Any) -> None:
        """Somebody does something, and the platform hands it over."""
        place = more.pop("place", HERE)
        private = Place("party", f"{place.address}!{user}")
        await self.setups[-1].street.hear(
            Message(key, place, private, f"party:T1/{user}", user.lower(), text, how, **more)
        )

    async def see(self, address: str, words: str) -> Reply | Card:
        """Wait until the place shows the words."""
        try:
            return await self.house.until(lambda: self.find(address, words), PATIENCE)
        except TimeoutError:
            raise AssertionError(f"{address} does not show {words}: {self.platform.messages}") from None

    def find(self, address: str, words: str) -> Reply | Card | None:
        for place, item in self.platform.messages.values():
            shown = [item] if isinstance(item, Card) else [*item.cards, item]
            if place.address == address and any(words in str(part) for part in shown):
                return item
        return None

    def press(self, address: str, label: str) -> str:
        """What a button there carries."""
        for place, item in reversed(self.platform.messages.values()):
            cards = [item] if isinstance(item, Card) else item.cards
            for button in (button for card in cards for button in card.buttons):
                if place.address == address and button.label == label:
                    return button.command
        raise AssertionError(f"{label} is not among the buttons of {address}: {self.platform.messages}")

    async def calls(self) -> list[str]:
        async with self.house.bot.database.reading() as tx:
            return sorted(item.command for item in await find(tx, InboxItem) if item.door == "party")


async def change_settings(house: LiveHouse, **changes: Any) -> None:
    """Other settings, taken by `reload`."""
    settings = yaml.safe_load(house.config.read_text())
    house.config.write_text(yaml.safe_dump({**settings, **changes}))
    await house.run("reload")


@pytest.fixture
async def party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Party]:
    party = Party()
    monkeypatch.setattr("bot.plugins.find_plugins", lambda _names: [party.make_record()])
    settings = {
        "integrations": {"party": {"groups": {"G1": "operator"}}},
        "people": {"kim": {"role": "admin", "identities": ["party:T1/U1"]}},
    }
    party.house = LiveHouse(tmp_path / "home", settings)
    await party.house.start()
    await party.house.until(lambda: party.setups)
    yield party
    await party.house.stop()


async def test_from_a_command_to_the_work(party: Party) -> None:
    await party.say("spawn sample -- run `git status`; say bye", "e1")
    await party.see("C1!U1", "sample-1")
    await party.see("C1", "asks: Run")
    await party.see("C1/sample-1", "asks for permission")
    await party.say(party.press("C1", "Once"), "e2", How.BUTTON)
    await party.see("C1", "sample-1 · done")
    await party.see("C1/sample-1", "sample-1 is done")
    assert await party.calls() == ["approve", "spawn"]
    assert not [
        place for place, _ in party.platform.messages.values() if "!" in place.address and "U1" not in str(place)
    ]


async def test_a_command_that_was_filled_in(party: Party) -> None:
    verbs = [verb.name for verb in party.setups[-1].street.list_verbs()]
    assert "spawn" in verbs
    await party.say("spawn", "e1", arguments={"text": "say hello --kind claude", "project": "sample"})
    await party.see("C1", "sample-1 · done")
    thread = Place("party", "C1/sample-1")
    await party.say("send", "e2", place=thread, arguments={"text": "say more"})
    await party.see("C1/sample-1!U1", "sample-1 goes on")
    await party.say("stop", "e3", arguments={"agent": "; rm"})
    await party.see("C1!U1", "is no agent")
    await party.house.until(lambda: party.find("C1", "sample-1 · done"))
    assert await party.calls() == ["send", "spawn"]


async def test_words_said_directly_are_refused_where_the_platform_says_so(party: Party) -> None:
    await party.say("list", "e1", facts=["direct"])
    await party.see("C1!U1", "direct messages")
    assert not [item for _, item in party.platform.messages.values() if isinstance(item, Card)]


async def test_what_comes_twice_is_done_once(party: Party) -> None:
    for _ in range(3):
        await party.say("spawn sample -- say hello", "e1")
        await party.say("dance", "e2")
    await party.see("C1", "sample-1 · done")
    await party.see("C1!U1", "There is no command")
    assert await party.calls() == ["spawn"]
    shown = [item for place, item in party.platform.messages.values() if place.address == "C1!U1"]
    assert len(shown) == 2


async def test_lines_in_a_thread_go_to_its_agent(party: Party) -> None:
    await party.say("spawn sample -- say hello", "e1")
    await party.see("C1", "sample-1 · done")
    thread = Place("party", "C1/sample-1")
    await party.say("say more", "e2", How.LINE, place=thread)
    await party.see("C1/sample-1", "sample-1 goes on")
    await party.say("Stop.", "e3", How.LINE, place=thread)
    await party.see("C1/sample-1!U1", "Nothing was sent yet")
    await party.say(party.press("C1/sample-1!U1", "Send as text"), "e4", How.BUTTON, place=thread)
    await party.see("C1/sample-1!U1", "sample-1")
    await party.house.until(lambda: party.find("C1", "sample-1 · done"))
    assert await party.calls() == ["send", "send", "spawn"]


async def test_words_for_the_bot(party: Party) -> None:
    await party.say("please say hello", "e1", How.MENTION)
    await party.see("C1", "sample-1: demo")
    await party.see("C1", "sample-1 · done")
    thread = Place("party", "C1/sample-1")
    await party.say("and say more", "e2", How.MENTION, place=thread)
    await party.see("C1/sample-1", "sample-1 goes on")
    await party.say("show", "e3", How.MENTION, place=thread)
    await party.see("C1/sample-1", "project")
    await party.say("stop", "e4", How.MENTION, place=thread)
    await party.say("", "e5", How.MENTION)
    await party.see("C1", "spawn")
    await party.house.until(lambda: party.find("C1/sample-1", "stop"))
    assert await party.calls() == ["help", "send", "show", "spawn", "stop"]


async def test_the_button_of_a_reply_is_of_use_once(party: Party) -> None:
    await party.say("spawn sample -- say hello", "e1")
    await party.see("C1", "sample-1 · done")
    thread = Place("party", "C1/sample-1")
    await party.say("stop", "e2", How.LINE, place=thread)
    await party.see("C1/sample-1!U1", "Nothing was sent yet")
    button = party.press("C1/sample-1!U1", "Send as text")
    await party.say(button, "e3", How.BUTTON, place=thread)
    await party.say(button, "e4", How.BUTTON, place=thread)
    await party.see("C1/sample-1!U1", "used already")
    assert await party.calls() == ["send", "spawn"]


async def test_a_button_that_the_card_shows_no_more_does_nothing(party: Party) -> None:
    await party.say("spawn sample -- run `git status`", "e1")
    await party.see("C1", "asks: Run")
    once, deny = party.press("C1", "Once"), party.press("C1", "Deny")
    await party.say(once, "e2", How.BUTTON)
    await party.see("C1", "sample-1 · done")
    await party.say(deny, "e3", How.BUTTON)
    await party.see("C1!U1", "cannot be done any more")
    await party.say("b-0123456789abcdef01234567", "e4", How.BUTTON)
    await party.see("C1!U1", "too old")
    assert await party.calls() == ["approve", "spawn"]


async def test_words_of_a_prompt_reach_the_agent(party: Party) -> None:
    await party.say("spawn sample -- run `git status`", "e1")
    await party.see("C1", "asks: Run")
    words = 'No: "quoted" -- and `code`'
    await party.say(party.press("C1", "Deny with reason…"), "e2", How.BUTTON, words=words)
    await party.see("C1", "denied")
    async with party.house.bot.database.reading() as tx:
        (item,) = [item for item in await find(tx, InboxItem) if item.command == "deny"]
    assert item.arguments["reason"] == words


async def test_who_may(party: Party) -> None:
    await party.say("spawn sample -- say hello", "e1", user="U9")
    await party.see("C1!U9", "no role here")
    await party.say("spawn sample -- say hello", "e2", user="U8", facts=("group:G1", "guest"))
    await party.see("C1!U8", "Guests may not use this bot")
    await party.say("spawn sample -- run `git status`", "e3", user="U7", facts=("group:G1",))
    await party.see("C1", "asks: Run")
    await party.say(party.press("C1", "Once"), "e4", How.BUTTON, user="U7", facts=("group:G1",))
    await party.see("C1!U7", "takes the role approver")
    await party.say("list", "e5", user="U7")
    await party.see("C1!U7", "no role here")
    async with party.house.bot.database.transaction() as tx:
        person = await find_person(tx, "party:T1/U7")
        assert person is not None
        assert not await find_person(tx, "party:T1/U9")
        admin = Actor("p-x", "x", Role.ADMIN, "test")
        await grant_role(tx, admin, person.id, Role.APPROVER, lambda *_: "", party.house.bot.clock.now())
    await party.say(party.press("C1", "Once"), "e6", How.BUTTON, user="U7")
    await party.see("C1", "answered by u7")


async def test_a_group_approves(party: Party, tmp_path: Path) -> None:
    """Two of a group; the one who asked does not count, nor does somebody of the group elsewhere."""
    web = {
        "path": str(party.house.home / "sample"),
        "kind": "demo",
        "approvers": "2 of [group:party/G2, role:admin]",
    }
    groups = {"G1": "operator", "G2": "approver"}
    await change_settings(party.house, projects={"web": web}, integrations={"party": {"groups": groups}})
    await party.say("spawn web -- run `git status`", "e1")
    await party.see("C1", "0 of 2 approvals; needs 2 of role:admin, group:party/G2")
    once = party.press("C1", "Once")
    await party.say(once, "e2", How.BUTTON, user="U5", facts=("group:G2",))
    await party.see("C1", "1 of 2 approvals: u5")
    await party.say(once, "e3", How.BUTTON, user="U1")
    await party.see("C1!U1", "it is your own agent")
    await party.say(once, "e4", How.BUTTON, user="U6", facts=("group:G1",))
    await party.see("C1!U6", "takes the role approver")
    await party.say(once, "e5", How.BUTTON, user="U7", facts=("group:G2",))
    await party.see("C1", "answered by")
    groups["G2"] = "operator"
    with pytest.raises(AssertionError, match="nobody in the group party/G2 could approve"):
        await change_settings(party.house, projects={"web": web}, integrations={"party": {"groups": groups}})


async def test_files_reach_the_agent(party: Party) -> None:
    await party.say("spawn sample -- say hello", "e1", files=[Given("plan.md", b"# Plan")])
    await party.see("C1!U1", "with plan.md")
    await party.say("list", "e2", files=[Given("plan.md", b"# Plan")])
    await party.see("C1!U1", "takes no files")


async def test_a_secret_is_shown_to_the_one_and_stored_nowhere(party: Party) -> None:
    await party.say("login", "e1")
    secret = await party.see("C1!U1", "/login/")
    assert isinstance(secret, Reply)
    await party.see("C1!U1", "signs kim in")
    token = secret.text.rpartition("/")[2]
    assert token.encode() not in (party.house.home / "callboard.sqlite3").read_bytes()


async def test_names_that_fit(party: Party) -> None:
    suggest = party.setups[-1].street.suggest
    assert await suggest(HERE, "projects", "sam") == [("sample", str(party.house.home / "sample"))]
    assert ("demo", "scripted, no model") in await suggest(HERE, "kinds", "")
    assert await suggest(HERE, "nonsense", "") == []


async def test_an_integration_that_cannot_listen_leaves_the_rest_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    party = Party(
        failures=[TemporaryFailure("busy", retry_after=0.1), PermanentFailure("bad token", remedy="Make a new one.")]
    )
    monkeypatch.setattr("bot.plugins.find_plugins", lambda _names: [party.make_record()])
    party.house = LiveHouse(tmp_path / "home", {"integrations": {"party": {}}})
    await party.house.start()
    await party.house.until(lambda: len(party.setups) == 2)
    await party.house.wait_for(await party.house.spawn("say hello"), "done")
    assert "party does not listen: bad token Make a new one." in capsys.readouterr().out
    await party.house.stop()


async def test_a_door(party: Party) -> None:
    http: httpx.AsyncClient = party.house.http
    answers = {}
    for name, sign, body in (
        ("in", "good", b"hi"),
        ("in", "bad", b"hi"),
        ("out", "good", b"hi"),
        ("in", "good", b"full"),
    ):
        response = await http.post(f"/hooks/party/{name}", content=body, headers={"x-sign": sign})
        answers[name, sign, body] = response.status_code
    assert list(answers.values()) == [200, 401, 404, 503]
    assert party.knocked == [b"hi", b"full"]
    assert (await http.post("/hooks/party/in", content=b"x" * 3_000_000)).status_code == 413

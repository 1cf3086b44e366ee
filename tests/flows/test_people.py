"""Who people are in chats: the first admin, one person in several places, roles in one project, a second card."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.messages import Card, Entry, EntryKind, How, Message
from core.model import Agent, AuditRow, Identity, InboxItem, Person, Role
from core.people import find_person
from core.store import find
from tests.flows.house import PATIENCE, LiveHouse
from tests.flows.test_street import HERE, Party, Place, change_settings

OTHER = Place("party", "C2")
CODE = re.compile(r"me claim ([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})")
SPOKEN = re.compile(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}")


async def open_party(tmp_path: Path, patch: pytest.MonkeyPatch, settings: dict[str, Any]) -> Party:
    party = Party()
    patch.setattr("bot.plugins.find_plugins", lambda _names: [party.make_record()])
    party.house = LiveHouse(tmp_path / "home", settings)
    await party.house.start()
    await party.house.until(lambda: party.setups)
    return party


@pytest.fixture
async def empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[Party]:
    """A chat in which nobody is known; what the start says is there to be read."""
    assert capsys
    party = await open_party(tmp_path, monkeypatch, {"integrations": {"party": {}}})
    yield party
    await party.house.stop()


@pytest.fixture
async def party(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[Party]:
    """A chat in which ann is admin, and bob is whoever has his address."""
    assert capsys
    web = {"path": str(tmp_path / "home" / "sample"), "kind": "demo"}
    settings = {
        "integrations": {"party": {}},
        "projects": {"web": web},
        "people": {
            "ann": {"role": "admin", "identities": ["party:T1/U1"]},
            "bob": {"role": "operator", "identities": ["email:Bob@Example.com"]},
        },
    }
    party = await open_party(tmp_path, monkeypatch, settings)
    yield party
    await party.house.stop()


async def read_all(party: Party, kind: type[Any], **where: Any) -> list[Any]:
    async with party.house.bot.database.reading() as tx:
        return list(await find(tx, kind, **where))


async def name_role(party: Party, user: str) -> tuple[str, Role] | None:
    async with party.house.bot.database.reading() as tx:
        known = await find_person(tx, f"party:T1/{user}")
    return (known.name, known.role) if known else None


async def make_code(party: Party, key: str, user: str) -> str:
    """What `me link` shows somebody."""
    await party.say("me link", key, user=user)
    await party.house.until(lambda: find_secret(party, user))
    return find_secret(party, user)


def find_secret(party: Party, user: str) -> str:
    shown = [item.text for place, item in party.platform.messages.values() if place.address == f"C1!{user}"]  # type: ignore[union-attr]
    return next((text for text in reversed(shown) if SPOKEN.fullmatch(text)), "")


def read_banner(capsys: pytest.CaptureFixture[str]) -> str:
    found = CODE.search(capsys.readouterr().out)
    return found[1] if found else ""


# ------------------------------------------------------------------------------------------------- the first admin


async def test_the_first_admin(empty: Party, capsys: pytest.CaptureFixture[str]) -> None:
    code = read_banner(capsys)
    assert code
    await empty.say("list", "e1", user="U9")
    await empty.see("C1!U9", "no role here")
    for number, facts in enumerate((("guest",), ("foreign",), ("bot",))):
        await empty.say(f"me claim {code}", f"f{number}", user="U8", facts=facts)
    await empty.house.until(lambda: len([1 for p, _ in empty.platform.messages.values() if p.address == "C1!U8"]) == 3)
    await empty.say("me claim AAAA-BBBB-CCCC", "e2", user="U9")
    await empty.see("C1!U9", "does not hold")
    await empty.say(f"me claim {code.lower().replace('-', ' ')}", "e3", user="U9")
    await empty.see("C1!U9", "You are u9 here, and admin")
    assert await name_role(empty, "U9") == ("u9", Role.ADMIN)
    assert await name_role(empty, "U8") is None
    await empty.say(f"me claim {code}", "e4", user="U7")
    await empty.see("C1!U7", "does not hold")
    assert await name_role(empty, "U7") is None
    rows = [row for row in await read_all(empty, AuditRow) if row.verb == "me claim"]
    assert sorted(row.allowed for row in rows) == [False] * 5 + [True]
    assert (await empty.house.events("person.claimed"))[0]["data"]["identity"] == "party:T1/U9"
    await empty.house.restart()
    assert read_banner(capsys) == ""
    assert code.encode() not in (empty.house.home / "callboard.sqlite3").read_bytes()


async def test_of_two_who_claim_at_once_one_is_admin(empty: Party, capsys: pytest.CaptureFixture[str]) -> None:
    code = read_banner(capsys)
    users = [f"U{number}" for number in range(5)]
    await asyncio.gather(*(empty.say(f"me claim {code}", f"e{user}", user=user) for user in users))
    for user in users:
        await empty.house.until(lambda user=user: empty.platform.texts(f"C1!{user}"))
    admins = [user for user in users if await name_role(empty, user)]
    assert len(admins) == 1
    assert len(await empty.house.events("person.claimed")) == 1


async def test_each_start_has_a_code_of_its_own_and_wrong_ones_are_counted(
    empty: Party, capsys: pytest.CaptureFixture[str]
) -> None:
    old = read_banner(capsys)
    await empty.house.restart()
    await empty.house.until(lambda: len(empty.setups) == 2)
    new = read_banner(capsys)
    assert new not in ("", old)
    await empty.say(f"me claim {old}", "e1", user="U9")
    for number in range(2, 6):
        await empty.say("me claim AAAA-BBBB-CCCC", f"e{number}", user="U9")
    await empty.house.until(lambda: len(empty.platform.texts("C1!U9")) == 5)
    await empty.say(f"me claim {new}", "e9", user="U9")
    await empty.house.until(lambda: len(empty.platform.texts("C1!U9")) == 6)
    assert len(set(empty.platform.texts("C1!U9"))) == 1, "all are refused alike"
    assert await name_role(empty, "U9") is None
    await empty.say(f"me claim {new}", "e10", user="U8")
    await empty.see("C1!U8", "and admin")


async def test_a_name_that_is_taken_is_not_taken_over(empty: Party, capsys: pytest.CaptureFixture[str]) -> None:
    await empty.house.run("admin grant", person="ann", role="operator")
    code = read_banner(capsys)
    place = Place("party", "C1!U9")
    hostile = "ann\u202e\n*admin* <!channel>"
    message = Message("e1", HERE, place, "party:T1/U9", hostile, f"me claim {code}", How.COMMAND)
    await empty.setups[-1].street.hear(message)
    await empty.see("C1!U9", "and admin")
    name, role = await name_role(empty, "U9") or ("", Role.NOBODY)
    assert role is Role.ADMIN
    assert re.fullmatch(r"[\w.+'-]+", name)
    assert name != "ann"


async def test_no_code_where_somebody_is_known(party: Party, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is up" in (said := capsys.readouterr().out)
    assert "me claim" not in said
    await change_settings(party.house, people={})
    await party.house.restart()
    assert "me claim" in capsys.readouterr().out
    await change_settings(party.house, integrations={"party": {"groups": {"G1": "viewer"}}})
    await party.house.restart()
    assert "me claim" not in capsys.readouterr().out


# ------------------------------------------------------------------------------------------ one person, many places


async def test_a_stranger_is_joined_by_a_code_and_parted_again(party: Party) -> None:
    code = await make_code(party, "e1", "U1")
    assert code.encode() not in (party.house.home / "callboard.sqlite3").read_bytes()
    await party.say(f"me link {code}", "e2", user="U5", facts=("guest",))
    await party.see("C1!U5", "Guests may not")
    await party.say(f"me link {code}", "e3", user="U2")
    await party.see("C1!U2", "You are ann here too")
    assert await name_role(party, "U2") == ("ann", Role.ADMIN)
    await party.say(f"me link {code}", "e4", user="U3")
    await party.see("C1!U3", "does not hold")
    await party.say("me", "e5", user="U2")
    await party.see("C1!U2", "party:T1/U2 (by a code)")
    await party.house.run("reload")
    await party.house.restart()
    await party.house.until(lambda: len(party.setups) == 2)
    assert await name_role(party, "U2") == ("ann", Role.ADMIN), "a start takes nothing that a code gave"
    await party.say("me unlink party:T1/U1", "e6", user="U2")
    await party.see("C1!U2", "was not joined by a code")
    await party.say("me unlink party:T1/U2", "e7")
    await party.see("C1!U1", "is nobody here any more")
    assert await name_role(party, "U2") is None
    kinds = [event["kind"] for event in await party.house.events("person.*") if "link" in event["kind"]]
    assert kinds == ["person.linked", "person.unlinked"]


async def test_the_command_line_makes_a_code_and_takes_none_for_less(party: Party) -> None:
    secret = (await party.house.run("me link"))["secret"]
    await party.say(f"me link {secret}", "e1", user="U4")
    await party.see("C1!U4", "here too")
    local = (await party.house.run("me"))["data"]
    assert "party:T1/U4" in local["identities"]
    code = await make_code(party, "e2", "U1")
    refused = await party.house.post("me link", code=code)
    assert (refused.status_code, "Make the code here" in refused.text) == (409, True)
    assert (await party.house.run("me"))["data"]["name"] == local["name"]
    await party.say(f"me link {code}", "e3", user="U6")
    await party.see("C1!U6", "does not hold")


async def test_the_console_shows_a_code_to_one_and_no_code_to_all(party: Party) -> None:
    made = await say_in_console(party, "/agent me link")
    await party.say(f"me link {made.json()['secret']}", "e1", user="U4")
    await party.see("C1!U4", "here too: admin")
    code = await make_code(party, "e2", "U1")
    refused = await say_in_console(party, f"/agent me link {code}")
    assert (refused.status_code, "Make the code here" in refused.text) == (409, True)
    board = str([entry.body for entry in await read_all(party, Entry)])
    assert "/agent me link …" in board
    assert code not in board


async def test_the_console_has_a_second_card_as_well(party: Party) -> None:
    await party.say("spawn sample -- run `git status`", "e1")
    await party.see("C1", "asks: Run")
    for _ in range(2):
        assert (await say_in_console(party, "/agent show sample-1 here")).status_code == 200
    await party.say(party.press("C1", "Once"), "e2", How.BUTTON)
    await party.see("C1", "sample-1 · done")

    async def count_cards() -> int:
        found = [entry for entry in await read_all(party, Entry) if entry.kind is EntryKind.CARD]
        return len([entry for entry in found if "sample-1 · done" in str(entry.body)])

    async with asyncio.timeout(PATIENCE):
        while not await count_cards():
            await asyncio.sleep(0.05)
    assert await count_cards() == 1


async def say_in_console(party: Party, line: str) -> httpx.Response:
    data = {"line": line, "key": uuid.uuid4().hex}
    return await party.house.http.post("/say", data=data, headers={"Accept": "application/json"})


async def test_two_known_people_become_one_and_nobody_gains_a_role(party: Party) -> None:
    await party.say("spawn sample -- run `git status`", "e0", user="U2")
    await party.see("C1!U2", "no role here")
    for user, role in (("U2", "viewer"), ("U3", "operator"), ("U4", "operator")):
        await let_in(party, user, role)
    await party.say("spawn sample -- run `git status`", "e1", user="U4")
    await party.see("C1", "asks: Run")
    code = await make_code(party, "e2", "U2")
    await party.say(f"me link {code}", "e3", user="U3")
    await party.see("C1!U3", "You are operator here")
    assert await name_role(party, "U3") == ("u3", Role.OPERATOR), "whoever is more does not become less unasked"
    code = await make_code(party, "e4", "U3")
    await party.say(f"me link {code}", "e5", user="U4")
    await party.see("C1!U4", "You are u3 here too, and no longer u4")
    assert await name_role(party, "U4") == ("u3", Role.OPERATOR)
    (agent,) = await read_all(party, Agent)
    (former,) = await read_all(party, Person, name="u4")
    assert (former.role, agent.owner != former.id) == (Role.NOBODY, True)
    await party.say("stop sample-1", "e6", user="U4")
    await party.see("C1", "sample-1 · stopped")


async def let_in(party: Party, user: str, role: str) -> None:
    await party.say("list", f"ask-{user}", user=user)
    await party.see(f"C1!{user}", "You are not known here")
    await party.say(party.press(f"C1!{user}", "Ask for access"), f"click-{user}", How.BUTTON, user=user)
    await party.see("C1", f"{user.lower()} asks for access")
    await party.say(party.press("C1", role.capitalize()), f"let-{user}", How.BUTTON)
    words = (f"{user.lower()} ", f"granted {role} by ann")
    shown = party.platform.messages
    await party.house.until(
        lambda: any(all(word in str(item) for word in words) for _, item in shown.values()), PATIENCE
    )


async def test_a_token_for_less_makes_no_code(party: Party) -> None:
    secret = (await party.house.run("admin token", person="ann", role="viewer"))["secret"]
    party.house.http.headers["Authorization"] = f"Bearer {secret}"
    refused = await party.house.post("me link")
    assert (refused.status_code, "for less than you are" in refused.text) == (403, True)


async def test_an_address_joins_a_member_at_first_sight(party: Party) -> None:
    bob = "email:bob@EXAMPLE.com"
    for number, facts in enumerate(((bob, "guest"), (bob, "foreign"), ("email:eve@example.com",))):
        await party.say("list", f"g{number}", user="U8", facts=facts)
    await party.house.until(lambda: len(party.platform.texts("C1!U8")) == 3)
    assert await name_role(party, "U8") is None
    await asyncio.gather(*(party.say("me", f"e{number}", user="U2", facts=(bob,)) for number in range(3)))
    await party.see("C1!U2", "party:T1/U2 (by e-mail)")
    assert await name_role(party, "U2") == ("bob", Role.OPERATOR)
    assert len(await party.house.events("person.linked")) == 1
    assert "example.com" not in str([item.facts for item in await read_all(party, InboxItem)]).lower()
    await party.say("me unlink party:T1/U2", "e4", user="U2")
    await party.see("C1!U2", "out of the settings")
    await party.say("me", "e5", user="U1", facts=(bob,))
    await party.see("C1!U1", "ann: admin")
    people = {"ann": {"role": "admin", "identities": ["party:T1/U1"]}, "bob": {"role": "operator"}}
    await change_settings(party.house, people=people)
    assert await name_role(party, "U2") is None, "the address was all that said so"


async def test_a_chat_may_look_for_no_addresses(party: Party) -> None:
    await change_settings(party.house, integrations={"party": {"link_emails": False}})
    await party.say("list", "e1", user="U2", facts=("email:bob@example.com",))
    await party.see("C1!U2", "no role here")
    assert not [item for item in await read_all(party, Identity) if item.key == "party:T1/U2"]


# ---------------------------------------------------------------------------------------------------- one project


async def test_an_admin_gives_a_role_in_one_project(party: Party) -> None:
    await party.say("spawn web -- run `git status`", "e1", user="U2")
    await party.see("C1!U2", "You are not known here")
    await party.say(party.press("C1!U2", "Ask for access"), "e2", How.BUTTON, user="U2")
    await party.see("C1", "u2 asks for access")
    await party.say(party.press("C1", "Operator in web"), "e3", How.BUTTON)
    await party.see("C1", "granted operator in web by ann")
    await party.say("me", "e4", user="U2")
    await party.see("C1!U2", "u2: viewer, operator in web")
    await party.say("spawn sample -- say hello", "e5", user="U2")
    await party.see("C1!U2", "takes the role operator, and u2 is viewer")
    await party.say("spawn web -- run `git status`", "e6", user="U2")
    await party.see("C1", "asks: Run")
    await party.say(party.press("C1", "Once"), "e7", How.BUTTON, user="U2")
    await party.see("C1!U2", "takes the role approver, and u2 is operator in web")
    await party.house.run("admin grant", person="u2", role="approver", project="web")
    await party.say(party.press("C1", "Once"), "e8", How.BUTTON, user="U2")
    await party.see("C1", "web-1 · done")
    await party.say("reload", "e9", user="U2")
    await party.see("C1!U2", "takes the role admin")
    await party.house.run("admin revoke", who="u2", project="web")
    await party.say("spawn web -- say hello", "e10", user="U2")
    refused = "To spawn takes the role operator, and u2 is viewer. Ask an operator."
    await party.house.until(lambda: party.platform.texts("C1!U2").count(refused) == 2)


# --------------------------------------------------------------------------------------------------- a second card


async def test_a_second_card_and_its_thread(party: Party) -> None:
    await party.say("spawn sample -- run `git status`; say bye", "e1")
    await party.see("C1", "asks: Run")
    await party.see("C1/sample-1", "asks for permission")
    for number in range(3):
        await party.say("show sample-1 here", f"s{number}", place=OTHER)
    await party.see("C2", "asks: Run")
    await party.see("C2!U1", "is shown here too")
    await party.see("C2!U1", "is shown here already")
    await party.say("show sample-1 here", "s9")
    await party.see("C1!U1", "is shown here already")
    await party.say("say more", "e2", How.LINE, place=Place("party", "C2/sample-1"))
    await party.see("C2/sample-1", "Queued: sample-1 gets it")
    await party.say(party.press("C2", "Once"), "e3", How.BUTTON, place=OTHER)
    for place in ("C1", "C2"):
        await party.see(place, "sample-1 · done")
        cards = [item for at, item in party.platform.messages.values() if at.address == place]
        assert len([card for card in cards if isinstance(card, Card)]) == 1
        assert "answered by ann" in str(cards)
    assert not [text for text in party.platform.texts("C1/sample-1") if "Queued" in text]
    assert not [text for text in party.platform.texts("C2/sample-1") if "is done" in text]


async def test_what_an_agent_asks_later_is_asked_in_both_places(party: Party) -> None:
    await party.say("spawn sample -- run `git status`; run `git log`", "e1")
    await party.see("C1", "asks: Run")
    await party.say("show sample-1 here", "e2", place=OTHER)
    await party.see("C2", "asks: Run")
    await party.say(party.press("C1", "Once"), "e3", How.BUTTON)
    for place in ("C1/sample-1", "C2/sample-1"):
        await party.see(place, "asks for permission: Run `git log`")
    await party.see("C2", "asks: Run `git log`")
    await party.say(party.press("C2", "Deny"), "e4", How.BUTTON, place=OTHER)
    for place in ("C1", "C2"):
        await party.see(place, "denied")


async def test_who_may_show_an_agent_here(party: Party) -> None:
    await party.say("spawn sample -- say hello", "e1")
    await party.see("C1", "sample-1 · done")
    await let_in(party, "U2", "viewer")
    await party.say("show sample-1 here", "e2", user="U2", place=OTHER)
    await party.see("C2!U2", "takes the role operator")
    await party.say("show sample-1 there", "e3", place=OTHER)
    await party.see("C2!U1", "no place")
    await party.say("show sample-7 here", "e4", place=OTHER)
    await party.see("C2!U1", "does not exist")
    assert party.platform.texts("C2") == []


# -------------------------------------------------------------------------------------------- defaults of a channel


async def test_what_a_channel_means_is_said(party: Party) -> None:
    await party.say("project use web --kind demo", "e1")
    await party.see("C1!U1", "Here, web with demo is meant")
    await party.say("spawn -- say hello", "e2")
    await party.see("C1!U1", "starts on web, the defaults of this channel")
    await party.say("project list", "e3")
    await party.see("C1!U1", "Here, web with demo is meant when nothing is named.")
    await party.say("me", "e4")
    await party.see("C1!U1", "default here")
    await party.see("C1", "web-1 · done")

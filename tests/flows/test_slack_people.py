"""Who people are in Slack: the first admin, one person in several places, roles in one project, a second card."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.model import Role
from core.people import find_person
from tests.fakes.slack.hands import User
from tests.flows.slack_house import open_team
from tests.flows.test_slack import Team

CODE = re.compile(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}")


@pytest.fixture
async def team(tmp_path: Path) -> AsyncIterator[Team]:
    """A workspace in which ann is admin, and bob is whoever has his address."""
    people = {
        "ann": {"role": "admin", "identities": ["email:ann@example.com"]},
        "bob": {"role": "operator", "identities": ["email:bob@example.com"]},
    }
    async with open_team(tmp_path, people=people) as team:
        yield team


async def name_role(team: Team, user: User) -> tuple[str, Role] | None:
    async with team.house.bot.database.reading() as tx:
        known = await find_person(tx, f"slack:{user.team}/{user.id}")
    return (known.name, known.role) if known else None


async def test_the_first_admin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with open_team(tmp_path, people={}) as team:
        said = re.search(r"/agent me claim (\S+)", capsys.readouterr().out)
        assert said
        code = said[1]
        gus, sam = team.slack.user("gus", is_restricted=True), team.slack.user("sam")
        eve = team.slack.user("eve", team="T0FOREIGN")
        team.slack.channel("ops", gus, sam, eve)
        for person, words in ((gus, "Guests may not"), (eve, "other organisations")):
            await person.command("/agent", f"me claim {code}", "ops")
            await team.whispered(person, words)
            assert await name_role(team, person) is None
        await team.ann.command("/agent", "me claim ABCD-EFGH-JKMN", "ops")
        await team.whispered(team.ann, "This code does not hold")
        sent = [team.ann.command("/agent", f"me claim {code}", "ops"), sam.mention("ops", f"me claim {code}")]
        await asyncio.gather(*sent)
        await team.wait(
            lambda: [p for p in (team.ann, sam) if team.find_whispered(p, "and admin")], "somebody is admin"
        )
        await team.wait(lambda: team.slack.ephemerals(sam) and len(team.slack.ephemerals(team.ann)) == 2, "answers")
        found = [await name_role(team, person) for person in (team.ann, sam)]
        assert sorted(filter(None, found)) in ([("ann", Role.ADMIN)], [("sam", Role.ADMIN)])
        winner = team.ann if found[0] else sam
        await winner.command("/agent", "spawn sample -- say hello", "ops")
        await team.see("sample-1 · done")


async def test_members_are_known_by_a_confirmed_address(team: Team) -> None:
    bob = team.slack.user("bob")
    false = team.slack.user("bobby", email="bob@example.com", is_email_confirmed=False)
    guest = team.slack.user("guest", email="bob@example.com", is_ultra_restricted=True)
    foreign = team.slack.user("fay", email="bob@example.com", team="T0FOREIGN")
    team.slack.channel("ops", bob, false, guest, foreign)
    for person, words in ((false, "no role here"), (guest, "Guests may not"), (foreign, "other organisations")):
        await person.command("/agent", "list", "ops")
        await team.whispered(person, words)
        assert await name_role(team, person) is None
    await bob.command("/agent", "me", "ops")
    await team.whispered(bob, "by e-mail")
    assert await name_role(team, bob) == ("bob", Role.OPERATOR)
    await bob.command("/agent", "spawn sample -- run `git status`", "ops")
    card = await team.see("asks: Run")
    await bob.click(card, "Once")
    await team.whispered(bob, "takes the role approver")
    await team.ann.click(card, "Once")
    await team.see("answered by ann")
    await team.see("sample-1 · done")


async def test_a_workspace_that_grants_no_addresses(team: Team) -> None:
    team.slack.scopes -= {"users:read.email"}
    bob = team.slack.user("bob")
    team.slack.channel("ops", bob)
    await bob.command("/agent", "list", "ops")
    await team.whispered(bob, "no role here")


async def test_a_code_of_slack_and_one_of_the_command_line(team: Team) -> None:
    kim, lee = team.slack.user("kim"), team.slack.user("lee")
    team.slack.channel("ops", kim, lee)
    code = (await team.house.run("me link"))["secret"]
    await kim.command("/agent", f"me link {code}", "ops")
    await team.whispered(kim, "here too: admin")
    local = (await team.house.run("me"))["data"]
    assert f"slack:{team.slack.team}/{kim.id}" in local["identities"]
    await team.ann.command("/agent", "me link", "ops")
    await team.whispered(team.ann, "Give it to nobody")
    await team.wait(lambda: CODE.search(read_whispers(team, team.ann)), "a code")
    found = CODE.search(read_whispers(team, team.ann))
    assert found
    await lee.mention("ops", f"me link {found[0]}")
    await team.whispered(lee, "You are ann here too: admin")
    await lee.command("/agent", f"me unlink slack:{team.slack.team}/{lee.id}", "ops")
    await team.whispered(lee, "is nobody here any more")
    await lee.command("/agent", "list", "ops")
    await team.whispered(lee, "no role here")
    said = " ".join(team.slack.text_of(message) for message in team.slack.messages("ops"))
    assert "here too" not in said, "it is nobody else's business"
    assert found[0].encode() not in (team.house.home / "callboard.sqlite3").read_bytes()


def read_whispers(team: Team, user: User) -> str:
    return " ".join(team.slack.text_of(one) for one in team.slack.ephemerals(user))


async def test_a_card_gives_a_role_in_one_project(team: Team) -> None:
    sam = team.slack.user("sam")
    team.slack.channel("ops", sam)
    await sam.command("/agent", "spawn sample -- say hello", "ops")
    await sam.click(await team.whispered(sam, "You are not known here"), "Ask for access")
    card = await team.see("sam asks for access")
    await team.ann.choose(card, "In one project", "Operator in sample")
    await team.see("granted operator in sample by ann")
    await sam.command("/agent", "me", "ops")
    await team.whispered(sam, "sam: viewer, operator in sample")
    await sam.command("/agent", "spawn sample -- say hello", "ops")
    await team.see("sample-1 · done")


async def test_a_second_card_and_its_thread(team: Team) -> None:
    dev = team.slack.channel("dev", team.ann)
    await team.ann.command("/agent", "spawn sample -- run `git status`; run `git log`; say bye", "ops")
    first = await team.see("asks: Run")
    for _ in range(2):
        await team.ann.command("/agent", "show sample-1 here", "dev")
    await team.whispered(team.ann, "is shown here already")
    second = await team.wait(lambda: find_in(team, "dev", "asks: Run"), "a second card")
    await team.ann.click(second, "Once")
    await team.wait(lambda: find_in(team, "dev", "asks for permission: Run `git log`", second.ts), "an ask there")
    await team.see("asks for permission: Run `git log`", first.ts)
    await team.wait(lambda: find_in(team, "dev", "asks: Run `git log`"), "the card of the second ask")
    await team.ann.say("dev", "say more", thread_ts=second.ts)
    await team.wait(lambda: find_in(team, "dev", "Queued: sample-1 gets it", second.ts), "an answer there")
    await team.ann.click(await team.see("asks: Run `git log`"), "Once")
    await team.see("sample-1 · done")
    await team.wait(lambda: find_in(team, "dev", "sample-1 · done"), "the end there")
    assert (len(team.slack.messages("ops")), len(team.slack.messages(dev.id))) == (1, 1)
    assert "Queued" not in " ".join(map(team.slack.text_of, team.slack.messages("ops", first.ts)))


def find_in(team: Team, channel: str, words: str, thread: str | None = None) -> object:
    shown = team.slack.messages(channel, thread)
    return next((one for one in reversed(shown) if words in team.slack.text_of(one)), None)


async def test_what_a_channel_means_is_said(team: Team) -> None:
    await team.ann.command("/agent", "project use sample --kind demo", "ops")
    await team.whispered(team.ann, "Here, sample with demo is meant")
    await team.ann.mention("ops", "please say hello")
    await team.see("starts on sample, the defaults of this channel")
    await team.see("sample-1 · done")

"""Codes, the first admin, and one person in several places."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from core.claims import claim_chat, is_ownerless, make_claim
from core.codes import AGAIN, LASTS, MOST_WRONG, forget_old_codes, make_code, use_code
from core.errors import Conflict, NotFound, Refused
from core.identities import CODE, Joined, join_by_code, join_by_email, make_link_code, unlink_identity
from core.ids import conceal_code
from core.model import Actor, Agent, Identity, Person, ProjectRole, Role, Token
from core.people import find_person, load_actor, make_token, sync_people
from core.permissions import Facts, demand_role
from core.roles import grant_role, revoke_in_project, revoke_person
from core.store import Database, find, get, insert
from core.visits import Code, Purpose, Tries
from tests.fakes.clock import START
from tests.fakes.records import make_agent

ANN = Actor("p-ann", "ann", Role.ADMIN, "test")
CHATS = ("slack", "discord")
LATER = START + timedelta(minutes=1)


def locate(*path: str) -> str:
    return ".".join(path)


@pytest.fixture(autouse=True)
async def _ann(database: Database) -> None:
    async with database.transaction() as tx:
        await insert(tx, Person("p-ann", "ann", Role.ADMIN, START))


async def add(database: Database, name: str, role: Role, *identities: str) -> Actor:
    person = Person(f"p-{name}", name, role, START)
    async with database.transaction() as tx:
        await insert(tx, person, *(Identity(key, person.id, START) for key in identities))
    return Actor(person.id, name, role, "slack")


async def claim(
    database: Database, code: str, identity: str, now: datetime = START, name: str = "sam"
) -> Person | None:
    async with database.transaction() as tx:
        return await claim_chat(tx, code, identity, name, CHATS, now)


async def link(database: Database, maker: Actor, now: datetime = START) -> str:
    async with database.transaction() as tx:
        return await make_link_code(tx, maker, now)


async def join(
    database: Database, actor: Actor | None, code: str, identity: str = "", now: datetime = LATER
) -> Joined | None:
    async with database.transaction() as tx:
        return await join_by_code(tx, actor or Actor("", "x", Role.NOBODY, "slack"), code, identity, now)


async def find_role(database: Database, identity: str) -> tuple[str, Role] | None:
    async with database.reading() as tx:
        known = await find_person(tx, identity)
    return (known.name, known.role) if known else None


def test_a_code_is_the_same_in_every_spelling_and_says_nothing() -> None:
    said = conceal_code("7KQM-2XPD-9RTW")
    assert said.startswith("code:")
    assert said == conceal_code(" `7kqm 2xpd–9rtw` ") == conceal_code(said)
    assert said != conceal_code("7KQM-2XPD-9RTV")
    assert conceal_code("\ud800")


async def test_a_code_is_good_once_for_its_time_and_its_purpose(database: Database) -> None:
    async with database.transaction() as tx:
        first = await make_code(tx, Purpose.LINK, "p-ann", START)
        code = await make_code(tx, Purpose.LINK, "p-ann", START)
        assert not [row for row in await find(tx, Code) if code in str(row)]
        assert await use_code(tx, Purpose.LINK, first, "a", LATER) is None, "a new one voids the one before"
        assert await use_code(tx, Purpose.CLAIM, code, "b", LATER) is None
        assert await use_code(tx, Purpose.LINK, code, "c", START + LASTS[Purpose.LINK]) is None
        assert await use_code(tx, Purpose.LINK, code.lower(), "d", LATER)
        assert await use_code(tx, Purpose.LINK, code, "e", LATER) is None


async def test_wrong_codes_are_counted_for_a_while(database: Database) -> None:
    async with database.transaction() as tx:
        code = await make_code(tx, Purpose.CLAIM, "", START)
        for _ in range(MOST_WRONG):
            assert await use_code(tx, Purpose.CLAIM, "AAAA", "eve", START) is None
        assert await use_code(tx, Purpose.CLAIM, code, "eve", LATER) is None
        assert await use_code(tx, Purpose.CLAIM, code, "eve", START + AGAIN)
        await use_code(tx, Purpose.CLAIM, "AAAA", "eve", START)
        await forget_old_codes(tx, START + timedelta(days=1))
        assert (await find(tx, Code), await find(tx, Tries)) == ([], [])


async def test_of_many_who_claim_at_once_one_is_admin(database: Database) -> None:
    async with database.transaction() as tx:
        assert await make_claim(tx, (), START) == ""
        code = await make_claim(tx, CHATS, START)
    found = await asyncio.gather(*(claim(database, code, f"slack:T1/U{number}") for number in range(6)))
    (winner,) = [person for person in found if person]
    assert winner.role is Role.ADMIN
    async with database.transaction() as tx:
        assert not await is_ownerless(tx, CHATS)
        assert await make_claim(tx, CHATS, START) == ""
        assert len(await find(tx, Person, role=Role.ADMIN)) == 2
        assert await find(tx, Person, name="sam") == [winner]


async def test_a_claim_is_of_use_only_while_nobody_is_known(database: Database) -> None:
    async with database.transaction() as tx:
        code = await make_claim(tx, CHATS, START)
    assert await claim(database, code, "mail:x@example.com") is None, "not by a chat that nobody asked about"
    async with database.transaction() as tx:
        code = await make_claim(tx, CHATS, START)
    await add(database, "kim", Role.VIEWER, "discord:1/2")
    assert await claim(database, code, "slack:T1/U1") is None
    assert await find_role(database, "slack:T1/U1") is None


async def test_whoever_is_known_for_nothing_may_claim(database: Database) -> None:
    await add(database, "sam", Role.NOBODY, "slack:T1/U1")
    async with database.transaction() as tx:
        code = await make_claim(tx, CHATS, START)
    made = await claim(database, code, "slack:T1/U1", name="ann")
    assert made == Person("p-sam", "sam", Role.ADMIN, START)


@pytest.mark.parametrize("facts", [Facts(guest=True), Facts(foreign=True), Facts(bot=True)])
def test_strangers_say_no_codes(facts: Facts) -> None:
    nobody = Actor("", "x", Role.NOBODY, "slack")
    for verb in ("me claim", "me link"):
        demand_role(nobody, verb, Role.VIEWER)
        with pytest.raises(Refused):
            demand_role(nobody, verb, Role.VIEWER, facts)
    with pytest.raises(Refused):
        demand_role(nobody, "me show", Role.VIEWER)
    let_in = Facts(facts.guest, facts.foreign, facts.bot, admitted=frozenset({"guest", "foreign", "bot"}))
    demand_role(nobody, "me link", Role.VIEWER, let_in)
    with pytest.raises(Refused):
        demand_role(nobody, "me claim", Role.VIEWER, let_in)


async def test_whoever_says_a_code_is_who_made_it(database: Database) -> None:
    code = await link(database, ANN)
    joined = await join(database, None, code, "slack:T1/U1")
    assert joined == Joined(Person("p-ann", "ann", Role.ADMIN, START))
    assert await join(database, None, code, "slack:T1/U2") is None
    assert await find_role(database, "slack:T1/U1") == ("ann", Role.ADMIN)


async def test_of_two_who_say_a_code_at_once_one_is_joined(database: Database) -> None:
    code = await link(database, ANN)
    found = await asyncio.gather(*(join(database, None, code, f"slack:T1/U{number}") for number in range(5)))
    assert len([joined for joined in found if joined]) == 1


@pytest.mark.parametrize(
    ("maker", "other", "within", "keys", "words"),
    [
        (Role.VIEWER, Role.OPERATOR, None, (), "You are operator here"),
        (Role.OPERATOR, Role.ADMIN, None, (), "You are admin here"),
        (Role.OPERATOR, Role.VIEWER, Role.APPROVER, (), "You are approver in web here"),
        (Role.ADMIN, Role.OPERATOR, None, ("config:lee",), "set in the settings"),
        (Role.ADMIN, Role.OPERATOR, None, ("local:lee",), "at the bot's own machine"),
        (Role.ADMIN, Role.OPERATOR, Role.APPROVER, (), ""),
        (Role.OPERATOR, Role.OPERATOR, None, (), ""),
    ],
)
async def test_two_known_people(
    database: Database, maker: Role, other: Role, within: Role | None, keys: tuple[str, ...], words: str
) -> None:
    kim = await add(database, "kim", maker, "console:kim")
    lee = await add(database, "lee", other, "slack:T1/U1", "console:lee", *keys)
    async with database.transaction() as tx:
        if within:
            await insert(tx, ProjectRole("p-lee", "web", within, START))
        await insert(tx, make_agent(owner="p-lee"))
        await make_token(tx, Person("p-lee", "lee", other, START), other, "", START)
    code = await link(database, kim)
    joined = await join(database, lee, code, "slack:T1/U1")
    assert joined is not None
    assert await join(database, None, code, "slack:T1/U9") is None, "a code that was said is used up"
    async with database.reading() as tx:
        left = await get(tx, Person, id="p-lee")
        agents, tokens = await find(tx, Agent), await find(tx, Token)
        roles = await find(tx, ProjectRole)
    assert left is not None
    if words:
        assert words in str(joined.refusal)
        assert (left.role, agents[0].owner, len(tokens)) == (other, "p-lee", 1)
        return
    assert joined.refusal is None
    assert await find_role(database, "slack:T1/U1") == ("kim", maker)
    assert await find_role(database, "console:lee") is None
    assert (left.role, agents[0].owner, tokens, roles) == (Role.NOBODY, "p-kim", [], [])


async def test_who_makes_no_code(database: Database) -> None:
    for actor in (Actor("p-ann", "ann", Role.VIEWER, "api"), Actor("p-x", "x", Role.VIEWER, "test")):
        with pytest.raises(Refused):
            await link(database, actor)
    await add(database, "gil", Role.NOBODY, "slack:T1/U4")
    with pytest.raises(Refused, match="by a group"):
        await link(database, Actor("p-gil", "gil", Role.OPERATOR, "slack"))


async def test_who_lost_the_role_meanwhile_joins_nobody(database: Database) -> None:
    kim = await add(database, "kim", Role.OPERATOR)
    code = await link(database, kim)
    async with database.transaction() as tx:
        await revoke_person(tx, ANN, Person("p-kim", "kim", Role.OPERATOR, START), locate, START)
    assert await join(database, None, code, "slack:T1/U1") is None


async def test_what_a_code_joined_is_parted_by_its_person_or_an_admin(database: Database) -> None:
    kim = await add(database, "kim", Role.OPERATOR, "slack:T1/U1")
    lee = await add(database, "lee", Role.OPERATOR, "slack:T1/U2")
    await join(database, None, await link(database, kim), "discord:1/2")
    for actor, key, kind in ((lee, "discord:1/2", NotFound), (kim, "slack:T1/U1", Conflict), (kim, "x:y", NotFound)):
        async with database.transaction() as tx:
            with pytest.raises(kind):
                await unlink_identity(tx, actor, key, START)
    async with database.transaction() as tx:
        await unlink_identity(tx, ANN, "discord:1/2", START)
    assert await find_role(database, "discord:1/2") is None


async def test_a_start_keeps_what_codes_and_addresses_joined(database: Database) -> None:
    people = {"bob": (Role.OPERATOR, ["email:Bob@Example.com"])}
    async with database.transaction() as tx:
        bob = (await sync_people(tx, people, START))["bob"]
        assert await join_by_email(tx, "slack", "slack:T1/U1", "bob@example.COM", START)
        assert await join_by_email(tx, "slack", "slack:T1/U1", "bob@example.com", START) is None
        await insert(tx, Identity("discord:1/2", bob.id, START, CODE))
        await sync_people(tx, people, START)
    assert await find_role(database, "slack:T1/U1") == await find_role(database, "discord:1/2") == ("bob", bob.role)
    async with database.transaction() as tx:
        await sync_people(tx, {"bob": (Role.OPERATOR, [])}, START)
    assert await find_role(database, "slack:T1/U1") is None
    assert await find_role(database, "discord:1/2") == ("bob", Role.OPERATOR)


async def test_an_address_takes_nobody_who_has_a_role(database: Database) -> None:
    await add(database, "eve", Role.VIEWER, "slack:T1/U1")
    await add(database, "sam", Role.NOBODY, "slack:T1/U2")
    async with database.transaction() as tx:
        await sync_people(tx, {"bob": (Role.ADMIN, ["email:bob@example.com"])}, START)
        assert await join_by_email(tx, "slack", "slack:T1/U1", "bob@example.com", START) is None
        assert await join_by_email(tx, "slack", "slack:T1/U2", "bob@example.com", START)
    assert await find_role(database, "slack:T1/U1") == ("eve", Role.VIEWER)
    assert await find_role(database, "slack:T1/U2") == ("bob", Role.ADMIN)


async def test_a_role_in_one_project(database: Database) -> None:
    async with database.transaction() as tx:
        await grant_role(tx, ANN, "kim", Role.OPERATOR, locate, START, "web")
        known = await find(tx, Person, name="kim")
        kim = await load_actor(tx, known[0].id, "slack")
        assert (kim.role, kim.projects) == (Role.VIEWER, {"web": Role.OPERATOR})
        assert (await load_actor(tx, kim.person, "api", Role.VIEWER)).projects == {"web": Role.VIEWER}
        demand_role(kim, "spawn", Role.OPERATOR)
        for verb, role in (("admin grant", Role.ADMIN), ("reload", Role.ADMIN), ("backup", Role.OPERATOR)):
            with pytest.raises(Refused):
                demand_role(kim, verb, role)
        with pytest.raises(Conflict, match="admin in all projects"):
            await grant_role(tx, ANN, "ann", Role.OPERATOR, locate, START, "web")
        await revoke_in_project(tx, ANN, known[0], "web", locate, START)
        with pytest.raises(NotFound):
            await revoke_in_project(tx, ANN, known[0], "web", locate, START)

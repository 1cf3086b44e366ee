from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from core.asks import (
    MOST_OPEN,
    PATIENCE,
    ask_access,
    ask_again,
    decline_ask,
    draw_ask,
    forget_asks,
    name_admins,
    subject_of,
)
from core.errors import BadInput, CallboardError, Conflict, NotFound, Refused
from core.events import Event
from core.messages import Place
from core.model import Actor, AuditRow, Identity, Person, Posting, Role
from core.people import make_token
from core.roles import find_named, grant_role, revoke_person
from core.sessions import check_session, make_link, open_session
from core.store import Database, change, find, get, insert
from core.tokens import grant_token, name_token, revoke_named
from core.visits import Ask, AskState, Session
from tests.fakes.clock import START

BOSS = Actor("p-boss", "ada", Role.ADMIN, "test")
PLACES = (Place("console", "main"),)
DAYS = timedelta(days=14)


def locate(*path: str) -> str:
    return f"callboard.yaml:7: {'.'.join(path)}"


@pytest.fixture(autouse=True)
async def _boss(database: Database) -> None:
    async with database.transaction() as tx:
        await insert(tx, Person("p-boss", "ada", Role.ADMIN, START))


async def grant(
    database: Database, words: str, role: Role = Role.OPERATOR, actor: Actor = BOSS, now: datetime = START
) -> Person:
    async with database.transaction() as tx:
        return (await grant_role(tx, actor, words, role, locate, now)).person


async def ask(database: Database, name: str, now: datetime = START) -> Ask:
    async with database.transaction() as tx:
        return await ask_access(tx, name, PLACES, "192.0.2.7", now)


async def count_events(database: Database) -> list[str]:
    async with database.reading() as tx:
        return [event.kind for event in await find(tx, Event)]


async def test_somebody_new_is_added(database: Database) -> None:
    kim = await grant(database, "Kim")
    assert (kim.name, kim.role) == ("Kim", Role.OPERATOR)
    assert await grant(database, "kim", Role.VIEWER) == Person(kim.id, "Kim", Role.VIEWER, START)
    assert await grant(database, kim.id, Role.APPROVER) == Person(kim.id, "Kim", Role.APPROVER, START)
    async with database.reading() as tx:
        assert await get(tx, Identity, key="console:kim") == Identity("console:kim", kim.id, START)
        rows = await find(tx, AuditRow)
    assert [row.detail for row in rows] == [
        "Kim operator, was nobody",
        "Kim viewer, was operator",
        "Kim approver, was viewer",
    ]
    assert await count_events(database) == ["person.granted"] * 3


async def test_two_grants_at_once_make_one_person(database: Database) -> None:
    found = await asyncio.gather(*(grant(database, "kim") for _ in range(6)), return_exceptions=True)
    assert all(isinstance(item, Person | Conflict) for item in found), found
    async with database.reading() as tx:
        assert len([person for person in await find(tx, Person) if person.name == "kim"]) == 1


@pytest.mark.parametrize(
    ("words", "error", "say"),
    [
        ("p-gone", NotFound, "nobody with the id"),
        ("x-gone", NotFound, "Nobody asked for access"),
        ("<kim>", BadInput, "cannot be used as a name"),
        ("sam", Conflict, "configuration"),
        ("ada", Conflict, "last admin"),
    ],
)
async def test_grants_that_are_refused(database: Database, words: str, error: type[CallboardError], say: str) -> None:
    async with database.transaction() as tx:
        await insert(tx, Person("p-sam", "sam", Role.VIEWER, START), Identity("config:sam", "p-sam", START))
    with pytest.raises(error, match=say) as caught:
        await grant(database, words)
    assert caught.value.remedy
    if words == "sam":
        assert "callboard.yaml:7: people.sam.role" in caught.value.remedy
    assert await count_events(database) == []


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
async def test_only_admins(database: Database, role: Role) -> None:
    kim = await grant(database, "kim")
    asked = await ask(database, "lee")
    actor = Actor("p-x", "x", role, "test")
    for act in (
        lambda tx: grant_role(tx, actor, "kim", Role.ADMIN, locate, START),
        lambda tx: revoke_person(tx, actor, kim, locate, START),
        lambda tx: decline_ask(tx, actor, asked.id, START),
    ):
        with pytest.raises(Refused):
            async with database.transaction() as tx:
                await act(tx)
    async with database.reading() as tx:
        assert await get(tx, Person, id=kim.id) == kim


async def test_everything_is_void_at_once(database: Database) -> None:
    kim = await grant(database, "kim")
    async with database.transaction() as tx:
        secret = await open_session(tx, kim.id, Role.ADMIN, START, DAYS)
        await make_link(tx, kim.id, Role.ADMIN, BOSS.person, START, DAYS)
        await make_token(tx, kim, Role.VIEWER, "ci", START)
        bells, topic = database.bells, f"person:{kim.id}"
        heard = bells.listen(topic)
        void = await revoke_person(tx, BOSS, kim, locate, START)
    assert (void.sessions, void.links, void.tokens) == (1, 1, 1)
    assert bells.listen(topic) != heard
    async with database.reading() as tx:
        assert await check_session(tx, secret, START) is None
        known = await get(tx, Person, id=kim.id)
    assert known
    assert known.role is Role.NOBODY
    assert await count_events(database) == ["person.granted", "person.revoked"]


async def test_a_void_token_signs_its_person_out(database: Database) -> None:
    kim = await grant(database, "kim")
    async with database.transaction() as tx:
        _, token = await grant_token(tx, BOSS, kim, Role.VIEWER, "ci", 30, START)
        secret = await open_session(tx, kim.id, Role.VIEWER, START, DAYS)
        void = await revoke_named(tx, BOSS, name_token(token), START)
        assert (void.token, void.sessions) == (token, 1)
        assert await check_session(tx, secret, START) is None


async def test_the_last_admin_stays(database: Database) -> None:
    ben = await grant(database, "ben", Role.ADMIN)
    boss = Person("p-boss", "ada", Role.ADMIN, START)

    async def revoke(person: Person) -> None:
        async with database.transaction() as tx:
            await revoke_person(tx, BOSS, person, locate, START)

    ends = await asyncio.gather(revoke(ben), revoke(boss), return_exceptions=True)
    assert [type(end) for end in ends if end] == [Conflict], ends
    async with database.reading() as tx:
        assert len(await find(tx, Person, role=Role.ADMIN)) == 1


async def test_two_people_of_one_name(database: Database) -> None:
    async with database.transaction() as tx:
        await insert(tx, Person("p-1", "Kim", Role.VIEWER, START), Person("p-2", "kim", Role.VIEWER, START))
        with pytest.raises(Conflict, match="2 people") as caught:
            await find_named(tx, "KIM")
    assert "p-1" in caught.value.remedy


# ------------------------------------------------------------------------------------------------- asking for access


async def test_an_ask_is_shown_and_granted(database: Database) -> None:
    asked = await ask(database, "kim lee")
    async with database.reading() as tx:
        (posting,) = await find(tx, Posting)
        card = await draw_ask(tx, asked.id)
    assert (posting.subject, posting.place) == (subject_of(asked.id), "console:main")
    assert card
    assert card.title == "kim.lee asks for access"
    assert asked.word in card.lines[0]
    assert [(button.label, button.command) for button in card.buttons] == [
        ("Viewer", f"admin grant {asked.id} viewer"),
        ("Operator", f"admin grant {asked.id} operator"),
        ("Approver", f"admin grant {asked.id} approver"),
        ("Decline", f"admin decline {asked.id}"),
    ]
    kim = await grant(database, asked.id, now=START + timedelta(hours=2, minutes=2))
    assert (kim.id, kim.role) == (asked.person, Role.OPERATOR)
    async with database.reading() as tx:
        card = await draw_ask(tx, asked.id)
        (posting,) = await find(tx, Posting)
    assert card
    assert (card.title, card.lines) == ("kim.lee asked for access", ("granted operator by ada, 14:02Z",))
    assert not card.buttons
    assert posting.wanted == 2
    assert await count_events(database) == ["access.asked", "person.granted", "access.granted"]


async def test_the_first_answer_wins(database: Database) -> None:
    asked = await ask(database, "kim")
    roles = (Role.VIEWER, Role.OPERATOR, Role.APPROVER)
    ends = await asyncio.gather(*(grant(database, asked.id, role) for role in roles * 2), return_exceptions=True)
    (won,) = [end for end in ends if isinstance(end, Person)]
    lost = [end for end in ends if isinstance(end, Conflict)]
    assert len(lost) == 5
    assert f"granted {won.role.name.lower()} by ada, 12:00Z" in lost[0].message
    with pytest.raises(Conflict, match="answered already"):
        async with database.transaction() as tx:
            await decline_ask(tx, BOSS, asked.id, START)
    async with database.reading() as tx:
        assert await get(tx, Person, id=won.id) == won


async def test_a_grant_by_name_answers_the_ask(database: Database) -> None:
    asked = await ask(database, "kim")
    await grant(database, "kim")
    async with database.reading() as tx:
        known = await get(tx, Ask, id=asked.id)
    assert known
    assert known.state is AskState.GRANTED


async def again(database: Database, person: Person, now: datetime) -> Ask:
    async with database.transaction() as tx:
        return await ask_again(tx, person, PLACES, "", now)


async def test_declined(database: Database) -> None:
    asked = await ask(database, "kim")
    async with database.transaction() as tx:
        await decline_ask(tx, BOSS, asked.id, START)
        card = await draw_ask(tx, asked.id)
        kim = await get(tx, Person, id=asked.person)
    assert card
    assert card.lines == ("declined by ada, 12:00Z",)
    assert kim
    assert kim.role is Role.NOBODY
    with pytest.raises(Conflict, match="declined"):
        await again(database, kim, START + timedelta(hours=23))
    async with database.reading() as tx:
        assert await name_admins(tx, kim.id) == ()
    second = await again(database, kim, START + timedelta(days=1))
    assert (await count_events(database)).count("access.asked") == 2
    async with database.transaction() as tx:
        await decline_ask(tx, BOSS, second.id, START + timedelta(days=1))
        assert await name_admins(tx, kim.id) == ["ada"]
    with pytest.raises(Conflict) as refused:
        await again(database, kim, START + timedelta(days=1))
    assert "or ada by word" in refused.value.remedy


async def test_once_until_it_is_answered(database: Database) -> None:
    asked = await ask(database, "kim")
    async with database.transaction() as tx:
        kim = await get(tx, Person, id=asked.person)
        assert kim
        with pytest.raises(Conflict, match="asked already: open"):
            await ask_again(tx, kim, PLACES, "", START)


@pytest.mark.parametrize("name", ["ada", "ADA", " Ada "])
async def test_a_name_is_one_person_s(database: Database, name: str) -> None:
    with pytest.raises(Conflict, match="already"):
        await ask(database, name)


async def test_so_many_may_wait(database: Database) -> None:
    ends = await asyncio.gather(*(ask(database, f"kim{n}") for n in range(MOST_OPEN + 5)), return_exceptions=True)
    assert len([end for end in ends if isinstance(end, Ask)]) == MOST_OPEN
    refused = [end for end in ends if isinstance(end, Conflict)]
    assert len(refused) == 5
    assert "wait for access already" in refused[0].message
    async with database.reading() as tx:
        assert len(await find(tx, Person)) == MOST_OPEN + 1


async def test_what_leads_to_nothing_is_forgotten(database: Database) -> None:
    asked, granted = await ask(database, "kim"), await ask(database, "lee")
    await grant(database, granted.id)
    async with database.transaction() as tx:
        await open_session(tx, asked.person, Role.ADMIN, START, DAYS)
        await forget_asks(tx, START + PATIENCE)
        assert (await find(tx, Ask, state=AskState.OPEN)) == [asked]
        await forget_asks(tx, START + PATIENCE + timedelta(seconds=1))
        card = await draw_ask(tx, asked.id)
        assert card
        assert card.lines == ("nobody answered within 7 days",)
        await forget_asks(tx, START + timedelta(days=31))
        assert {person.name for person in await find(tx, Person)} == {"ada", "lee"}
        assert await find(tx, Session) == []
        assert [item.id for item in await find(tx, Ask)] == [granted.id]
        assert await draw_ask(tx, asked.id) is None


async def test_whoever_was_known_stays(database: Database) -> None:
    kim = await grant(database, "kim")
    async with database.transaction() as tx:
        await revoke_person(tx, BOSS, kim, locate, START)
        fresh = await get(tx, Person, id=kim.id)
        assert fresh
        await ask_again(tx, fresh, PLACES, "", START)
        await change(tx, Ask, {"person": kim.id}, state=AskState.DECLINED, answered_at=START)
        await forget_asks(tx, START + timedelta(days=31))
        assert await find(tx, Ask) == []
        assert await get(tx, Person, id=kim.id) == fresh

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from core.events import Event
from core.model import Actor, AuditRow, Person, Role
from core.people import digest_token
from core.sessions import (
    LONGEST,
    Arrival,
    check_session,
    close_session,
    close_sessions,
    find_link,
    find_session,
    forget_visits,
    is_due,
    make_link,
    open_session,
    refuse_link,
    slide_session,
    use_link,
)
from core.store import Database, change, find, insert, list_events
from core.visits import LoginLink, Session, check_form_token, derive_form_token, make_word, read_name
from tests.fakes.clock import START

ADA = Person("p-ada", "ada", Role.APPROVER, START)
DAYS = timedelta(days=14)
QUARTER = timedelta(minutes=15)


@pytest.fixture(autouse=True)
async def _ada(database: Database) -> None:
    async with database.transaction() as tx:
        await insert(tx, ADA)


async def link(database: Database, cap: Role = Role.ADMIN) -> str:
    async with database.transaction() as tx:
        return await make_link(tx, ADA.id, cap, "p-boss", START, QUARTER)


async def enter(database: Database, secret: str, now: datetime = START) -> Arrival:
    async with database.transaction() as tx:
        return await use_link(tx, secret, now, DAYS, "192.0.2.7")


async def who(database: Database, secret: str, now: datetime = START) -> Actor | None:
    async with database.reading() as tx:
        return await check_session(tx, secret, now)


async def kinds(database: Database) -> list[str]:
    async with database.reading() as tx:
        return [event.kind for event in await find(tx, Event)]


async def test_a_link_signs_in_once(database: Database) -> None:
    secret = await link(database)
    entry = await enter(database, secret)
    assert (entry.person, entry.refusal) == (ADA.id, None)
    assert await who(database, entry.secret) == Actor(ADA.id, "ada", Role.APPROVER, "console")
    again = await enter(database, secret, START + timedelta(minutes=3))
    assert again.refusal
    assert again.refusal.message == "This link was used already, at 2026-03-02 12:00Z."
    assert "Make a new one" in again.refusal.remedy
    assert again.secret == ""
    assert await kinds(database) == ["session.opened", "link.reused"]
    async with database.reading() as tx:
        audited = await find(tx, AuditRow)
        (told,) = await list_events(tx, kinds=["link.reused"])
    assert [(row.verb, row.allowed, row.detail) for row in audited] == [
        ("login", True, "192.0.2.7"),
        ("login", False, "used already 192.0.2.7"),
    ]
    assert told.data == {"person": ADA.id, "first_at": START.isoformat(), "address": "192.0.2.7"}


async def test_of_two_at_once_one_signs_in(database: Database) -> None:
    secret = await link(database)
    entries = await asyncio.gather(*(enter(database, secret) for _ in range(8)))
    assert len([entry for entry in entries if entry.secret]) == 1
    assert all("used already" in entry.refusal.message for entry in entries if entry.refusal)
    async with database.reading() as tx:
        assert len(await find(tx, Session)) == 1
    assert sorted(await kinds(database)) == ["link.reused"] * 7 + ["session.opened"]


async def test_of_two_processes_one_signs_in(postgres_pair: tuple[Database, Database]) -> None:
    async with postgres_pair[0].transaction() as tx:
        await insert(tx, Person("p-pair", "pair", Role.VIEWER, START))
        secret = await make_link(tx, "p-pair", Role.ADMIN, "p-pair", START, QUARTER)
    entries = await asyncio.gather(*(enter(one, secret) for one in postgres_pair * 4))
    assert len([entry for entry in entries if entry.secret]) == 1


@pytest.mark.parametrize(
    ("after", "words"),
    [(timedelta(minutes=14, seconds=59), ""), (QUARTER, "could be used until"), (DAYS, "could be used until")],
)
async def test_a_link_expires(database: Database, after: timedelta, words: str) -> None:
    refusal = (await enter(database, await link(database), START + after)).refusal
    assert words in (refusal.message if refusal else "")
    assert bool(refusal) == bool(words)


async def test_an_unknown_link(database: Database) -> None:
    refusal = (await enter(database, "x" * 43)).refusal
    assert refusal
    assert refusal.message == "This link is not known here."
    assert await kinds(database) == []


async def test_looking_at_a_link_changes_nothing(database: Database) -> None:
    secret = await link(database)
    async with database.reading() as tx:
        assert refuse_link(await find_link(tx, secret), START) is None
        assert refuse_link(await find_link(tx, "other"), START)
    assert (await enter(database, secret)).secret


async def test_only_digests_are_kept(database: Database) -> None:
    secret = await link(database)
    entry = await enter(database, secret)
    async with database.reading() as tx:
        rows = [*await find(tx, Session), *await find(tx, LoginLink), *await find(tx, AuditRow), *await find(tx, Event)]
    assert secret not in str(rows)
    assert entry.secret not in str(rows)
    assert digest_token(secret) in str(rows)


async def open_one(database: Database, cap: Role = Role.ADMIN, now: datetime = START) -> str:
    async with database.transaction() as tx:
        return await open_session(tx, ADA.id, cap, now, DAYS)


@pytest.mark.parametrize(
    ("cap", "role"), [(Role.VIEWER, Role.VIEWER), (Role.ADMIN, Role.APPROVER), (Role.NOBODY, Role.NOBODY)]
)
async def test_a_session_is_capped(database: Database, cap: Role, role: Role) -> None:
    actor = await who(database, await open_one(database, cap))
    assert actor
    assert actor.role is role


async def test_the_role_is_that_of_now(database: Database) -> None:
    secret = await open_one(database)
    async with database.transaction() as tx:
        await change(tx, Person, {"id": ADA.id}, role=Role.NOBODY)
    actor = await who(database, secret)
    assert actor
    assert actor.role is Role.NOBODY


async def test_a_session_slides_and_ends(database: Database) -> None:
    secret, now = await open_one(database), START
    assert await who(database, secret, START + DAYS - timedelta(seconds=1))
    assert await who(database, secret, START + DAYS) is None
    while now < START + LONGEST - timedelta(days=10):
        now += timedelta(days=10)
        async with database.transaction() as tx:
            known = await find_session(tx, secret, now)
            assert known, now
            assert is_due(known, now)
            await slide_session(tx, known, now, DAYS)
    assert await who(database, secret, START + LONGEST - timedelta(seconds=1))
    assert await who(database, secret, START + LONGEST) is None


async def test_a_look_costs_no_write(database: Database) -> None:
    secret = await open_one(database)
    async with database.reading() as tx:
        known = await find_session(tx, secret, START)
    assert known
    assert not is_due(known, START + timedelta(minutes=9))
    assert is_due(known, START + timedelta(minutes=10))


async def test_signing_out(database: Database) -> None:
    one, other = await open_one(database), await open_one(database)
    async with database.transaction() as tx:
        assert await close_session(tx, one)
        assert not await close_session(tx, one)
    assert await who(database, one) is None
    assert await who(database, other)
    secret = await link(database)
    async with database.transaction() as tx:
        assert await close_sessions(tx, ADA.id) == (1, 1)
    assert await who(database, other) is None
    refusal = (await enter(database, secret)).refusal
    assert refusal


async def test_what_is_over_is_forgotten(database: Database) -> None:
    await open_one(database)
    await open_one(database, now=START + DAYS)
    await link(database)
    async with database.transaction() as tx:
        await forget_visits(tx, START + DAYS)
        assert len(await find(tx, Session)) == 1
        assert len(await find(tx, LoginLink)) == 1
        await forget_visits(tx, START + timedelta(days=31))
        assert await find(tx, LoginLink) == []


@pytest.mark.parametrize("secret", ["", "x", "é\udcff"])
async def test_no_session(database: Database, secret: str) -> None:
    assert await who(database, secret) is None


@given(st.text(), st.text())
def test_form_tokens_fit_their_session_alone(secret: str, other: str) -> None:
    assert check_form_token(secret, derive_form_token(secret))
    assert secret == other or not check_form_token(secret, derive_form_token(other))
    assert not check_form_token(secret, "")
    assert not check_form_token(secret, secret)


@given(st.text(max_size=60))
def test_names_are_one_word(text: str) -> None:
    try:
        name = read_name(text)
    except BadInput:
        return
    assert 0 < len(name) <= 40
    assert name.isprintable()
    assert not set(name) & set(' @<>&"`*:/\\|')
    assert read_name(name) == name


@pytest.mark.parametrize(
    ("text", "name"), [("Kim Lee", "Kim.Lee"), (" zoë ", "zoë"), ("o'neil", "o'neil"), ("kim_2", "kim_2")]
)
def test_names_that_do(text: str, name: str) -> None:
    assert read_name(text) == name


@pytest.mark.parametrize(
    "text", ["", " ", "@everyone", "<b>", "p-7kq2", "t-0f3a9c2d1e", "x-1", "a" * 41, "-rf", "a\u202eb", "a\0b", "_"]
)
def test_names_that_do_not(text: str) -> None:
    with pytest.raises(BadInput):
        read_name(text)


def test_code_words_can_be_read_aloud() -> None:
    words = {make_word() for _ in range(200)}
    assert len(words) > 150
    assert all(len(word.split()) == 2 and word.replace(" ", "").isalpha() for word in words)

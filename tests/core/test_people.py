from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import pytest

from core.errors import ConfigurationError
from core.events import Event
from core.model import Actor, Identity, Person, Role, Token
from core.people import (
    check_token,
    ensure_person,
    load_actor,
    make_token,
    revoke_token,
    revoke_tokens,
    sync_people,
)
from core.store import Database, find, get
from tests.fakes.clock import START

Configured = Mapping[str, tuple[Role, tuple[str, ...]]]


async def sync(database: Database, configured: Configured) -> Mapping[str, Person]:
    async with database.transaction() as tx:
        return await sync_people(tx, configured, START)


async def ensure(database: Database, identity: str, role: Role = Role.NOBODY, name: str = "somebody") -> Person:
    async with database.transaction() as tx:
        return await ensure_person(tx, identity, name, role, START)


async def act(database: Database, person: Person, cap: Role | None = None) -> Actor:
    async with database.reading() as tx:
        return await load_actor(tx, person.id, "test", cap)


async def test_a_person_is_made_once(database: Database) -> None:
    first = await ensure(database, "local:alice", Role.ADMIN, "alice")
    assert await ensure(database, "local:alice", Role.VIEWER, "other") == first
    assert (await ensure(database, "local:bob")).id != first.id


async def test_made_once_at_the_same_time(database: Database) -> None:
    people = await asyncio.gather(*(ensure(database, "slack:T/U") for _ in range(8)))
    assert len({person.id for person in people}) == 1
    async with database.reading() as tx:
        assert len(await find(tx, Person)) == 1


async def test_an_actor_never_exceeds_the_cap(database: Database) -> None:
    person = await ensure(database, "local:alice", Role.APPROVER, "alice")
    assert await act(database, person) == Actor(person.id, "alice", Role.APPROVER, "test")
    assert (await act(database, person, Role.VIEWER)).role is Role.VIEWER
    assert (await act(database, person, Role.ADMIN)).role is Role.APPROVER


async def test_who_is_not_known_has_no_role(database: Database) -> None:
    async with database.reading() as tx:
        assert (await load_actor(tx, "p-gone", "test", Role.ADMIN)).role is Role.NOBODY


async def test_people_follow_the_configuration(database: Database) -> None:
    first = await sync(database, {"alice": (Role.OPERATOR, ("local:alice", "slack:T/A")), "bob": (Role.VIEWER, ())})
    assert await ensure(database, "slack:T/A") == first["alice"]
    second = await sync(database, {"alice": (Role.ADMIN, ("slack:T/A",))})
    assert second["alice"].id == first["alice"].id
    assert (await act(database, first["alice"])).role is Role.ADMIN
    assert (await act(database, first["bob"])).role is Role.NOBODY, "who was taken out may do nothing"
    assert (await ensure(database, "local:alice")).id != first["alice"].id, "what was taken away acts for nobody"


async def test_taken_out_and_back(database: Database) -> None:
    people: Configured = {"alice": (Role.ADMIN, ("slack:T/A",))}
    await sync(database, people)
    await sync(database, {})
    assert (await act(database, await ensure(database, "slack:T/A"))).role is Role.NOBODY
    back = await sync(database, people)
    assert (await act(database, back["alice"])).role is Role.ADMIN


async def test_a_known_stranger_becomes_the_configured_person(database: Database) -> None:
    stranger = await ensure(database, "slack:T/A")
    people = await sync(database, {"alice": (Role.OPERATOR, ("slack:T/A",))})
    assert people["alice"].id == stranger.id
    assert (await act(database, stranger)).name == "alice"


async def test_who_was_granted_a_role_becomes_the_configured_person(database: Database) -> None:
    """One that an admin admitted under the name is meant; one that only calls themselves so is not."""
    granted = await ensure(database, "console:kim", Role.VIEWER, "Kim")
    stranger = await ensure(database, "slack:T/B", Role.NOBODY, "bob")
    people = await sync(database, {"kim": (Role.APPROVER, ()), "bob": (Role.ADMIN, ())})
    assert people["kim"].id == granted.id
    assert (await act(database, granted)).role is Role.APPROVER
    assert people["bob"].id != stranger.id
    assert (await act(database, stranger)).role is Role.NOBODY
    again = await sync(database, {"kim": (Role.VIEWER, ()), "bob": (Role.ADMIN, ())})
    assert [again[name].id for name in ("kim", "bob")] == [people[name].id for name in ("kim", "bob")]


async def test_an_identity_moves_to_another_person(database: Database) -> None:
    before = await sync(database, {"alice": (Role.ADMIN, ("slack:T/X",)), "bob": (Role.VIEWER, ())})
    after = await sync(database, {"alice": (Role.ADMIN, ()), "bob": (Role.VIEWER, ("slack:T/X",))})
    assert after["bob"].id == before["bob"].id
    assert (await ensure(database, "slack:T/X")).id == after["bob"].id


async def test_a_renamed_person_keeps_the_history(database: Database) -> None:
    before = await sync(database, {"alice": (Role.ADMIN, ("slack:T/X",))})
    after = await sync(database, {"carol": (Role.ADMIN, ("slack:T/X",))})
    assert after["carol"].role is Role.ADMIN
    assert (await act(database, after["carol"])).name == "carol"
    assert {person.role for person in (await act(database, before["alice"]),)} <= {Role.ADMIN, Role.NOBODY}


async def test_two_claims_are_refused(database: Database) -> None:
    with pytest.raises(ConfigurationError, match="slack:T/X is claimed by alice and bob"):
        await sync(database, {"alice": (Role.ADMIN, ("slack:T/X",)), "bob": (Role.VIEWER, ("slack:T/X",))})


async def test_syncing_again_changes_nothing(database: Database) -> None:
    people: Configured = {"alice": (Role.ADMIN, ("slack:T/X", "local:alice"))}
    for _ in range(2):
        await sync(database, people)
    async with database.reading() as tx:
        assert [event.kind for event in await find(tx, Event)] == ["person.granted"]
        assert {item.key for item in await find(tx, Identity)} == {"config:alice", "slack:T/X", "local:alice"}


async def test_a_token_acts_for_its_person(database: Database) -> None:
    person = await ensure(database, "local:alice", Role.APPROVER, "alice")
    async with database.transaction() as tx:
        token = await make_token(tx, person, Role.OPERATOR, "laptop", START, START + timedelta(days=1))
        (stored,) = await find(tx, Token)
    assert token not in repr(stored)
    async with database.reading() as tx:
        assert await check_token(tx, token, START) == Actor(person.id, "alice", Role.OPERATOR, "api")
        assert await check_token(tx, token, START + timedelta(days=1)) is None
        for wrong in ("", token[:-1], token + "x", stored.digest):
            assert await check_token(tx, wrong, START) is None


async def test_a_token_follows_its_persons_role(database: Database) -> None:
    people = await sync(database, {"alice": (Role.ADMIN, ())})
    async with database.transaction() as tx:
        token = await make_token(tx, people["alice"], Role.ADMIN, "laptop", START)
    await sync(database, {})
    async with database.reading() as tx:
        actor = await check_token(tx, token, START)
    assert actor
    assert actor.role is Role.NOBODY


async def test_tokens_are_revoked(database: Database) -> None:
    person = await ensure(database, "local:alice", Role.ADMIN)
    async with database.transaction() as tx:
        tokens = [await make_token(tx, person, Role.ADMIN, label, START) for label in ("run", "run", "mine")]
        assert await revoke_token(tx, tokens[2])
        assert not await revoke_token(tx, tokens[2])
        assert await revoke_tokens(tx, person.id, "run") == 2
        assert await get(tx, Token, person=person.id) is None

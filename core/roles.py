"""Roles as admins give and take them. Each act is audited with it; what a person may do changes at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from core.asks import require_ask, say_granted, say_role, settle_ask, topic_of
from core.audit import write_audit
from core.errors import BadInput, Conflict, NotFound
from core.events import Event
from core.ids import make_id
from core.model import Actor, Identity, Person, ProjectRole, Role, Token
from core.people import CONFIGURED
from core.permissions import demand
from core.sessions import close_sessions
from core.store import Transaction, append_events, change, find, get, insert, insert_new, remove, take_numbers, upsert
from core.store.spine import list_identities
from core.store.visits import is_taken, lock_admins
from core.visits import Ask, AskState, read_name

Locate = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Granted:
    """Who has a role now. `ask` is the one that was answered with it, if there was one."""

    person: Person
    ask: Ask | None = None
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Revoked:
    """Whose role was taken, and what became void with it."""

    person: Person
    sessions: int
    links: int
    tokens: int


async def grant_role(
    tx: Transaction, actor: Actor, words: str, role: Role, locate: Locate, now: datetime, project: str = ""
) -> Granted:
    """Give a role to a person (by name or id), to somebody who asked for access (by the ask's id), or to a new person
    of that name; in one `project`, or in all of the house. `locate` says where a setting is. Raises NotFound, BadInput
    for a name or role that does not do, and Conflict for who is configured, for an ask that is answered, for the last
    admin, and for who is as much everywhere."""
    demand(actor, "grant")
    ask = await require_ask(tx, words) if words.startswith("x-") else None
    known = await find_named(tx, ask.person if ask else words)
    person = known or await _make_person(tx, words, now)
    await _check_change(tx, person, person.role if project else role, locate)
    ask = ask or await get(tx, Ask, person=person.id, state=AskState.OPEN)
    answered = await settle_ask(tx, ask, actor, role, now, project) if ask else None
    given = await _give_in_project(tx, person, role, project, now) if project else role
    await change(tx, Person, {"id": person.id}, role=given)
    await insert_new(tx, Identity(f"console:{person.name.lower()}", person.id, now), "key")
    tx.ring(topic_of(person.id))
    await _note_grant(tx, actor, person, say_granted(role, project), answered, now)
    return Granted(replace(person, role=given), answered, known is None)


async def _give_in_project(tx: Transaction, person: Person, role: Role, project: str, now: datetime) -> Role:
    """What the person is elsewhere from now on: whoever works in one project sees the others."""
    if role is Role.ADMIN:
        raise BadInput("An admin is admin of all.", remedy="In one project, give viewer, operator or approver.")
    if person.role >= role > Role.VIEWER:
        raise Conflict(f"{person.name} is {say_role(person.role)} in all projects already.")
    await upsert(tx, ProjectRole(person.id, project, role, now), "person", "project")
    return max(person.role, Role.VIEWER)


async def _note_grant(
    tx: Transaction, actor: Actor, person: Person, granted: str, ask: Ask | None, now: datetime
) -> None:
    detail = f"{person.name} {granted}, was {say_role(person.role)}"
    await write_audit(tx, actor, "admin grant", person.id, True, detail, now)
    data = {"person": person.id, "role": granted, "name": person.name}
    events = [Event("person.granted", now, actor=actor.person, data=data)]
    if ask:
        events.append(Event("access.granted", now, actor=actor.person, data={**data, "ask": ask.id}))
    await append_events(tx, *events)


async def revoke_person(tx: Transaction, actor: Actor, person: Person, locate: Locate, now: datetime) -> Revoked:
    """Take everything from a person: roles, sessions, links and tokens. Raises Conflict as `grant_role`."""
    demand(actor, "grant")
    await _check_change(tx, person, Role.NOBODY, locate)
    await change(tx, Person, {"id": person.id}, role=Role.NOBODY)
    await remove(tx, ProjectRole, person=person.id)
    sessions, links = await close_sessions(tx, person.id)
    tokens = await remove(tx, Token, person=person.id)
    tx.ring(topic_of(person.id))
    detail = f"{person.name}, was {say_role(person.role)}: {sessions} sessions, {links} links, {tokens} tokens"
    await write_audit(tx, actor, "admin revoke", person.id, True, detail, now)
    data = {"person": person.id, "name": person.name, "sessions": sessions, "links": links, "tokens": tokens}
    await append_events(tx, Event("person.revoked", now, actor=actor.person, data=data))
    return Revoked(person, sessions, links, tokens)


async def revoke_in_project(
    tx: Transaction, actor: Actor, person: Person, project: str, locate: Locate, now: datetime
) -> None:
    """Take the role that a person has in one project; that in the house stays. Raises NotFound, and Conflict as
    `grant_role`."""
    demand(actor, "grant")
    await _check_change(tx, person, person.role, locate)
    if await remove(tx, ProjectRole, person=person.id, project=project) == 0:
        raise NotFound(f"{person.name} has no role of their own in {project}.", remedy="`admin people` shows roles.")
    tx.ring(topic_of(person.id))
    await write_audit(tx, actor, "admin revoke", person.id, True, f"{person.name} in {project}", now)
    data = {"person": person.id, "name": person.name, "role": say_role(person.role)}
    await append_events(tx, Event("person.granted", now, actor=actor.person, data=data))


async def find_named(tx: Transaction, words: str) -> Person | None:
    """A person by id or name; None when there is none. Raises Conflict when there are several."""
    if known := await get(tx, Person, id=words):
        return known
    found = [person for person in await find(tx, Person) if person.name.casefold() == words.casefold()]
    if len(found) > 1:
        ids = ", ".join(person.id for person in found)
        raise Conflict(f"{len(found)} people are called {words}.", remedy=f"Name one by id: {ids}.")
    return found[0] if found else None


async def _make_person(tx: Transaction, words: str, now: datetime) -> Person:
    if words.startswith("p-"):
        raise NotFound(f"There is nobody with the id {words}.", remedy="`admin people` shows who there is.")
    person = Person(make_id("p"), read_name(words), Role.NOBODY, now)
    await take_numbers(tx, "asks")
    if await is_taken(tx, person.name):
        raise Conflict(f"Somebody is called {person.name} already.", remedy="`admin people` shows who there is.")
    await insert(tx, person)
    return person


async def _check_change(tx: Transaction, person: Person, role: Role, locate: Locate) -> None:
    anchors = [key for key in await list_identities(tx, person.id) if key.startswith(CONFIGURED)]
    if anchors:
        name = anchors[0].removeprefix(CONFIGURED)
        where = locate("people", name, "role")
        raise Conflict(f"{person.name}'s role is set in the configuration.", remedy=f"Change {where}, then `reload`.")
    admins = await lock_admins(tx) if role is not Role.ADMIN else []
    if admins == [person.id]:
        raise Conflict(f"{person.name} is the last admin.", remedy="Make somebody else admin first.")

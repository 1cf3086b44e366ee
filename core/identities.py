"""One person, several identities: joined by a code that is made in one place and said in another, or by an e-mail
address that the platform vouches for and the settings name. Nobody gains a role that their own code did not have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.announce import subject_of
from core.asks import forget_stranger, join_ask, say_role, topic_of
from core.audit import write_audit
from core.codes import make_code, use_code, void_codes
from core.errors import Conflict, NotFound, Refused
from core.events import Event
from core.model import Actor, Agent, Identity, Outcome, Person, ProjectRole, Role, Token
from core.people import CONFIGURED, EMAIL, find_person
from core.permissions import demand
from core.postings import bump_postings
from core.quorum import Vote
from core.sessions import close_sessions
from core.store import Transaction, append_events, change, find, get, insert_new, remove
from core.visits import Purpose

LINK = "me link"
UNLINK = "me unlink"
CODE = "code"
LOCAL = "local:"
SIGNS_IN = "console:"
_THERE = "Make the code here, by `me link`, and say it there: then both are who you are here."


@dataclass(frozen=True, slots=True)
class Joined:
    """Who somebody is now. `former` is the name of whom they were known as before, "" for nobody. `refusal` says why
    they are not, and is raised by the caller once the code is used up: others may have heard it."""

    person: Person
    former: str = ""
    refusal: Conflict | None = None


async def make_link_code(tx: Transaction, actor: Actor, now: datetime) -> str:
    """A code by which its maker is joined in another place; shown this once. Raises Refused for who is less here than
    they are: whoever says it would be more."""
    demand(actor, LINK)
    known = await get(tx, Person, id=actor.person)
    if known is None or actor.role < known.role:
        raise Refused("What you came in with is for less than you are.", remedy="Make the code where you are yourself.")
    if known.role is Role.NOBODY:
        remedy = "Make the code where you have a role of your own and say it here."
        raise Refused(f"{known.name} has a role by a group of this chat alone.", remedy=remedy)
    code = await make_code(tx, Purpose.LINK, actor.person, now)
    await write_audit(tx, actor, LINK, actor.person, True, "a code was made", now)
    return code


async def join_by_code(tx: Transaction, actor: Actor, said: str, identity: str, now: datetime) -> Joined | None:
    """Make whoever says a code the person who made it; None for one that does not hold. The caller commits either.
    `identity` is how the platform knows them, "" where there is none. Refused is who is that person already, is of the
    settings, or may do more than that person."""
    code = await use_code(tx, Purpose.LINK, said, identity or actor.person, now)
    person = await get(tx, Person, id=code.person) if code else None
    if person is None or person.role is Role.NOBODY:
        return None
    former = await get(tx, Person, id=actor.person) if actor.person else None
    if former and (refusal := await _refuse_merge(tx, former, person)):
        return Joined(person, former.name, refusal)
    return await _join(tx, person, former, identity, CODE, Actor(person.id, person.name, person.role, actor.via), now)


async def can_join(tx: Transaction, identity: str, email: str) -> bool:
    """Whether somebody would be joined to the person of an address."""
    person, former = await find_person(tx, f"{EMAIL}{email.casefold()}"), await find_person(tx, identity)
    return person is not None and (former is None or (former.id != person.id and await _is_stranger(tx, former)))


async def join_by_email(tx: Transaction, chat: str, identity: str, email: str, now: datetime) -> Joined | None:
    """Make somebody whom the platform knows by a confirmed address the person whom the settings know by it. None where
    there is none, and for who has a role already."""
    origin = f"{EMAIL}{email.casefold()}"
    person, former = await find_person(tx, origin), await find_person(tx, identity)
    if person is None or not await can_join(tx, identity, email):
        return None
    return await _join(tx, person, former, identity, origin, Actor(person.id, person.name, person.role, chat), now)


async def _is_stranger(tx: Transaction, person: Person) -> bool:
    has_roles = person.role or await find(tx, ProjectRole, person=person.id)
    return not has_roles and not await _find_anchor(tx, person)


async def _find_anchor(tx: Transaction, person: Person) -> str:
    """The identity that the settings, or the bot's machine, give somebody for good."""
    keys = [identity.key for identity in await find(tx, Identity, person=person.id)]
    return next((key for key in keys if key.startswith((CONFIGURED, LOCAL))), "")


async def _refuse_merge(tx: Transaction, former: Person, person: Person) -> Conflict | None:
    """Why nothing is joined: it would take something from somebody, or from the settings."""
    if former.id == person.id:
        return Conflict(f"You are {person.name} here already.", remedy="Say a new code in another place.")
    if anchor := await _find_anchor(tx, former):
        where = "in the settings" if anchor.startswith(CONFIGURED) else "at the bot's own machine"
        return Conflict(f"You are {former.name} here, as it is set {where}.", remedy=_THERE)
    has = {role.project: role.role for role in await find(tx, ProjectRole, person=person.id)}
    more = [
        role for role in await find(tx, ProjectRole, person=former.id) if role.role > has.get(role.project, Role.NOBODY)
    ]
    lost = next((role for role in more if role.role > person.role), None)
    if former.role <= person.role and not lost:
        return None
    mine = f"{say_role(lost.role)} in {lost.project}" if lost else say_role(former.role)
    return Conflict(f"You are {mine} here, and {person.name}, who made the code, is less.", remedy=_THERE)


async def _join(
    tx: Transaction, person: Person, former: Person | None, identity: str, origin: str, actor: Actor, now: datetime
) -> Joined:
    if former:
        await _merge(tx, former, person, origin, actor, now)
    elif not await insert_new(tx, Identity(identity, person.id, now, origin), "key"):
        raise Conflict("You were joined at this very moment already.", remedy="`me` shows who you are.")
    tx.ring(topic_of(person.id))
    name = former.name if former else ""
    detail = f"{identity or name} is {person.name} now, by {'a code' if origin == CODE else origin}"
    await write_audit(tx, actor, LINK, person.id, True, detail, now)
    data = {"person": person.id, "name": person.name, "identity": identity, "former": name, "by": origin}
    await append_events(tx, Event("person.linked", now, actor=person.id, data=data))
    return Joined(person, name)


async def _merge(tx: Transaction, former: Person, person: Person, origin: str, actor: Actor, now: datetime) -> None:
    """Identities and agents become the other's; what else there was of the former is void."""
    await remove(tx, Identity, person=former.id, key=[key for key in await _list_keys(tx, former) if _is_name(key)])
    await change(tx, Identity, {"person": former.id}, person=person.id, origin=origin)
    running = await find(tx, Agent, owner=former.id, outcome=Outcome.NONE)
    await change(tx, Agent, {"owner": former.id}, owner=person.id)
    for agent in running:
        await bump_postings(tx, subject_of(agent.id))
    await join_ask(tx, former.id, person, actor, now)
    await void_codes(tx, Purpose.LINK, former.id)
    await close_sessions(tx, former.id)
    for kind in (Token, ProjectRole, Vote):
        await remove(tx, kind, person=former.id)
    was_known = former.role is not Role.NOBODY
    await change(tx, Person, {"id": former.id}, role=Role.NOBODY)
    tx.ring(topic_of(former.id))
    if not was_known:
        await forget_stranger(tx, former.id)


async def _list_keys(tx: Transaction, person: Person) -> Sequence[str]:
    return [identity.key for identity in await find(tx, Identity, person=person.id)]


def _is_name(key: str) -> bool:
    return key.startswith(SIGNS_IN)


async def list_linked(tx: Transaction, person: str) -> Sequence[Identity]:
    """How somebody is known, the oldest first, without what only the settings look for."""
    known = [item for item in await find(tx, Identity, person=person) if not item.key.startswith(CONFIGURED)]
    return sorted(known, key=lambda item: (item.created_at, item.key))


async def unlink_identity(tx: Transaction, actor: Actor, key: str, now: datetime) -> Identity:
    """Take back what a code joined; an admin may for everybody. Raises NotFound, Refused, and Conflict for what no
    code joined."""
    demand(actor, UNLINK)
    known = await get(tx, Identity, key=key)
    if known is None or (known.person != actor.person and actor.role is not Role.ADMIN):
        raise NotFound(f"{key[:80]} is none of your identities.", remedy="`me` shows them.")
    if known.origin != CODE:
        remedy = (
            f"Take {known.origin} out of the settings." if known.origin else "Who keeps the settings can change it."
        )
        raise Conflict(f"{key} was not joined by a code.", remedy=remedy)
    await remove(tx, Identity, key=key)
    tx.ring(topic_of(known.person))
    await write_audit(tx, actor, UNLINK, known.person, True, key, now)
    data = {"person": known.person, "identity": key}
    await append_events(tx, Event("person.unlinked", now, actor=actor.person, data=data))
    return known

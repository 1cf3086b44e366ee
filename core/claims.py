"""The way in to a chat in which nobody is known yet: a code that whoever started the bot reads in its banner."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from core.asks import choose_name, settle_open
from core.audit import write_audit
from core.codes import make_code, use_code, void_codes
from core.events import Event
from core.model import Actor, Person, Role
from core.people import ensure_person, find_person
from core.store import Transaction, append_events, change
from core.store.visits import has_role_in
from core.visits import Purpose

VERB = "me claim"


async def make_claim(tx: Transaction, chats: Collection[str], now: datetime) -> str:
    """The code of this start, "" where somebody is known; those of earlier starts are void."""
    await void_codes(tx, Purpose.CLAIM, "")
    return await make_code(tx, Purpose.CLAIM, "", now) if await is_ownerless(tx, chats) else ""


async def is_ownerless(tx: Transaction, chats: Collection[str]) -> bool:
    """Whether there are chats, and nobody with a role is known in any of them."""
    return bool(chats) and not await has_role_in(tx, chats)


async def claim_chat(
    tx: Transaction, said: str, identity: str, name: str, chats: Collection[str], now: datetime
) -> Person | None:
    """Make whoever says the code admin; None for a code that does not hold, and when somebody is known by now. The
    caller commits either, so that wrong codes are counted. `chats` are those that people may be known in."""
    chat = identity.partition(":")[0]
    if await use_code(tx, Purpose.CLAIM, said, identity, now) is None:
        return None
    if chat not in chats or not await is_ownerless(tx, chats):
        return None
    known = await find_person(tx, identity)
    called = known.name if known else await choose_name(tx, name, identity)
    person = known or await ensure_person(tx, identity, called, Role.NOBODY, now)
    admin = Person(person.id, person.name, Role.ADMIN, person.created_at)
    await change(tx, Person, {"id": person.id}, role=Role.ADMIN)
    actor = Actor(admin.id, admin.name, admin.role, chat)
    await settle_open(tx, admin.id, actor, Role.ADMIN, now)
    await write_audit(tx, actor, VERB, admin.id, True, identity, now)
    data = {"person": admin.id, "name": admin.name, "identity": identity}
    await append_events(tx, Event("person.claimed", now, actor=admin.id, data=data))
    return admin

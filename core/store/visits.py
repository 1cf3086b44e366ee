"""Queries about people, their sessions and links."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import sqlalchemy as sa

from core.model import Role
from core.store.database import Transaction
from core.store.records import find, remove
from core.store.tables import asks, code_tries, codes, identities, inbox, login_links, people, project_roles, sessions
from core.visits import Ask, AskState, Code, LoginLink, Session, Tries


async def lock_admins(tx: Transaction) -> list[str]:
    """Who is admin, by id. Until the commit nobody else changes that: of two who take each other's role one is
    refused."""
    statement = sa.select(people.c.id).where(people.c.role == Role.ADMIN.value).order_by(people.c.id).with_for_update()
    return list((await tx.run(statement)).scalars())


async def find_last_seen(tx: Transaction) -> Mapping[str, datetime]:
    """When each person who came was last here: by a page, or by a command that acts."""
    came = sa.union_all(
        sa.select(sessions.c.person, sessions.c.seen_at.label("at")),
        sa.select(inbox.c.person, inbox.c.received_at.label("at")),
    ).subquery()
    statement = sa.select(came.c.person, sa.func.max(came.c.at)).group_by(came.c.person)
    return {str(person): at for person, at in await tx.run(statement)}


async def forget_sessions(tx: Transaction, now: datetime) -> int:
    """Delete sessions that are over; how many there were."""
    return await remove(tx, Session, sa.or_(sessions.c.expires_at <= now, sessions.c.ends_at <= now))


async def forget_links(tx: Transaction, before: datetime) -> int:
    """Delete links that could be used until a time; how many there were."""
    return await remove(tx, LoginLink, login_links.c.expires_at < before)


async def list_old_asks(tx: Transaction, before: datetime, *states: AskState) -> list[Ask]:
    """Asks of a time before, in one of these states."""
    return await find(tx, Ask, asks.c.created_at < before, state=states)


async def find_last_ask(tx: Transaction, person: str) -> Ask | None:
    """What a person asked last."""
    found = await find(tx, Ask, order=asks.c.created_at.desc(), limit=1, person=person)
    return found[0] if found else None


async def is_taken(tx: Transaction, name: str) -> bool:
    """Whether somebody has this name, in any case of its letters."""
    names = (await tx.run(sa.select(people.c.name))).scalars()
    return name.casefold() in {str(other).casefold() for other in names}


async def has_role_in(tx: Transaction, chats: Collection[str]) -> bool:
    """Whether anybody who has a role, in all of the house or in a project, is known in one of these chats."""
    begins = [identities.c.key.startswith(f"{chat}:", autoescape=True) for chat in chats]
    roles = sa.or_(people.c.role > Role.NOBODY.value, people.c.id.in_(sa.select(project_roles.c.person)))
    known = sa.select(identities.c.key).join(people, people.c.id == identities.c.person)
    return (await tx.run(known.where(roles, sa.or_(*begins)).limit(1))).first() is not None


async def forget_codes(tx: Transaction, before: datetime) -> int:
    """Delete codes that could be said until a time; how many there were."""
    return await remove(tx, Code, codes.c.expires_at < before)


async def forget_tries(tx: Transaction, before: datetime) -> int:
    """Delete counts of wrong codes that began before a time; how many there were."""
    return await remove(tx, Tries, code_tries.c.since < before)

"""Who somebody is, and what they may do: read from the store at the moment of the act."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from core.errors import ConfigurationError
from core.events import Event
from core.ids import make_id
from core.model import Actor, Identity, Person, ProjectRole, Role, Token
from core.store import Transaction, append_events, change, find, get, insert, insert_new, remove, upsert
from core.store.spine import list_persons

CONFIGURED = "config:"
EMAIL = "email:"
_STRANGER = "somebody unknown"


async def ensure_person(tx: Transaction, identity: str, name: str, role: Role, now: datetime) -> Person:
    """The person behind an identity; made with this name and role when there is none yet."""
    if known := await find_person(tx, identity):
        return known
    person = Person(make_id("p"), name, role, now)
    await insert(tx, person)
    if not await insert_new(tx, Identity(identity, person.id, now), "key"):
        await remove(tx, Person, id=person.id)
        return await find_person(tx, identity) or person
    return person


async def load_actor(tx: Transaction, person: str, via: str, cap: Role | None = None) -> Actor:
    """Somebody who acts through a door, at most with the role `cap`. Whoever is not known has no role."""
    known = await get(tx, Person, id=person)
    if known is None:
        return Actor(person, _STRANGER, Role.NOBODY, via)
    cap = Role.ADMIN if cap is None else cap
    projects = {item.project: min(item.role, cap) for item in await find(tx, ProjectRole, person=person)}
    return Actor(known.id, known.name, min(known.role, cap), via, projects=projects)


async def list_people_of(tx: Transaction, project: str) -> list[Person]:
    """Everybody, with the role that they have in a project."""
    here = {item.person: item.role for item in await find(tx, ProjectRole, project=project)}
    return [
        replace(person, role=max(person.role, here.get(person.id, Role.NOBODY))) for person in await find(tx, Person)
    ]


async def sync_people(
    tx: Transaction, configured: Mapping[str, tuple[Role, Collection[str]]], now: datetime
) -> Mapping[str, Person]:
    """Bring the configured people and their identities into the store. Who is no longer configured loses the role,
    what is no longer theirs is taken from them. Raises ConfigurationError when two claim one identity."""
    configured = {name: (role, tuple(map(_fold_email, keys))) for name, (role, keys) in configured.items()}
    _check_claims(configured)
    before = await list_persons(tx, CONFIGURED)
    for anchor, person in before.items():
        if anchor.removeprefix(CONFIGURED) not in configured:
            await _set_role(tx, person, Role.NOBODY, now)
            await _bind_identities(tx, person, (), now)
    anchored = {person for anchor, person in before.items() if anchor.removeprefix(CONFIGURED) in configured}
    return {
        name: await _admit_person(tx, name, role, identities, anchored, now)
        for name, (role, identities) in configured.items()
    }


def _check_claims(configured: Mapping[str, tuple[Role, Collection[str]]]) -> None:
    owners: dict[str, str] = {}
    for name, (_, identities) in configured.items():
        for identity in identities:
            if owners.setdefault(identity, name) != name:
                message = f"{identity} is claimed by {owners[identity]} and {name}."
                raise ConfigurationError(message, where=f"people.{name}", remedy="An identity is one person's.")


async def _admit_person(
    tx: Transaction, name: str, role: Role, identities: Collection[str], anchored: set[str], now: datetime
) -> Person:
    anchor = CONFIGURED + name
    person = await find_person(tx, anchor)
    for identity in identities if person is None else ():
        known = await find_person(tx, identity)
        if known and known.id not in anchored:
            person = known
            break
    person = (
        person or await _find_granted(tx, name, anchored) or await ensure_person(tx, anchor, name, Role.NOBODY, now)
    )
    anchored.add(person.id)
    await change(tx, Person, {"id": person.id}, name=name)
    await _set_role(tx, person.id, role, now)
    await _bind_identities(tx, person.id, (anchor, *identities), now)
    return Person(person.id, name, role, person.created_at)


async def _find_granted(tx: Transaction, name: str, anchored: set[str]) -> Person | None:
    """Whom an admin gave a role under this name: nobody else is meant. Who only calls themselves so is not."""
    known = await find_person(tx, f"console:{name.lower()}")
    return known if known and known.id not in anchored else None


async def _set_role(tx: Transaction, person: str, role: Role, now: datetime) -> None:
    known = await get(tx, Person, id=person)
    if known is None or known.role is role:
        return
    await change(tx, Person, {"id": person}, role=role)
    data = {"person": person, "role": role.name.lower()}
    await append_events(tx, Event("person.granted", now, actor="callboard.yaml", data=data))


async def _bind_identities(tx: Transaction, person: str, keys: Collection[str], now: datetime) -> None:
    for known in await find(tx, Identity, person=person):
        if known.key not in keys and not _is_joined(known, keys):
            await remove(tx, Identity, key=known.key)
    for key in keys:
        await upsert(tx, Identity(key, person, now), "key")


def _is_joined(known: Identity, keys: Collection[str]) -> bool:
    """Whether a code, or an address that the settings have still, made it theirs."""
    return known.origin != "" and (not known.origin.startswith(EMAIL) or known.origin in keys)


def _fold_email(key: str) -> str:
    return key.casefold() if key.startswith(EMAIL) else key


async def find_person(tx: Transaction, identity: str) -> Person | None:
    """Who an identity (`slack:T01/U02`) is of; None when nobody is known by it."""
    known = await get(tx, Identity, key=identity)
    return await get(tx, Person, id=known.person) if known else None


async def make_token(
    tx: Transaction, person: Person, role: Role, label: str, now: datetime, expires: datetime | None = None
) -> str:
    """A new key to the API; only its hash is kept, so this is the one time it is seen."""
    token = f"cb_{secrets.token_urlsafe(32)}"
    await insert(tx, Token(digest_token(token), person.id, role, label, now, expires))
    return token


async def check_token(tx: Transaction, token: str, now: datetime, via: str = "api") -> Actor | None:
    """Who holds the token, with its role as a cap; None when it is unknown or expired. Looked up by its hash: how
    long that takes tells nothing of the token."""
    known = await get(tx, Token, digest=digest_token(token))
    if known is None or (known.expires_at is not None and known.expires_at <= now):
        return None
    return await load_actor(tx, known.person, via, known.role)


async def revoke_token(tx: Transaction, token: str) -> bool:
    """Make a token void; False when it was not valid."""
    return await remove(tx, Token, digest=digest_token(token)) == 1


async def revoke_tokens(tx: Transaction, person: str, label: str) -> int:
    """Make a person's tokens of a label void; how many there were."""
    return await remove(tx, Token, person=person, label=label)


def digest_token(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()

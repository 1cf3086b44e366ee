"""Keys to the API, as an admin makes them, lists them and makes them void. Each act is audited with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.asks import topic_of
from core.audit import write_audit
from core.errors import BadInput, Conflict, NotFound
from core.events import Event
from core.model import Actor, Person, Role, Token
from core.people import digest_token, make_token
from core.permissions import demand
from core.sessions import close_sessions
from core.store import Transaction, append_events, find, get, remove

LONGEST_DAYS = 3_660
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Void:
    """A token that was made void, and how many sessions its person had: they may have been made with it."""

    token: Token
    sessions: int


def name_token(token: Token) -> str:
    """What a token is called: the end of its digest, of which nobody can make the token."""
    return f"t-{token.digest[-_SHOWN:]}"


async def grant_token(
    tx: Transaction, actor: Actor, person: Person, role: Role, label: str, days: int, now: datetime
) -> tuple[str, Token]:
    """A new key for a person, at most with that person's role; the one time it is seen."""
    demand(actor, "grant")
    if role is Role.NOBODY or role > person.role:
        raise BadInput(
            f"{person.name} is {person.role.name.lower()}: a token cannot be {role.name.lower()}.",
            remedy="Name a lower role.",
        )
    if not 0 < days <= LONGEST_DAYS:
        raise BadInput(f"A token lasts 1 to {LONGEST_DAYS:,} days.")
    secret = await make_token(tx, person, role, label, now, now + timedelta(days=days))
    token = await get(tx, Token, digest=digest_token(secret))
    assert token is not None
    data = _describe(token)
    await write_audit(tx, actor, "admin token", name_token(token), True, f"{person.id} {data['role']}", now)
    await append_events(tx, Event("token.made", now, actor=actor.person, data=data))
    return secret, token


async def list_tokens(tx: Transaction) -> Sequence[Token]:
    """Every token, expired ones too, the newest first."""
    return sorted(await find(tx, Token), key=lambda token: token.created_at, reverse=True)


async def revoke_named(tx: Transaction, actor: Actor, name: str, now: datetime) -> Void:
    """Make a token void by what it is called; its person is signed out of the console. Raises NotFound."""
    demand(actor, "grant")
    end = name.lower().removeprefix("t-")
    fitting = [token for token in await find(tx, Token) if len(end) >= _SHOWN and token.digest.endswith(end)]
    if not fitting:
        raise NotFound(
            f"There is no token and nobody called {name}.",
            remedy="`admin tokens` and `admin people` show what there is.",
        )
    if len(fitting) > 1:
        raise Conflict(f"{len(fitting)} tokens are called {name}.")
    (token,) = fitting
    await remove(tx, Token, digest=token.digest)
    sessions, _ = await close_sessions(tx, token.person)
    tx.ring(topic_of(token.person))
    await write_audit(tx, actor, "admin revoke", name_token(token), True, token.person, now)
    await append_events(tx, Event("token.revoked", now, actor=actor.person, data=_describe(token)))
    return Void(token, sessions)


def _describe(token: Token) -> dict[str, str]:
    return {
        "token": name_token(token),
        "person": token.person,
        "role": token.role.name.lower(),
        "label": token.label,
    }

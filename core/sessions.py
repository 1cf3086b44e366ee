"""Signing in to the console: a link works once, and what it makes is a session. Of both only the SHA-256 is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.audit import write_audit
from core.errors import Refused
from core.events import Event
from core.model import Actor, Role
from core.people import digest_token, load_actor
from core.store import Transaction, append_events, change, get, insert, remove
from core.store.visits import forget_links, forget_sessions
from core.visits import LoginLink, Session, make_secret

VIA = "console"
LONGEST = timedelta(days=90)
# A session is written to so often at most: each page that is looked at must not cost a write.
_SLIDE = timedelta(minutes=10)
_LINKS_REMEMBERED = timedelta(days=30)
_AGAIN = "Make a new one: `./callboard open` on the bot's machine, `callboard login`, or ask an admin for one."


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of a link: who came in with a new session, or why not. `refusal` is raised by the caller, once the
    audit of it is committed."""

    secret: str = ""
    person: str = ""
    refusal: Refused | None = None


async def make_link(tx: Transaction, person: str, cap: Role, made_by: str, now: datetime, lasts: timedelta) -> str:
    """The secret of a new link that signs a person in once, at most with the role `cap`; the one time it is seen."""
    secret = make_secret()
    await insert(tx, LoginLink(digest_token(secret), person, cap, made_by, now, now + lasts))
    return secret


async def find_link(tx: Transaction, secret: str) -> LoginLink | None:
    """The link of a secret, used or expired too."""
    return await get(tx, LoginLink, digest=digest_token(secret))


def refuse_link(link: LoginLink | None, now: datetime) -> Refused | None:
    """Why a link signs nobody in; None when it does."""
    if link is None:
        return Refused("This link is not known here.", remedy=_AGAIN)
    if link.used_at is not None:
        return Refused(f"This link was used already, at {say_moment(link.used_at)}.", remedy=_AGAIN)
    if link.expires_at <= now:
        return Refused(f"This link could be used until {say_moment(link.expires_at)}.", remedy=_AGAIN)
    return None


async def use_link(tx: Transaction, secret: str, now: datetime, lasts: timedelta, address: str = "") -> Arrival:
    """Sign in by a link. Of two who use one link at the same moment the second is refused, which is audited and an
    event. `address` is where the browser is."""
    link = await find_link(tx, secret)
    if link is not None and refuse_link(link, now) is None:
        used = await change(tx, LoginLink, {"digest": link.digest, "used_at": None}, used_at=now)
        if used == 1:
            return await _enter(tx, link, now, lasts, address)
        link = await find_link(tx, secret)
    if link is not None:
        await _note_refusal(tx, link, now, address)
    return Arrival(refusal=refuse_link(link, now) or Refused("This link was taken back.", remedy=_AGAIN))


async def _enter(tx: Transaction, link: LoginLink, now: datetime, lasts: timedelta, address: str) -> Arrival:
    secret = await open_session(tx, link.person, link.cap, now, lasts)
    actor = await load_actor(tx, link.person, VIA, link.cap)
    await write_audit(tx, actor, "login", link.person, True, address, now)
    data = {"person": link.person, "address": address}
    await append_events(tx, Event("session.opened", now, actor=link.person, data=data))
    return Arrival(secret, link.person)


async def _note_refusal(tx: Transaction, link: LoginLink, now: datetime, address: str) -> None:
    stranger = Actor("", "somebody with a link", Role.NOBODY, VIA)
    used = link.used_at is not None
    detail = f"{'used already' if used else 'expired'} {address}".strip()
    await write_audit(tx, stranger, "login", link.person, False, detail, now)
    if link.used_at is not None:
        data = {"person": link.person, "first_at": link.used_at.isoformat(), "address": address}
        await append_events(tx, Event("link.reused", now, data=data))


async def open_session(tx: Transaction, person: str, cap: Role, now: datetime, lasts: timedelta) -> str:
    """The secret of a new session of a person; it goes into the cookie and is kept nowhere else."""
    secret = make_secret()
    await insert(tx, Session(digest_token(secret), person, cap, now, now, now + lasts, now + LONGEST))
    return secret


async def find_session(tx: Transaction, secret: str, now: datetime) -> Session | None:
    """The session of a cookie, unless it is over."""
    known = await get(tx, Session, digest=digest_token(secret)) if secret else None
    return known if known and known.holds(now) else None


async def check_session(tx: Transaction, secret: str, now: datetime) -> Actor | None:
    """Who comes with a cookie, with the role of this moment; None when it is of no session."""
    known = await find_session(tx, secret, now)
    return await load_actor(tx, known.person, VIA, known.cap) if known else None


def is_due(session: Session, now: datetime) -> bool:
    """Whether it is time to write down that somebody came."""
    return now - session.seen_at >= _SLIDE


async def slide_session(tx: Transaction, session: Session, now: datetime, lasts: timedelta) -> None:
    """Somebody came: the session ends so much later."""
    await change(tx, Session, {"digest": session.digest}, seen_at=now, expires_at=now + lasts)


async def close_session(tx: Transaction, secret: str) -> bool:
    """Sign a browser out; False when it was not signed in."""
    return await remove(tx, Session, digest=digest_token(secret)) == 1


async def close_sessions(tx: Transaction, person: str) -> tuple[int, int]:
    """Sign a person out everywhere, and make links void that were not used; how many sessions and links."""
    links = await remove(tx, LoginLink, person=person, used_at=None)
    return await remove(tx, Session, person=person), links


async def forget_visits(tx: Transaction, now: datetime) -> None:
    """Delete sessions that are over, and links so old that nobody asks about them."""
    await forget_sessions(tx, now)
    await forget_links(tx, now - _LINKS_REMEMBERED)


def say_moment(at: datetime) -> str:
    """A time as people are told it: `2026-11-30 14:02Z`."""
    return f"{at:%Y-%m-%d %H:%M}Z"

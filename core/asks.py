"""Asking for access: somebody whom nobody knows gives a name, admins see a card, the first answer wins."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from core.audit import write_audit
from core.errors import Conflict, NotFound
from core.events import Event
from core.ids import make_id
from core.messages import Button, Card, Place, Tone
from core.model import Actor, Agent, Identity, Person, Role, Token
from core.permissions import demand
from core.postings import bump_postings, show_posting
from core.sessions import VIA, close_sessions
from core.store import Transaction, append_events, change, count, find, get, insert, remove, take_numbers
from core.store.spine import list_identities
from core.store.visits import find_last_ask, is_taken, list_old_asks
from core.visits import Ask, AskState, LoginLink, make_word, read_name

ACCESS = "access"
MOST_OPEN = 20
PATIENCE = timedelta(days=7)
_AGAIN = timedelta(days=1)
_ENOUGH = 2
_REMEMBERED = timedelta(days=30)
_UNFIT = re.compile(r"[^\w.+'-]+")
_ROLES = (Role.VIEWER, Role.OPERATOR, Role.APPROVER)
_IN_PROJECT = (Role.OPERATOR, Role.APPROVER)
_MOST_OFFERED = 20


def topic_of(person: str) -> str:
    """The bell that rings when what a person may do changes."""
    return f"person:{person}"


async def ask_access(tx: Transaction, name: str, places: Sequence[Place], address: str, now: datetime) -> Ask:
    """Somebody unknown asks: a person of no role is made. Raises BadInput for a name that does not do and Conflict for
    one that is taken, and when too many wait."""
    name = read_name(name)
    await _check_room(tx)
    if await is_taken(tx, name):
        raise Conflict(f"Somebody is called {name} here already.", remedy="Add something to the name: kim.lee.")
    person = Person(make_id("p"), name, Role.NOBODY, now)
    await insert(tx, person)
    return await _store_ask(tx, person, places, address, now)


async def ask_again(tx: Transaction, person: Person, places: Sequence[Place], address: str, now: datetime) -> Ask:
    """Somebody who is known, and has no role, asks. Raises Conflict when an ask waits or was declined just now."""
    await _check_room(tx)
    last = await find_last_ask(tx, person.id)
    if person.role is not Role.NOBODY:
        raise Conflict(f"{person.name} is {say_role(person.role)} already.", remedy="Open the console.")
    if last and not may_ask_again(last, now):
        whom = " or ".join(await name_admins(tx, person.id)) or "an admin"
        raise Conflict(f"{person.name} asked already: {last.state}.", remedy=f"Ask again tomorrow, or {whom} by word.")
    return await _store_ask(tx, person, places, address, now)


def offer_access() -> Card:
    """What somebody unknown in a chat is shown."""
    return Card("You are not known here.", Tone.ASKING, buttons=(Button("Ask for access", ACCESS),))


async def ask_from_chat(tx: Transaction, identity: str, name: str, places: Sequence[Place], now: datetime) -> Ask:
    """Somebody asks from a chat, whose identity becomes theirs. Raises Conflict as `ask_access` and `ask_again`."""
    known = await get(tx, Identity, key=identity)
    person = await get(tx, Person, id=known.person) if known else None
    if person:
        return await ask_again(tx, person, places, identity, now)
    ask = await ask_access(tx, await choose_name(tx, name, identity), places, identity, now)
    await insert(tx, Identity(identity, ask.person, now))
    return ask


async def choose_name(tx: Transaction, name: str, identity: str) -> str:
    """What they are called there, as far as it does for a name here and nobody has it; else by their id as well."""
    plain = _UNFIT.sub(".", name).strip("._-+'")[:24] or "somebody"
    return plain if not await is_taken(tx, plain) else f"{plain}.{identity.rpartition('/')[2].lower()}"[:40]


def may_ask_again(last: Ask, now: datetime) -> bool:
    """Whether a person whose last ask this is may ask once more."""
    if last.state is AskState.DECLINED:
        return last.answered_at is not None and now - last.answered_at >= _AGAIN
    return last.state is not AskState.OPEN


async def _check_room(tx: Transaction) -> None:
    # Asks are made one after the other, or two would find the last place free.
    await take_numbers(tx, "asks")
    if await count(tx, Ask, state=AskState.OPEN) >= MOST_OPEN:
        raise Conflict(f"{MOST_OPEN} people wait for access already.", remedy="Ask an admin for a link.")


async def _store_ask(tx: Transaction, person: Person, places: Sequence[Place], address: str, now: datetime) -> Ask:
    ask = Ask(make_id("x"), person.id, person.name, make_word(), now)
    await insert(tx, ask)
    for place in places:
        await show_posting(tx, subject_of(ask.id), place)
    actor = Actor(person.id, person.name, Role.NOBODY, VIA)
    await write_audit(tx, actor, "ask for access", ask.id, True, f"{person.name} {address}".strip(), now)
    data = {"ask": ask.id, "person": person.id, "name": person.name, "word": ask.word}
    await append_events(tx, Event("access.asked", now, actor=person.id, data=data))
    return ask


def subject_of(ask: str) -> str:
    """What a posting of an ask shows."""
    return f"access:{ask}"


async def require_ask(tx: Transaction, id: str) -> Ask:
    """Raises NotFound."""
    if found := await get(tx, Ask, id=id):
        return found
    raise NotFound(f"Nobody asked for access by the number {id}.", remedy="`admin people` shows who asks.")


async def settle_ask(tx: Transaction, ask: Ask, actor: Actor, role: Role, now: datetime, project: str = "") -> Ask:
    """Answer an ask, for all of the house or one `project`: NOBODY declines. The cards are drawn again; the event is
    the caller's. Raises Conflict when somebody was faster."""
    state = AskState.GRANTED if role else AskState.DECLINED
    values: dict[str, Any] = {
        "state": state,
        "role": role,
        "project": project,
        "answered_by": actor.person,
        "answered_at": now,
    }
    answered = replace(ask, **values)
    if await change(tx, Ask, {"id": ask.id, "state": AskState.OPEN}, **values) != 1:
        said = await describe_answer(tx, await require_ask(tx, ask.id))
        raise Conflict(f"{ask.name} was answered already: {said}.", remedy="`admin grant` changes a role.")
    await bump_postings(tx, subject_of(ask.id))
    tx.ring(topic_of(ask.person))
    return answered


async def settle_open(tx: Transaction, person: str, actor: Actor, role: Role, now: datetime) -> None:
    """Answer what somebody asked by what they got in another way."""
    if ask := await get(tx, Ask, person=person, state=AskState.OPEN):
        await settle_ask(tx, ask, actor, role, now)


async def join_ask(tx: Transaction, former: str, person: Person, actor: Actor, now: datetime) -> None:
    """Nobody has to answer somebody who turned out to be a person that is known."""
    where = {"person": former, "state": AskState.OPEN}
    ask = await get(tx, Ask, **where)
    values = {"state": AskState.JOINED, "role": person.role, "answered_by": actor.person, "answered_at": now}
    if ask and await change(tx, Ask, where, **values):
        await bump_postings(tx, subject_of(ask.id))


async def decline_ask(tx: Transaction, actor: Actor, id: str, now: datetime) -> Ask:
    """Do not let somebody in. Raises Conflict when somebody was faster."""
    demand(actor, "grant")
    ask = await settle_ask(tx, await require_ask(tx, id), actor, Role.NOBODY, now)
    await write_audit(tx, actor, "admin decline", ask.id, True, ask.name, now)
    data = {"ask": ask.id, "person": ask.person, "name": ask.name}
    await append_events(tx, Event("access.declined", now, actor=actor.person, data=data))
    return ask


async def describe_answer(tx: Transaction, ask: Ask) -> str:
    """`granted operator by ada, 14:02Z`."""
    if ask.state is AskState.OPEN:
        return "it waits for an admin"
    if ask.state is AskState.EXPIRED:
        return f"nobody answered within {PATIENCE.days} days"
    who = await get(tx, Person, id=ask.answered_by)
    if ask.state is AskState.JOINED:
        return f"they are {who.name if who else ask.answered_by}, by a code of theirs, {ask.answered_at:%H:%MZ}"
    role = f" {say_granted(ask.role, ask.project)}" if ask.role else ""
    return f"{ask.state}{role} by {who.name if who else ask.answered_by}, {ask.answered_at:%H:%MZ}"


async def draw_ask(tx: Transaction, id: str, projects: Collection[str] = ()) -> Card | None:
    """The card that admins see; None when it is forgotten. A role can be given in one of these `projects`."""
    ask = await get(tx, Ask, id=id)
    if ask is None:
        return None
    if ask.state is not AskState.OPEN:
        tone = Tone.GOOD if ask.state is AskState.GRANTED else Tone.PLAIN
        return Card(f"{ask.name} asked for access", tone, (await describe_answer(tx, ask),))
    lines = [f"Their code word is “{ask.word}”.", "Let them in only when they tell you the same one."]
    offered = sorted(projects)[:_MOST_OFFERED]
    if len(projects) > len(offered):
        lines.append(f"For {len(projects) - len(offered)} more projects: admin grant {ask.id} operator --project NAME")
    return Card(
        f"{ask.name} asks for access",
        Tone.ASKING,
        lines,
        buttons=[
            *(_offer_role(ask, role) for role in _ROLES),
            Button("Decline", f"admin decline {ask.id}"),
            *(_offer_role(ask, role, project) for project in offered for role in _IN_PROJECT),
        ],
    )


def _offer_role(ask: Ask, role: Role, project: str = "") -> Button:
    within = f" --project {project}" if project else ""
    label, line = say_granted(role, project), f"admin grant {ask.id} {say_role(role)}{within}"
    return Button(label[:1].upper() + label[1:], line, menu="In one project" if project else "")


async def name_admins(tx: Transaction, person: str) -> Sequence[str]:
    """Whom to speak to: the admins, for somebody who was declined more than once; else nobody."""
    if await count(tx, Ask, person=person, state=AskState.DECLINED) < _ENOUGH:
        return ()
    return sorted(admin.name for admin in await find(tx, Person, role=Role.ADMIN))


def say_granted(role: Role, project: str) -> str:
    """`operator`, or `operator in web`."""
    return f"{say_role(role)} in {project}" if project else say_role(role)


def say_role(role: Role) -> str:
    return role.name.lower()


async def forget_asks(tx: Transaction, now: datetime) -> None:
    """End asks that nobody answered, and forget old ones that led to nothing, with whom nobody else knows."""
    for ask in await list_old_asks(tx, now - PATIENCE, AskState.OPEN):
        await change(tx, Ask, {"id": ask.id, "state": AskState.OPEN}, state=AskState.EXPIRED, answered_at=now)
        await bump_postings(tx, subject_of(ask.id))
    for ask in await list_old_asks(tx, now - _REMEMBERED, AskState.DECLINED, AskState.EXPIRED, AskState.JOINED):
        await remove(tx, Ask, id=ask.id)
        await forget_stranger(tx, ask.person)


async def forget_stranger(tx: Transaction, id: str) -> None:
    """Forget somebody of no role of whom nothing is left."""
    person = await get(tx, Person, id=id)
    is_known = await count(tx, Agent, owner=id) or await count(tx, Ask, person=id)
    if person and person.role is Role.NOBODY and not is_known and not await list_identities(tx, id):
        await close_sessions(tx, id)
        await remove(tx, LoginLink, person=id)
        await remove(tx, Token, person=id)
        await remove(tx, Person, id=id)

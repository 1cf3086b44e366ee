"""People: who I am here, and how I sign in to the console."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from bot.commands.later import import_later
from bot.commands.parameters import LoosePerson
from bot.commands.registry import command
from core.errors import Conflict
from core.messages import Reply, Visibility

if TYPE_CHECKING:
    from bot.commands.context import Context
    from core import agents, audit, model, permissions, sessions, store
    from core.store import fleet
else:
    agents = import_later("core.agents")
    audit = import_later("core.audit")
    model = import_later("core.model")
    permissions = import_later("core.permissions")
    sessions = import_later("core.sessions")
    store = import_later("core.store")
    fleet = import_later("core.store.fleet")

_MAY = {
    "nobody": "nothing yet",
    "viewer": "look",
    "operator": "look, and run agents of your own",
    "approver": "look, run agents, and approve what they ask for",
    "admin": "everything",
}


@command("me", "Show who you are here and what you may do", synonyms=("whoami",), examples=("me",))
async def show_me(ctx: Context) -> Reply:
    actor = ctx.actor
    async with ctx.read() as tx:
        identities = await store.find(tx, model.Identity, person=actor.person)
        mine = await fleet.list_agents(tx, owner=actor.person, outcome=model.Outcome.NONE)
    role = actor.role.name.lower()
    text = f"{actor.name}: {role}. You may: {_MAY[role]}. Agents at work: {len(mine)}."
    keys = sorted(identity.key for identity in identities)
    return Reply(text=text, data={"person": actor.person, "name": actor.name, "role": role, "identities": keys})


@command(
    "login",
    "Make a link that signs in to the console once",
    acts=True,
    examples=("login", "login kim"),
)
async def make_link(
    ctx: Context, person: Annotated[LoosePerson, "Whom it signs in, for admins; you when left out."] = ""
) -> Reply:
    lasts = timedelta(minutes=ctx.house.settings.http.link_minutes)
    async with ctx.change() as change:
        them, cap = await _find_guest(ctx, change.tx, person)
        secret = await sessions.make_link(change.tx, them.id, cap, ctx.actor.person, ctx.now, lasts)
        until = ctx.now + lasts
        await audit.write_audit(change.tx, ctx.actor, "login", them.id, True, "a link was made", ctx.now)
        change.reply = Reply(
            text=f"This link signs {them.name} in once, until {sessions.say_moment(until)}; it is shown this once.",
            data={"person": them.id, "name": them.name, "expires_at": until.isoformat()},
            visibility=Visibility.ASKER,
            secret=ctx.house.make_login_url(secret),
        )
    return change.reply


async def _find_guest(ctx: Context, tx: store.Transaction, words: str) -> tuple[model.Person, model.Role]:
    """Whom a link is for, and the most it may be: one's own opens no more than the token it was asked for with."""
    them = await agents.find_person(tx, words or ctx.actor.person)
    if them.id != ctx.actor.person:
        permissions.demand(ctx.actor, "grant")
    elif ctx.actor.role < them.role:
        return them, ctx.actor.role
    if them.role is model.Role.NOBODY:
        raise Conflict(f"{them.name} has no role.", remedy=f"`admin grant {them.name} viewer` gives one, and a link.")
    return them, model.Role.ADMIN
